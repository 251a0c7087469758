"""Compose files: services that get an env file, and secrets that are written out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import yaml

from ..check import is_placeholder, is_secret_name, looks_like_credential
from ..errors import ConfigInvalid
from ..yaml_nodes import child, entries, items, line, load, scalar, scalars
from .places import Place
from .survey import Survey

COMPOSE: Final = r"(?:[^/]+/)?(?:docker-)?compose[\w.-]*\.ya?ml"


@dataclass(frozen=True, slots=True)
class Literal:
    """A secret that a compose file has written out."""

    name: str
    value: str
    file: str
    line: int


def compose_places(
    survey: Survey, files: Collection[str], variables: Mapping[str, str]
) -> Iterator[tuple[Place, str]]:
    """The places in compose files, each with the service that gets one of these env files; empty for a literal.

    `variables`: the values that the baseline of local has, by name.
    """
    for file, document in _documents(survey):
        folder = file.rpartition("/")[0]
        for service, (_, node) in entries(child(document, "services")).items():
            found = entries(node).get("env_file")
            if found and (place := _env_file(file, found, folder, files)) is not None:
                # a service within braces shares its lines with the rest of it
                yield replace(place, lines=None) if _is_flow(node) else place, service
    for literal in compose_literals(survey):
        same = next((name for name, value in variables.items() if value == literal.value), literal.name)
        sentence = f"{literal.name} is written out here"
        instead = _referring(survey.text(literal.file), literal, same)
        patch = None if instead is None else (instead,)
        advice = f'{literal.name}: "${{{same}}}"'
        yield Place(literal.file, literal.line, literal.line, sentence, patch, advice), ""


def compose_literals(survey: Survey) -> tuple[Literal, ...]:
    """The secrets that compose files have written out, placeholders left out."""
    found = []
    for file, document in _documents(survey):
        for _, node in entries(child(document, "services")).values():
            for name, value, at in _environment(child(node, "environment")):
                secret = is_secret_name(name) or looks_like_credential(name, value)
                if value and "$" not in value and secret and not is_placeholder(value):
                    found.append(Literal(name, value, file, at))
    return tuple(found)


def _referring(text: str, literal: Literal, name: str) -> str | None:
    """The line of a literal with a reference to a variable in its place; None where the line holds more than that."""
    lines = text.splitlines()
    line = lines[literal.line - 1]
    before = rf"\s*(?:-\s+)?[\"']?{re.escape(literal.name)}[\"']?\s*[:=]\s*(?:[&!]\S+\s+)*"
    alone = re.fullmatch(rf"{before}[\"']?{re.escape(literal.value)}[\"']?\s*(?:#.*)?", line)
    if not alone or line.count(literal.value) > 1:
        return None
    lines[literal.line - 1] = instead = line.replace(literal.value, f"${{{name}}}")
    try:
        load("\n".join(lines), literal.file)  # within braces a reference would need quotes
    except ConfigInvalid:
        return None
    return instead


def _documents(survey: Survey) -> Iterator[tuple[str, yaml.MappingNode]]:
    for file in survey.named(COMPOSE):
        try:
            yield file, load(survey.text(file), file)
        except ConfigInvalid:
            continue


def _env_file(
    file: str, found: tuple[yaml.ScalarNode, yaml.Node], folder: str, files: Collection[str]
) -> Place | None:
    """The lines of an `env_file` that names one of the project's env files."""
    key, value = found
    nodes = items(value) or (value,)
    names = [
        scalar(each, "path") or (each.value if isinstance(each, yaml.ScalarNode) else "") for each in nodes
    ]
    paths = [_below(folder, str(name)) for name in names]
    ours = [path in files or path.rpartition("/")[2].startswith(".env") for path in paths]
    if not any(ours):
        return None
    sentence = f"gives the container {', '.join(path for path, own in zip(paths, ours, strict=True) if own)}"
    last = _last_line(value)
    return Place(
        file, line(key), last, sentence, () if all(ours) else None, "remove the env files of the project"
    )


def _below(folder: str, name: str) -> str:
    """A path of a compose file, relative to the project."""
    parts = [part for part in folder.split("/") if part]
    for part in name.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)


def _last_line(node: yaml.Node) -> int:
    """The last line of a node; a block's own end is where the next thing begins."""
    below = () if _is_flow(node) or isinstance(node, yaml.ScalarNode) else tuple(scalars(node))
    mark = (below[-1] if below else node).end_mark
    return line(node) if mark is None else int(mark.line) + 1


def _is_flow(node: yaml.Node | None) -> bool:
    """Whether a node is written in brackets or braces."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _environment(node: yaml.Node | None) -> Iterator[tuple[str, str, int]]:
    """The variables of a service: name, value, line."""
    for name, (key, value) in entries(node).items():
        if isinstance(value, yaml.ScalarNode):
            yield name, str(value.value), line(key)
    for each in items(node):
        if isinstance(each, yaml.ScalarNode):
            name, _, text = str(each.value).partition("=")
            yield name, text, line(each)
