"""The text of a Makefile taken apart: literal text, references to variables, calls of functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

AUTOMATIC: Final = frozenset("@<^+?*%|")
_NAME: Final = re.compile(r"[\w.-]+|[@<^+?*%|][DF]?")
_FUNCTION: Final = re.compile(r"([a-z-]+)[ \t]+(.*)", re.DOTALL)
_CLOSING: Final = {"(": ")", "{": "}"}
Lookup = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text: `text` as it is, the name of a variable, or a function with its arguments as written."""

    kind: str  # "text", "variable", "call"
    text: str


def parts(raw: str) -> Iterator[Part]:
    """The pieces of a text; `$$` is a dollar sign."""
    at = 0
    while at < len(raw):
        dollar = raw.find("$", at)
        if dollar < 0 or dollar + 1 == len(raw):
            yield Part("text", raw[at:])
            return
        if dollar > at:
            yield Part("text", raw[at:dollar])
        sign = raw[dollar + 1]
        if sign in _CLOSING:
            end = _end(raw, dollar + 2, sign)
            inner = raw[dollar + 2 : end]
            yield Part("variable" if _NAME.fullmatch(inner) else "call", inner)
            at = end + 1
        else:
            yield Part("text", "$") if sign == "$" else Part("variable", sign)
            at = dollar + 2


def _end(raw: str, at: int, opening: str) -> int:
    """The position of the sign that closes what opened before `at`."""
    depth = 1
    for position in range(at, len(raw)):
        depth += (raw[position] == opening) - (raw[position] == _CLOSING[opening])
        if depth == 0:
            return position
    return len(raw)


def function(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The name and the arguments, as written, of a call; None where it is none."""
    found = _FUNCTION.fullmatch(text)
    if not found:
        return None
    arguments, depth, start = [], 0, 0
    for position, sign in enumerate(found[2]):
        depth += (sign in "({") - (sign in ")}")
        if sign == "," and depth == 0:
            arguments.append(found[2][start:position])
            start = position + 1
    return found[1], (*arguments, found[2][start:])


def shell_line(raw: str) -> str | None:
    """The line of a value that is `$(shell …)` as a whole; None for any other value."""
    found = list(parts(raw.strip()))
    call = function(found[0].text) if len(found) == 1 and found[0].kind == "call" else None
    return ",".join(call[1]).strip() if call and call[0] == "shell" else None


def names(raw: str) -> frozenset[str]:
    """The variables that a text refers to, also within the arguments of functions."""
    found: set[str] = set()
    for part in parts(raw):
        if part.kind == "variable":
            found.add(part.text)
        elif part.kind == "call":
            call = function(part.text)
            own = {call[1][0].strip()} if call and call[0] == "foreach" else set()
            found |= names(part.text) - own
    return frozenset(found)


def evaluate(raw: str, lookup: Lookup) -> str | None:
    """What a text expands to without make; None where it needs what only make can do. `lookup` expands a variable."""
    pieces = []
    for part in parts(raw):
        piece = part.text
        if part.kind == "variable":
            value = lookup(part.text)
        elif part.kind == "call":
            value = _evaluated_call(part.text, lookup)
        else:
            value = piece
        if value is None:
            return None
        pieces.append(value)
    return "".join(pieces)


def _evaluated_call(text: str, lookup: Lookup) -> str | None:
    call = function(text)
    if call is None:
        return None
    name, arguments = call
    if name == "foreach" and len(arguments) == 3:
        return _for_each(arguments, lookup)
    values = [evaluate(argument, lookup) for argument in arguments]
    match name, values:
        case "strip", [str(only)]:
            return " ".join(only.split())
        case "addprefix", [str(prefix), str(words)]:
            return " ".join(prefix + word for word in words.split())
        case "addsuffix", [str(suffix), str(words)]:
            return " ".join(word + suffix for word in words.split())
        case _:
            return None


def _for_each(arguments: tuple[str, ...], lookup: Lookup) -> str | None:
    """What `$(foreach name,words,text)` expands to."""
    words = evaluate(arguments[1], lookup)
    found: list[str] = []
    for word in (words or "").split():
        each = evaluate(arguments[2], partial(_replaced, arguments[0], word, lookup))
        if each is None:
            return None
        found.append(each)
    return None if words is None else " ".join(found)


def _replaced(name: str, word: str, lookup: Lookup, wanted: str) -> str | None:
    return word if wanted == name else lookup(wanted)
