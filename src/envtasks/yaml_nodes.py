"""YAML documents as nodes that know their lines, and plain data as YAML text.

Nodes and not values: PyYAML reads `on:` as true, and of a key that stands twice it keeps one silently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from .errors import ConfigInvalid

_Pair = tuple[yaml.Node, yaml.Node]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST: Final = 100  # levels; a compose file or a manifest has a dozen
_LARGEST: Final = 250_000  # nodes of a document, with aliases expanded
_MERGE: Final = "tag:yaml.org,2002:merge"  # of the key `<<`


class TooLarge(ConfigInvalid):
    """A document with more levels, or with more nodes when its aliases are expanded, than anybody writes."""


def load(text: str, label: str) -> yaml.MappingNode:
    """The one document of a text; an empty mapping for an empty text. Raises ConfigInvalid with file and line."""
    documents = load_all(text, label)
    if len(documents) > 1:
        raise ConfigInvalid(f"{label}:{line(documents[1])}: expected one YAML document.")
    node = documents[0] if documents else yaml.MappingNode("tag:yaml.org,2002:map", [])
    if not isinstance(node, yaml.MappingNode):
        raise ConfigInvalid(f"{label}:1: expected a mapping of names.")
    return node


def load_all(text: str, label: str, *, in_order: bool = False) -> tuple[yaml.Node, ...]:
    """All documents of a text, what `<<` merges in among a mapping's own entries.

    As YAML has it, the own entries win; with `in_order`, as kubectl and GitLab have it, whichever comes last. Raises
    ConfigInvalid with file and line, TooLarge where aliases or nesting go too far.
    """
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
        raise TooLarge(f"{label}: this YAML is nested too deeply.") from None
    sizes: dict[int, tuple[int, int]] = {}
    merged: set[int] = set()
    for document in documents:
        _measure(document, label, sizes, ())
        _merge_keys(document, merged, in_order=in_order)
    return documents


def _measure(
    node: yaml.Node, label: str, sizes: dict[int, tuple[int, int]], parents: tuple[int, ...]
) -> tuple[int, int]:
    """The number of nodes below a node, aliases expanded, and of levels. Raises TooLarge where that is too many."""
    if id(node) not in sizes:
        if id(node) in parents or len(parents) > _DEEPEST:
            raise TooLarge(f"{label}:{line(node)}: this YAML is nested too deeply, or contains itself.")
        path = (*parents, id(node))
        children = (each for item in node.value for each in (item if isinstance(item, tuple) else (item,)))
        below = () if isinstance(node, yaml.ScalarNode) else children
        found = [_measure(each, label, sizes, path) for each in below]
        sizes[id(node)] = (
            1 + sum(size for size, _ in found),
            1 + max((levels for _, levels in found), default=0),
        )
    size, levels = sizes[id(node)]
    if size > _LARGEST or levels + len(parents) > _DEEPEST:
        raise TooLarge(f"{label}:{line(node)}: this YAML is too large or too deep with its aliases expanded.")
    return size, levels


def _merge_keys(node: yaml.Node, done: set[int], *, in_order: bool) -> None:
    """Put the entries that `<<` refers to in its place, in every mapping below a node, each once."""
    if id(node) in done or isinstance(node, yaml.ScalarNode):
        return
    done.add(id(node))
    for child_node in _children(node):
        _merge_keys(child_node, done, in_order=in_order)
    if isinstance(node, yaml.MappingNode) and any(key.tag == _MERGE for key, _ in node.value):
        node.value = _merged(node.value, in_order=in_order)


def _merged(pairs: Sequence[_Pair], *, in_order: bool) -> list[_Pair]:
    """The entries of a mapping with those of its parents; a name that it defines twice itself stays there twice."""
    merges = [pair for pair in pairs if pair[0].tag == _MERGE]
    found: dict[object, _Pair] = {}
    own: dict[object, _Pair] = {}
    repeated = []
    for key, value in pairs if in_order else [*reversed(merges), *(p for p in pairs if p[0].tag != _MERGE)]:
        if key.tag == _MERGE:
            for parent in reversed(items(value) or (value,)):  # of several the first wins
                found |= {
                    _name(pair[0]): pair for pair in parent.value if isinstance(parent, yaml.MappingNode)
                }
            continue
        name = _name(key)
        repeated += [own[name]] if name in own else []
        own[name] = found[name] = (key, value)
    return repeated + list(found.values())


def _name(key: yaml.Node) -> object:
    return key.value if isinstance(key, yaml.ScalarNode) else id(key)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    """The items of a list, the values of a mapping."""
    if not isinstance(node, yaml.ScalarNode):
        for each in node.value:
            yield each[1] if isinstance(each, tuple) else each


def walk(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """A node and all below it, in order, each once however many aliases there are; without the keys of mappings."""
    return _walk(node, set()) if node is not None else iter(())


def _walk(node: yaml.Node, seen: set[int]) -> Iterator[yaml.Node]:
    if id(node) not in seen:
        seen.add(id(node))
        yield node
        for each in _children(node):
            yield from _walk(each, seen)


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


def last_line(node: yaml.Node) -> int:
    """The last line of a node: that of its last text, as a block's own end is where the next thing begins."""
    below = () if is_flow(node) or isinstance(node, yaml.ScalarNode) else tuple(scalars(node))
    mark = (below[-1] if below else node).end_mark
    return line(node) if mark is None else int(mark.line) + bool(mark.column)


def is_flow(node: yaml.Node | None) -> bool:
    """Whether a node is written in brackets or braces."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def entries(node: yaml.Node | None) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
    """The entries of a mapping by name, each with the nodes of its key and its value; none of any other node."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return {key.value: (key, value) for key, value in pairs if isinstance(key, yaml.ScalarNode)}


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
    return (each for each in walk(node) if isinstance(each, yaml.ScalarNode))


def duplicate_keys(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.ScalarNode]]:
    """Every key that stands twice in one mapping: its first node and the repeated one."""
    for mapping in (each for each in walk(node) if isinstance(each, yaml.MappingNode)):
        seen: dict[str, yaml.ScalarNode] = {}
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield seen[key.value], key
                seen.setdefault(key.value, key)


def refuse_duplicate_keys(document: yaml.Node, label: str) -> None:
    """Raise ConfigInvalid, with both lines, where a mapping defines a name twice."""
    for first, again in duplicate_keys(document):
        raise ConfigInvalid(
            f"{label}:{line(again)}: {again.value} is defined twice, first in line {line(first)}.",
            hint="remove or rename one of them: only the last one would count",
        )


def plain(node: yaml.Node) -> Any:
    """The node as dicts, lists and texts, tags ignored."""
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
