"""The compose files: the model of a stack, the services that a call starts, file and line of each text with a variable.

Compose prints the merged model without files and lines, so those come from the YAML nodes of the files it reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from .. import yaml_nodes
from ..config import label
from ..errors import ConfigInvalid, did_you_mean
from . import interpolation
from .env_files import service_env_files, values_of

Tree: TypeAlias = "Mapping[str, Any]"
Owner: TypeAlias = tuple[str, str]  # an entry of a top-level section: ("services", "app")
SECTIONS: Final = ("volumes", "networks", "secrets", "configs")  # whose entries a service uses by name
REMOTE: Final = re.compile(r"^(?:[a-z]+://|oci:|git@)|\.git(?:#|$)")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A text of a compose file that names a variable or an env file or is encrypted: its keys, its file and lines."""

    keys: tuple[str, ...]
    text: str
    file: Path
    line: int
    last_line: int

    def mentions(self, name: str) -> bool:
        """Whether it refers to this variable."""
        if _names_a_variable(self.keys):
            return self.text == name
        try:
            return name in interpolation.names(self.text)
        except interpolation.MalformedError:
            return False

    def line_of(self, name: str) -> int:
        """The line of a text of several lines that has the name in it; else the text's first line."""
        reference = re.compile(rf"\$\{{?{name}(?![A-Za-z0-9_])")
        lines = self.file.read_text(encoding="utf-8").splitlines()[self.line - 1 : self.last_line]
        return next((self.line + i for i, line in enumerate(lines) if reference.search(line)), self.line)


@dataclass(frozen=True, slots=True)
class Include:
    """One entry of `include`: its paths as written, the folder whose `.env` compose would read, its own env files."""

    paths: str
    directory: Path
    env_files: tuple[Path, ...]  # those that it names; /dev/null is one
    file: Path
    line: int

    @property
    def implicit_env_file(self) -> Path | None:
        """The `.env` that compose reads for it although nobody names it, COMPOSE_DISABLE_ENV_FILE or not."""
        path = self.directory / ".env"
        return path if not self.env_files and path.is_file() else None


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where a compose file is read: the project directory, and the variables, an include's env files among them."""

    directory: Path
    values: Mapping[str, str] = field(repr=False)
    own: Mapping[str, str] = field(repr=False)  # those of the include's env files alone


@dataclass(frozen=True, slots=True)
class Sources:
    """The compose files, and all that they include or extend: their texts, their includes, their services."""

    occurrences: tuple[Occurrence, ...]
    includes: tuple[Include, ...]
    tree: Tree = field(repr=False)  # the files merged in a simple way
    computed: (
        bool  # a path of include or extends has a variable, which `config --no-interpolate` cannot follow
    )
    included: Mapping[Owner, Mapping[str, str]] = field(repr=False)
    files: tuple[Path, ...] = ()

    def values_for(self, owner: Owner, values: Mapping[str, str]) -> Mapping[str, str]:
        """The variables for the texts of one entry: `values`, and those of its include's env files."""
        return {**self.included[owner], **values} if owner in self.included else values

    def places(self, name: str, text: str, owner: Owner) -> tuple[tuple[Path, int], ...]:
        """File and line of each reference to `name` that `text` of the merged model may come from."""
        found = [one for one in self.occurrences if one.text and one.text in text and one.mentions(name)]
        own = [one for one in found if one.keys[:2] == owner]
        return tuple(dict.fromkeys((one.file, one.line_of(name)) for one in own or found))


@dataclass(frozen=True, slots=True)
class Model:
    """The merged model of a stack, uninterpolated, and the services that a call is about."""

    tree: Tree = field(repr=False)
    services: tuple[str, ...]
    sources: Sources
    root: Path  # of the project: paths in messages are relative to it
    directory: Path  # where relative paths in the model start

    def must_stay_up(self, service: str) -> bool:
        """Whether the service has a port, a health check or restarts, so that it may not simply finish."""
        declared: Tree = self.tree["services"].get(service) or {}
        check = declared.get("healthcheck") or {}
        checked = bool(check) and not check.get("disable")
        restarts = self.restart_policy(service) in {"always", "unless-stopped"}
        return bool(declared.get("ports")) or checked or restarts

    def restart_policy(self, service: str) -> str:
        """When docker restarts the service: `no`, `always`, `on-failure`, `unless-stopped`."""
        return str((self.tree["services"].get(service) or {}).get("restart") or "no")

    def place_of(self, text: str, owner: Owner) -> str:
        """`file:line: ` of where an entry has a text, such as an env file's name; empty where that cannot be told."""
        found = [one for one in self.sources.occurrences if text in one.text or one.text in text]
        own = [one for one in found if one.keys[:2] == owner]
        return "".join(f"{self.label(one.file)}:{one.line}: " for one in (own or found)[:1])

    def label(self, path: Path) -> str:
        """The path as messages show it: relative to the project, with forward slashes."""
        return label(self.root, path)


def active_services(tree: Tree, services: Sequence[str], profiles: Collection[str]) -> tuple[str, ...]:
    """The services that a call with these names starts, dependencies included; no names: all enabled ones.

    Raises ConfigInvalid for a name that is no service.
    """
    declared: Tree = tree.get("services") or {}
    for name in services:
        if name not in declared:
            raise ConfigInvalid(
                f"The stack has no service {name!r}{did_you_mean(name, declared)}",
                hint=f"services: {', '.join(declared)}",
            )
    wanted = list(services) or [name for name, service in declared.items() if _enabled(service, profiles)]
    for name in wanted:  # grows while it is walked
        wanted += [needed for needed in _depends_on(declared.get(name) or {}) if needed not in wanted]
    return tuple(name for name in declared if name in wanted)


def read_sources(files: Sequence[Path], values: Mapping[str, str]) -> Sources:
    """What stands in these files, and in all they include or extend (`values` are for those paths).

    Raises EnvFileInvalid for an include's env file that cannot be read.
    """
    reader = _Reader()
    for file in files:
        reader.read(file, _Scope(files[0].parent, values, {}))
    return Sources(
        tuple(reader.occurrences),
        tuple(reader.includes),
        reader.tree,
        reader.computed,
        reader.included,
        reader.files,
    )


def used_texts(tree: Tree, services: Collection[str]) -> Iterator[tuple[str, Owner]]:
    """Every text of these services and of the volumes, networks … that they use, each with the entry that has it."""
    for name in services:
        for text in _scalars(tree["services"][name] or {}):
            yield text, ("services", name)
    for section in SECTIONS:
        for name, value in (tree.get(section) or {}).items():
            if any(name in used_names(tree["services"][service], section) for service in services):
                for text in _scalars(value):
                    yield text, (section, name)


def used_names(service: Tree | None, section: str) -> set[str]:
    """The names of one top-level section that a service uses, in compose's short and long forms."""
    service = service or {}
    build = service.get("build")
    used = _entry_names(service.get(section), section)
    return used | _entry_names(build.get(section), section) if isinstance(build, Mapping) else used


def _entry_names(entries: object, section: str) -> set[str]:
    if not isinstance(entries, (list, Mapping)):
        return set()
    found = (entry.get("source") if isinstance(entry, Mapping) else entry for entry in entries)
    return {str(name).partition(":")[0] if section == "volumes" else str(name) for name in found if name}


def _scalars(value: object) -> Iterator[str]:
    """Every text in a tree of mappings and lists, values only (compose interpolates no keys)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _scalars(value.values())
    elif isinstance(value, Iterable):
        for child in value:
            yield from _scalars(child)


def _enabled(service: Any, profiles: Collection[str]) -> bool:
    declared = (service or {}).get("profiles") or []
    return not declared or "*" in profiles or any(profile in profiles for profile in declared)


def _depends_on(service: Tree) -> Iterator[str]:
    yield from service.get("depends_on") or ()
    for link in service.get("links") or ():
        yield str(link).partition(":")[0]
    for source in service.get("volumes_from") or ():
        if not str(source).startswith("container:"):
            yield str(source).partition(":")[0]
    for kind in ("network_mode", "ipc", "pid"):
        if str(service.get(kind)).startswith("service:"):
            yield str(service[kind]).partition(":")[2]


def _names_a_variable(keys: tuple[str, ...]) -> bool:
    """Whether this is `secrets: {token: {environment: NAME}}`, which names a variable without a dollar."""
    return len(keys) == 3 and keys[0] in ("secrets", "configs") and keys[2] == "environment"


class _Reader:
    """Reads compose files, each once, and follows `include` and `extends`."""

    def __init__(self) -> None:
        self.occurrences: list[Occurrence] = []
        self.includes: list[Include] = []
        self.computed = False
        self.tree: dict[str, Any] = {"services": {}}
        self.included: dict[Owner, Mapping[str, str]] = {}
        self._documents: dict[Path, tuple[yaml.Node, ...]] = {}
        self._extended: set[tuple[Path, str, str]] = set()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were read."""
        return tuple(self._documents)

    def read(self, file: Path, scope: _Scope) -> None:
        """One compose file, with relative paths in it taken from the scope's folder (the project directory)."""
        if file in self._documents:
            return
        for root in self._parse(file):
            for entry in yaml_nodes.items(yaml_nodes.child(root, "include")):
                self._include(entry, file, scope)
            plain = _with_absolute_paths(yaml_nodes.plain(root), scope)
            _merge(self.tree, plain)
            if scope.own:
                tables = ((section, table) for section, table in plain.items() if isinstance(table, dict))
                self.included |= {(section, name): scope.own for section, table in tables for name in table}
            for service, (_, node) in yaml_nodes.entries(yaml_nodes.child(root, "services")).items():
                self._extend(service, node, file, scope)

    def _parse(self, file: Path) -> tuple[yaml.Node, ...]:
        """The documents of a file, their occurrences noted; none of a broken file, which compose reports better."""
        if file not in self._documents:
            try:
                documents = yaml_nodes.load_all(yaml_nodes.read_text(file) or "", file.name)
            except yaml_nodes.TooLarge:
                raise  # compose itself would take minutes over it
            except ConfigInvalid:
                documents = ()
            self._documents[file] = tuple(root for root in documents if isinstance(root, yaml.MappingNode))
            for root in self._documents[file]:
                self._note(root, (), file)
        return self._documents[file]

    def _note(self, node: yaml.Node, keys: tuple[str, ...], file: Path) -> None:
        if isinstance(node, yaml.ScalarNode) and (
            any(sign in node.value for sign in ("$", ".env", "encrypted:")) or _names_a_variable(keys)
        ):
            lines = yaml_nodes.line(node), yaml_nodes.last_line(node)
            self.occurrences.append(Occurrence(keys, node.value, file, *lines))
        for item in yaml_nodes.items(node):
            self._note(item, keys, file)
        for key, (_, value) in yaml_nodes.entries(node).items():
            self._note(value, (*keys, key), file)

    def _include(self, entry: yaml.Node, file: Path, scope: _Scope) -> None:
        paths = _texts(entry if isinstance(entry, yaml.ScalarNode) else yaml_nodes.child(entry, "path"))
        files = [found for path in paths if (found := self._local(path, file, scope))]
        named = _texts(yaml_nodes.child(entry, "env_file"))
        env_files = tuple(scope.directory / self._expand(path, scope) for path in named)
        if not files and not env_files:
            return
        declared = yaml_nodes.scalar(entry, "project_directory")
        base = (files[0] if files else file).parent
        base = scope.directory / self._expand(declared, scope) if declared else base
        self.includes.append(Include(", ".join(paths), base, env_files, file, yaml_nodes.line(entry)))
        own = {**scope.own, **values_of(env_files, scope.values)}
        for path in files:
            self.read(path, _Scope(base, {**own, **scope.values}, own))

    def _extend(self, service: str, node: yaml.Node, file: Path, scope: _Scope) -> None:
        """Read what a service extends, and merge it into the tree; the service's own entries win."""
        extends = yaml_nodes.child(node, "extends")
        name = yaml_nodes.scalar(extends) or yaml_nodes.scalar(extends, "service")
        declared = yaml_nodes.scalar(extends, "file")
        path = self._local(declared, file, scope) if declared else file
        if not name or path is None or (path, service, name) in self._extended:
            return
        self._extended.add((path, service, name))
        for root in self._parse(path):
            base = yaml_nodes.child(root, "services", name)
            if base is not None:
                inner = replace(scope, directory=path.parent)
                plain = _with_absolute_paths({"services": {service: yaml_nodes.plain(base)}}, inner)
                _merge(self.tree, plain, replace=False)
                self._extend(service, base, path, inner)

    def _expand(self, text: str, scope: _Scope) -> str:
        self.computed = self.computed or "$" in text
        return interpolation.expand_or_keep(text, scope.values)

    def _local(self, text: str, file: Path, scope: _Scope) -> Path | None:
        """The local file that a path names: from the project directory, else from the file that names it."""
        expanded = self._expand(text, scope)
        if REMOTE.search(expanded):
            return None
        candidates = (scope.directory / expanded, file.parent / expanded)
        return next((path.resolve() for path in candidates if path.is_file()), None)


def _with_absolute_paths(tree: Any, scope: _Scope) -> Any:
    """The tree of one file, the paths of its env files and secrets made absolute, as compose makes them."""
    for service in _tables(tree, "services"):
        if "env_file" in service:
            service["env_file"] = [
                {**file.entry, "path": str(file.path)}
                for file in service_env_files(service, scope.values, scope.directory)
            ]
    for section in ("secrets", "configs"):
        for entry in _tables(tree, section):
            if isinstance(entry.get("file"), str):
                path = interpolation.expand_or_keep(entry["file"], scope.values)
                entry["file"] = str(scope.directory / path)
    return tree


def _tables(tree: Any, section: str) -> list[dict[str, Any]]:
    """The entries of a section that are mappings."""
    table = tree.get(section)
    return [entry for entry in table.values() if isinstance(entry, dict)] if isinstance(table, dict) else []


def _texts(node: yaml.Node | None) -> list[str]:
    """A text or a list of texts, as compose takes both; of an env file's long form, its path."""
    if isinstance(node, yaml.ScalarNode):
        return [str(node.value)] if node.value else []
    return [
        text for item in yaml_nodes.items(node) for text in _texts(yaml_nodes.child(item, "path") or item)
    ]


def _merge(into: dict[str, Any], more: Mapping[str, Any], *, replace: bool = True) -> None:
    """Merge mappings key by key and add to lists; of other values, `more` wins if `replace`."""
    for key, value in more.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value, replace=replace)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(item for item in value if item not in present)
        elif key not in into or (replace and (value or not isinstance(present, dict))):
            into[key] = value
