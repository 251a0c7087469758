"""Where things stand in compose files: file and line of every text, through `include` and `extends`.

Compose gives the merged model without lines, so they come from the YAML nodes of the files it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from . import interpolation

NodePath: TypeAlias = "tuple[str, ...]"
REMOTE: Final = re.compile(r"^(?:[a-z]+://|oci:|git@)|\.git(?:#|$)")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One text of a compose file: its path in the model (`services`, `app`, …), its file and lines."""

    path: NodePath
    text: str
    file: Path
    line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Include:
    """One entry of `include`: its files, the folder whose `.env` compose would read, its own env files."""

    files: tuple[Path, ...]
    directory: Path
    env_files: tuple[str, ...]
    file: Path
    line: int

    @property
    def unasked(self) -> Path | None:
        """The `.env` that compose reads for it although nobody names it, COMPOSE_DISABLE_ENV_FILE or not."""
        path = self.directory / ".env"
        return path if not self.env_files and path.is_file() else None


@dataclass(frozen=True, slots=True)
class Sources:
    """Every text of the compose files, with its place, and every include."""

    scalars: tuple[Scalar, ...]
    includes: tuple[Include, ...]
    computed: (
        bool  # a path of include or extends has a variable, which `config --no-interpolate` cannot follow
    )
    tree: Mapping[str, Any] = field(repr=False)  # the files merged plainly, for that case

    def places(self, name: str, text: str, service: str | None) -> tuple[tuple[Path, int], ...]:
        """File and line of each reference to `name` that `text` of the merged model came from."""
        found = [
            scalar
            for scalar in self.scalars
            if scalar.text and scalar.text in text and _mentions(scalar, name)
        ]
        own = [scalar for scalar in found if service and scalar.path[:2] == ("services", service)]
        return tuple(dict.fromkeys((scalar.file, _line_of(scalar, name)) for scalar in own or found))


def read(files: Sequence[Path], values: Mapping[str, str]) -> Sources:
    """What stands where in these files, and in all they include or extend (`values` are for those paths)."""
    reader = _Reader(values)
    for file in files:
        reader.document(file, files[0].parent)
    return Sources(tuple(reader.scalars), tuple(reader.includes), reader.computed, reader.tree)


def _names_a_variable(path: NodePath) -> bool:
    """Whether this is `secrets: {token: {environment: NAME}}`, which names a variable without a dollar."""
    return len(path) == 3 and path[0] in ("secrets", "configs") and path[2] == "environment"


def _mentions(scalar: Scalar, name: str) -> bool:
    if _names_a_variable(scalar.path):
        return scalar.text == name
    try:
        return name in interpolation.names(scalar.text)
    except interpolation.MalformedError:
        return False


def _line_of(scalar: Scalar, name: str) -> int:
    """The line of a folded or literal text that has the name in it; else the text's first line."""
    reference = re.compile(rf"\$\{{?{name}(?![A-Za-z0-9_])")
    lines = scalar.file.read_text(encoding="utf-8").splitlines()[scalar.line - 1 : scalar.last_line]
    return next((scalar.line + i for i, line in enumerate(lines) if reference.search(line)), scalar.line)


class _Reader:
    """Walks the node graph of each file once per service that it stands for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.scalars: list[Scalar] = []
        self.includes: list[Include] = []
        self.computed = False
        self.tree: dict[str, Any] = {}
        self._open: set[tuple[Path, str]] = set()

    def document(self, file: Path, directory: Path) -> None:
        """One compose file, with relative paths in it taken from `directory` (the project directory)."""
        if (file, "") in self._open:
            return
        self._open.add((file, ""))
        for root in _nodes(file):
            for entry in _items(_child(root, "include")):
                self._include(entry, file, directory)
            self._walk(root, (), file)
            _merge(self.tree, {"services": {}, **plain(root)})
            for service, node in _pairs(_child(root, "services")):
                self.tree["services"][service] = self.tree["services"][service] or {}
                self._extends(service, node, root, file, directory)

    def _walk(self, node: yaml.Node, path: NodePath, file: Path) -> None:
        if isinstance(node, yaml.ScalarNode):
            if "$" in node.value or _names_a_variable(path):
                lines = node.start_mark.line + 1, node.end_mark.line + 1
                self.scalars.append(Scalar(path, node.value, file, *lines))
        elif isinstance(node, yaml.SequenceNode):
            for child in node.value:
                self._walk(child, path, file)
        elif isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                self._walk(child, path if key.value == "<<" else (*path, str(key.value)), file)

    def _include(self, entry: yaml.Node, file: Path, directory: Path) -> None:
        texts = [entry.value] if isinstance(entry, yaml.ScalarNode) else _texts(_child(entry, "path"))
        files = [found for text in texts if (found := self._path(text, file, directory))]
        if not files:
            return
        declared = _texts(_child(entry, "project_directory"))
        base = directory / self._expand(declared[0]) if declared else files[0].parent
        env_files = tuple(_texts(_child(entry, "env_file")))
        self.includes.append(Include(tuple(files), base, env_files, file, entry.start_mark.line + 1))
        for path in files:
            self.document(path, base)

    def _extends(self, service: str, node: yaml.Node, root: yaml.Node, file: Path, directory: Path) -> None:
        """Walk what a service extends once more, under the name of the service that gets it."""
        extends = _child(node, "extends")
        name = (
            extends.value
            if isinstance(extends, yaml.ScalarNode)
            else "".join(_texts(_child(extends, "service")))
        )
        where = _texts(_child(extends, "file"))
        path = self._path(where[0], file, directory) if where else file
        if not name or path is None or (path, f"{service}<{name}") in self._open:
            return
        self._open.add((path, f"{service}<{name}"))
        for base_root in _nodes(path) if where else (root,):
            base = _child(_child(base_root, "services"), name)
            if base is not None:
                self._walk(base, ("services", service), path)
                _merge(self.tree, {"services": {service: plain(base)}}, over=False)
                self._extends(service, base, base_root, path, path.parent)

    def _expand(self, text: str) -> str:
        self.computed = self.computed or "$" in text
        try:
            return interpolation.expand(text, self.values)
        except interpolation.MalformedError:
            return text

    def _path(self, text: str, file: Path, directory: Path) -> Path | None:
        """The local file that a path names: from the project directory, else from the file that names it."""
        expanded = self._expand(text)
        if REMOTE.search(expanded):
            return None
        candidates = (directory / expanded, file.parent / expanded)
        return next((path.resolve() for path in candidates if path.is_file()), None)


def _nodes(file: Path) -> tuple[yaml.Node, ...]:
    """The YAML documents of a file that are mappings; what else there may be, compose itself reports better."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with file.open(encoding="utf-8") as stream:
            documents = yaml.compose_all(stream, Loader=loader)
            return tuple(node for node in documents if isinstance(node, yaml.MappingNode))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ()


def _pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    return next((value for name, value in _pairs(node) if name == key), None)


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _texts(node: yaml.Node | None) -> list[str]:
    """A text or a list of texts, as compose takes both; of an env file's long form, its path."""
    if isinstance(node, yaml.ScalarNode):
        return [str(node.value)] if node.value else []
    return [text for item in _items(node) for text in _texts(_child(item, "path") or item)]


def plain(node: yaml.Node) -> Any:
    """The node as dicts, lists and texts, tags ignored, merge keys merged."""
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    if not isinstance(node, yaml.MappingNode):
        return node.value
    merged: dict[str, Any] = {}
    for key, value in node.value:
        if key.value != "<<":
            continue
        for part in _items(value) or [value]:
            merged = plain(part) | merged
    return merged | {str(key.value): plain(value) for key, value in node.value if key.value != "<<"}


def _merge(into: dict[str, Any], more: Mapping[str, Any], *, over: bool = True) -> None:
    for key, value in more.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value, over=over)
        elif isinstance(present, list) and isinstance(value, list):
            present.extend(item for item in value if item not in present)
        elif over or key not in into:
            into[key] = value
