"""The compose files: the model of a stack, the services that a call starts, file and line of each text with a variable.

Compose prints the merged model without files and lines, so those come from the YAML nodes of the files it reads.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from .. import yaml_nodes
from ..errors import ConfigInvalid, did_you_mean
from . import interpolation

Tree: TypeAlias = "Mapping[str, Any]"
REMOTE: Final = re.compile(r"^(?:[a-z]+://|oci:|git@)|\.git(?:#|$)")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A text of a compose file that names a variable: its keys from the top, its file, first and last line."""

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
    """One entry of `include`: its files, the folder whose `.env` compose would read, its own env files."""

    files: tuple[Path, ...]
    directory: Path
    env_files: tuple[str, ...]
    file: Path
    line: int

    @property
    def implicit_env_file(self) -> Path | None:
        """The `.env` that compose reads for it although nobody names it, COMPOSE_DISABLE_ENV_FILE or not."""
        path = self.directory / ".env"
        return path if not self.env_files and path.is_file() else None


@dataclass(frozen=True, slots=True)
class Sources:
    """The compose files, and all that they include or extend: their texts, their includes, their services."""

    occurrences: tuple[Occurrence, ...]
    includes: tuple[Include, ...]
    tree: Tree = field(repr=False)  # the files merged in a simple way
    computed: (
        bool  # a path of include or extends has a variable, which `config --no-interpolate` cannot follow
    )

    def places(self, name: str, text: str, service: str | None) -> tuple[tuple[Path, int], ...]:
        """File and line of each reference to `name` that `text` of the merged model may come from."""
        found = [one for one in self.occurrences if one.text and one.text in text and one.mentions(name)]
        own = [one for one in found if service and one.keys[:2] == ("services", service)]
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

    def label(self, path: Path) -> str:
        """The path as messages show it: relative to the project, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.as_posix()


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
    """What stands in these files, and in all they include or extend (`values` are for those paths)."""
    reader = _Reader(values)
    for file in files:
        reader.read(file, files[0].parent)
    return Sources(tuple(reader.occurrences), tuple(reader.includes), reader.tree, reader.computed)


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

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.occurrences: list[Occurrence] = []
        self.includes: list[Include] = []
        self.computed = False
        self.tree: dict[str, Any] = {"services": {}}
        self._documents: dict[Path, tuple[yaml.Node, ...]] = {}
        self._extended: set[tuple[Path, str, str]] = set()

    def read(self, file: Path, directory: Path) -> None:
        """One compose file, with relative paths in it taken from `directory` (the project directory)."""
        if file in self._documents:
            return
        for root in self._parse(file):
            for entry in yaml_nodes.items(yaml_nodes.child(root, "include")):
                self._include(entry, file, directory)
            _merge(self.tree, yaml_nodes.plain(root))
            for service, (_, node) in yaml_nodes.entries(yaml_nodes.child(root, "services")).items():
                self._extend(service, node, file, directory)

    def _parse(self, file: Path) -> tuple[yaml.Node, ...]:
        """The documents of a file, their occurrences noted; none of a broken file, which compose reports better."""
        if file not in self._documents:
            try:
                documents = yaml_nodes.load_all(yaml_nodes.read_text(file) or "", file.name)
            except ConfigInvalid:
                documents = ()
            self._documents[file] = tuple(root for root in documents if isinstance(root, yaml.MappingNode))
            for root in self._documents[file]:
                self._note(root, (), file)
        return self._documents[file]

    def _note(self, node: yaml.Node, keys: tuple[str, ...], file: Path) -> None:
        if isinstance(node, yaml.ScalarNode) and ("$" in node.value or _names_a_variable(keys)):
            last = node.end_mark.line + 1 if node.end_mark else yaml_nodes.line(node)
            self.occurrences.append(Occurrence(keys, node.value, file, yaml_nodes.line(node), last))
        for item in yaml_nodes.items(node):
            self._note(item, keys, file)
        for key, (_, value) in yaml_nodes.entries(node).items():
            self._note(value, (*keys, key), file)

    def _include(self, entry: yaml.Node, file: Path, directory: Path) -> None:
        paths = _texts(entry if isinstance(entry, yaml.ScalarNode) else yaml_nodes.child(entry, "path"))
        files = [found for path in paths if (found := self._local(path, file, directory))]
        if not files:
            return
        declared = yaml_nodes.scalar(entry, "project_directory")
        base = directory / self._expand(declared) if declared else files[0].parent
        env_files = tuple(_texts(yaml_nodes.child(entry, "env_file")))
        self.includes.append(Include(tuple(files), base, env_files, file, yaml_nodes.line(entry)))
        for path in files:
            self.read(path, base)

    def _extend(self, service: str, node: yaml.Node, file: Path, directory: Path) -> None:
        """Read what a service extends, and merge it into the tree; the service's own entries win."""
        extends = yaml_nodes.child(node, "extends")
        name = yaml_nodes.scalar(extends) or yaml_nodes.scalar(extends, "service")
        declared = yaml_nodes.scalar(extends, "file")
        path = self._local(declared, file, directory) if declared else file
        if not name or path is None or (path, service, name) in self._extended:
            return
        self._extended.add((path, service, name))
        for root in self._parse(path):
            base = yaml_nodes.child(root, "services", name)
            if base is not None:
                _merge(self.tree, {"services": {service: yaml_nodes.plain(base)}}, replace=False)
                self._extend(service, base, path, path.parent)

    def _expand(self, text: str) -> str:
        self.computed = self.computed or "$" in text
        try:
            return interpolation.expand(text, self.values)
        except interpolation.MalformedError:
            return text

    def _local(self, text: str, file: Path, directory: Path) -> Path | None:
        """The local file that a path names: from the project directory, else from the file that names it."""
        expanded = self._expand(text)
        if REMOTE.search(expanded):
            return None
        candidates = (directory / expanded, file.parent / expanded)
        return next((path.resolve() for path in candidates if path.is_file()), None)


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
