"""Who takes which bytes: what is packed is unpacked, an archive's members are told apart, all of it is searched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from .contents import Buffers, Contents
from .header import BLOCK, begins_archive
from .ledger import Ledger, Place
from .members import PEEK, Members, Sink
from .packed import BEGINNINGS, Allowance, Packed, format_of, unread_format
from .patterns import forbidden
from .search import Search
from .zipped import MAGIC, Zip

_SCRIPT: Final = b"#!"  # a zip archive may follow it
_BEGINNINGS: Final = BEGINNINGS | {MAGIC[:2], _SCRIPT}
_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """How far packed files are unpacked (bytes, levels), and how many unnamed numbers are tried as private keys."""

    file: int = _GIB
    files: int = 16 * _GIB
    layer: int = 256 * _GIB
    depth: int = 4
    keys: int = 1000


@dataclass(frozen=True, slots=True)
class Spot:
    """Something that bytes come from: a blob of the image, or a file in it, or in a packed file in it."""

    blob: str
    path: str = ""
    via: str = ""
    depth: int = 0
    allowance: Allowance | None = None

    def inside(self, path: str, via: str, allowance: Allowance) -> Spot:
        """What is packed in it."""
        return replace(
            self,
            path=path,
            via=f"{via}, {self.via}" if self.via else via,
            depth=self.depth + 1,
            allowance=allowance,
        )


class Opening:
    """Makes the sinks of one audit."""

    def __init__(self, search: Search, ledger: Ledger, limits: Limits) -> None:
        self.search = search
        self.ledger = ledger
        self._limits = limits
        self._buffers = Buffers(search.reach)
        self._whole = Allowance(
            limits.files, f"more than {_amount(limits.files)} in all packed files together"
        )

    def blob(self, name: str, failed: Callable[[str], None]) -> Sink:
        """Who takes a layer, packed or not. `failed` is told why, if it cannot be unpacked."""
        return Sniffing(lambda head: self._layer(Spot(name), head, failed))

    def contents(self, spot: Spot, head: memoryview) -> Sink:
        """Who takes bytes that are not packed themselves, and begin with `head`."""
        members = None
        if begins_archive(head):
            prefix = f"{spot.path}!" if spot.path else ""
            members = Members(Visits(self, spot), prefix=prefix)
        return Contents(
            self.search,
            self.ledger,
            self._buffers,
            blob=spot.blob,
            path=spot.path,
            via=spot.via,
            members=members,
        )

    def packed(self, spot: Spot, path: str, head: bytes) -> Sink | None:
        """Who takes a file that begins with `head` if it is packed, else None. What cannot be unpacked is noted."""
        name, unread = format_of(head), unread_format(head)
        zipped = head.startswith((MAGIC, _SCRIPT))
        if not (name or zipped or unread):
            return None
        if unread:
            self.ledger.gap(spot.blob, path, f"packed as {unread}, which is not unpacked")
            return None
        if spot.depth >= self._limits.depth:
            self.ledger.gap(spot.blob, path, f"packed more than {self._limits.depth} times")
            return None
        limit = self._limits.file
        allowance = spot.allowance or Allowance(
            limit, f"it unpacks to more than {_amount(limit)}", self._whole
        )

        def failed(reason: str) -> None:
            self.ledger.gap(spot.blob, path, reason)

        if name:
            inside = spot.inside(path, f"in {name}", allowance)
            return Packed(name, Sniffing(lambda head: self._unpacked(inside, head)), allowance, failed)
        return self._zip(spot.inside(path, "in zip", allowance))

    def look_at(self, spot: Spot, path: str, *, whole: bool = True) -> None:
        """Note a path that may not be there; search it, unless it stands whole in what is searched anyway."""
        kind = forbidden(path)
        if kind:
            self.ledger.add(spot.blob, Place(path, "file"), kind, form=spot.via)
        if not whole:
            for hit in self.search.text(path):
                self.ledger.add(spot.blob, Place(path, "file name"), hit.kind, hit.variable, hit.form)

    def _layer(self, spot: Spot, head: memoryview, failed: Callable[[str], None]) -> Sink:
        name = format_of(head[:PEEK].tobytes())
        if not name:
            return self.contents(spot, head)
        limit = Allowance(self._limits.layer, f"it unpacks to more than {_amount(self._limits.layer)}")
        return Packed(name, Sniffing(lambda head: self.contents(spot, head)), limit, failed)

    def _unpacked(self, spot: Spot, head: memoryview) -> Sink:
        return self.packed(spot, spot.path, head[:PEEK].tobytes()) or self.contents(spot, head)

    def _zip(self, spot: Spot) -> Sink:
        assert spot.allowance is not None

        def opened(name: str, stored: bool) -> Sink | None:
            path = f"{spot.path}!{name}"
            if name.endswith("/"):
                return None
            self.look_at(spot, path, whole=spot.depth == 1)
            member = replace(spot, path=path)
            if stored and spot.depth == 1:  # searched already as part of the file that the archive is
                return Sniffing(lambda head: self.packed(member, path, head[:PEEK].tobytes()) or _IGNORED)
            return Sniffing(lambda head: self._unpacked(member, head))

        def failed(name: str, reason: str) -> None:
            self.ledger.gap(spot.blob, f"{spot.path}!{name}" if name else spot.path, reason)

        return Zip(opened, spot.allowance, failed)


class Visits:
    """What is done about each member of a layer, or of an archive in one."""

    beginnings = _BEGINNINGS

    def __init__(self, opening: Opening, spot: Spot) -> None:
        self._opening = opening
        self._spot = spot

    def opened(self, path: str, size: int, head: bytes) -> Sink | None:  # noqa: ARG002 - others ask for the size
        """Packed files are unpacked; all others are searched where they stand."""
        return self._opening.packed(self._spot, path, head)

    def named(self, path: str, *, whole: bool) -> None:
        """Some paths may not be there."""
        self._opening.look_at(self._spot, path, whole=whole)

    def linked(self, path: str, target: str) -> None:
        """Where a link points is searched where it stands."""

    def damaged(self, path: str, reason: str) -> None:
        """What follows is still searched, without paths."""
        self._opening.ledger.gap(
            self._spot.blob, path, f"{reason}; what follows was searched, but not unpacked"
        )


class Sniffing:
    """Takes bytes and decides by the first of them who gets them all."""

    def __init__(self, choose: Callable[[memoryview], Sink]) -> None:
        self._choose = choose
        self._head = bytearray()
        self._sink: Sink | None = None

    def feed(self, data: memoryview) -> None:
        """Take the next bytes."""
        if self._sink is not None:
            self._sink.feed(data)
            return
        if not self._head and len(data) >= BLOCK:
            self._sink = self._choose(data)
            self._sink.feed(data)
            return
        missing = BLOCK - len(self._head)
        self._head += data[:missing]
        if len(self._head) == BLOCK:
            self._decide()
            self.feed(data[missing:])

    def close(self) -> None:
        """That was all."""
        if self._sink is None:
            self._decide()
        if self._sink is not None:
            self._sink.close()

    def _decide(self) -> None:
        with memoryview(self._head) as head:
            self._sink = self._choose(head)
            self._sink.feed(head)


class _Ignored:
    def feed(self, data: memoryview) -> None: ...

    def close(self) -> None: ...


_IGNORED: Final = _Ignored()


def _amount(size: int) -> str:
    return f"{size / _GIB:g} GiB" if size >= _GIB else f"{size:,} bytes"
