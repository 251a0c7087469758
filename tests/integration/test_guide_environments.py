"""docs/guide-environments.md: every command of it is run in one project, in order, and prints what it shows."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.authoring.repositories import commit_all, git
from tests.guides import commands
from tests.projects import make_sandbox

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the guide's lines are a POSIX shell's"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]


def shows(shown: str, printed: str) -> bool:
    """Whether the output is the one of the guide, in which `…` stands for anything; blanks of tables aside."""
    expected = re.escape(" ".join(shown.split())).replace("…", ".*")
    return re.fullmatch(expected, " ".join(printed.split()), re.DOTALL) is not None


def test_every_command_of_the_guide_does_what_it_shows(tmp_path: Path) -> None:
    """In order, in one project: exit code 0 unless the guide says another, and the output that is shown."""
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = make_sandbox(folder)
    shop.environment("staging", "DB_HOST=db.staging\n", DB_PASSWORD="p", API_TOKEN="t")
    shop.write(".gitignore", ".env.keys\n__pycache__/\n")
    git(folder, "init", "-q", "-b", "main")
    commit_all(folder)
    identity = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    ran = []
    for command in commands("docs/guide-environments.md"):
        done = command.run(folder, {**shop.env, **identity, "NO_COLOR": "1"})
        said = done.stdout + done.stderr
        assert (command.line, done.returncode) == (command.line, command.exit_code), said
        assert shows(command.output, said), f"{command.line}\n{said}"
        ran += re.findall(r"\binv ([\w.-]+)", command.line)

    assert {"env.keys", "env.rotate", "env.git-setup"} <= set(ran)
