"""The requirement on envtasks that a project gets."""

from __future__ import annotations

import json
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from envtasks.adopt.dependency import for_new_pythons, own_requirement, too_old_python

ADDRESS = "https://git.example.com/tools/envtasks"


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (None, "envtasks[fast]"),
        (
            {"url": "file:///src/envtasks", "dir_info": {"editable": True}},
            "envtasks[fast] @ file:///src/envtasks",
        ),
        ({"url": "file:///w/e.whl", "archive_info": {}}, "envtasks[fast] @ file:///w/e.whl"),
        (
            {"url": ADDRESS, "vcs_info": {"vcs": "git", "commit_id": "5e5d", "requested_revision": "v1"}},
            f"envtasks[fast] @ git+{ADDRESS}@v1",
        ),
        (
            {"url": ADDRESS, "vcs_info": {"vcs": "git", "commit_id": "5e5d"}, "subdirectory": "py"},
            f"envtasks[fast] @ git+{ADDRESS}@5e5d#subdirectory=py",
        ),
    ],
)
def test_a_project_gets_envtasks_from_where_it_was_installed(
    origin: dict[str, Any] | None, requirement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name from an index, else by the address that the installer wrote down."""
    recorded = None if origin is None else json.dumps(origin)
    installed = SimpleNamespace(read_text=lambda name: recorded if name == "direct_url.json" else None)
    monkeypatch.setattr(metadata, "distribution", lambda name: installed)

    assert own_requirement() == requirement


@pytest.mark.parametrize(
    ("pyproject", "marked"),
    [
        ({"project": {"requires-python": ">=3.10"}}, True),
        ({"project": {"requires-python": ">=3.9,<3.13"}}, True),
        ({"project": {"requires-python": ">=3.11"}}, False),
        ({"project": {"requires-python": "<3.14,>=3.12"}}, False),
        ({"project": {"requires-python": ">=3.12, !=3.10.*"}}, False),
        ({"tool": {"poetry": {"dependencies": {"python": "^3.9"}}}}, True),
        ({"tool": {"poetry": {"dependencies": {"python": "^3.12"}}}}, False),
        ({"project": {"requires-python": ">=3"}}, False),
        ({}, False),
    ],
)
def test_older_pythons_of_the_project_get_none(pyproject: dict[str, Any], marked: bool) -> None:
    """A project that is for older versions of Python too depends on envtasks in the newer ones alone."""
    expected = "envtasks[fast] ; python_version >= '3.11'" if marked else "envtasks[fast]"

    assert for_new_pythons("envtasks[fast]", pyproject) == expected


@pytest.mark.parametrize(
    ("wanted", "old"),
    [
        ("3.10.5", True),
        ("~=3.10.0", True),
        ("==3.9.*", True),
        (">=3.8,<3.11", True),
        (">=3.8, <=3.10", True),
        ("~3.10", True),
        (">=3.8,<3.9.7", True),
        ("^3.9", False),
        (">=3.10", False),
        (">=3.9,<4", False),
        (">=3.9,<3.12", False),
        ("==3.12.*", False),
        ("~=3.11.0", False),
        ("~=3.9", False),
        (">=3.9,<3.12.4", False),
        (">=3.8,<3.9.7 || >3.9.7,<4.0", False),
        ("3.12", False),
        ("", False),
    ],
)
def test_a_project_for_old_pythons_alone_is_told(wanted: str, old: bool) -> None:
    """A dependency that no Python of the project could install would be none."""
    assert bool(too_old_python({"project": {"requires-python": wanted}})) is old
