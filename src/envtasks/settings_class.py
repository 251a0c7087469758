"""The settings class: the project's pydantic-settings class, read without importing it where only names are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigInvalid

if TYPE_CHECKING:
    import ast

    from .config import Project

SECRET_TYPES = ("SecretStr", "SecretBytes")


@dataclass(frozen=True, slots=True)
class Field:
    """One variable of the settings class: its name in the environment, whether it must be set, whether it is secret."""

    name: str
    required: bool
    secret: bool


def secret_names(project: Project) -> frozenset[str]:
    """The variables whose field in the settings class is SecretStr or SecretBytes, upper-cased; empty without one.

    Read from the class's source, so that hiding output costs no import of pydantic or of the service.
    Fields of base classes in other modules are not seen here; `load` sees them. Raises ConfigInvalid where the
    project has no such module or class: nothing would be hidden, and nobody would know.
    """
    if project.settings is None:
        return frozenset()
    module, _, name = project.settings.partition(":")
    path = _source(project.root, module) or _installed(module)
    if path is None:
        raise _not_there(
            project.settings, f"there is no {module.replace('.', '/')}.py in src/ or the project's folder"
        )
    found = _read(project.root, module, path, name)
    if found is None:
        raise _not_there(project.settings, f"{path.name} of {module} has no class {name!r}")
    return found


def _read(root: Path, module: str, path: Path, name: str) -> frozenset[str] | None:
    """The secret variables of a class in a module's source, also if it is imported there; None if it is not there."""
    import ast

    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, OSError, ValueError):
        return frozenset()  # running the service says so better than we can
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if name in classes:
        return frozenset(_secret_fields(classes, name, _secret_types(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and name in (
            names := {a.asname or a.name: a.name for a in node.names}
        ):
            parent = module.split(".")[: None if path.name == "__init__.py" else -1]
            base = parent[: len(parent) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            source = _source(root, origin)
            return _read(root, origin, source, names[name]) if source else frozenset()
    bound = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return frozenset() if name in bound else None


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


def load(project: Project) -> Mapping[str, Field]:
    """The variables of the settings class by their name in the environment, in the class's order.

    Imports the service's settings module (and so pydantic-settings). Raises ConfigInvalid when
    `settings` is not set or does not name a settings class.
    """
    if project.settings is None:
        raise ConfigInvalid(
            "pyproject.toml: [tool.envtasks] settings is not set, so there is no settings class.",
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


def _secret_types(tree: ast.Module) -> tuple[str, ...]:
    """What the module calls pydantic's secret types."""
    import ast

    imported = [
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in SECRET_TYPES and alias.asname
    ]
    return (*SECRET_TYPES, *imported)


def _secret_fields(
    classes: Mapping[str, ast.ClassDef], name: str, types: tuple[str, ...], prefix: str = ""
) -> Iterator[str]:
    """The variables of a class's secret fields, those of its base classes in the same module included."""
    import ast

    node = classes[name]
    for statement in node.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "model_config":
            prefix = next(_strings(statement.value, "env_prefix"), prefix)
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            annotation = ast.unparse(statement.annotation)
            if any(word in types for word in re.findall(r"\w+", annotation)):
                given = [*_aliases(statement.annotation), *_aliases(statement.value)]
                yield from (word.upper() for word in given or [prefix + statement.target.id])
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in classes and base.id != name:
            yield from _secret_fields(classes, base.id, types, prefix)


def _aliases(node: ast.expr | None) -> Iterator[str]:
    for name in ("validation_alias", "alias"):
        yield from _strings(node, name)


def _strings(node: ast.AST | None, name: str) -> Iterator[str]:
    """The string constants of a keyword argument, wherever in the expression it stands."""
    import ast

    for inner in ast.walk(node) if node is not None else ():
        if isinstance(inner, ast.keyword) and inner.arg == name:
            for constant in ast.walk(inner.value):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    yield constant.value


def _names_secret(annotation: str) -> bool:
    return any(secret in annotation for secret in SECRET_TYPES)
