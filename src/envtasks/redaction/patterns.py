"""The search for many byte strings at once, of which redaction and the audit of images are made."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from .percent import Decoded, percent_decoded, place_in, without_cut_off
from .values import SHORTEST
from .wrapped import BREAKS, INTACT, LETTERS, Span, end_of, last_lines, three_letters

# From common to rare in what programs print; what is not named here is rarer still.
_COMMON: Final = b" etaoinsr/lhd-.cumpf_:=g0,1\nvb2w3y(5)4k68x79TSEAIR'\"CNOPLMDjqzHBFGUWVKYXJQZ"
_RARITY: Final = bytes(_COMMON.find(byte) % 256 for byte in range(256))
"""Per byte, how rare it is: a table for `bytes.translate`. (`find` gives -1 for what is not named: 255.)"""

_ANCHOR: Final = 3
_FIRST: Final = INTACT - 1
"""Letters of base64 text: a break behind one of them leaves them alone, and the rest is found by itself."""
_BREAK: Final = rb"(?<=[A-Za-z0-9+/_-]{3})(?:\s|\\[nr])++"
"""A break within an anchor, so not before the fourth letter of base64 text."""
_FEW: Final = 8
"""Up to so many rare bytes a search for each (memchr) is faster than one for all of them."""
_LONG: Final = 128
"""Bytes. Beginnings of longer patterns are looked for one by one, as there are few of them."""
_TWICE: Final = 2
"""Percent-encoded text is decoded so often."""

_ESCAPE: Final = 5
"""Bytes of what is percent-encoded twice."""
_WINDOW: Final = 64
"""Letters of base64 text among which its anchor is, as line breaks may be before it."""
_WIDEST_BREAK: Final = 256
"""Bytes of breaks before an anchor."""


class Patterns:
    """Byte strings of at least 4 bytes, found wherever they are, in one pass over the data.

    `spans` and `undecided` find them also percent-encoded, any byte of them, once or twice; those of `base64` in lines.

    Of each pattern one place is its anchor: three bytes, of which the first is rare in what programs print. The same
    few rare bytes serve all patterns, so a regular expression for them passes over nearly everything at the speed of C;
    at the rest, two look-ups in hash tables decide. It is made in time linear in the number of patterns. A break in
    the anchor of base64 is passed over. What is percent-encoded is decoded and searched once more.
    """

    __slots__ = (
        "_anchors",
        "_base64",
        "_beginnings",
        "_long",
        "_longest",
        "_patterns",
        "_searches",
        "_wrapped",
    )

    def __init__(self, patterns: Collection[bytes], *, base64: Collection[bytes] = ()) -> None:
        anchors = _Anchors(frozenset(patterns) | frozenset(base64), frozenset(base64))
        self._anchors, self._wrapped, self._patterns = anchors.found, anchors.wrapped, anchors.offsets
        self._searches = _searches({*self._anchors, *self._wrapped})
        rests = [text[_FIRST:] for text in base64 if len(text) >= _FIRST + INTACT]
        self._base64 = _beginnings([*base64, *rests])
        self._beginnings = _beginnings([*self._patterns, *rests])
        longest = {beginning: max(map(len, found)) for beginning, found in self._beginnings.items()}
        self._longest = max(longest.values(), default=0)
        self._long = [(beginning, size) for beginning, size in longest.items() if size > _LONG]
        for beginning in longest:
            for size in range(1, SHORTEST):
                self._beginnings.setdefault(beginning[:size], [beginning])

    def occurrences(self, data: bytes) -> Iterator[Span]:
        """Where each pattern is as it is, in no particular order; those that overlap as well."""
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
        for start, end in sorted(self._everywhere(data, _TWICE)):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _everywhere(self, data: bytes, levels: int) -> Iterator[Span]:
        """The occurrences, those in lines too, and those in what is percent-encoded up to so many times."""
        anchors, patterns, size = self._anchors, self._patterns, len(data)
        for search in self._searches:
            searched: dict[tuple[int, bytes], int] = {}
            for match in search.finditer(data):
                at = match.start()
                anchor = data[at : at + _ANCHOR]
                if found := anchors.get(anchor):
                    for offset, length in found:
                        start, end = at - offset, at - offset + length
                        if start >= 0 and end <= size and patterns.get(data[start:end]) == offset:
                            yield start, end
                elif anchor.isalnum() or data[max(0, at - _FIRST) : at].strip(LETTERS):
                    continue  # no break is within the first letters of base64 text
                yield from self._in_lines(data, at, anchor, searched)
        if levels and b"%" in data:
            decoded = Decoded(data, reach=self._longest)
            for start, end in self._everywhere(decoded.text, levels - 1):
                yield decoded.place(start), decoded.place(end)

    def _in_lines(
        self, data: bytes, at: int, anchor: bytes, searched: dict[tuple[int, bytes], int]
    ) -> Iterator[Span]:
        """Base64 text in lines whose anchor, perhaps with a break in it, is at `at`.

        `searched` is how far earlier anchors came: where a text repeats itself they are close together.
        """
        after = at + _ANCHOR
        if not anchor.isalnum():
            anchor, after = three_letters(data, at)
        following = data[after : after + 1]
        if following not in BREAKS:
            anchor += following
        for offset, beginning in self._wrapped.get(anchor, ()):
            low, high = max(0, at - _WIDEST_BREAK - offset), at - offset + len(beginning)
            low = max(low, searched.get((offset, beginning), 0))
            searched[offset, beginning] = high - len(beginning) + 1
            for start in _all(beginning, data, low, high):
                for text in self._base64[beginning]:
                    if len(data) - start < len(text):
                        continue
                    end, missing = end_of(text, data, start)
                    if end >= 0 and not missing:
                        yield start, end

    def undecided(self, data: bytes) -> int:
        """Where the longest ending of data begins that is the beginning, but not the whole, of a pattern."""
        return self._undecided(data, _TWICE)

    def _undecided(self, data: bytes, levels: int) -> int:
        found = min(self._undecided_as_it_is(data), self._undecided_lines(data))
        rest = data[-_ESCAPE * self._longest :] if levels and self._longest else b""
        if b"%" in rest:
            begin, whole = len(data) - len(rest), without_cut_off(rest)
            at = self._undecided(percent_decoded(whole), levels - 1)
            at = place_in(whole, at)
            if at < len(rest):
                return min(found, begin + at)
        return found

    def _undecided_as_it_is(self, data: bytes) -> int:
        for at in self._possible_beginnings(data):
            ending, patterns = data[at:], self._beginnings[data[at : at + SHORTEST]]
            if any(len(ending) < len(pattern) and pattern.startswith(ending) for pattern in patterns):
                return at
        return len(data)

    def _undecided_lines(self, data: bytes) -> int:
        for at in range(last_lines(data, 2 * self._longest), len(data)):
            for text in self._base64.get(data[at : at + INTACT], ()):
                if end_of(text, data, at)[1]:
                    return at
        return len(data)

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


def _beginnings(patterns: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for pattern in patterns:
        found.setdefault(pattern[:SHORTEST], []).append(pattern)
    return found


class _Anchors:
    """Chooses the anchors, with the same few rare bytes for all patterns.

    `found` has the anchors, and for each where it is in the patterns that have it, with their lengths; `offsets` has
    where it is by pattern. `wrapped` has the anchors of base64 text in lines, also with the letter behind them, and for
    each where it is, and how the text begins.
    """

    def __init__(self, patterns: frozenset[bytes], base64: frozenset[bytes]) -> None:
        self.found: dict[bytes, set[tuple[int, int]]] = {}
        self.wrapped: dict[bytes, set[tuple[int, bytes]]] = {}
        self.offsets: dict[bytes, int] = {}
        self._rare: list[bytes] = []
        # signs are rare but of no use for base64, which comes first therefore; a short pattern has the least choice
        for text in sorted(base64, key=len):
            self._add_wrapped(text)
        for pattern in sorted(patterns - base64, key=len):
            self._add(self._choose(pattern, 0, len(pattern)), pattern)

    def _add(self, at: int, pattern: bytes) -> None:
        self.offsets[pattern] = at
        self.found.setdefault(pattern[at : at + _ANCHOR], set()).add((at, len(pattern)))

    def _add_wrapped(self, text: bytes) -> None:
        """One anchor with a letter behind it, for the text and for its rest behind a break after its first letters."""
        long = len(text) >= _FIRST + INTACT
        at = (
            self._choose(text, _FIRST, min(len(text) - 1, _WINDOW)) if long else self._choose(text, 0, INTACT)
        )
        self._add(at, text)
        for begin in (0, _FIRST) if long else (0,):
            self._add_at(at, text, begin)

    def _add_at(self, at: int, text: bytes, begin: int) -> None:
        for size in (_ANCHOR, _ANCHOR + 1):
            entries = self.wrapped.setdefault(text[at : at + size], set())
            entries.add((at - begin, text[begin : begin + INTACT]))

    def _existing(self, pattern: bytes, low: int, high: int) -> int:
        for byte in self._rare:
            at = pattern.find(byte, low, high - _ANCHOR + 1)
            if at >= 0:
                return at
        return -1

    def _choose(self, pattern: bytes, low: int, high: int) -> int:
        """Where an anchor within a part of a pattern begins."""
        at = self._existing(pattern, low, high)
        if at < 0:
            ranks = pattern[low : high - _ANCHOR + 1].translate(_RARITY)
            at = low + ranks.index(max(ranks))
            self._rare.append(pattern[at : at + 1])
            self._rare.sort(key=lambda byte: byte.translate(_RARITY), reverse=True)
        return at


def _searches(anchors: Iterable[bytes]) -> list[re.Pattern[bytes]]:
    """Regular expressions for the first bytes of anchors with a second one behind them, perhaps behind a break."""
    following: dict[bytes, set[bytes]] = {}
    for anchor in anchors:
        following.setdefault(anchor[:1], set()).add(re.escape(anchor[1:2]))
    searches = []
    for first, second in following.items():
        behind = b"[" + b"".join(sorted(second)) + b"]"
        searches.append(re.escape(first) + b"(?=" + behind + b"|" + _BREAK + behind + b")")
    if len(searches) > _FEW:
        searches = [b"|".join(searches)]
    return [re.compile(search, re.DOTALL) for search in searches]
