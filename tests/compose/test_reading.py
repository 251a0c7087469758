"""What compose files say, read without docker."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.compose import read_compose_files
from envtasks.config import Project
from envtasks.errors import ConfigInvalid

COMPOSE = """\
include:
  - more.yaml
services:
  web:
    image: web
    environment:
      HOST: ${HOST}
      TOKEN:
      LITERAL: text
    build:
      context: .
      args:
        - VERSION=${VERSION:?}
        - BY_NAME
"""


def _write(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text, encoding="utf-8")


def _project(root: Path) -> Project:
    _write(root, "pyproject.toml", "[project]\nname = 'shop'\n")
    _write(root, "compose.yaml", COMPOSE)
    _write(root, "more.yaml", "services:\n  db:\n    image: db\n    environment:\n      - DB=${DB_NAME}\n")
    return Project.load(root)


def test_what_the_stack_needs(tmp_path: Path) -> None:
    """Every name that is lacking, with its place, in included files too; empty where that is refused."""
    files = read_compose_files(_project(tmp_path), {})
    assert files is not None

    needed = [(each.name, each.empty, f"{each.file}:{each.line}") for each in files.needed({"VERSION": ""})]

    assert needed == [
        ("HOST", False, "compose.yaml:7"),
        ("VERSION", True, "compose.yaml:13"),
        ("DB_NAME", False, "more.yaml:5"),
    ]


def test_what_the_files_give(tmp_path: Path) -> None:
    """Name and text of environment and build args, in both forms; None for what comes by name."""
    files = read_compose_files(_project(tmp_path), {})
    assert files is not None

    assert [(each.service, each.name, each.text, each.line) for each in files.given()] == [
        ("web", "HOST", "${HOST}", 7),
        ("web", "TOKEN", None, 8),
        ("web", "LITERAL", "text", 9),
        ("web", "VERSION", "${VERSION:?}", 13),
        ("web", "BY_NAME", None, 14),
        ("db", "DB", "${DB_NAME}", 5),
    ]


def test_where_a_variable_is_used(tmp_path: Path) -> None:
    """Texts that refer to it, and entries that hand it on by name."""
    files = read_compose_files(_project(tmp_path), {})
    assert files is not None

    assert list(files.references("TOKEN")) == [("compose.yaml", 8)]
    assert list(files.references("DB_NAME")) == [("more.yaml", 5)]


def test_no_compose_file(tmp_path: Path) -> None:
    """None, and no error."""
    assert read_compose_files(Project.load(tmp_path), {}) is None


def test_a_broken_file(tmp_path: Path) -> None:
    """ConfigInvalid with the file and the line."""
    project = _project(tmp_path)
    _write(tmp_path, "compose.yaml", "services: [\n")

    with pytest.raises(ConfigInvalid, match=r"compose.yaml:2: this is not valid YAML"):
        read_compose_files(project, {})


@pytest.mark.parametrize(
    ("text", "place"),
    [("services: [web]\n", "1: services"), ("services:\n  web: shop\n", "2: web")],
)
def test_services_that_are_no_mapping(tmp_path: Path, text: str, place: str) -> None:
    """What docker compose would refuse is named with its line."""
    project = _project(tmp_path)
    _write(tmp_path, "compose.yaml", text)

    with pytest.raises(ConfigInvalid, match=f"compose.yaml:{place}: expected a mapping"):
        read_compose_files(project, {})
