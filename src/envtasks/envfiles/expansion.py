"""`$NAME` and `${NAME:-default}` in one value, as the dotenvx command understands them.

It looks for the first reference, puts the value in its place and looks again from the beginning, so that what was
put in is expanded too. What stops it early, and what `$` in a value that is put in does, was found by trying: see
docs/dotenvx-compatibility.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

Lookup = Callable[[str], str | None]

_REFERENCE: Final = re.compile(r"(?<!\\)\$(?:\{([^{}]+)\}|([A-Za-z_][A-Za-z0-9_]*))")
_OPERATOR: Final = re.compile(r":\+|\+|:-|-")
_REFERS: Final = re.compile(r"\$(?:\{[^}]+\}|[A-Za-z_])")
_PATTERN: Final = re.compile(r"\$([$&`'])")
# every object of JavaScript has these, so dotenvx finds something where nothing is set, and never ends
_OBJECT_NAMES: Final = {
    *("__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__"),
    *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"),
    *("toLocaleString", "toString", "valueOf"),
}
_ENOUGH: Final = 10_000_000
_STEP: Final = 50


class Endless(Exception):
    """The expansion goes on for ever, or for longer than anyone wants to wait."""


class Patience:
    """How much longer the expansions of an environment may take, in characters looked at (50 ns each)."""

    __slots__ = ("_left",)

    def __init__(self, size: int = 0) -> None:
        self._left = _ENOUGH + 16 * size

    def spend(self, characters: int) -> None:
        """Count what was looked at. Raises Endless when it was too much."""
        self._left -= characters
        if self._left < 0:
            raise Endless


def refers(literal: str) -> bool:
    """Whether a value in single quotes stops the expansion where it is inserted: it holds a reference itself."""
    return "$" in literal and _REFERS.search(literal) is not None


def expand(
    value: str,
    lookup: Lookup,
    *,
    literals: Collection[str] = (),
    patience: Patience | None = None,
    fold: Callable[[str], str] = str,
) -> tuple[str, set[str]]:
    """The value with its references expanded and `\\$` turned into `$`, and the names that were put in.

    `literals` are the names whose values are in single quotes and refer to something; names are told and compared
    as `fold` spells them. Raises Endless.
    """
    patience = patience or Patience(len(value))
    used: set[str] = set()
    start = 0
    while reference := _REFERENCE.search(value, start):
        name, current, inserted = _resolve(reference[1] or reference[2], lookup)
        # a step looks at the text as far as the reference and copies all of it, more than once if `$` in it says so
        patience.spend(_STEP + reference.end() - start + (1 + inserted.count("$")) * len(value) // 16)
        if current is None and name in _OBJECT_NAMES:
            raise Endless
        name = fold(name)
        if current and inserted is current:
            used.add(name)
        # the first such text is replaced, which is an escaped one if that stands before the reference
        at = value.find(reference[0])
        value = put(value, at, reference[0], inserted)
        if name in literals or (current is not None and value == current):
            break
        start = _restart(value, at)
    return value.replace("\\$", "$"), used


def _resolve(expression: str, lookup: Lookup) -> tuple[str, str | None, str]:
    """The name in an expression, its value, and what is put in place of the expression."""
    operator = _OPERATOR.search(expression)
    if operator is None:
        current = lookup(expression)
        return expression, current, current or ""
    name, operand = expression[: operator.start()], expression[operator.end() :]
    current = lookup(name)
    if operator[0] == ":+":
        return name, current, operand if current else ""
    if operator[0] == "+":
        return name, current, "" if current is None else operand
    if operator[0] == ":-":
        return name, current, current or operand
    return name, current, operand if current is None else current


def put(text: str, at: int, found: str, inserted: str) -> str:
    """The text with `inserted` in place of `found`; `$$`, `$&`, `` $` `` and `$'` in it mean what JavaScript says."""
    before, after = text[:at], text[at + len(found) :]
    if "$" in inserted:
        meanings = {"$": "$", "&": found, "`": before, "'": after}
        inserted = _PATTERN.sub(lambda match: meanings[match[1]], inserted)
    return before + inserted + after


def _restart(text: str, at: int) -> int:
    """Where the next reference may begin after a change at `at`: at an open `${` or a `$` in front of it."""
    opened = text.rfind("{", 0, at)
    if opened > 0 and text[opened - 1] == "$" and text.find("}", opened, at) < 0:
        return opened - 1
    return max(at - 1, 0)
