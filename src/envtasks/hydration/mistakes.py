"""Likely mistakes in env files, each with its place. Imported only where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ..config import LAYERED, PLACEHOLDER
from ..envfiles import duplicates
from .layers import Layer, Layers, Location
from .resolution import Resolution

_CHANGED = "this secret is changed by dotenvx's `$` expansion: `inv env.encrypt --repair`"
_BROKEN = "the `$` in {} breaks dotenvx's expansion here, so this is not the value it looks like"

MistakeKind = Literal[
    "text",  # a line that does not mean what it looks like
    "duplicate",
    "placeholder",
    "expansion",
    "changed",  # by the expansion of `$`
    "command",
    "steering",
    "name",
    "ciphertext",
    "reference",
]
_WITH_PLACEHOLDERS = (*LAYERED, "test")  # environments in which a placeholder may be all that is needed


class Mistake(NamedTuple):
    """One likely mistake: its kind, its place, and a sentence about it that begins with the variable's name.

    `name` is empty where a line assigns nothing.
    """

    kind: MistakeKind
    file: str
    line: int
    name: str
    sentence: str

    @classmethod
    def at(cls, location: Location, kind: MistakeKind, what: str) -> Mistake:
        """A mistake in one assignment; `what` follows its name."""
        name = location.entry.name
        return cls(kind, location.label, location.entry.line, name, f"{name}{what}")

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


def likely_mistakes(layers: Layers, resolution: Resolution) -> Iterator[Mistake]:
    """What is likely to be a mistake in the env files, and runs all the same."""
    for layer in layers.files:
        yield from _in_text(layer)
    for location in resolution.changed:
        yield Mistake.at(location, "changed", f": {_CHANGED}")
    for location, name in resolution.unset:
        if location not in resolution.changed:
            yield Mistake.at(location, "expansion", f" refers to {_unset(layers, location, name)}")
    for location, secret in resolution.broken:
        yield Mistake.at(location, "expansion", f": {_BROKEN.format(secret)}")


def _in_text(layer: Layer) -> Iterator[Mistake]:
    """The mistakes that the text alone shows."""
    names = {location.entry.line: location.entry.name for location in layer.locations}
    again = set(duplicates(layer.file.entries))
    for line, sentence in layer.file.warnings:
        kind: MistakeKind = "duplicate" if (line, sentence) in again else "text"
        yield Mistake(kind, layer.label, line, names.get(line, ""), sentence)


def placeholders(layers: Layers) -> list[Location]:
    """The assignments that count and have the placeholder that `env.new` writes, where a person has to replace it."""
    environment = layers.environment
    if environment.public or environment.name in _WITH_PLACEHOLDERS:
        return []
    return [
        definition.winner
        for name, definition in layers.definitions.items()
        if definition.winner.entry.value == PLACEHOLDER and name not in layers.process
    ]


def placeholders_left(layers: Layers) -> list[str]:
    """The warning about each file with such assignments."""
    found: dict[str, list[str]] = {}
    for location in placeholders(layers):
        found.setdefault(location.label, []).append(location.entry.name)
    flags = layers.environment.flags
    return [
        f"{label} still has placeholders: {', '.join(names)}: inv env.set {names[0]} {flags(label)}"
        for label, names in found.items()
    ]


def _unset(layers: Layers, location: Location, name: str) -> str:
    """What to say of a reference that gives nothing."""
    if not name.isidentifier():
        return f"${{{name}}}, which dotenvx does not know: it gives nothing"
    later = layers.definitions.get(name)
    if later is None:
        return f"{name}, which is not set"
    where = "line" if later.winner.layer == location.layer else "file"
    return f"{name}, which only a later {where} sets ({later.winner})"
