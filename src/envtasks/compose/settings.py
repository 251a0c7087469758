"""`[tool.envtasks.compose]`: which compose files, under which project name, and what their services get."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .. import inventory
from ..errors import ConfigInvalid, EnvtasksError

if TYPE_CHECKING:
    from ..config import Environment, Project
    from ..hydration import Hydrated

PROJECT_NAME: Final = "COMPOSE_PROJECT_NAME"
_ENCRYPTED: Final = ""  # in place of a name that cannot be read

# compose's own names, in its order (compose-go, cli/options.go); any of the overrides goes with any of the files
FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES: Final = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
FOLDERS: Final = ("docker", ".")
DEFAULT_TIMEOUT: Final = 300


@dataclass(frozen=True, slots=True)
class ComposeSettings:
    """The values of the table, or the defaults."""

    files: tuple[Path, ...]
    project: str
    profiles: tuple[str, ...] = ()
    timeout: int = DEFAULT_TIMEOUT  # seconds that `compose.up` waits for health
    inject: tuple[str, ...] = ()  # the services that get every variable of the environment

    def project_for(self, environment: str) -> str:
        """The compose project of one environment, so that two of them never share a container."""
        return project_name(f"{self.project}-{environment}")


def read_settings(project: Project) -> ComposeSettings:
    """The settings of this project. Raises ConfigInvalid, naming the table, the key and what was expected.

    Whether the files exist is checked by `existing_files`: `down`, `ps` and `logs` need none of them.
    """
    table = project.table("compose")
    table.allow_only("files", "project", "profiles", "timeout", "inject")
    files = table.strings("files", "a file name or a list of file names", single=True)
    name = table.string("project", f"a name such as {project_name(project.name)!r}")
    return ComposeSettings(
        files=tuple(project.root / file for file in files) or _default_files(project.root),
        project=name or project.name,
        profiles=table.strings("profiles", "a list of profile names", single=True),
        timeout=table.seconds("timeout", DEFAULT_TIMEOUT),
        inject=table.strings("inject", "a list of services", single=True),
    )


def existing_files(settings: ComposeSettings, root: Path) -> tuple[Path, ...]:
    """The compose files, all of which exist. Raises ConfigInvalid."""
    if not settings.files:
        raise ConfigInvalid(
            f"There is no compose file in {root.name}.",
            hint=f"write {FOLDERS[0]}/{FILES[0]}, or name yours: [tool.envtasks.compose] files = ['…']",
        )
    for path in settings.files:
        if not path.is_file():
            raise ConfigInvalid(
                f"pyproject.toml: [tool.envtasks.compose] files names {path.name!r}, which does not exist.",
                hint=f"it was looked for at {path}",
            )
    return settings.files


def stack_names(project: Project, hydrated: Hydrated, settings: ComposeSettings) -> dict[str, str]:
    """The compose project of each environment: its COMPOSE_PROJECT_NAME, else `<project>-<environment>`.

    A name that another environment has too, or may have, would make them share containers and data, so the
    environment's name is added to it. One that is secret is not used, as it would be on docker's command lines.
    """
    declared = {name: _declared_name(environment) for name, environment in project.environments.items()}
    if PROJECT_NAME in hydrated:
        secret = PROJECT_NAME in hydrated.secrets
        declared[hydrated.environment] = None if secret else hydrated[PROJECT_NAME]
    names = {
        environment: settings.project_for(environment) if name is None else name and project_name(name)
        for environment, name in declared.items()
    }
    return {environment: _unshared(environment, names, settings) for environment in names}


def _unshared(environment: str, names: Mapping[str, str], settings: ComposeSettings) -> str:
    """The name of an environment's stack, that of the environment added where another one may have it too."""
    name, usual = names[environment], settings.project_for(environment)
    others = [other for key, other in names.items() if key != environment]
    if name in (usual, _ENCRYPTED):
        return usual
    return project_name(f"{name}-{environment}") if name in others or _ENCRYPTED in others else name


def _declared_name(environment: Environment) -> str | None:
    """The COMPOSE_PROJECT_NAME of an environment's files, read without its key; None if there is none."""
    try:
        found = inventory.read(environment).variables.get(PROJECT_NAME)
    except EnvtasksError:
        return None
    return (_ENCRYPTED if found.value is None else found.value) if found else None


def project_name(text: str) -> str:
    """A name that compose accepts for a project: lower-case letters, digits, `-` and `_`."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_") or "project"


def _default_files(root: Path) -> tuple[Path, ...]:
    """The first of the usual files, and the first override file in its folder, as compose itself takes them."""
    for folder in FOLDERS:
        for name in FILES:
            path = root / folder / name
            if path.is_file():
                overrides = (path.with_name(override) for override in OVERRIDES)
                return (path, *[override for override in overrides if override.is_file()][:1])
    return ()
