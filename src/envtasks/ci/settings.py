"""`[tool.envtasks.ci]`: what a pipeline runs, checked, with its defaults."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from ..config import Project

TABLE: Final = "[tool.envtasks.ci]"
KEYS: Final = ("sessions", "images", "deploy", "python", "systems")
SYSTEMS: Final = ("ubuntu-latest", "macos-latest", "windows-latest")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is asked for; None where the project itself says it (its nox sessions, its Dockerfile, its clusters)."""

    sessions: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    deploy: tuple[str, ...] | None = None
    python: str = "3.12"
    systems: tuple[str, ...] = SYSTEMS  # GitHub's runners for sessions of developers' own environments


def read(project: Project) -> Settings:
    """The settings. Raises ConfigInvalid naming the table, the key and what is expected there."""
    table = project.tables.get("ci", {})
    for key in table:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            raise ConfigInvalid(
                f"pyproject.toml: {TABLE} has no key {key!r}"
                + (f": did you mean {near[0]}?" if near else "."),
                hint=f"expected: {', '.join(KEYS)}",
            )
    systems = _strings(table, "systems")
    if systems is not None and not systems:
        raise ConfigInvalid(f"pyproject.toml: {TABLE} systems is empty: a job needs something to run on.")
    return Settings(
        sessions=_strings(table, "sessions"),
        images=_environments(table, "images", project.environments),
        deploy=_environments(table, "deploy", project.environments),
        python=_version(table),
        systems=SYSTEMS if systems is None else systems,
    )


def _strings(table: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    value = table.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ConfigInvalid(f"pyproject.toml: {TABLE} {key} must be a list of strings.")
    return tuple(dict.fromkeys(value))


def _environments(table: Mapping[str, Any], key: str, known: Collection[str]) -> tuple[str, ...] | None:
    names = _strings(table, key)
    for name in names or ():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigInvalid(
                f"pyproject.toml: {TABLE} {key}: there is no environment {name!r}"
                + (f": did you mean {near[0]}?" if near else "."),
                hint=f"environments: {', '.join(known)}",
            )
    return names


def _version(table: Mapping[str, Any]) -> str:
    value = table.get("python", Settings().python)
    if not isinstance(value, str) or not value.replace(".", "").isdigit():
        raise ConfigInvalid(f'pyproject.toml: {TABLE} python must be a version such as "3.12".')
    return value
