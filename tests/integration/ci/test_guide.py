"""docs/guide-ci.md: every command of it is run in a fresh clone of this repository, and prints what it shows."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.ci.pipeline_projects import commit
from tests.guides import commands, copy_repository

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the guide's lines are a POSIX shell's"),
]


def versionless(text: str) -> list[str]:
    """Lines without the version of git, which is this machine's."""
    return re.sub(r"git version .*", "git version", text).splitlines()


def test_every_command_of_the_guide_does_what_it_shows(tmp_path: Path) -> None:
    """In order, in one clone: exit code 0 unless the guide says another, and the output that is shown."""
    copy_repository(tmp_path)
    commit(tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = []
    for command in commands("docs/guide-ci.md"):
        done = command.run(tmp_path, {**os.environ, "PATH": path, "NO_COLOR": "1"})
        said = done.stdout + done.stderr
        assert (command.line, done.returncode) == (command.line, command.exit_code), said
        assert versionless(said) == versionless(command.output)
        ran.append(command.task)
    assert {"ci.render", "ci.check", "ci.doctor"} <= set(ran)
