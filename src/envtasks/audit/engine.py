"""Finding many byte strings at once: by hyperscan (extra `docker`), else by the search of `redaction`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    import hyperscan

Finder = Callable[[memoryview], list[tuple[int, int]]]
"""Gives (index of the string, where it ends) for every occurrence, also overlapping ones."""
HexFinder = Callable[[memoryview], list[int] | None]
"""Gives where 64 hexadecimal digits in a row end, of a longer run only once or twice; None if that may be anywhere."""

_DIGITS: Final = re.compile(rb"[0-9a-fA-F]*")


def finder(strings: Sequence[bytes], *, fast: bool = True) -> tuple[Finder, HexFinder, str]:
    """A function that finds the strings, one that finds 64 hexadecimal digits in a row, and the engine's name."""
    if fast:
        try:
            return (*_with_hyperscan(strings), "hyperscan")
        except ImportError:
            pass
    return _with_redaction(strings), lambda _data: None, "python"


def _with_hyperscan(strings: Sequence[bytes]) -> tuple[Finder, HexFinder]:
    import hyperscan

    def database(expressions: Sequence[bytes], *, literal: bool) -> hyperscan.Database:
        made = hyperscan.Database()
        size = len(expressions)
        made.compile(expressions, ids=range(size), elements=size, flags=[0] * size, literal=literal)
        return made

    literals = database(strings, literal=True)
    hexadecimal = database([rb"[0-9a-fA-F]{64}"], literal=False)

    def find(data: memoryview) -> list[tuple[int, int]]:
        hits: list[tuple[int, int]] = []
        literals.scan(
            cast(bytes, data), lambda index, _start, end, _flags, _context: hits.append((index, end))
        )
        return hits

    def find_hex(data: memoryview) -> list[int]:
        ends: list[int] = []
        start = 0

        def found(_index: int, _start: int, end: int, *_rest: object) -> bool:
            ends.append(start + end)
            # every further digit of a longer run would be a hit: end this scan, go on behind the run
            return len(ends) > 1 and ends[-2] + 1 == ends[-1]

        while True:
            try:
                hexadecimal.scan(cast(bytes, data[start:]), found)
            except hyperscan.ScanTerminated:
                run = _DIGITS.match(data, ends[-1])
                start = run.end() if run else ends[-1]
            else:
                return ends

    return find, find_hex


def _with_redaction(strings: Sequence[bytes]) -> Finder:
    from ..redaction import Patterns

    index = {string: number for number, string in enumerate(strings)}
    occurrences = Patterns(strings).occurrences

    def find(data: memoryview) -> list[tuple[int, int]]:
        whole = data.tobytes()
        return [(index[whole[start:end]], end) for start, end in occurrences(whole)]

    return find
