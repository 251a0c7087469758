"""The project's own manifests: every YAML document of `deploy/`, with its file and line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from ..errors import ConfigInvalid

NOT_FOR_THE_CLUSTER: Final = ("Kustomization", "Component")


@dataclass(frozen=True, slots=True)
class Document:
    """One object as its author wrote it."""

    label: str  # the file, relative to the project
    line: int
    text: str = field(repr=False)
    node: yaml.MappingNode = field(repr=False)

    @property
    def kind(self) -> str:
        """The object's kind, as written: `Deployment`."""
        return scalar(self.node, "kind")

    @property
    def name(self) -> str:
        """The object's name."""
        return scalar(get(self.node, "metadata"), "name")

    @property
    def key(self) -> str:
        """As kubectl names it: `deployment/app`."""
        return f"{self.kind.lower()}/{self.name}"

    @property
    def value(self) -> dict[str, Any]:
        """The object as plain data."""
        loaded: dict[str, Any] = yaml.safe_load(self.text)
        return loaded


@dataclass(frozen=True, slots=True)
class Documents:
    """All documents, and the files that are templates and so cannot be read."""

    all: tuple[Document, ...]
    templates: tuple[str, ...] = ()

    def find(self, key: str) -> Document | None:
        """The document of an object such as `deployment/app`."""
        return next((document for document in self.all if document.key == key), None)


def read(root: Path, patterns: Sequence[str]) -> Documents:
    """The manifests that these glob patterns find below `root`. Raises ConfigInvalid with file and line."""
    found: list[Document] = []
    templates = []
    for path in sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()}):
        label = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        try:
            found += _documents(text, label)
        except yaml.YAMLError as error:
            if "{{" in text:
                templates.append(label)
                continue
            mark = getattr(error, "problem_mark", None)
            where = f"{label}:{mark.line + 1}" if mark else label
            raise ConfigInvalid(
                f"{where}: this is no YAML: {getattr(error, 'problem', None) or error}."
            ) from None
    return Documents(tuple(found), tuple(templates))


def _documents(text: str, label: str) -> Iterator[Document]:
    for node in yaml.compose_all(text, yaml.SafeLoader):
        if not isinstance(node, yaml.MappingNode):
            continue
        if scalar(node, "kind") == "List":
            for item in items(get(node, "items")):
                if isinstance(item, yaml.MappingNode):
                    yield _document(item, label, yaml.serialize(item, Dumper=yaml.SafeDumper))
        elif scalar(node, "kind") not in NOT_FOR_THE_CLUSTER and scalar(node, "apiVersion"):
            yield _document(node, label, text[node.start_mark.index : node.end_mark.index])


def _document(node: yaml.MappingNode, label: str, text: str) -> Document:
    return Document(label, node.start_mark.line + 1, text.rstrip() + "\n", node)


def get(node: yaml.Node | None, *names: str) -> yaml.Node | None:
    """The node below these keys, None where there is none."""
    for name in names:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if getattr(key, "value", None) == name), None)
    return node


def scalar(node: yaml.Node | None, *names: str) -> str:
    """The text of a scalar below these keys, "" where there is none."""
    found = get(node, *names)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else ""


def items(node: yaml.Node | None) -> tuple[yaml.Node, ...]:
    """The items of a list."""
    return tuple(node.value) if isinstance(node, yaml.SequenceNode) else ()


def line(node: yaml.Node) -> int:
    """The line that a node begins in, counted from one."""
    return int(node.start_mark.line) + 1
