"""Percent-encoded text, decoded for a search, and where what is found there stands in the data."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from typing import Final

_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_CUT_OFF: Final = re.compile(rb"%[0-9A-Fa-f]?\Z")
_SEPARATOR: Final = b"\0"
"""What stands between two stretches: no value has it."""


class _Bytes(dict[bytes, bytes]):
    """For what follows a per cent sign, the byte that it encodes, or both as they are."""

    def __missing__(self, digits: bytes) -> bytes:
        escape = b"%" + digits
        self[digits] = bytes.fromhex(digits.decode()) if _ESCAPE.fullmatch(escape) else escape
        return self[digits]


_BYTES: Final = _Bytes()


def percent_decoded(data: bytes) -> bytes:
    """The data with all percent-encoded bytes decoded, once."""
    first, *others = data.split(b"%")
    return first + b"".join([_BYTES[other[:2]] + other[2:] for other in others])


class Decoded:
    """The stretches of data that have percent-encoded bytes, with `reach` bytes before and after, decoded.

    `text` is all of them, apart; `place` tells where in the data a place of it is.
    """

    __slots__ = ("_begins", "_ends", "_raw", "text")

    def __init__(self, data: bytes, *, reach: int) -> None:
        texts: list[bytes] = []
        self._raw: list[tuple[int, bytes]] = []
        self._begins: list[int] = []
        self._ends: dict[int, list[int]] = {}
        size = end = 0
        for dense in _dense(reach).finditer(data):
            low, end = max(end, dense.start() - reach), dense.end() + reach
            raw = data[low:end]
            texts.append(percent_decoded(raw))
            self._raw.append((low, raw))
            self._begins.append(size)
            size += len(texts[-1]) + len(_SEPARATOR)
        self.text = _SEPARATOR.join(texts)

    def place(self, at: int) -> int:
        """The place in the data of a place in `text`, also of the end of something there."""
        number = bisect_right(self._begins, at) - 1
        low, raw = self._raw[number]
        if number not in self._ends:
            self._ends[number] = _ends(raw)
        at -= self._begins[number]
        return low + at + 2 * bisect_right(self._ends[number], at)


def place_in(raw: bytes, at: int) -> int:
    """The place in data of a place in what they are when they are decoded."""
    return at + 2 * bisect_right(_ends(raw), at)


def _ends(raw: bytes) -> list[int]:
    """Where each decoded byte ends, when the data are decoded."""
    return [escape.end() - 2 * number for number, escape in enumerate(_ESCAPE.finditer(raw), 1)]


@lru_cache
def _dense(reach: int) -> re.Pattern[bytes]:
    """From a percent-encoded byte to the last per cent sign before so many bytes without one."""
    return re.compile(rb"%%[0-9A-Fa-f]{2}(?:[^%%]{0,%d}+%%)*+" % (2 * reach + 2))


def without_cut_off(data: bytes) -> bytes:
    """The data without an ending that may become a percent-encoded byte."""
    return _CUT_OFF.sub(b"", data)
