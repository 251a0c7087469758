"""YAML documents as nodes that know their lines, and plain data as YAML text.

Nodes and not values: PyYAML reads `on:` as true, and of a key that stands twice it keeps one silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from .errors import ConfigInvalid

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST: Final = 100  # levels; a compose file or a manifest has a dozen
_LARGEST: Final = 1_000_000  # nodes, with aliases expanded


def load(text: str, label: str) -> yaml.MappingNode:
    """The one document of a text; an empty mapping for an empty text. Raises ConfigInvalid with file and line."""
    documents = load_all(text, label)
    if len(documents) > 1:
        raise ConfigInvalid(f"{label}:{line(documents[1])}: expected one YAML document.")
    node = documents[0] if documents else yaml.MappingNode("tag:yaml.org,2002:map", [])
    if not isinstance(node, yaml.MappingNode):
        raise ConfigInvalid(f"{label}:1: expected a mapping of names.")
    return node


def load_all(text: str, label: str) -> tuple[yaml.Node, ...]:
    """All documents of a text. Raises ConfigInvalid with file and line; so too where aliases or nesting go too far."""
    try:
        documents = tuple(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{label}:{mark.line + 1}" if mark else label
        raise ConfigInvalid(f"{where}: this is not valid YAML: {error.problem}.") from None
    except yaml.YAMLError:
        raise ConfigInvalid(
            f"{label}: this is not valid YAML: it has a character that YAML forbids."
        ) from None
    except RecursionError:
        raise ConfigInvalid(f"{label}: this YAML is nested too deeply.") from None
    sizes: dict[int, int] = {}
    for document in documents:
        _measure(document, label, sizes, ())
    return documents


def _measure(node: yaml.Node, label: str, sizes: dict[int, int], parents: tuple[int, ...]) -> int:
    """The number of nodes below a node with its aliases expanded. Raises ConfigInvalid where that is too many."""
    if id(node) in parents or len(parents) > _DEEPEST:
        raise ConfigInvalid(f"{label}:{line(node)}: this YAML is nested too deeply, or contains itself.")
    if id(node) not in sizes:
        path = (*parents, id(node))
        children = (each for item in node.value for each in (item if isinstance(item, tuple) else (item,)))
        below = () if isinstance(node, yaml.ScalarNode) else children
        sizes[id(node)] = 1 + sum(_measure(each, label, sizes, path) for each in below)
    if sizes[id(node)] > _LARGEST:
        raise ConfigInvalid(f"{label}:{line(node)}: this YAML is too large with its aliases expanded.")
    return sizes[id(node)]


def read_text(path: Path) -> str | None:
    """The text of a file, line ends as they are; None if it is not there. Raises ConfigInvalid."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path.name}: byte {error.start} is not UTF-8.") from None
    except OSError as error:
        raise ConfigInvalid(f"{path.name} cannot be read: {error.strerror}.") from None


def line(node: yaml.Node) -> int:
    """The line, from 1, on which a node begins."""
    mark = node.start_mark
    return 1 if mark is None else int(mark.line) + 1


def entries(node: yaml.Node | None) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
    """The entries of a mapping by name, each with the nodes of its key and its value; none of any other node.

    What `<<` merges in is included, unless the mapping defines the name itself.
    """
    if not isinstance(node, yaml.MappingNode):
        return {}
    pairs = [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
    own = {key.value: (key, value) for key, value in pairs if key.value != "<<"}
    parents = [parent for key, value in pairs if key.value == "<<" for parent in items(value) or (value,)]
    return {**{name: pair for each in reversed(parents) for name, pair in entries(each).items()}, **own}


def child(node: yaml.Node | None, *path: str) -> yaml.Node | None:
    """The node under these keys, one inside the other; None if it is not there."""
    for name in path:
        found = entries(node).get(name)
        node = found[1] if found else None
    return node


def items(node: yaml.Node | None) -> tuple[yaml.Node, ...]:
    """The items of a list; none of any other node."""
    return tuple(node.value) if isinstance(node, yaml.SequenceNode) else ()


def scalar(node: yaml.Node | None, *path: str) -> str | None:
    """The text of the scalar under these keys, as it stands there; None if there is none."""
    found = child(node, *path)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else None


def scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Every scalar value below a node, in order, without the keys."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    for item in items(node):
        yield from scalars(item)
    if isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from scalars(value)


def duplicate_keys(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.ScalarNode]]:
    """Every key that stands twice in one mapping: its first node and the repeated one."""
    for item in items(node):
        yield from duplicate_keys(item)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, yaml.ScalarNode] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.value != "<<":
                    yield seen[key.value], key
                seen.setdefault(key.value, key)
            yield from duplicate_keys(value)


def refuse_duplicate_keys(document: yaml.Node, label: str) -> None:
    """Raise ConfigInvalid, with both lines, where a mapping defines a name twice."""
    for first, again in duplicate_keys(document):
        raise ConfigInvalid(
            f"{label}:{line(again)}: {again.value} is defined twice, first in line {line(first)}.",
            hint="remove or rename one of them: only the last one would count",
        )


def plain(node: yaml.Node) -> Any:
    """The node as dicts, lists and texts: tags ignored, merge keys merged."""
    if isinstance(node, yaml.MappingNode):
        return {name: plain(value) for name, (_, value) in entries(node).items()}
    return [plain(item) for item in items(node)] if isinstance(node, yaml.SequenceNode) else node.value


class Quoted(str):
    """Text that `dump` always writes in double quotes: `1e3` or `on` is not a string to every reader."""

    __slots__ = ()


def dump(data: Mapping[str, Any]) -> str:
    """One mapping as YAML text: keys in their order, lists indented, no line folded, lines of text as a block."""
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=2**31
    )
    return text


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if isinstance(text, Quoted) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


_Dumper.add_representer(str, _represent)
_Dumper.add_representer(Quoted, _represent)
