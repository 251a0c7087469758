"""The members of a tar archive, told while its bytes pass by: one step per header, nothing per byte."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final, Protocol

from . import header as tar
from .header import BLOCK, Damaged
from .ledger import Place
from .patterns import SIGNS

PEEK: Final = 16
"""Bytes of a member that are shown before it is decided what to do with it."""

_MOST_EXTENDED: Final = 1 << 20
_ZERO: Final = ord("0")  # the first digit of what is smaller than 1 GiB
_PAX_FIELDS: Final = {"path": "file name", "GNU.sparse.name": "file name", "linkpath": "link"}
_LATER: Final = "(the path is in the next header)"


class Sink(Protocol):
    """Takes the bytes of something, piece by piece."""

    def feed(self, data: memoryview) -> None:
        """Take the next bytes; they are only lent."""

    def close(self) -> None:
        """That was all."""


class Visitor(Protocol):
    """Is told of members. Files whose first two bytes are not among `beginnings` are not offered to `opened`."""

    @property
    def beginnings(self) -> frozenset[bytes] | None:
        """The first two bytes of interesting files; None if all are."""

    def opened(self, path: str, size: int, head: bytes) -> Sink | None:
        """A file begins: who takes its bytes, if anyone."""

    def named(self, path: str, *, whole: bool) -> None:
        """The path of a file or link; not `whole` if its bytes do not stand in one piece in the archive."""

    def linked(self, path: str, target: str) -> None:
        """A link and where it points."""

    def damaged(self, path: str, reason: str) -> None:
        """The archive cannot be followed any more; `path` is the last member that could."""


@dataclass(slots=True)
class _Member:
    start: int
    data: int
    end: int
    place: Place
    kind: int
    extended: bytes = b""


@dataclass(slots=True)
class _Ahead:
    """What extended headers say of the member that comes next, and these headers."""

    path: str | None = None
    link: str | None = None
    size: int | None = None
    headers: list[_Member] = field(default_factory=list)


@dataclass(slots=True)
class _Extended:
    """Takes the content of an extended header."""

    member: _Member
    ahead: _Ahead
    content: bytearray = field(default_factory=bytearray)

    def feed(self, data: memoryview) -> None:
        if len(self.content) + len(data) <= _MOST_EXTENDED:
            self.content += data

    def close(self) -> None:
        self.member.extended = bytes(self.content)
        if self.member.kind in tar.LONG:
            text = self.content.split(b"\0", 1)[0].decode("utf-8", "replace")
            if self.member.kind == tar.LONG_PATH:
                self.ahead.path = text
            else:
                self.ahead.link = text
        elif self.member.kind == tar.PAX:
            told = {name: value for name, (value, _) in tar.records(self.member.extended).items()}
            self.ahead.path = told.get("GNU.sparse.name", told.get("path", self.ahead.path))
            self.ahead.link = told.get("linkpath", self.ahead.link)
            self.ahead.size = int(told["size"]) if told.get("size", "").isdigit() else self.ahead.size


class Members:
    """Follows the headers of an archive; offsets are counted from its beginning.

    `walk` gets one window of it after the other (they may overlap); `place` tells what is at an offset of the last one.
    """

    def __init__(self, visitor: Visitor, *, prefix: str = "") -> None:
        self.lost = False
        self._visitor = visitor
        self._prefix = prefix
        # where all headers of the window begin; what else they say is read when asked for, but for the known ones
        self._starts: list[int] = []
        self._known: dict[int, _Member] = {}
        self._next = self._data_end = self._fed = 0
        self._sink: Sink | None = None
        self._ahead = _Ahead()
        self._sparse: int | None = None
        self._zeros = 0
        self._data, self._base = memoryview(b""), 0

    def walk(self, data: memoryview, base: int, *, final: bool) -> None:
        """Follow the archive through a window whose first byte is at `base`; `final` if nothing comes after it."""
        self._data, self._base = data, base
        self._pass_on()
        last = len(data) - BLOCK - (0 if final else PEEK)
        while not self.lost:
            self._run_along_files(last)
            if self._next - base > last:
                return
            self._step(self._next - base)
            self._pass_on()

    def place(self, offset: int) -> Place:
        """What lies at an offset of the last window: the path of the member, and which part of it."""
        index = bisect_right(self._starts, offset) - 1
        if index < 0:
            return Place(self._prefix.removesuffix("!"))
        member = self._member(self._starts[index])
        if member.kind in tar.EXTENDED:
            member.place.where = _field_of_extended(member, offset - member.data)
            return member.place
        if offset < member.data:
            return Place(member.place.path, tar.field_at(offset - member.start))
        return Place(member.place.path, "file content" if offset < member.end else "after the file's end")

    def slide(self, base: int) -> None:
        """Forget what lies before the offset `base`."""
        del self._starts[: max(0, bisect_right(self._starts, base) - 1)]
        if self._starts and self._starts[0] < base:
            self._known[self._starts[0]] = self._member(self._starts[0])
        if self._known:
            self._known = {start: member for start, member in self._known.items() if start >= self._starts[0]}
        self._data = memoryview(b"")  # it was only lent

    def close(self, end: int) -> None:
        """The archive has ended at the offset `end`."""
        if not self.lost and self._data_end > end:
            self._give_up("the archive ends in the middle of this file")
        if self._sink is not None:
            self._sink.close()
            self._sink = None
        self._data = memoryview(b"")

    def _run_along_files(self, last: int) -> None:
        """As long as there are just files of no interest: as few steps as possible for each."""
        beginnings = self._visitor.beginnings
        if self._ahead.headers or self._sparse is not None or beginnings is None:
            return
        data, base, starts, unpack = self._data, self._base, self._starts, tar.GLANCE.unpack_from
        at, end, ordinary, env, keys = self._next - base, self._data_end, tar.ORDINARY, *SIGNS
        while at <= last - PEEK:
            name, size, kind, magic, prefix, beginning = unpack(data, at)
            if (
                kind not in ordinary
                or prefix
                or beginning in beginnings
                or env in name
                or keys in name
                or magic != b"ustar"
                or size[0] != _ZERO
            ):
                break
            starts.append(base + at)
            try:
                length = int(size, 8)
            except ValueError:
                break
            at += BLOCK
            end = base + at + length
            at += (length + 511) & -BLOCK
        self._next, self._data_end = base + at, end

    def _step(self, at: int) -> None:
        header, start = self._data[at : at + BLOCK], self._base + at
        if self._sparse is not None:
            # a block with more of a sparse file's map; its data come after the last one
            if header[504]:
                self._next = start + BLOCK
            else:
                self._extent(start, self._sparse)
                member = self._known[self._starts[-1]]
                member.data, member.end = start + BLOCK, self._data_end
                self._sparse = None
        elif tar.is_end(header):
            self._zeros += 1
            self._next = start + BLOCK
            self.lost = self._zeros == 2  # the end; what comes after is in no archive
        else:
            self._zeros = 0
            try:
                size = tar.size_of(header)
            except Damaged:
                self._give_up(f"the archive cannot be read from byte {start} on")
                return
            self._begin(header, start, size)

    def _begin(self, header: memoryview, start: int, size: int) -> None:
        kind = header[156]
        if kind in tar.EXTENDED:
            member = _Member(start, start + BLOCK, start + BLOCK + size, Place(_LATER), kind)
            self._ahead.headers.append(member)
            self._known[start] = member
            self._sink = _Extended(member, self._ahead)
        else:
            ahead, self._ahead = self._ahead, _Ahead()
            size = 0 if kind in tar.WITHOUT_DATA else size if ahead.size is None else ahead.size
            path = ahead.path or tar.path_of(header)
            member = _Member(start, start + BLOCK, start + BLOCK + size, Place(self._named(path)), kind)
            for before in ahead.headers:
                before.place.path = member.place.path
            if ahead.headers:
                self._known[start] = member
            self._tell(header, member, ahead, path)
        self._starts.append(start)
        self._extent(start, size)
        if kind == tar.SPARSE and header[482]:
            self._known[start] = member
            self._sparse, self._next = size, start + BLOCK

    def _tell(self, header: memoryview, member: _Member, ahead: _Ahead, path: str) -> None:
        if member.kind == tar.FOLDER:
            return
        self._visitor.named(member.place.path, whole=bool(ahead.path) or not header[345])
        if member.kind in tar.LINKS:
            self._visitor.linked(path, ahead.link or tar.link_of(header))
        elif member.end > member.data:
            at = member.data - self._base
            head = self._data[at : at + PEEK].tobytes()
            if self._visitor.beginnings is None or head[:2] in self._visitor.beginnings:
                self._sink = self._visitor.opened(member.place.path, member.end - member.data, head)

    def _extent(self, start: int, size: int) -> None:
        """The block at `start` is followed by so many bytes of data."""
        self._fed, self._data_end = start + BLOCK, start + BLOCK + size
        self._next = start + BLOCK + (size + 511 & -BLOCK)

    def _pass_on(self) -> None:
        if self._sink is None:
            return
        begin = self._fed - self._base
        piece = self._data[begin : self._data_end - self._base]
        if piece:
            self._sink.feed(piece)
            self._fed += len(piece)
        if self._fed >= self._data_end:
            self._sink.close()
            self._sink = None

    def _give_up(self, reason: str) -> None:
        self.lost = True
        last = self._member(self._starts[-1]).place.path if self._starts else self._prefix.removesuffix("!")
        self._visitor.damaged(last, reason)

    def _member(self, start: int) -> _Member:
        if start in self._known:
            return self._known[start]
        header = self._data[start - self._base : start - self._base + BLOCK]
        size = tar.size_of(header) if header[156] not in tar.WITHOUT_DATA else 0
        place = Place(self._named(tar.path_of(header)))
        return _Member(start, start + BLOCK, start + BLOCK + size, place, header[156])

    def _named(self, path: str) -> str:
        return self._prefix + path.removeprefix("./").removeprefix("/")


def _field_of_extended(member: _Member, offset: int) -> str:
    if member.kind in tar.LONG:
        return "file name" if member.kind == tar.LONG_PATH else "link"
    for name, (_, end) in tar.records(member.extended).items():
        if offset < end:
            return _PAX_FIELDS.get(name, "extended attribute")
    return "extended attribute"
