"""docs/guide-environments.md: every command of it is run in one project, in order, and prints what it shows."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.authoring.repositories import commit_all, git
from tests.guides import Shell, blocks, commands
from tests.projects import PYPROJECT, make_sandbox

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the guide's lines are a POSIX shell's"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]
PAGE = "docs/guide-environments.md"


def test_every_command_of_the_guide_does_what_it_shows(tmp_path: Path) -> None:
    """In order, in one project: exit code 0 unless the guide says another, and the output that is shown."""
    folder = tmp_path / "shop"
    folder.mkdir()
    shop = make_sandbox(folder)
    shop.write("pyproject.toml", PYPROJECT + blocks(PAGE, "toml")[0])
    git(folder, "init", "-q", "-b", "main")
    commit_all(folder)
    shop.write(".env.staging", blocks(PAGE, "dotenv")[0])
    identity = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    ran = []
    env = {**shop.env, **identity, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    shell = Shell(folder, env)
    for command in commands(PAGE):
        shell.follow(command)
        ran += re.findall(r"(?<=\s)env\.[\w-]+", command.line)

    there = json.loads(shop.inv("--list=env", "--list-format=json").stdout)
    assert {f"env.{task['name']}" for task in there["tasks"]} == set(ran)
