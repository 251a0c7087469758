"""Base64 text in lines: between its letters there may be white space, or the `\\n` of a JSON text."""

from __future__ import annotations

import re
from typing import Final

INTACT: Final = 4
"""Letters at the beginning of base64 text that stand in one line."""
SHORTEST_LINE: Final = 16
"""Letters of a line between two breaks."""
LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
BREAKS: Final = b" \t\n\v\f\r\\"
"""The bytes that a break begins with."""

_STEP: Final = 64
"""Letters that are compared at once: where text differs, what follows is not searched for a break."""
_BREAK: Final = re.compile(rb"(?:\s|\\[nr])+")
_THREE_LETTERS: Final = re.compile(
    rb"([^\s\\])%(break)s([^\s\\])%(break)s([^\s\\])" % {b"break": rb"(?:\s|\\[nr])*+"}
)
_LAST_LINES: Final = re.compile(
    # read backwards: a last line that may be empty, whole lines, and the first one; or a line and half of a `\n`
    rb"\\?%(letter)s*(?:%(break)s%(letter)s{16,})*%(break)s%(letter)s+|\\%(letter)s+"
    % {b"letter": rb"[A-Za-z0-9+/_-]", b"break": rb"(?:\s|[nr]\\)+"}
)

Span = tuple[int, int]
"""Where something begins and ends in the data."""


def end_of(text: bytes, data: bytes, at: int) -> tuple[int, int]:
    """Where the base64 text ends that begins at `at`, and how many letters are missing where the data end.

    The end is -1 if something else stands there.
    """
    if data.startswith(text, at):
        return at + len(text), 0
    end = len(data) - data.endswith(b"\\")  # which may be half of a break
    done, line, shortest = 0, 0, INTACT
    while done < len(text):
        step = text[done : done + _STEP]
        if data.startswith(step, at):
            at, done, line = at + len(step), done + len(step), line + len(step)
            continue
        found = _BREAK.search(data, at, at + len(step) + 1)
        size = min(found.start() if found else end, at + len(step)) - at
        if data[at : at + size] != step[:size]:
            return -1, 0
        if not found:
            return at + size, len(text) - done - size
        if line + size < shortest:
            return -1, 0
        found = _BREAK.match(data, found.start()) or found
        at, done, line, shortest = found.end(), done + size, 0, SHORTEST_LINE
    return at, 0


def last_lines(data: bytes, reach: int) -> int:
    """Where the lines of base64 letters begin that data end with; the end of data if they end in the first line."""
    found = _LAST_LINES.match(data[: -reach - 1 : -1])
    return len(data) - found.end() if found else len(data)


def three_letters(data: bytes, at: int) -> tuple[bytes, int]:
    """The next three letters without the breaks between them, and where they end."""
    found = _THREE_LETTERS.match(data, at)
    return (b"".join(found.groups()), found.end()) if found else (b"", at)
