"""The contract: the project's pydantic-settings class, read without importing it where only names are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigInvalid

if TYPE_CHECKING:
    import ast

    from .project import Project

SECRET_TYPES = ("SecretStr", "SecretBytes")


@dataclass(frozen=True, slots=True)
class Field:
    """One variable of the contract: its name in the environment, whether it must be set, whether it is secret."""

    name: str
    required: bool
    secret: bool


def secret_names(project: Project) -> frozenset[str]:
    """The variables whose field in the contract is a SecretStr or SecretBytes, upper-cased; empty without a contract.

    Read from the class's source, so that hiding output costs no import of pydantic or of the service.
    Fields of base classes in other modules are not seen here; `load` sees them.
    """
    if project.settings is None:
        return frozenset()
    module, _, name = project.settings.partition(":")
    path = _source(project.root, module)
    if path is None:
        return frozenset()
    import ast

    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, OSError, ValueError):
        return frozenset()  # running the service says so better than we can
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return frozenset(_secret_fields(node))
    return frozenset()


def load(project: Project) -> Mapping[str, Field]:
    """The contract's variables by their name in the environment, in the class's order.

    Imports the service's settings module (and so pydantic-settings). Raises ConfigInvalid when
    `settings` is not set or does not name a settings class.
    """
    if project.settings is None:
        raise ConfigInvalid(
            "pyproject.toml: [tool.envtasks] settings is not set, so there is no contract.",
            hint='name the pydantic-settings class: settings = "app.settings:Settings"',
        )
    settings = _import(project)
    prefix = str(settings.model_config.get("env_prefix", ""))
    found = {}
    for name, info in settings.model_fields.items():
        alias = info.validation_alias if isinstance(info.validation_alias, str) else None
        variable = (alias or prefix + name).upper()
        found[variable] = Field(variable, info.is_required(), _names_secret(str(info.annotation)))
    return found


def _import(project: Project) -> Any:
    import importlib
    import sys

    assert project.settings is not None
    module, _, name = project.settings.partition(":")
    # the service is imported as its own processes import it: from src/ or from the project's folder
    places = [str(project.root / "src"), str(project.root)]
    sys.path[:0] = [place for place in places if place not in sys.path]
    try:
        settings = getattr(importlib.import_module(module), name)
        settings.model_fields  # noqa: B018 - the attribute that makes it a pydantic class
    except (ImportError, AttributeError) as error:
        raise ConfigInvalid(
            f"pyproject.toml: [tool.envtasks] settings = {project.settings!r} cannot be imported: {error}."
        ) from None
    return settings


def _source(root: Path, module: str) -> Path | None:
    relative = Path(*module.split("."))
    for base in (root / "src", root):
        for candidate in (base / relative.with_suffix(".py"), base / relative / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _secret_fields(node: ast.ClassDef) -> list[str]:
    import ast

    prefix = ""
    found = []
    for statement in node.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "model_config":
            prefix = _keyword(statement.value, "env_prefix") or ""
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            alias = _keyword(statement.value, "validation_alias") or _keyword(statement.value, "alias")
            if _names_secret(ast.unparse(statement.annotation)):
                found.append((alias or prefix + statement.target.id).upper())
    return found


def _keyword(call: ast.expr | None, name: str) -> str | None:
    import ast

    if isinstance(call, ast.Call):
        for keyword in call.keywords:
            if keyword.arg == name and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
    return None


def _names_secret(annotation: str) -> bool:
    return any(secret in annotation for secret in SECRET_TYPES)
