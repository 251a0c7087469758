"""The project and its environments, as `[tool.envtasks]` in pyproject.toml declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from .errors import ConfigInvalid, UnknownEnvironment

ENVIRONMENT_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
OVERRIDES: Final = ".env"
LAYERED: Final = ("local", "dev")  # spec §2.3: only these read the developer's own overrides
NOT_ENVIRONMENTS: Final = {"example", "keys", "vault"}
ENGINES: Final = ("native", "dotenvx")
MASKS: Final = ("auto", "always", "never")
INTEGRATIONS: Final = ("docker", "compose", "deploy", "ci")


@dataclass(frozen=True, slots=True)
class Environment:
    """One declared environment: its env files in layering order (the first wins) and what guards it."""

    name: str
    root: Path
    files: tuple[Path, ...]
    protected: bool = False
    public: bool = False
    keys: tuple[Path, ...] = ()
    allow_overrides: tuple[str, ...] = ()

    def optional(self, path: Path) -> bool:
        """Whether this file may be absent: overrides may, a baseline may not."""
        return path.name == OVERRIDES and len(self.files) > 1

    @property
    def baselines(self) -> tuple[Path, ...]:
        """The files that must exist."""
        return tuple(path for path in self.files if not self.optional(path))

    def label(self, path: Path) -> str:
        """The path as messages show it: relative to the project, with forward slashes."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a pyproject.toml: its name, its environments, and its settings under `[tool.envtasks]`."""

    root: Path
    name: str
    environments: Mapping[str, Environment]
    engine: str = "native"
    settings: str | None = None
    commands: bool = False
    mask: str = "auto"
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, start: Path | None = None) -> Project:
        """The project that `start` (default: the current folder) lies in.

        The nearest pyproject.toml with `[tool.envtasks]` wins, else the nearest one, else `start` itself
        with its `.env.<name>` files. Raises ConfigInvalid.
        """
        start = (start or Path.cwd()).resolve()
        root, document = _find(start)
        table = _table(document.get("tool", {}), "tool", "envtasks")
        read = _Reader(root, table)
        read.refuse_unknown({"engine", "settings", "commands", "mask", "environments", *INTEGRATIONS})
        declared = _table(table, "tool.envtasks", "environments")
        return cls(
            root=root,
            name=str(_table(document, "", "project").get("name") or root.name),
            environments=MappingProxyType(
                {name: _environment(root, name, value) for name, value in declared.items()} or _found(root)
            ),
            engine=read.one_of("engine", ENGINES),
            settings=read.value("settings", str, "a string such as 'app.settings:Settings'"),
            commands=bool(read.value("commands", bool, "true or false")),
            mask=read.one_of("mask", MASKS),
            tables=MappingProxyType({name: _table(table, "tool.envtasks", name) for name in INTEGRATIONS}),
        )

    def environment(self, name: str) -> Environment:
        """The environment of this name, or UnknownEnvironment with the nearest name."""
        if name in self.environments:
            return self.environments[name]
        import difflib

        near = difflib.get_close_matches(name, self.environments, n=1, cutoff=0.5)
        known = ", ".join(self.environments) or "none: there is no .env.<name> file beside pyproject.toml"
        raise UnknownEnvironment(
            f"There is no environment {name!r} in {self.root.name}"
            + (f": did you mean {near[0]}?" if near else "."),
            hint=f"environments: {known}",
        )

    def engine_for(self, process_env: Mapping[str, str]) -> str:
        """The engine: `ENVTASKS_ENGINE` if it is set, else what pyproject.toml says. Raises ConfigInvalid."""
        engine = process_env.get("ENVTASKS_ENGINE") or self.engine
        if engine not in ENGINES:
            raise ConfigInvalid(f"ENVTASKS_ENGINE is {engine!r}; expected one of {', '.join(ENGINES)}.")
        return engine


def _find(start: Path) -> tuple[Path, Mapping[str, Any]]:
    nearest: tuple[Path, Mapping[str, Any]] | None = None
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        document = _read_toml(path)
        if "envtasks" in _table(document, "", "tool"):
            return folder, document
        nearest = nearest or (folder, document)
    return nearest or (start, {})


def _read_toml(path: Path) -> Mapping[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{path} is not valid TOML: {error}.") from None
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}.") from None


def _table(parent: Mapping[str, Any], where: str, key: str) -> Mapping[str, Any]:
    value = parent.get(key, {})
    if not isinstance(value, Mapping):
        raise ConfigInvalid(f"pyproject.toml: {where + '.' if where else ''}{key} must be a table.")
    return value


@dataclass(frozen=True, slots=True)
class _Reader:
    """Typed reads of one table, each failure naming the table, the key and what was expected."""

    root: Path
    table: Mapping[str, Any]
    where: str = "[tool.envtasks]"

    def refuse_unknown(self, known: set[str]) -> None:
        for key in self.table:
            if key not in known:
                import difflib

                near = difflib.get_close_matches(key, known, n=1)
                raise ConfigInvalid(
                    f"pyproject.toml: {self.where} has no key {key!r}"
                    + (f": did you mean {near[0]}?" if near else "."),
                    hint=f"expected: {', '.join(sorted(known))}",
                )

    def value(self, key: str, kind: type, expected: str) -> Any:
        value = self.table.get(key)
        if value is not None and not isinstance(value, kind):
            raise ConfigInvalid(f"pyproject.toml: {self.where} {key} must be {expected}.")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.table.get(key, allowed[0])
        if value not in allowed:
            raise ConfigInvalid(f"pyproject.toml: {self.where} {key} must be one of {', '.join(allowed)}.")
        return str(value)

    def strings(self, key: str, expected: str) -> tuple[str, ...]:
        value = self.table.get(key, [])
        if isinstance(value, str) and key == "keys":
            value = [value]
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise ConfigInvalid(f"pyproject.toml: {self.where} {key} must be {expected}.")
        return tuple(value)

    def paths(self, key: str, expected: str) -> tuple[Path, ...]:
        return tuple(self._inside(key, text) for text in self.strings(key, expected))

    def _inside(self, key: str, text: str) -> Path:
        path = self.root / text
        # lexical, so that a link out of the project is the user's own business, but `../other/.env` is not
        import os.path

        if not Path(os.path.normpath(path)).is_relative_to(self.root):
            raise ConfigInvalid(
                f"pyproject.toml: {self.where} {key} names {text!r}, which is outside the project."
            )
        return Path(os.path.normpath(path))


def _environment(root: Path, name: str, value: object) -> Environment:
    where = f"[tool.envtasks.environments] {name}"
    if not ENVIRONMENT_NAME.fullmatch(name):
        raise ConfigInvalid(f"pyproject.toml: {where!r}: a name has letters, digits, '-' and '_' only.")
    if not isinstance(value, Mapping):
        raise ConfigInvalid(f"pyproject.toml: {where} must be a table such as {{ files = ['.env.{name}'] }}.")
    read = _Reader(root, value, where)
    read.refuse_unknown({"files", "protected", "public", "keys", "allow-overrides"})
    files = read.paths("files", "a list of file names")
    if "files" not in value:
        files = _layers(root, name)
    if not files:
        raise ConfigInvalid(
            f"pyproject.toml: {where} files is empty: an environment needs at least one file."
        )
    protected = read.value("protected", bool, "true or false")
    return Environment(
        name=name,
        root=root,
        files=files,
        protected=name == "production" if protected is None else protected,
        public=bool(read.value("public", bool, "true or false")),
        keys=read.paths("keys", "a file name or a list of file names"),
        allow_overrides=read.strings("allow-overrides", "a list of variable names"),
    )


def _layers(root: Path, name: str) -> tuple[Path, ...]:
    baseline = root / f".env.{name}"
    return (root / OVERRIDES, baseline) if name in LAYERED else (baseline,)


def _found(root: Path) -> dict[str, Environment]:
    """The environments of a project that declares none: its `.env.<name>` files."""
    names = sorted(
        (path.name.removeprefix(".env.") for path in root.glob(".env.*") if not path.is_dir()),
        key=_usual_order,
    )
    return {
        name: Environment(name, root, _layers(root, name), protected=name == "production")
        for name in names
        if name not in NOT_ENVIRONMENTS and not name.endswith(".keys") and ENVIRONMENT_NAME.fullmatch(name)
    }


def _usual_order(name: str) -> tuple[int, str]:
    usual = ["local", "dev", "test", "staging", "production"]
    return (usual.index(name) if name in usual else len(usual), name)
