"""`[tool.envtasks.compose]`: which compose files, under which project name, with which profiles."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from ..config import Project

USUAL: Final = (
    "docker/compose.yaml",
    "docker/compose.yml",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
)
TABLE: Final = "pyproject.toml: [tool.envtasks.compose]"
KEYS: Final = ("files", "project", "profiles", "timeout")
PATIENCE: Final = 300


@dataclass(frozen=True, slots=True)
class ComposeSettings:
    """What the table says, or its defaults."""

    files: tuple[Path, ...]
    project: str
    profiles: tuple[str, ...] = ()
    timeout: int = PATIENCE  # seconds that `compose.up` waits for health

    def project_for(self, environment: str) -> str:
        """The compose project of one environment, so that two of them never share a container."""
        return project_name(f"{self.project}-{environment}")


def read(project: Project) -> ComposeSettings:
    """The settings of this project. Raises ConfigInvalid, naming the table, the key and what was expected.

    Whether the files exist is `existing`'s question: `down`, `ps` and `logs` need none of them.
    """
    table = project.tables.get("compose", {})
    for key in table:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            raise ConfigInvalid(
                f"{TABLE} has no key {key!r}" + (f": did you mean {near[0]}?" if near else "."),
                hint=f"expected: {', '.join(KEYS)}",
            )
    files = tuple(
        project.root / text for text in _strings(table, "files", "a file name or a list of file names")
    )
    return ComposeSettings(
        files=files or _found(project.root),
        project=_project(table, project.name),
        profiles=_strings(table, "profiles", "a list of profile names"),
        timeout=_timeout(table),
    )


def existing(settings: ComposeSettings, root: Path) -> tuple[Path, ...]:
    """The compose files, each of which is there. Raises ConfigInvalid."""
    if not settings.files:
        raise ConfigInvalid(
            f"There is no compose file in {root.name}.",
            hint=f"write {USUAL[0]}, or name yours: [tool.envtasks.compose] files = ['…']",
        )
    for path in settings.files:
        if not path.is_file():
            raise ConfigInvalid(
                f"{TABLE} files names {path.name!r}, which does not exist.",
                hint=f"it was looked for at {path}",
            )
    return settings.files


def project_name(text: str) -> str:
    """A name that compose takes for a project: lower-case letters, digits, `-` and `_`."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_") or "project"


def _found(root: Path) -> tuple[Path, ...]:
    """The first of the usual files, and the override file beside it, as compose itself takes them."""
    for name in USUAL:
        path = root / name
        if path.is_file():
            overrides = (path.with_name(f"{path.stem}.override{suffix}") for suffix in (".yaml", ".yml"))
            return (path, *[override for override in overrides if override.is_file()][:1])
    return ()


def _strings(table: Mapping[str, Any], key: str, expected: str) -> tuple[str, ...]:
    value = table.get(key, [])
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ConfigInvalid(f"{TABLE} {key} must be {expected}.")
    return tuple(value)


def _project(table: Mapping[str, Any], default: str) -> str:
    value = table.get("project", default)
    if not isinstance(value, str) or not value:
        raise ConfigInvalid(f"{TABLE} project must be a name such as {project_name(default)!r}.")
    return value


def _timeout(table: Mapping[str, Any]) -> int:
    value = table.get("timeout", PATIENCE)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ConfigInvalid(f"{TABLE} timeout must be a number of seconds, for example {PATIENCE}.")
    return value
