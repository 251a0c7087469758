"""docker.client: the environment that a call runs in, and how docker's failures are raised."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envtasks.docker.client import (
    docker_client,
    docker_error,
    docker_output,
    find_docker,
    process_environment,
    save_image,
)
from envtasks.errors import BuildFailed, EnvtasksError, StackFailed, ToolMissing
from envtasks.process import how_to_get
from envtasks.redaction import Redactor
from tests.fakes import fake_docker

HIDE = Redactor(["marked-value"])
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the script in place of docker is a shell script")


def test_the_process_environment_is_replaced_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within, os.environ is exactly the given mapping; afterwards it is what it was."""
    monkeypatch.setenv("STAYS_OUT", "1")
    monkeypatch.setenv("CHANGED", "before")
    before = dict(os.environ)
    inside = {"PATH": os.environ["PATH"], "CHANGED": "within", "ADDED": "2"}

    with process_environment(inside):
        within = dict(os.environ)

    assert (within, dict(os.environ)) == (inside, before)


def test_the_process_environment_is_restored_after_an_exception() -> None:
    """An exception, also KeyboardInterrupt, leaves os.environ as it was."""
    before = dict(os.environ)

    def interrupted() -> None:
        with process_environment({"ADDED": "2"}):
            os.environ["ADDED_WITHIN"] = "3"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert dict(os.environ) == before


def test_the_clients_debug_switch_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """python-on-whales' debug switch, which prints every value, does not reach it."""
    monkeypatch.setenv("PYTHON_ON_WHALES_DEBUG", "1")

    with process_environment(dict(os.environ)):
        assert "PYTHON_ON_WHALES_DEBUG" not in os.environ


def test_no_docker_command_is_a_missing_tool(tmp_path: Path) -> None:
    """Without docker on the PATH of the child environment the error is ToolMissing with a way to install it."""
    with pytest.raises(ToolMissing) as raised:
        find_docker({"PATH": str(tmp_path)})

    assert raised.value.message == "The program docker was not found on the PATH of this environment."
    assert raised.value.hint == f"install it: {how_to_get('docker')}"


@POSIX
def test_a_client_runs_in_the_child_environment(tmp_path: Path) -> None:
    """What the client starts sees the child environment and nothing of ours."""
    env = fake_docker(tmp_path, 'env > "$SEEN"; echo "[{}]"')

    with docker_client(
        {**env, "SEEN": str(tmp_path / "seen"), "ADDED": "2"}, what="It", redactor=HIDE
    ) as client:
        client.image.exists("x")

    seen = (tmp_path / "seen").read_text(encoding="utf-8").splitlines()
    assert "ADDED=2" in seen
    assert not [line for line in seen if line.startswith("HOME=")]


@POSIX
@pytest.mark.parametrize("error", [BuildFailed, StackFailed])
def test_a_failure_is_raised_with_values_redacted(tmp_path: Path, error: type[EnvtasksError]) -> None:
    """docker's own message becomes ours; the value is in neither the message nor the whole traceback."""
    env = fake_docker(tmp_path, 'echo "denied: marked-value is wrong" >&2; exit 1')

    with (
        pytest.raises(error) as raised,
        docker_client(env, what="It failed", redactor=HIDE, error=error) as client,
    ):
        client.image.pull("x", quiet=True)

    shown = "".join(traceback.format_exception(raised.value))
    assert raised.value.message == "It failed: denied: *** is wrong"
    assert "marked-value" not in shown + repr(raised.value.__context__) + str(
        vars(raised.value.__context__ or object)
    )


@POSIX
def test_the_output_of_a_short_command_is_returned(tmp_path: Path) -> None:
    """docker_output returns stdout as text; a failure is raised with docker's message."""
    env = fake_docker(tmp_path, 'test "$1" = good && echo "höllo" || { echo "no $2" >&2; exit 3; }')
    docker = find_docker(env)

    assert docker_output([docker, "good"], env, what="It", redactor=HIDE) == "höllo\n"
    with pytest.raises(StackFailed, match=r"^It: no \*\*\*$"):
        docker_output([docker, "bad", "marked-value"], env, what="It", redactor=HIDE, error=StackFailed)


@POSIX
def test_an_image_is_saved_as_a_stream(tmp_path: Path) -> None:
    """The body reads what docker writes, byte by byte as it is."""
    env = fake_docker(tmp_path, 'test "$*" = "image save -- app:1" && printf "one\\r\\n\\0two"')

    with save_image("app:1", env, redactor=HIDE) as archive:
        assert archive.read() == b"one\r\n\0two"


def read_and_raise(env: Mapping[str, str], error: BaseException | None) -> None:
    """Save an image, read the first byte of it, and raise the error, if there is one."""
    with save_image("app:1", env, redactor=HIDE) as archive:
        archive.read(1)
        if error is not None:
            raise error


@POSIX
@pytest.mark.parametrize("error", [None, BuildFailed("it is cut off")])
def test_an_image_that_cannot_be_saved_is_dockers_message(
    tmp_path: Path, error: EnvtasksError | None
) -> None:
    """A failure is raised at the end of the body, also in place of an error of the body about a cut-off archive."""
    env = fake_docker(tmp_path, 'printf part; echo "no marked-value" >&2; exit 1')

    with pytest.raises(BuildFailed, match=r"^app:1 could not be read: no \*\*\*$"):
        read_and_raise(env, error)


@POSIX
@pytest.mark.parametrize("error", [BuildFailed("stop"), KeyboardInterrupt("stop")])
@pytest.mark.parametrize("goes_on", ["exec cat /dev/zero", "echo; exec sleep 60"])
def test_an_error_of_the_body_ends_docker(tmp_path: Path, error: BaseException, goes_on: str) -> None:
    """An exception while docker still writes, or waits for its engine, is raised as it is, and docker ends."""
    env = fake_docker(tmp_path, f'echo $$ > "$0.pid"; {goes_on}')

    with pytest.raises(type(error), match="stop"):
        read_and_raise(env, error)

    pid = int((tmp_path / "bin/docker.pid").read_text(encoding="utf-8"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            ToolMissing,
            (
                "It: Docker's engine does not answer. "
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
            ),
        ),
        (
            "error during connect: this error may indicate that the docker daemon is not running",
            ToolMissing,
            (
                "It: Docker's engine does not answer. "
                "error during connect: this error may indicate that the docker daemon is not running"
            ),
        ),
        (
            "failed to connect to the docker API at unix:///run/docker.sock; check if the path is correct",
            ToolMissing,
            (
                "It: Docker's engine does not answer. "
                "failed to connect to the docker API at unix:///run/docker.sock; check if the path is correct"
            ),
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///run/docker.sock",
            ToolMissing,
            (
                "It: this user may not use Docker's engine. "
                "permission denied while trying to connect to the Docker daemon socket at unix:///run/docker.sock"
            ),
        ),
        (
            "docker: 'buildx' is not a docker command.\nSee 'docker --help'",
            ToolMissing,
            "It: buildx is missing or too old. docker: 'buildx' is not a docker command.",
        ),
        (
            "docker: unknown command: docker compose\n\nRun 'docker --help' for more information",
            ToolMissing,
            "It: docker has no compose command. docker: unknown command: docker compose",
        ),
        ("unknown flag: --call", ToolMissing, "It: buildx is missing or too old. unknown flag: --call"),
        ("unknown flag: --file\n", ToolMissing, "It: buildx is missing or too old. unknown flag: --file"),
        ("pull access denied", BuildFailed, "It: pull access denied"),
        (
            (
                '#0 building with "default" instance using docker driver\n\n#1 [internal] load build definition\n'
                "#1 transferring dockerfile: 415B done\n#1 DONE 0.0s\n"
                "Dockerfile:2\n   2 | >>> COPPY a\nERROR: parse error\n"
            ),
            BuildFailed,
            "It: Dockerfile:2\n   2 | >>> COPPY a\nERROR: parse error",
        ),
        ("#1 ERROR: nothing else", BuildFailed, "It: #1 ERROR: nothing else"),
        ("  \n", BuildFailed, "It, and docker gave no reason."),
    ],
)
def test_dockers_message_decides_the_error(said: str, kind: type[EnvtasksError], message: str) -> None:
    """An engine that does not answer and a missing buildx are missing tools; the rest is docker's own message."""
    error = docker_error(said, what="It", redactor=HIDE)

    assert (type(error), error.message) == (kind, message)


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ("Error response from daemon: No such image: shop:local", "inv docker.build"),
        ("Error: reference does not exist", "inv docker.build"),
        ("denied: requested access to the resource is denied", "docker login"),
        ("no basic auth credentials", "docker login"),
        ("invalid reference format", ""),
    ],
)
def test_the_hint_names_the_command_that_mends_it(said: str, command: str) -> None:
    """An image that is not there can be built, a registry be logged in to."""
    hint = docker_error(said, what="It", redactor=HIDE).hint
    assert (command in hint, bool(hint)) == (True, bool(command))


def _output(env: Mapping[str, str]) -> object:
    return docker_output([find_docker(env), "ps"], env, what="x", redactor=Redactor(()))


def _save(env: Mapping[str, str]) -> object:
    with save_image("shop", env, redactor=Redactor(())) as archive:
        return archive.read()


def _client(env: Mapping[str, str]) -> object:
    with docker_client(env, what="x", redactor=Redactor(())) as client:
        return client.image.exists("shop")


@POSIX
@pytest.mark.parametrize("call", [_output, _save, _client])
def test_an_environment_that_is_too_large_is_an_error_in_one_sentence(
    tmp_path: Path, call: Callable[[Mapping[str, str]], object]
) -> None:
    """Where the system starts no process with these variables (E2BIG), the message names the largest one."""
    env = {**fake_docker(tmp_path, "exit 0"), "BIG": "x" * 3_000_000}
    with pytest.raises(
        EnvtasksError, match=r"^The environment is too large .* The largest: BIG \(3,000,005 bytes\)"
    ):
        call(env)
    assert "BIG" not in os.environ
