"""The settings class: the project's pydantic-settings class, read without importing it where only names are wanted."""

from __future__ import annotations

import functools
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigInvalid
from .source import SourceField, read_fields, source_path

if TYPE_CHECKING:
    from ..config import Project
    from .imported import (
        INSTALL,
        EnvironmentsChecked,
        SettingsField,
        ValuesChecked,
        check_environments,
        check_values,
        variables_read,
    )

__all__ = [
    "INSTALL", "EnvironmentsChecked", "SettingsField", "SourceField", "ValuesChecked", "check_environments",
    "check_values", "missing_names", "secret_names", "source_fields", "variables_read",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # most tasks read the class from its source alone
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import imported

    return getattr(imported, name)


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

    Base classes and nested models are those of the project's own modules; `check_values` sees all. Raises
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
