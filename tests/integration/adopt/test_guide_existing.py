"""docs/guide-existing-project.md: its commands are run in the project that it describes, and print what it shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from envtasks.adopt import QUESTIONS
from tests.adopt.project import Found
from tests.authoring.repositories import needs_git
from tests.guides import REPOSITORY, blocks, commands, shows

pytestmark = [
    pytest.mark.integration,
    needs_git,
    pytest.mark.skipif(sys.platform == "win32", reason="the guide's lines are a POSIX shell's"),
]
PAGE = "docs/guide-existing-project.md"


def test_every_command_of_the_guide_does_what_it_shows(tmp_path: Path) -> None:
    """In order, in one project: exit code 0, and the output that is shown."""
    files = {
        "shop.py": blocks(PAGE, "python")[0],
        ".env": blocks(PAGE, "dotenv")[0],
        "compose.yaml": blocks(PAGE, "yaml")[0],
        "requirements.txt": "python-dotenv\n",
        ".gitignore": "__pycache__/\n.pytest_cache/\n",
    }
    shop = Found(tmp_path / "shop", files)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in (("envtasks", "envtasks"), ("inv", "invoke"), ("nox", "nox")):
        (programs / name).write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n', encoding="utf-8"
        )
        (programs / name).chmod(0o755)
    env = {**shop.sandbox.env, "PATH": f"{programs}:{shop.sandbox.env['PATH']}"}
    ran = []

    for command in commands(PAGE):
        done = command.run(shop.root, env)
        ran.append(command.task)
        printed = done.stdout + done.stderr
        assert done.returncode == command.exit_code, f"{command.line}\n{printed}"
        assert shows(command.output, printed), f"{command.line}\n{printed}"

    assert ran.count("init") == 4


def test_the_guide_lists_every_question() -> None:
    """The table of questions has every key that `--answer` takes."""
    text = (REPOSITORY / PAGE).read_text(encoding="utf-8")
    table = text.partition("## Questions")[2].partition("## What it finds")[0]

    assert set(
        re.findall(
            r"`([\w-]+)`", "".join(row.split("|")[1] for row in table.splitlines() if row[:3] == "| `")
        )
    ) == set(QUESTIONS)
