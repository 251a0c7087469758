"""The part of a text file that is ours, between two marker lines; every byte outside stays as it is."""

from __future__ import annotations

import re
from typing import Final

from ..errors import ConfigInvalid

BEGIN: Final = "# >>> envtasks"
END: Final = "# <<< envtasks"
NOTE: Final = " (written by `inv ci.render`; what stands between these lines is replaced)"
_MARK: Final = re.compile(rf"^([ \t]*)({re.escape(BEGIN)}|{re.escape(END)})(?=[ \t(]|\r?$).*$", re.MULTILINE)


def wrapped(content: str, *, indent: str = "", newline: str = "\n") -> str:
    """The content between its markers, every line indented."""
    lines = [BEGIN + NOTE, *content.rstrip("\n").split("\n"), END]
    return newline.join(indent + line if line else "" for line in lines) + newline


def find(text: str, label: str) -> tuple[int, int, str] | None:
    """Where the region begins and ends and how deep it stands; None if there is none. Raises ConfigInvalid."""
    marks = list(_MARK.finditer(text))
    if not marks:
        return None
    kinds = [mark[2] for mark in marks]
    if kinds != [BEGIN, END]:
        wrong = marks[2] if kinds[:2] == [BEGIN, END] else marks[1] if len(kinds) > 1 else marks[0]
        number = text.count("\n", 0, wrong.start()) + 1
        raise ConfigInvalid(
            f"{label}:{number}: the marker {wrong[2]!r} has no partner, or is one too many.",
            hint=f"leave one line {BEGIN!r} and, after it, one line {END!r}",
        )
    end = text.find("\n", marks[1].end())
    return marks[0].start(), len(text) if end < 0 else end + 1, marks[0][1]


def replace(text: str, content: str, label: str) -> str | None:
    """The text with the region's content replaced; None if it has no region. Raises ConfigInvalid."""
    found = find(text, label)
    if found is None:
        return None
    start, end, indent = found
    newline = newline_of(text)
    region = wrapped(content, indent=indent, newline=newline)
    if not text[start:end].endswith("\n"):
        region = region.removesuffix(newline)  # the file ended without one
    return text[:start] + region + text[end:]


def newline_of(text: str) -> str:
    """The line end that a text uses."""
    return "\r\n" if "\r\n" in text else "\n"
