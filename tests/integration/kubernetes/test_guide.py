"""docs/guide-deploy.md: every command of it is run in a fresh copy of this repository, and prints what it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakekube import FakeCluster
from tests.integration.kubernetes.shop import kubectls

pytestmark = [
    pytest.mark.integration,
    pytest.mark.kubectl,
    pytest.mark.skipif(sys.platform == "win32", reason="the guide's pipes are a POSIX shell's"),
]
REPOSITORY = Path(__file__).parents[3]
GUIDE = REPOSITORY / "docs" / "guide-deploy.md"
SERVER = "https://staging.example.com:6443"


def commands() -> list[tuple[str, list[str]]]:
    """Every `$ …` line of the guide's console blocks with the output shown below it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(
        r"^```console\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def copied(root: Path, server: str) -> None:
    """What a fresh clone holds, with a cluster that exists in place of the example."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split(
        "\0"
    )
    for name in filter(None, names):
        if (REPOSITORY / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, root / name)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    pyproject = root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8").replace(SERVER, server), encoding="utf-8")


def shown(text: str, server: str) -> list[str]:
    """Output with its fingerprints and times made equal."""
    text = re.sub(r"\b[0-9a-f]{8}\b", "FINGERPRINT", text.replace(server, SERVER))
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text).splitlines()


def test_every_command_of_the_guide_does_what_it_shows(tmp_path: Path, cluster: FakeCluster) -> None:
    """In order, in one copy: exit code 0 unless the guide says another, and the output that is shown."""
    copied(tmp_path, cluster.url)
    for namespace in ("app-staging", "by-hand"):
        cluster.add_namespace(namespace)
    folders = [str(Path(sys.executable).parent), str(Path(kubectls()[0]).parent), os.environ["PATH"]]
    env = {**os.environ, "PATH": os.pathsep.join(folders), "NO_COLOR": "1"}
    env["KUBECONFIG"] = str(cluster.kubeconfig(tmp_path / "kubeconfig", contexts=["staging"]))
    ran = []
    for command, output in commands():
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        expected = re.search(r"# exit (\d+)$", command)
        assert (command, done.returncode, done.stderr) == (
            command,
            int(expected[1]) if expected else 0,
            done.stderr,
        )
        if output:
            assert shown(done.stdout, cluster.url) == shown("\n".join(output), SERVER)
        ran.append(command.split()[1])
    assert {"deploy.render", "deploy.status", "deploy.apply", "deploy.diff"} <= set(ran)
