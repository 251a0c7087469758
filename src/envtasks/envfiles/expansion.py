"""Expand `$NAME` and `${NAME:-default}` in a value, as the dotenvx command does.

It replaces the first reference by its value and starts again from the beginning, so that an inserted value is expanded
too. When that ends, and what `$` in an inserted value means, was found by experiment: docs/dotenvx-compatibility.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

# every object of JavaScript has these: dotenvx finds something where nothing is set and never ends, and it loses an
# env file that defines one
OBJECT_NAMES: Final = {
    *("__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__"),
    *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable"),
    *("toLocaleString", "toString", "valueOf"),
}
_REFERENCE: Final = re.compile(r"(?<!\\)\$(?:\{([^{}]+)\}|([A-Za-z_][A-Za-z0-9_]*))")
_OPERATOR: Final = re.compile(r":\+|\+|:-|-")
_UNKNOWN_OPERATOR: Final = re.compile(r"\A\w+:?[?=]")  # of the shell and compose; dotenvx has no such
_LITERAL_REFERENCE: Final = re.compile(r"\$(?:\{[^}]+\}|[A-Za-z_])")
_REPLACEMENT_PATTERN: Final = re.compile(r"\$([$&`'])")
_BUDGET: Final = 10_000_000  # characters
_STEP: Final = 50  # what one step costs in addition to the characters that it reads


class EndlessExpansion(Exception):
    """The expansion of a value does not end, or takes longer than its budget allows."""


class Budget:
    """How many characters the expansions of an environment may still read (about 50 ns each)."""

    __slots__ = ("_left",)

    def __init__(self, size: int = 0) -> None:
        self._left = _BUDGET + 16 * size

    def spend(self, characters: int) -> None:
        """Subtract the characters that were read. Raises EndlessExpansion when none are left."""
        self._left -= characters
        if self._left < 0:
            raise EndlessExpansion


class Variable(NamedTuple):
    """A variable that a reference finds; `literal`: its value is in single quotes and contains a reference."""

    name: str
    value: str
    literal: bool = False


Lookup = Callable[[str], Variable | None]


def contains_reference(literal: str) -> bool:
    """Whether a value in single quotes contains a reference, which ends the expansion where it is inserted."""
    return _LITERAL_REFERENCE.search(literal) is not None


def expand(
    value: str, lookup: Lookup, *, budget: Budget | None = None
) -> tuple[str, dict[str, Variable], list[str]]:
    """The value with its references expanded and `\\$` replaced by `$`; the variables inserted; what is not set.

    The last are expressions without a default whose variable is not set. Raises EndlessExpansion.
    """
    budget = budget or Budget(len(value))
    inserted: dict[str, Variable] = {}
    missing: dict[str, None] = {}
    start = 0
    while reference := _REFERENCE.search(value, start):
        expression = reference[1] or reference[2]
        variable, text = _evaluate(expression, lookup)
        if variable is None and (not _OPERATOR.search(expression) or _UNKNOWN_OPERATOR.search(expression)):
            missing[expression] = None
        # a step reads up to the reference and copies the whole value, several times if there are `$` in the text
        budget.spend(_STEP + reference.end() - start + (1 + text.count("$")) * len(value) // 16)
        if variable and variable.value and text is variable.value:
            inserted[variable.name] = variable
        # as in JavaScript the first equal text is replaced, which may be an escaped one before the reference
        at = value.find(reference[0])
        value = javascript_replace(value, at, reference[0], text)
        if variable and (variable.literal or value == variable.value):
            break
        start = _next_start(value, at)
    return value.replace("\\$", "$"), inserted, list(missing)


def _evaluate(expression: str, lookup: Lookup) -> tuple[Variable | None, str]:
    """The variable that an expression refers to, if it is set, and the text that replaces the expression."""
    operator = _OPERATOR.search(expression)
    name = expression[: operator.start()] if operator else expression
    variable = lookup(name)
    if variable is None and name in OBJECT_NAMES:
        raise EndlessExpansion
    value = variable.value if variable else ""
    if operator is None:
        return variable, value
    operand = expression[operator.end() :]
    if operator[0] == ":+":
        return variable, operand if value else ""
    if operator[0] == "+":
        return variable, operand if variable else ""
    if operator[0] == ":-":
        return variable, value or operand
    return variable, value if variable else operand


def javascript_replace(text: str, at: int, found: str, inserted: str) -> str:
    """The text with `inserted` in place of `found`; `$$`, `$&`, `` $` `` and `$'` in it have JavaScript's meaning."""
    before, after = text[:at], text[at + len(found) :]
    if "$" in inserted:
        meanings = {"$": "$", "&": found, "`": before, "'": after}
        inserted = _REPLACEMENT_PATTERN.sub(lambda match: meanings[match[1]], inserted)
    return before + inserted + after


def _next_start(text: str, at: int) -> int:
    """Where the next reference may begin after a replacement at `at`: at an open `${`, or a `$` just before it."""
    opened = text.rfind("{", 0, at)
    if opened > 0 and text[opened - 1] == "$" and text.find("}", opened, at) < 0:
        return opened - 1
    return max(at - 1, 0)
