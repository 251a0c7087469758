"""The project and its environments, as `[tool.envtasks]` in pyproject.toml declares them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ..errors import ConfigInvalid, UnknownEnvironment, did_you_mean
from .tables import Table, read_toml

__all__ = [
    "COLLECTIONS",
    "ENVIRONMENT_NAME",
    "LAYERED",
    "NOT_ENVIRONMENTS",
    "OVERRIDES",
    "PLACEHOLDER",
    "PROTECTED",
    "Environment",
    "Project",
    "Table",
    "above",
    "label",
    "read_toml",
]

ENVIRONMENT_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
OVERRIDES: Final = ".env"
LAYERED: Final = ("local", "dev")  # only these read the developer's own overrides
PROTECTED: Final = ("production", "prod", "prd", "live")  # what they are called where nothing is declared
NOT_ENVIRONMENTS: Final = {"example", "keys", "vault", "bak", "old", "orig", "sample", "template", "dist"}
PLACEHOLDER: Final = "changeme"  # of a secret in an example, and of any variable without a value yet
ENGINES: Final = ("native", "dotenvx")
MASKS: Final = ("auto", "always", "never")
KEYS: Final = (
    *("engine", "settings", "commands", "mask", "collections"),
    *("environment-variable", "not-secret", "allow-steering", "credentials"),
)
ENVIRONMENT_KEYS: Final = (
    *("files", "optional", "protected", "public", "keys", "key-command", "allow-overrides", "file-wins"),
)
INTEGRATIONS: Final = ("docker", "compose", "deploy", "ci")
COLLECTIONS: Final = ("env", *INTEGRATIONS)  # of built-in tasks
TABLES: Final = (*INTEGRATIONS, "check")


class Environment(NamedTuple):
    """One declared environment: its env files in layering order (the first wins) and its protection."""

    name: str
    root: Path
    files: tuple[Path, ...]
    protected: bool = False
    public: bool = False
    keys: tuple[Path, ...] = ()
    key_command: tuple[str, ...] = ()  # the argument list of a program that prints the private key
    allow_overrides: tuple[str, ...] = ()
    file_wins: tuple[str, ...] = ()  # names for which the env files win over the process environment
    allow_steering: tuple[str, ...] = ()  # names that make programs run code, and may be set all the same
    not_secret: tuple[str, ...] = ()  # names and patterns of variables that are not secret although encrypted
    variable: str = "APP_ENV"  # the variable that holds the environment's name
    optional_files: tuple[Path, ...] | None = None  # None: `.env`, where it is not the only file
    named: bool = False  # whether pyproject.toml names the files

    def optional(self, path: Path) -> bool:
        """Whether this file may be absent: overrides may, a baseline may not."""
        if self.optional_files is not None:
            return path in self.optional_files
        return path.name == OVERRIDES and len(self.files) > 1

    def refuse_outside_link(self, path: Path) -> None:
        """Raise ConfigInvalid where an env file is a link out of the project and pyproject.toml does not name it."""
        if not self.named and path.is_symlink() and not path.resolve().is_relative_to(self.root):
            raise ConfigInvalid(
                f"{self.label(path)} is a link to a file outside the project.",
                hint=f"if that is meant, name it in pyproject.toml: {self.name} = {{ files = ['{self.label(path)}'] }}",
            )

    @property
    def baselines(self) -> tuple[Path, ...]:
        """The files that must exist."""
        return tuple(path for path in self.files if not self.optional(path))

    @property
    def main_file(self) -> Path:
        """The file that commands change where none is named: the first baseline, else the first file."""
        return (self.baselines or self.files)[0]

    def is_not_secret(self, name: str) -> bool:
        """Whether pyproject.toml lists this variable in `not-secret`, by name or by pattern."""
        return _matches(name, self.not_secret)

    def label(self, path: Path) -> str:
        """The path as messages show it: relative to the project, with forward slashes."""
        return label(self.root, path)

    def flags(self, file: str = "") -> str:
        """The flags of a command for this environment: `--env local`, with `--file` for an env file that needs it."""
        return f"--env {self.name}" + (
            f" --file {file}" if file not in ("", self.label(self.main_file)) else ""
        )


class Project(NamedTuple):
    """A folder with a pyproject.toml: its name, its environments, and its settings under `[tool.envtasks]`."""

    root: Path
    name: str
    environments: Mapping[str, Environment]
    engine: str = "native"
    settings: str | None = None
    commands: bool = False
    mask: str = "auto"
    not_secret: tuple[str, ...] = ()
    environment_variable: str = "APP_ENV"
    credentials: tuple[str, ...] = ()
    allow_steering: tuple[str, ...] = ()
    collections: tuple[str, ...] = COLLECTIONS  # of built-in tasks that are listed
    tables: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

    @classmethod
    def load(cls, start: Path | None = None) -> Project:
        """The project that `start` (default: the current folder) lies in.

        The nearest pyproject.toml with `[tool.envtasks]` wins, else the nearest one, else `start` itself
        with its `.env.<name>` files. Raises ConfigInvalid.
        """
        start = (start or Path.cwd()).resolve()
        root, document = _find(start)
        pyproject = Table(root, document, "")
        table = pyproject.table("tool").table("envtasks")
        table.allow_only(*KEYS, "environments", *TABLES)
        shared = _shared(table)
        declared = table.table("environments").values
        return cls(
            root=root,
            name=str(pyproject.table("project").values.get("name") or root.name or root),
            environments=MappingProxyType(
                {name: _environment(root, name, value)._replace(**shared) for name, value in declared.items()}
                or {name: each._replace(**shared) for name, each in _found(root).items()}
            ),
            engine=table.one_of("engine", ENGINES),
            settings=table.string("settings", "a string such as 'app.settings:Settings'"),
            commands=bool(table.boolean("commands")),
            mask=table.one_of("mask", MASKS),
            not_secret=shared["not_secret"],
            environment_variable=shared["variable"],
            allow_steering=shared["allow_steering"],
            credentials=table.strings(
                "credentials", "a list of names and patterns such as ['ARTIFACTORY_*']"
            ),
            collections=_collections(table),
            tables=MappingProxyType({name: table.table(name).values for name in TABLES}),
        )

    def is_not_secret(self, name: str) -> bool:
        """Whether pyproject.toml lists this variable in `not-secret`, by name or by pattern."""
        return _matches(name, self.not_secret)

    def label(self, path: Path) -> str:
        """The path as messages show it: relative to the project, with forward slashes."""
        return label(self.root, path)

    def table(self, integration: str) -> Table:
        """The table `[tool.envtasks.<integration>]`, empty where pyproject.toml has none."""
        return Table(self.root, self.tables.get(integration, {}), f"tool.envtasks.{integration}")

    def environment(self, name: str) -> Environment:
        """The environment of this name, or UnknownEnvironment with the nearest name."""
        if name in self.environments:
            return self.environments[name]
        known = ", ".join(self.environments)
        if not self.environments and (self.root / OVERRIDES).is_file():
            raise UnknownEnvironment(
                f"There is no environment {name!r} in {self.root.name}: {OVERRIDES} alone belongs to none.",
                hint="declare it in pyproject.toml, [tool.envtasks.environments]: "
                f'{name} = {{ files = ["{OVERRIDES}"] }}',
            )
        where = f"{there}: cd there; or " if (there := above(self)) else ""
        raise UnknownEnvironment(
            f"There is no environment {name!r} in {self.root.name or self.root}{did_you_mean(name, self.environments)}",
            hint=f"environments: {known}" if known else f"{where}make it: inv env.new {name}",
        )

    def future_environment(self, name: str) -> Environment:
        """The environment of this name, declared or as it is without a declaration. Raises ConfigInvalid."""
        if name in self.environments:
            return self.environments[name]
        if not ENVIRONMENT_NAME.fullmatch(name) or name in NOT_ENVIRONMENTS:
            raise ConfigInvalid(
                f"{name!r} cannot be the name of an environment.",
                hint=f"letters, digits, '-' and '_', and none of {', '.join(sorted(NOT_ENVIRONMENTS))}",
            )
        return Environment(
            name,
            self.root,
            _layers(self.root, name),
            protected=name in PROTECTED,
            allow_steering=self.allow_steering,
            not_secret=self.not_secret,
            variable=self.environment_variable,
        )

    def engine_for(self, process_env: Mapping[str, str]) -> str:
        """The engine: `ENVTASKS_ENGINE` if it is set, else what pyproject.toml says. Raises ConfigInvalid."""
        engine = process_env.get("ENVTASKS_ENGINE") or self.engine
        if engine not in ENGINES:
            near = did_you_mean(engine, ENGINES)
            raise ConfigInvalid(f"ENVTASKS_ENGINE is {engine!r}{near}", hint=f"one of {', '.join(ENGINES)}")
        return engine


def label(root: Path, path: Path) -> str:
    """The path as messages show it: relative to a project's folder if it is in there, with forward slashes."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _collections(table: Table) -> tuple[str, ...]:
    expected = f"a list out of {', '.join(COLLECTIONS)}"
    listed = table.strings("collections", expected)
    if not set(listed) <= set(COLLECTIONS):
        raise table.invalid("collections", expected)
    return listed if "collections" in table.values else COLLECTIONS


def _matches(name: str, patterns: Sequence[str]) -> bool:
    if not patterns:
        return False
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _find(start: Path) -> tuple[Path, Mapping[str, Any]]:
    nearest: tuple[Path, Mapping[str, Any]] | None = None
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        document = read_toml(path)
        if "envtasks" in (tools := Table(folder, document, "").table("tool").values):
            return folder, document
        if near := [each for each in tools if re.fullmatch("env[-_]?tasks?", each, re.I)]:
            raise ConfigInvalid(f"pyproject.toml: no [tool.{near[0]}] is read: did you mean [tool.envtasks]?")
        nearest = nearest or (folder, document)
    return nearest or (start, {})


def _shared(table: Table) -> dict[str, Any]:
    """The settings of all environments alike, as the fields of Environment."""
    names = "a list of names and patterns, such as ['APP_*', 'DB_USER']"
    variable = table.string("environment-variable", "a name such as 'ENVIRONMENT'", pattern=r"[A-Za-z_]\w*")
    return {
        "variable": variable or "APP_ENV",
        "not_secret": table.strings("not-secret", names),
        "allow_steering": table.strings("allow-steering", "a list of variable names"),
    }


def _environment(root: Path, name: str, value: object) -> Environment:
    where = f"tool.envtasks.environments.{name}"
    if not ENVIRONMENT_NAME.fullmatch(name):
        raise ConfigInvalid(f"pyproject.toml: [{where}]: a name has letters, digits, '-' and '_' only.")
    if not isinstance(value, Mapping):
        raise ConfigInvalid(f"pyproject.toml: {where} must be a table such as {{ files = ['.env.{name}'] }}.")
    table = Table(root, value, where)
    table.allow_only(*ENVIRONMENT_KEYS)
    files = table.paths_in_project("files", "a list of file names")
    if "files" not in value:
        files = _layers(root, name)
    if not files:
        raise ConfigInvalid(
            f"pyproject.toml: [{where}] files is empty: an environment needs at least one file."
        )
    optional = table.paths_in_project("optional", "a list of names out of files")
    if unknown := [path.name for path in optional if path not in files]:
        raise ConfigInvalid(
            f"pyproject.toml: [{where}] optional names {unknown[0]!r}, which is not in files."
        )
    protected = table.boolean("protected")
    return Environment(
        name=name,
        root=root,
        files=files,
        protected=name in PROTECTED if protected is None else protected,
        public=bool(table.boolean("public")),
        keys=table.paths_in_project("keys", "a file name or a list of file names", single=True),
        key_command=table.strings("key-command", "an argument list, such as ['op', 'read', 'op://…']"),
        allow_overrides=table.strings("allow-overrides", "a list of names, no patterns", pattern=r"[\w.-]+"),
        file_wins=table.strings("file-wins", "a list of names, no patterns", pattern=r"[\w.-]+"),
        optional_files=optional if "optional" in value else None,
        named="files" in value,
    )


def _layers(root: Path, name: str) -> tuple[Path, ...]:
    baseline = root / f".env.{name}"
    return (root / OVERRIDES, baseline) if name in LAYERED else (baseline,)


def _found(root: Path) -> dict[str, Environment]:
    """The environments of a project that declares none: its `.env.<name>` files."""
    try:
        files = os.listdir(root)  # noqa: PTH208 - pathlib compiles a pattern, at every start of a task
    except OSError:  # a folder that cannot be read
        return {}
    names = [
        file.removeprefix(".env.")
        for file in files
        if file.startswith(".env.") and not (root / file).is_dir()
    ]
    return {
        name: Environment(name, root, _layers(root, name), protected=name in PROTECTED)
        for name in sorted(names, key=_usual_order)
        if name not in NOT_ENVIRONMENTS and not name.endswith(".keys") and ENVIRONMENT_NAME.fullmatch(name)
    }


def above(project: Project) -> str:
    """Where a project without an environment lies below env files of the same repository: what is there, else empty.

    Without a pyproject.toml that says where the project begins, every folder is one of its own.
    """
    folders = (project.root, *project.root.parents)
    top = next((number for number, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    for folder in folders[1 : top + 1]:
        if names := ", ".join(_found(folder)):
            return f"{folder} has {names}"
    return ""


def _usual_order(name: str) -> tuple[int, str]:
    usual = ["local", "dev", "test", "staging", "production"]
    return (usual.index(name) if name in usual else len(usual), name)
