"""docs/guide-deploy.md: every command of it is run in a fresh copy of this repository, and prints what it shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakekube import FakeCluster
from tests.guides import agree, blocks, commands, copy_repository
from tests.integration.kubernetes.shop import kubectls

pytestmark = [
    pytest.mark.integration,
    pytest.mark.kubectl,
    pytest.mark.skipif(sys.platform == "win32", reason="the guide's pipes are a POSIX shell's"),
]
SERVER = "https://staging.example.com:6443"


def shown(text: str, server: str) -> list[str]:
    """Output with its fingerprints and times made equal."""
    text = re.sub(r"\b[0-9a-f]{8}\b", "FINGERPRINT", text.replace(server, SERVER))
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text).splitlines()


def test_every_command_of_the_guide_does_what_it_shows(tmp_path: Path, cluster: FakeCluster) -> None:
    """In order, in one copy: exit code 0 unless the guide says another, and the output that is shown."""
    copy_repository(tmp_path)
    pyproject = tmp_path / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(text.replace(SERVER, cluster.url), encoding="utf-8")
    for namespace in ("app-staging", "by-hand"):
        cluster.add_namespace(namespace)
    folders = [str(Path(sys.executable).parent), str(Path(kubectls()[0]).parent), os.environ["PATH"]]
    env = {**os.environ, "PATH": os.pathsep.join(folders), "NO_COLOR": "1"}
    env["KUBECONFIG"] = str(cluster.kubeconfig(tmp_path / "kubeconfig", contexts=["staging"]))
    ran = []
    for command in commands("docs/guide-deploy.md"):
        done = command.run(tmp_path, env)
        assert (command.line, done.returncode) == (command.line, command.exit_code), done.stderr
        if command.output:
            printed, expected = shown(done.stdout, cluster.url), shown(command.output, SERVER)
            assert agree(printed, expected), (command.line, printed)
        ran.append(command.task)
    assert {"deploy.render", "deploy.status", "deploy.apply", "deploy.diff"} <= set(ran)


def test_the_kubeconfig_of_a_pod(tmp_path: Path) -> None:
    """The lines of the guide make a context from the files of a pod's service account."""
    (tmp_path / "token").write_text("a-token", encoding="utf-8")
    [lines] = blocks("docs/guide-deploy.md", "sh")
    kubectl = Path(kubectls()[0])
    path = os.pathsep.join([str(kubectl.parent), os.environ["PATH"]])
    env = {"PATH": path, "KUBECONFIG": str(tmp_path / "kubeconfig")}
    account = "account=/var/run/secrets/kubernetes.io/serviceaccount"
    assert account in lines

    subprocess.run(["sh", "-e", "-c", lines.replace(account, f"account={tmp_path}")], env=env, check=True)

    view = [str(kubectl), "config", "view", "--raw", "--output", "json"]
    config = json.loads(subprocess.run(view, env=env, capture_output=True, check=True).stdout)
    assert config["contexts"] == [{"name": "staging", "context": {"cluster": "staging", "user": "staging"}}]
    assert config["users"] == [{"name": "staging", "user": {"token": "a-token"}}]
    assert config["clusters"][0]["cluster"]["server"] == "https://kubernetes.default.svc"
