"""What messages and pages tell a reader to type exists: tasks, their flags, and programs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from envtasks.tasks import built_in
from tests.guides import REPOSITORY

SOURCES = REPOSITORY / "src" / "envtasks"
# the rest of a command ends where a sentence goes on
COMMAND = re.compile(
    r'\b(?:inv|envtasks) ((?:exec|doctor|completion|(?:env|docker|compose|deploy|ci)\.[\w-]+)\b)([^`"|;,\n)]*)'
)
# other programs that a hint may name; each is installed by whoever needs what the hint is about
PROGRAMS = {"docker", "gh", "git", "kubectl", "node", "nox", "npm", "pipx", "brew", "python", "uv", "winget"}
QUOTED = re.compile(r"`([a-z][\w.-]*) [^`]*`")


class Text(NamedTuple):
    """One text of the sources: where it stands, its words (`{}` for what is put in), whether it is a hint."""

    place: str
    words: str
    hint: bool


def _texts(path: Path) -> Iterator[Text]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hints = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "hint"
        for inner in ast.walk(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            words = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = node.value
        else:
            continue
        yield Text(f"{path.relative_to(REPOSITORY)}:{node.lineno}", words, id(node) in hints)


def _all_texts() -> list[Text]:
    return [text for path in sorted(SOURCES.rglob("*.py")) for text in _texts(path)]


def _wrong(text: str) -> Iterator[str]:
    """The commands of a text that no built-in task has, or that have a flag which their task has not."""
    root = built_in()
    for task, rest in COMMAND.findall(text):
        name = task.rstrip(".-")
        if name.endswith("."):
            continue
        if name not in root.task_names:
            yield name
            continue
        flags = {f"--{flag}" for argument in root[name].get_arguments() for flag in argument.names}
        given = re.findall(r"(?<=\s)--[a-z][\w-]*", rest.partition(" -- ")[0])
        yield from (f"{name} {flag}" for flag in given if flag not in flags | {"--help"})


def test_every_command_of_ours_in_the_sources_exists() -> None:
    """Hints, messages and docstrings name tasks that there are, with flags that they have."""
    texts = _all_texts()
    assert sum(text.hint for text in texts) > 100

    assert [f"{text.place}: {wrong}" for text in texts for wrong in _wrong(text.words)] == []


def test_every_other_command_in_a_hint_is_of_a_known_program() -> None:
    """What stands in backticks in a hint and is a command begins with a program that people have or can get."""
    named = {
        (text.place, match[1]) for text in _all_texts() if text.hint for match in QUOTED.finditer(text.words)
    }

    assert {each for each in named if each[1] not in PROGRAMS | {"inv", "envtasks"}} == set()


@pytest.mark.parametrize(
    "page",
    sorted(
        str(path.relative_to(REPOSITORY))
        for path in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]
    ),
)
def test_every_command_of_ours_in_a_page_exists(page: str) -> None:
    """README and docs name tasks that there are, with flags that they have."""
    assert list(_wrong((REPOSITORY / page).read_text(encoding="utf-8"))) == []
