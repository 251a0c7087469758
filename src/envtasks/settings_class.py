"""The settings class: the project's pydantic-settings class, read without importing it where only names are wanted."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigInvalid, SettingsInvalid

if TYPE_CHECKING:
    import ast
    import subprocess

    from .config import Project

SECRET_TYPES = ("SecretStr", "SecretBytes")
# with these a field may be set by something other than the environment, so a missing variable is no error
_OTHER_SOURCES = {
    "settings_customise_sources",
    "secrets_dir",
    "yaml_file",
    "toml_file",
    "json_file",
    "cli_parse_args",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One variable of the settings class: its name in the environment, whether it must be set, whether it is secret."""

    name: str
    required: bool
    secret: bool


@dataclass(frozen=True, slots=True)
class SourceField:
    """One field as its source has it: the variables it is read from, upper-cased, and whether one of them must be set.

    `nested` is the delimiter by which a field is set in parts (`DB__HOST`); empty where there is none.
    """

    variables: tuple[str, ...]
    required: bool
    secret: bool
    nested: str = ""

    def is_set(self, names: Collection[str]) -> bool:
        """Whether one of its variables is among these names, which are upper-cased."""
        parts = tuple(variable + self.nested for variable in self.variables) if self.nested else ()
        return any(variable in names for variable in self.variables) or (
            bool(parts) and any(name.startswith(parts) for name in names)
        )


def secret_names(project: Project) -> frozenset[str]:
    """The variables whose field in the settings class is SecretStr or SecretBytes, upper-cased; empty without one.

    Raises ConfigInvalid where the project has no such module or class: nothing would be redacted, silently.
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
    path = _source(root, module) or _installed(module)
    if path is None:
        raise _not_there(
            settings, f"there is no {module.replace('.', '/')}.py in src/ or the project's folder"
        )
    found = _read(root, module, path, name)
    if found is None:
        raise _not_there(settings, f"{path.name} of {module} has no class {name!r}")
    return found


def source_fields(project: Project) -> tuple[SourceField, ...]:
    """The fields of the settings class, read from its source without importing anything; none without a class.

    Fields of base classes in other modules are not seen here; `check_in_child` sees them. Raises ConfigInvalid.
    """
    return () if project.settings is None else _source_fields(project.root, project.settings)


def _read(root: Path, module: str, path: Path, name: str) -> tuple[SourceField, ...] | None:
    """The fields of a class in a module's source, also if it is imported there; None if it is not there."""
    import ast

    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, OSError, ValueError):
        return ()  # running the service says so better than we can
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if name in classes:
        options = _options(classes, name)  # they hold for the fields of base classes too
        return tuple(_class_fields(classes, name, options, types=_secret_types(tree)).values())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and name in (
            names := {a.asname or a.name: a.name for a in node.names}
        ):
            parent = module.split(".")[: None if path.name == "__init__.py" else -1]
            base = parent[: len(parent) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            source = _source(root, origin)
            return _read(root, origin, source, names[name]) if source else ()
    bound = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return () if name in bound else None


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
            hint="uv sync",
        )
    return ChildCheck(
        tuple(Field(**field) for field in answer["fields"]),
        tuple((name, kind) for name, kind in answer["errors"]),
    )


def _run_child(root: Path, settings: str, child_env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """This module, run in a child process with these variables."""
    import subprocess
    import sys

    try:
        return subprocess.run(
            [sys.executable, "-m", __name__, settings],
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


def _class_fields(
    classes: Mapping[str, ast.ClassDef], name: str, options: Mapping[str, str], *, types: Collection[str]
) -> dict[str, SourceField]:
    """The fields of a class by their name, those of its base classes in the same module included."""
    import ast

    node = classes[name]
    fields: dict[str, SourceField] = {}
    for base in reversed(node.bases):
        if isinstance(base, ast.Name) and base.id in classes and base.id != name:
            fields |= _class_fields(classes, base.id, options, types=types)
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            field, words = statement.target.id, set(re.findall(r"\w+", ast.unparse(statement.annotation)))
            if field.startswith("_") or field == "model_config" or "ClassVar" in words:
                continue
            given = [*_aliases(statement.annotation), *_aliases(statement.value)]
            fields[field] = SourceField(
                tuple(word.upper() for word in given or [options.get("env_prefix", "") + field]),
                required=_is_required(statement) and not options.keys() & _OTHER_SOURCES,
                secret=not words.isdisjoint(types),
                nested=options.get("env_nested_delimiter", "").upper(),
            )
    return fields


def _options(classes: Mapping[str, ast.ClassDef], name: str) -> dict[str, str]:
    """The options of `model_config` or `class Config`, those of base classes included; only texts have a value."""
    import ast

    node = classes[name]
    options: dict[str, str] = {}
    for base in reversed(node.bases):
        if isinstance(base, ast.Name) and base.id in classes and base.id != name:
            options |= _options(classes, base.id)
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef):
            options |= {statement.name: ""}  # settings_customise_sources
        given: list[tuple[str | None, ast.expr]] = []
        if isinstance(statement, ast.ClassDef) and statement.name == "Config":
            given = [
                (ast.unparse(each.targets[0]), each.value)
                for each in statement.body
                if isinstance(each, ast.Assign)
            ]
        value = getattr(statement, "value", None)
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(value, (ast.Call, ast.Dict)):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if ast.unparse(target) == "model_config":
                given = [(each.arg, each.value) for each in getattr(value, "keywords", [])]
                given += [
                    (getattr(k, "value", None), v)
                    for k, v in zip(getattr(value, "keys", []), getattr(value, "values", []), strict=True)
                ]
        options |= {key: str(getattr(each, "value", "")) for key, each in given if key}
    return options


def _is_required(field: ast.AnnAssign) -> bool:
    """Whether a field has no default: no value, `...`, or a `Field()` without one."""
    import ast

    value = field.value
    calls = [call for call in ast.walk(field.annotation) if isinstance(call, ast.Call)]
    if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "Field":
        calls.append(value)
        if value.args and not _is_ellipsis(value.args[0]):
            return False
    elif value is not None and not _is_ellipsis(value):
        return False
    return not any(word.arg in ("default", "default_factory") for call in calls for word in call.keywords)


def _is_ellipsis(node: ast.expr) -> bool:
    return getattr(node, "value", None) is ...


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
