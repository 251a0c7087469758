"""The search for many byte strings at once, of which redaction and the audit of images are made."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from .encodings import SHORTEST

# From common to rare in what programs print; what is not named here is rarer still.
_COMMON: Final = b" etaoinsr/lhd-.cumpf_:=g0,1\nvb2w3y(5)4k68x79TSEAIR'\"CNOPLMDjqzHBFGUWVKYXJQZ"
_RARITY: Final = bytes(_COMMON.find(byte) % 256 for byte in range(256))
"""Per byte, how rare it is: a table for `bytes.translate`. (`find` gives -1 for what is not named: 255.)"""

_ANCHOR: Final = 3
_FEW: Final = 8
"""Up to so many rare bytes a search for each (memchr) is faster than one for all of them."""
_LONG: Final = 128
"""Bytes. Beginnings of longer patterns are looked for one by one, as there are few of them."""

Span = tuple[int, int]
"""Where something begins and ends in the data."""


class Patterns:
    """Byte strings of at least 4 bytes, found wherever they are, in one pass over the data.

    Of each pattern one place is its anchor: three bytes, of which the first is rare in what programs print. The same
    few rare bytes serve all patterns, so a regular expression for them passes over nearly everything at the speed of
    C; at the rest, two look-ups in hash tables decide. It is made in time linear in the number of patterns.
    """

    __slots__ = ("_anchors", "_beginnings", "_long", "_patterns", "_searches")

    def __init__(self, patterns: Collection[bytes]) -> None:
        self._anchors, self._patterns = _anchors(frozenset(patterns))
        self._searches = _searches(self._anchors)
        self._beginnings: dict[bytes, list[bytes]] = {}
        for pattern in patterns:
            self._beginnings.setdefault(pattern[:SHORTEST], []).append(pattern)
        longest = {beginning: max(map(len, found)) for beginning, found in self._beginnings.items()}
        self._long = [(beginning, size) for beginning, size in longest.items() if size > _LONG]
        for beginning in longest:
            for size in range(1, SHORTEST):
                self._beginnings.setdefault(beginning[:size], [beginning])

    def occurrences(self, data: bytes) -> Iterator[Span]:
        """Where each pattern is, in no particular order; those that overlap as well."""
        for search in self._searches:
            for match in search.finditer(data):
                at = match.start()
                for offset, size in self._anchors.get(data[at : at + _ANCHOR], ()):
                    start, end = at - offset, at - offset + size
                    if start >= 0 and end <= len(data) and self._patterns.get(data[start:end]) == offset:
                        yield start, end

    def spans(self, data: bytes) -> list[Span]:
        """The stretches of data that patterns cover, in order; patterns that overlap are one stretch."""
        merged: list[Span] = []
        for start, end in sorted(self.occurrences(data)):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def undecided(self, data: bytes) -> int:
        """Where the longest ending of data begins that is the beginning, but not the whole, of a pattern."""
        size = len(data)
        for at in self._possible_beginnings(data):
            ending, patterns = data[at:], self._beginnings[data[at : at + SHORTEST]]
            if any(len(ending) < len(pattern) and pattern.startswith(ending) for pattern in patterns):
                return at
        return size

    def _possible_beginnings(self, data: bytes) -> Iterator[int]:
        """Where a pattern may begin of which data has too little to be the whole, in order."""
        size = len(data)
        near = max(0, size - _LONG)
        if near:
            yield from sorted(
                at
                for beginning, longest in self._long
                for at in _all(beginning, data, max(0, size - longest + 1), near + SHORTEST - 1)
            )
        for at in range(near, size):
            if data[at : at + SHORTEST] in self._beginnings:
                yield at


def _all(wanted: bytes, data: bytes, start: int, end: int) -> Iterator[int]:
    """Every place of one byte string in data[start:end]."""
    at = data.find(wanted, start, end)
    while at >= 0:
        yield at
        at = data.find(wanted, at + 1, end)


def _anchors(patterns: Iterable[bytes]) -> tuple[dict[bytes, set[tuple[int, int]]], dict[bytes, int]]:
    """For each anchor where it is in the patterns that have it, with their lengths; for each pattern where its is."""
    anchors: dict[bytes, set[tuple[int, int]]] = {}
    offsets: dict[bytes, int] = {}
    rare: list[bytes] = []
    for pattern in sorted(patterns, key=len):  # a short one has the least choice
        places = pattern[: 1 - _ANCHOR]
        at = next((at for byte in rare if (at := places.find(byte)) >= 0), -1)
        if at < 0:
            ranks = places.translate(_RARITY)
            at = ranks.index(max(ranks))
            rare.append(places[at : at + 1])
            rare.sort(key=lambda byte: byte.translate(_RARITY), reverse=True)
        anchors.setdefault(pattern[at : at + _ANCHOR], set()).add((at, len(pattern)))
        offsets[pattern] = at
    return anchors, offsets


def _searches(anchors: Iterable[bytes]) -> list[re.Pattern[bytes]]:
    """Regular expressions for the first bytes of anchors that have the second byte of one behind them."""
    following: dict[bytes, set[bytes]] = {}
    for anchor in anchors:
        following.setdefault(anchor[:1], set()).add(re.escape(anchor[1:2]))
    searches = [
        re.escape(first) + b"(?=[" + b"".join(sorted(second)) + b"])" for first, second in following.items()
    ]
    if len(searches) > _FEW:
        searches = [b"|".join(searches)]
    return [re.compile(search, re.DOTALL) for search in searches]
