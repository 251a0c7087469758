"""Lines of a project's own files that stand in the way: each with what is wrong and what belongs there instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ..check import is_placeholder, is_secret_name
from ..envfiles import newline_of

_WRITTEN_OUT: Final = re.compile(r"""(\w+)["']?\s*[=:]\s*[a-zA-Z]*["']+([^"']+)""")
"""A name and the literal text that it is given, in Python or YAML."""


@dataclass(frozen=True, slots=True)
class Place:
    """Some lines of a file, the last one included, and what is wrong with them.

    `lines`: what belongs there instead, none to remove them; None where a person has to decide, and `advice` says what.
    """

    file: str
    line: int
    last: int
    sentence: str
    lines: tuple[str, ...] | None
    advice: str = ""

    @property
    def replacement(self) -> str:
        """What a person types there."""
        if self.lines is None:
            return self.advice
        if not self.lines:
            return (
                "remove this line" if self.line == self.last else f"remove lines {self.line} to {self.last}"
            )
        if [each.strip() for each in self.lines] == ["pass"]:
            return "pass, in place of this line"
        if any(map(_shows_secret, self.lines)):
            return "the same without it (the line has a secret, so it is not shown)"
        return "\n".join(each.strip() if len(self.lines) == 1 else each for each in self.lines)


def _shows_secret(line: str) -> bool:
    return any(
        is_secret_name(name) and not is_placeholder(value) for name, value in _WRITTEN_OUT.findall(line)
    )


def by_file(places: Iterable[Place]) -> dict[str, list[Place]]:
    """The places of each file, from its end to its beginning."""
    ordered = sorted(places, key=lambda each: (each.file, -each.line))
    return {file: list(found) for file, found in groupby(ordered, key=lambda each: each.file)}


def patched(text: str, places: Iterable[Place]) -> str:
    """The text with the lines of these places replaced, where a replacement is known."""
    newline = newline_of(text)
    lines = text.splitlines(keepends=True)
    for place in sorted(places, key=lambda each: -each.line):
        if place.lines is not None:
            lines[place.line - 1 : place.last] = [each + newline for each in place.lines]
    return "".join(lines)
