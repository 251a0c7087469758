"""YAML as people write it, lists indented and keys in their order; and read back with its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigInvalid


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def block(data: Mapping[str, Any]) -> str:
    """The text of one mapping; two spaces a level."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def parse(text: str, label: str) -> yaml.MappingNode:
    """The document, in which no name is defined twice. Raises ConfigInvalid with file and line."""
    document = compose(text, label)
    for first, again in doubles(document):
        raise ConfigInvalid(
            f"{label}:{line(again)}: {again.value} is defined twice, first in line {line(first)}.",
            hint="remove or rename one of them: only the last one would count",
        )
    return document


def compose(text: str, label: str) -> yaml.MappingNode:
    """The document as nodes, which know their lines. Raises ConfigInvalid with file and line.

    Nodes and not values: PyYAML would read `on:` as true, and of a key that stands twice it keeps one silently.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{label}:{mark.line + 1}" if mark else label
        raise ConfigInvalid(f"{where}: this is not valid YAML: {error.problem}.") from None
    except yaml.YAMLError:
        raise ConfigInvalid(f"{label}: this is not valid YAML.") from None
    if node is None:
        return yaml.MappingNode("tag:yaml.org,2002:map", [])
    if not isinstance(node, yaml.MappingNode):
        raise ConfigInvalid(f"{label}:1: expected a mapping of names.")
    return node


def doubles(node: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, yaml.ScalarNode]]:
    """Every key that stands twice in one mapping, with where it stood first."""
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from doubles(child)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, yaml.ScalarNode] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen and key.value != "<<":
                    yield seen[key.value], key
                seen.setdefault(key.value, key)
            yield from doubles(value)


def line(node: yaml.Node) -> int:
    """The line, from 1, on which a node begins."""
    mark = node.start_mark
    return 1 if mark is None else int(mark.line) + 1


def entries(node: yaml.Node | None) -> dict[str, tuple[yaml.ScalarNode, yaml.Node]]:
    """The entries of a mapping by name, each with the nodes of its key and its value; none of any other node.

    What `<<` merges in is there too, unless the mapping says something else.
    """
    if not isinstance(node, yaml.MappingNode):
        return {}
    pairs = [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
    own = {key.value: (key, value) for key, value in pairs if key.value != "<<"}
    merged = [value for key, value in pairs if key.value == "<<"]
    parents = [each for value in merged for each in (value.value if value.id == "sequence" else [value])]
    return {**{name: pair for each in reversed(parents) for name, pair in entries(each).items()}, **own}


def child(node: yaml.Node | None, *path: str) -> yaml.Node | None:
    """What stands under these keys, one inside the other; None if it is not there."""
    for name in path:
        found = entries(node).get(name)
        node = found[1] if found else None
    return node


def scalar(node: yaml.Node | None) -> str | None:
    """The text of a scalar as it stands there; None of anything else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def strings(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Every scalar value below a node, in order; keys are not among them."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from strings(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from strings(value)


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
