"""The settings class: the project's pydantic-settings class, read without importing it where only names are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigInvalid, SettingsInvalid

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
    Fields of base classes in other modules are not seen here; `check_in_child` sees them. Raises ConfigInvalid where
    the project has no such module or class: nothing would be hidden, and nobody would know.
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


@dataclass(frozen=True, slots=True)
class ChildCheck:
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
    import subprocess
    import sys

    if project.settings is None:
        raise ConfigInvalid(
            "pyproject.toml: [tool.envtasks] settings is not set, so there is no settings class.",
            hint='name the pydantic-settings class: settings = "app.settings:Settings"',
        )
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, project.settings],
            cwd=project.root,
            env=dict(child_env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
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
    try:
        answer = json.loads(done.stdout.splitlines()[-1])  # the service's module may print as well
    except (ValueError, IndexError):
        answer = {"failure": f"Python ended with {done.returncode}"}
    if failure := answer.get("failure"):
        raise ConfigInvalid(
            f"pyproject.toml: [tool.envtasks] settings = {project.settings!r} cannot be imported: {failure}.",
            hint="uv sync",
        )
    return ChildCheck(
        tuple(Field(**field) for field in answer["fields"]),
        tuple((name, kind) for name, kind in answer["errors"]),
    )


def _report(settings: str) -> Mapping[str, Any]:
    """What `check_in_child` reads, found in its child process: names and kinds, no value."""
    import sys
    from importlib import import_module

    # the service is imported as its own processes import it: from src/ or from the project's folder
    sys.path[:0] = [str(Path.cwd() / "src"), str(Path.cwd())]
    module, _, name = settings.partition(":")
    try:
        found = getattr(import_module(module), name)
        fields = {field: tuple(_variables(found, field)) for field in found.model_fields}
    except Exception as error:
        missing = f" ({error.name})" if isinstance(error, ModuleNotFoundError) else ""
        return {"failure": type(error).__name__ + missing}  # its text may hold values
    return {
        "fields": [
            {
                "name": variable,
                "required": found.model_fields[field].is_required(),
                "secret": any(word in str(found.model_fields[field].annotation) for word in SECRET_TYPES),
            }
            for field, variables in fields.items()
            for variable in variables
        ],
        "errors": list(_validation_errors(found, fields)),
    }


def _variables(settings: Any, field: str) -> Iterator[str]:
    """The variables that a field is read from, upper-cased: its aliases, else its name with the class's prefix."""
    alias = settings.model_fields[field].validation_alias
    choices = getattr(alias, "choices", [alias])  # pydantic.AliasChoices
    given = [getattr(choice, "path", [choice])[0] for choice in choices if choice is not None]  # AliasPath
    prefix = str(settings.model_config.get("env_prefix", ""))
    yield from (str(name).upper() for name in given or [prefix + field])


def _validation_errors(settings: Any, fields: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    from pydantic import ValidationError

    try:
        settings()
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False, include_context=False):
            where = str(each["loc"][0]) if each["loc"] else "*"
            yield fields.get(where, (where.upper(),))[0], each["type"]
    except Exception as error:  # pydantic_settings.SettingsError: a list or table that is no JSON
        named = re.search(r'field "(\w+)"', str(error))
        yield fields.get(named[1] if named else "", ("*",))[0], type(error).__name__


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


if __name__ == "__main__":
    import json
    import sys

    sys.stdout.write(f"\n{json.dumps(_report(sys.argv[1]))}\n")
