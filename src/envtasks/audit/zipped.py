"""The members of a zip archive (wheels and jars are some), from their own headers: its directory comes at the end."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from .members import Sink
from .packed import Allowance, Unpackable, raw_deflate, unpack

MAGIC: Final = b"PK\x03\x04"

# magic, flags, method, packed size, size, length of the name and of the extra fields
_HEADER: Final = struct.Struct("<4s2xHH4x4xLLHH")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZE_FOLLOWS, _UTF8 = 1, 8, 0x800
_UNKNOWN: Final = 0xFFFFFFFF
_MOST_BEFORE: Final = 4096  # a script may stand in front of the archive

Opener = Callable[[str, bool], Sink | None]
"""Given a member's name and whether it is stored as it is: who takes its bytes, if anyone."""


class Zip:
    """Takes the bytes of a zip archive and opens its members. `failed` is told which cannot be read, and why."""

    def __init__(self, opener: Opener, allowance: Allowance, failed: Callable[[str, str], None]) -> None:
        self._open = opener
        self._allowance = allowance
        self._failed = failed
        self._buffer = bytearray()
        self._state: Callable[[], bool] = self._find
        self._codec: Any = None
        self._sink: Sink | None = None
        self._name = ""
        self._left = 0
        self._sized = True

    def feed(self, data: memoryview) -> None:
        """Take the next bytes."""
        if self._state == self._over:
            return
        self._buffer += data
        try:
            while self._state():
                pass
        except Unpackable as failure:
            self._failed(self._name, str(failure))
            self._state = self._over
        if self._state == self._over:
            self._buffer.clear()

    def close(self) -> None:
        """That was all."""
        if self._state in (self._unpack, self._store):
            self._failed(self._name, "it ends too early")
        elif self._state in (self._header, self._descriptor):
            self._failed("", "it ends too early")
        self._end()

    def _over(self) -> bool:
        return False

    def _find(self) -> bool:
        """Whatever stands before the first member is passed over."""
        at = self._buffer.find(MAGIC)
        if at < 0:
            if len(self._buffer) > _MOST_BEFORE:
                self._state = self._over
            return False
        del self._buffer[:at]
        self._state = self._header
        return True

    def _header(self) -> bool:
        if len(self._buffer) < _HEADER.size:
            return False
        magic, flags, method, packed, _size, name, extra = _HEADER.unpack_from(self._buffer)
        if magic != MAGIC:  # the directory begins
            self._state = self._over
            return False
        body = _HEADER.size + name + extra
        if len(self._buffer) < body:
            return False
        encoding = "utf-8" if flags & _UTF8 else "cp437"
        self._name = self._buffer[_HEADER.size : _HEADER.size + name].decode(encoding, "replace")
        self._left = _long_size(self._buffer[_HEADER.size + name : body]) if packed == _UNKNOWN else packed
        self._sized = not flags & _SIZE_FOLLOWS
        del self._buffer[:body]
        self._start(flags, method)
        return True

    def _start(self, flags: int, method: int) -> None:
        readable = not flags & _ENCRYPTED and method in (_STORED, _DEFLATED)
        if not readable:
            self._failed(
                self._name, "encrypted" if flags & _ENCRYPTED else f"compression method {method} of zip"
            )
        else:
            self._sink = self._open(self._name, method == _STORED)
        if method == _DEFLATED and readable:
            self._codec, self._state = raw_deflate(), self._unpack
        elif self._sized:
            self._state = self._store
        else:  # nobody knows where it ends: the next sign of a member will tell
            self._end()
            self._state = self._find

    def _unpack(self) -> bool:
        with memoryview(self._buffer) as data:
            used = unpack(self._codec, data, self._sink or _NOBODY, self._allowance)
        del self._buffer[:used]
        if not self._codec.eof:
            return False
        self._end()
        self._state = self._header if self._sized else self._descriptor
        return True

    def _store(self) -> bool:
        piece = min(self._left, len(self._buffer))
        if piece and self._sink is not None:
            with memoryview(self._buffer) as data, data[:piece] as part:
                self._sink.feed(part)
        del self._buffer[:piece]
        self._left -= piece
        if self._left:
            return False
        self._end()
        self._state = self._header
        return True

    def _descriptor(self) -> bool:
        """Checksum and sizes after a member, of 32 or 64 bits, with or without a sign of their own."""
        if len(self._buffer) < 28:
            return False
        for size in (16, 12, 24, 20):
            if self._buffer[size : size + 2] == b"PK":
                del self._buffer[:size]
                break
        self._state = self._header
        return True

    def _end(self) -> None:
        self._codec = None
        if self._sink is not None:
            self._sink.close()
            self._sink = None


class _Nobody:
    def feed(self, data: memoryview) -> None: ...

    def close(self) -> None: ...


_NOBODY: Final = _Nobody()


def _long_size(extra: bytes | bytearray) -> int:
    """The packed size of a member of 4 GiB or more: second number of the extra field 1."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == 1 and size >= 16:
            return int.from_bytes(extra[at + 12 : at + 20], "little")
        at += 4 + size
    return 0
