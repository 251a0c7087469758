"""`[tool.envtasks.compose]`: which compose files, under which project name, with which profiles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from ..config import Project

DEFAULT_FILES: Final = (
    "docker/compose.yaml",
    "docker/compose.yml",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
)
DEFAULT_TIMEOUT: Final = 300


@dataclass(frozen=True, slots=True)
class ComposeSettings:
    """The values of the table, or the defaults."""

    files: tuple[Path, ...]
    project: str
    profiles: tuple[str, ...] = ()
    timeout: int = DEFAULT_TIMEOUT  # seconds that `compose.up` waits for health

    def project_for(self, environment: str) -> str:
        """The compose project of one environment, so that two of them never share a container."""
        return project_name(f"{self.project}-{environment}")


def read_settings(project: Project) -> ComposeSettings:
    """The settings of this project. Raises ConfigInvalid, naming the table, the key and what was expected.

    Whether the files exist is checked by `existing_files`: `down`, `ps` and `logs` need none of them.
    """
    table = project.table("compose")
    table.allow_only("files", "project", "profiles", "timeout")
    files = table.strings("files", "a file name or a list of file names", single=True)
    name = table.string("project", f"a name such as {project_name(project.name)!r}")
    return ComposeSettings(
        files=tuple(project.root / file for file in files) or _default_files(project.root),
        project=name or project.name,
        profiles=table.strings("profiles", "a list of profile names", single=True),
        timeout=table.seconds("timeout", DEFAULT_TIMEOUT),
    )


def existing_files(settings: ComposeSettings, root: Path) -> tuple[Path, ...]:
    """The compose files, all of which exist. Raises ConfigInvalid."""
    if not settings.files:
        raise ConfigInvalid(
            f"There is no compose file in {root.name}.",
            hint=f"write {DEFAULT_FILES[0]}, or name yours: [tool.envtasks.compose] files = ['…']",
        )
    for path in settings.files:
        if not path.is_file():
            raise ConfigInvalid(
                f"pyproject.toml: [tool.envtasks.compose] files names {path.name!r}, which does not exist.",
                hint=f"it was looked for at {path}",
            )
    return settings.files


def project_name(text: str) -> str:
    """A name that compose accepts for a project: lower-case letters, digits, `-` and `_`."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_") or "project"


def _default_files(root: Path) -> tuple[Path, ...]:
    """The first of the usual files, and the override file beside it, as compose itself takes them."""
    for name in DEFAULT_FILES:
        path = root / name
        if path.is_file():
            overrides = (path.with_name(f"{path.stem}.override{suffix}") for suffix in (".yaml", ".yml"))
            return (path, *[override for override in overrides if override.is_file()][:1])
    return ()
