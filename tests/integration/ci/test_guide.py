"""docs/guide-ci.md: every command of it is run in a fresh clone of this repository, and prints what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci.pipeline_projects import commit
from tests.integration.kubernetes.test_guide import copied

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the guide's lines are a POSIX shell's"),
]
GUIDE = Path(__file__).parents[3] / "docs" / "guide-ci.md"


def commands() -> list[tuple[str, list[str]]]:
    """Every `$ …` line of the guide's console blocks with the output shown below it."""
    found: list[tuple[str, list[str]]] = []
    text = GUIDE.read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def versionless(text: str) -> list[str]:
    """Lines without the version of git, which is this machine's."""
    return re.sub(r"git version .*", "git version", text).splitlines()


def test_every_command_of_the_guide_does_what_it_shows(tmp_path: Path) -> None:
    """In order, in one clone: exit code 0 unless the guide says another, and the output that is shown."""
    copied(tmp_path, "https://staging.example.com:6443")
    commit(tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = []
    for command, output in commands():
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        expected = re.search(r"# exit (\d+)$", command)
        assert (command, done.returncode) == (command, int(expected[1]) if expected else 0), done.stdout
        assert versionless(done.stdout) == versionless("\n".join(output))
        ran.append(command.split()[1])
    assert {"ci.render", "ci.check", "ci.doctor"} <= set(ran)
