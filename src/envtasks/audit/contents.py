"""The search through a sequence of bytes that passes by once, in windows that overlap by what a search has to see."""

from __future__ import annotations

from typing import Final

from .ledger import Ledger, Place
from .members import Members
from .search import Search

WINDOW: Final = 1 << 20
_MANY: Final = 4


class Buffers:
    """Windows to use again: making one costs more than searching a small file."""

    def __init__(self, reach: int) -> None:
        self.size = WINDOW + 2 * reach
        self._free: list[memoryview] = []

    def take(self) -> memoryview:
        """A window, with anything in it."""
        return self._free.pop() if self._free else memoryview(bytearray(self.size))

    def give(self, window: memoryview) -> None:
        """Give one back."""
        self._free.append(window)


class Contents:
    """Searches what it is fed and notes what is found, in a member of an archive (`members`) or in one file."""

    def __init__(
        self,
        search: Search,
        ledger: Ledger,
        buffers: Buffers,
        *,
        blob: str,
        path: str,
        via: str,
        members: Members | None,
    ) -> None:
        self._search = search
        self._ledger = ledger
        self._buffers = buffers
        self._blob, self._path, self._via = blob, path, via
        self._members = members
        self._window = buffers.take()
        self._base = 0  # the offset of the window's first byte
        self._used = 0
        self._done = 0  # everything before this offset has been searched

    def feed(self, data: memoryview) -> None:
        """Take the next bytes. Many at once are searched where they are, not copied into the window first."""
        both = 2 * self._search.reach
        if len(data) < _MANY * both:
            self._append(data)
            return
        begin = self._base + self._used
        if self._used:
            self._append(data[:both])
            self._look(self._window[: self._used], self._base, forget=begin)
        self._look(data, begin, forget=begin + len(data) - both)
        self._base, self._used = begin + len(data) - both, both
        self._window[:both] = data[-both:]

    def close(self) -> None:
        """Search the rest."""
        self._look(self._window[: self._used], self._base)
        if self._members is not None:
            self._members.close(self._base + self._used)
        self._buffers.give(self._window)

    def _append(self, data: memoryview) -> None:
        both = 2 * self._search.reach
        while data:
            piece = data[: len(self._window) - self._used]
            self._window[self._used : self._used + len(piece)] = piece
            self._used += len(piece)
            data = data[len(piece) :]
            if self._used == len(self._window):
                keep = self._used - both
                self._look(self._window, self._base, forget=self._base + keep)
                self._window[:both] = self._window[keep:]
                self._base, self._used = self._base + keep, both

    def _look(self, data: memoryview, base: int, *, forget: int | None = None) -> None:
        """Search `data`, which begin at the offset `base`, then forget what lies before another.

        Without such an offset they are the last.
        """
        final = forget is None
        if self._members is not None:
            self._members.walk(data, base, final=final)
        until = len(data) - (0 if final else self._search.reach)
        for hit in self._search.hits(data, self._done - base, until):
            place = self._members.place(base + hit.offset) if self._members else Place(self._path)
            form = f"{hit.form}, {self._via}" if self._via else hit.form
            self._ledger.add(self._blob, place, hit.kind, hit.variable, form)
        self._done = base + until
        if self._members is not None and forget is not None:
            self._members.slide(forget)
