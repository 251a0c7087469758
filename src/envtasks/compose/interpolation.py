"""The `${…}` grammar of compose files: the variables that a text refers to, and those that it needs and lacks.

The grammar is the Compose Specification's ("Interpolation"): `$NAME`, `${NAME}`, `${NAME:-word}`,
`${NAME-word}`, `${NAME:?text}`, `${NAME?text}`, `${NAME:+word}`, `${NAME+word}` with nested words, and `$$`
for one dollar. A dollar that starts none of these stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BODY: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<operator>:?[-+?])(?P<word>.*))?", re.DOTALL)


class MalformedError(ValueError):
    """A `${` that compose would refuse; the text of the reference is in `args[0]`."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference: the name, the operator ("" or one of `:- - :? ? :+ +`) and the operator's word."""

    name: str
    operator: str = ""
    word: Template = ()


Template: TypeAlias = "tuple[str | Reference, ...]"


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that a text needs and lacks: unset, or empty where the text has `:?`."""

    name: str
    empty: bool = False
    refused: bool = False  # compose itself stops (`?`, `:?`); otherwise it would put a blank


def parse(text: str) -> Template:
    """The literal pieces and references of `text`, in order. Raises MalformedError."""
    pieces: list[str | Reference] = []
    literal, position = "", 0
    while (dollar := text.find("$", position)) >= 0:
        literal += text[position:dollar]
        piece, position = _after_dollar(text, dollar)
        if isinstance(piece, str):
            literal += piece
            continue
        pieces += [literal, piece] if literal else [piece]
        literal = ""
    literal += text[position:]
    return (*pieces, literal) if literal else tuple(pieces)


def names(text: str) -> tuple[str, ...]:
    """Every name that `text` refers to, nested ones too, in order. Raises MalformedError."""
    return tuple(dict.fromkeys(_names(parse(text))))


def expand(text: str, values: Mapping[str, str]) -> str:
    """The text as compose would interpolate it; what is missing becomes a blank. Raises MalformedError."""
    return _expand(parse(text), values)


def expand_or_keep(text: str, values: Mapping[str, str]) -> str:
    """The text as compose would interpolate it, or as it is where compose would refuse it, and says where."""
    try:
        return expand(text, values)
    except MalformedError:
        return text


def missing(text: str, values: Mapping[str, str]) -> tuple[Missing, ...]:
    """The names that `text` needs and `values` lacks, in order. Raises MalformedError.

    An empty value counts as set, except for `:?`. `${NAME:-}`, `${NAME-}` and `${NAME+…}` need nothing themselves; of
    a word that is not used, only what compose would stop at is missing.
    """
    return tuple(dict.fromkeys(_missing(parse(text), values)))


def _after_dollar(text: str, dollar: int) -> tuple[str | Reference, int]:
    following = text[dollar + 1 : dollar + 2]
    if following == "$":
        return "$", dollar + 2
    if following == "{":
        end = _closing_brace(text, dollar)
        return _braced(text[dollar : end + 1]), end + 1
    if plain := NAME.match(text, dollar + 1):
        return Reference(plain[0]), plain.end()
    return "$", dollar + 1


def _closing_brace(text: str, dollar: int) -> int:
    depth = 0
    for position in range(dollar + 1, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise MalformedError(text[dollar:])


def _braced(reference: str) -> Reference:
    body = BODY.fullmatch(reference[2:-1])
    if body is None:
        raise MalformedError(reference)
    return Reference(body["name"], body["operator"] or "", parse(body["word"] or ""))


def _names(template: Template) -> Iterator[str]:
    for piece in template:
        if isinstance(piece, Reference):
            yield piece.name
            yield from _names(piece.word)


def _uses_word(reference: Reference, values: Mapping[str, str]) -> bool:
    """Whether the reference is replaced by its word (for `?`: whether compose stops with it)."""
    present = reference.name in values and not (reference.operator[:1] == ":" and not values[reference.name])
    return present if reference.operator[-1:] == "+" else not present


def _expand(template: Template, values: Mapping[str, str]) -> str:
    return "".join(piece if isinstance(piece, str) else _value(piece, values) for piece in template)


def _value(reference: Reference, values: Mapping[str, str]) -> str:
    kind = reference.operator[-1:]
    if kind in ("-", "+") and _uses_word(reference, values):
        return _expand(reference.word, values)
    return "" if kind == "+" else values.get(reference.name, "")


def _missing(template: Template, values: Mapping[str, str]) -> Iterator[Missing]:
    for piece in template:
        if isinstance(piece, str):
            continue
        used = _uses_word(piece, values)
        if piece.operator[-1:] == "?" and used:
            yield Missing(piece.name, empty=piece.name in values, refused=True)
        if not piece.operator and used:
            yield Missing(piece.name)
        # compose also evaluates a word that it does not use, and stops if that has a `?` of its own
        inserted = used and piece.operator[-1:] != "?"
        yield from (inner for inner in _missing(piece.word, values) if inserted or inner.refused)
