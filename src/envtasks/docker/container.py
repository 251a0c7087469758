"""Run an image with the variables it needs: names on docker's command line, values in its environment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..errors import ConfigInvalid
from ..kubernetes import allowlist
from .settings import recipe_of

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated


def run_words(
    project: Project,
    hydrated: Hydrated,
    command: Sequence[str] = (),
    *,
    settings_names: Collection[str] | None = None,
    tag: str | None = None,
    publish: Sequence[str] = (),
    terminal: bool = False,
) -> list[str]:
    """The `docker run` command for this environment's image, to be run in the child environment.

    It names the variables of the settings class (`settings_names`), else of the allowlist, that the environment
    has. With `terminal` the container gets one. Raises ConfigInvalid when there is neither a settings class nor an
    allowlist.
    """
    names = _names(project, hydrated, settings_names)
    words = ["docker", "run", "--rm", "--init", "--interactive", *(["--tty"] if terminal else [])]
    words += [f"--env={name}" for name in names]
    words += [f"--publish={ports}" for ports in publish]
    return [*words, tag or recipe_of(project).reference(hydrated.environment), *command]


def _names(project: Project, hydrated: Hydrated, settings_names: Collection[str] | None) -> list[str]:
    there = dict.fromkeys(["APP_ENV", *hydrated])
    if settings_names is not None:
        return [name for name in there if name in settings_names]
    label = str(project.tables.get("deploy", {}).get("allowlist", "deploy/env.allowlist"))
    path = project.root / label
    if not path.exists():
        raise ConfigInvalid(
            f"Nothing says which variables the container gets: there is no settings class and no {label}.",
            hint='name the settings class: [tool.envtasks] settings = "app.settings:Settings"',
        )
    entries = allowlist.read(path, label)
    return [name for name in there if any(fnmatchcase(name, entry.name) for entry in entries)]
