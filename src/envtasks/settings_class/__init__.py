"""The settings class: the project's pydantic-settings class, read without importing it where only names are wanted."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ..errors import ConfigInvalid, SettingsInvalid
from .source import SourceField, read_fields, source_path

if TYPE_CHECKING:
    import subprocess

    from ..config import Project

__all__ = [
    "INSTALL", "ChildCheck", "Field", "SourceField", "check_in_child", "missing_names", "secret_names", "source_fields"
]  # fmt: skip
INSTALL: Final = "uv sync, or what else installs this project's dependencies"


class Field(NamedTuple):
    """One variable of the settings class: its name in the environment, whether it must be set, whether it is secret."""

    name: str
    required: bool
    secret: bool


def secret_names(project: Project) -> frozenset[str]:
    """The variables whose field in the settings class is SecretStr or SecretBytes, upper-cased; empty without one.

    So are those of a field whose model has such a field: its JSON holds the secret. Raises ConfigInvalid where the
    project has no such module or class: nothing would be redacted, silently.
    """
    return frozenset(name for field in source_fields(project) if field.secret for name in field.variables)


def missing_names(project: Project, names: Collection[str]) -> tuple[str, ...]:
    """The variables of required fields that are not among these names. Raises ConfigInvalid as `secret_names`."""
    upper = {name.upper() for name in names}
    return tuple(
        field.variables[0] for field in source_fields(project) if field.required and not field.is_set(upper)
    )


@functools.lru_cache(maxsize=8)
def _source_fields(root: Path, settings: str) -> tuple[SourceField, ...]:
    module, _, name = settings.partition(":")
    path = source_path(root, module) or _installed(module)
    if path is None:
        raise _not_there(
            settings, f"there is no {module.replace('.', '/')}.py in src/ or the project's folder"
        )
    found = read_fields(root, module, path, name)
    if found is None:
        raise _not_there(settings, f"{path.name} of {module} has no class {name!r}")
    return found


def source_fields(project: Project) -> tuple[SourceField, ...]:
    """The fields of the settings class, read from its source without importing anything; none without a class.

    Base classes and nested models are those of the project's own modules; `check_in_child` sees all. Raises
    ConfigInvalid.
    """
    return () if project.settings is None else _source_fields(project.root, project.settings)


def _installed(module: str) -> Path | None:
    """The source of a module that is installed rather than in the project."""
    from importlib.util import find_spec

    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _not_there(settings: str, reason: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"pyproject.toml: [tool.envtasks] settings = {settings!r}: {reason}.",
        hint='expected "module:Class", such as "app.settings:Settings"',
    )


class ChildCheck(NamedTuple):
    """What the settings class says in a process of its own about the values there."""

    fields: tuple[Field, ...]
    errors: tuple[tuple[str, str], ...]  # variable and pydantic's kind of error, such as `missing`; no value


def check_in_child(project: Project, child_env: Mapping[str, str]) -> ChildCheck:
    """The fields of the settings class, and its errors with the values of `child_env`.

    A child process with this environment imports the service's module, and with it pydantic-settings. Raises
    ConfigInvalid when `settings` is not set, or when what it names cannot be imported or is no settings class,
    SettingsInvalid when the system starts no process with these values.
    """
    import json

    if project.settings is None:
        raise ConfigInvalid(
            "pyproject.toml: [tool.envtasks] settings is not set, so there is no settings class.",
            hint='name the pydantic-settings class: settings = "app.settings:Settings"',
        )
    done = _run_child(project.root, project.settings, child_env)
    try:
        answer = json.loads(done.stdout.splitlines()[-1])  # the service's module may print as well
    except (ValueError, IndexError):
        answer = {"failure": f"Python ended with {done.returncode}"}
    if failure := answer.get("failure"):
        raise ConfigInvalid(
            f"pyproject.toml: [tool.envtasks] settings = {project.settings!r} cannot be imported: {failure}.",
            hint=INSTALL,
        )
    return ChildCheck(
        tuple(Field(**field) for field in answer["fields"]),
        tuple((name, kind) for name, kind in answer["errors"]),
    )


def _run_child(root: Path, settings: str, child_env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`child.py`, run in a child process with these variables."""
    import subprocess
    import sys

    try:
        return subprocess.run(
            # -P: the current folder is the project's, whose modules may have names of the standard library's
            [sys.executable, "-P", "-m", f"{__name__}.child", settings],
            cwd=root,
            env=dict(child_env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except (OSError, ValueError):  # ValueError: on Windows, a variable of more than 32,767 characters
        largest = max(child_env, key=lambda name: len(child_env[name]))
        raise SettingsInvalid(
            f"No process can be started with these values: {largest} has {len(child_env[largest]):,} characters.",
            hint="keep large values in files",
        ) from None
