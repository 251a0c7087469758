"""Tar archives and compressed files, read by the standard library; damaged ones end in bounded time and memory."""

from __future__ import annotations

import math
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, Protocol, cast

BLOCK: Final = 512
CHUNK: Final = 1 << 20
COMPRESSED: Final = frozenset({"gzip", "bzip2", "xz", "zstd"})

_HEADERS: Final = 1 << 20
"""Bytes that the headers of one member of a tar archive may have."""
_PIECE: Final = 1 << 9
"""Bytes that are decompressed at a time."""
_MEMORY: Final = 1 << 25
"""Bytes of memory that a compressed file may ask for (xz, zstd)."""
_SIGNATURE: Final = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08[\x00-\x1f])|(?P<zstd>\x28\xb5\x2f\xfd)|(?P<xz>\xfd7zXZ\x00)"
    rb"|(?P<bzip2>BZh[1-9]1AY&SY)|(?P<zip>PK\x03\x04)|(?P<script>#!)|(?P<tar>.{257}ustar)"
    rb"|(?P<sevenz>7z\xbc\xaf\x27\x1c)|(?P<rar>Rar!\x1a\x07)|(?P<lz4>\x04\x22\x4d\x18)",
    re.DOTALL,
)


class Unreadable(Exception):
    """Something packed cannot be read, or not to its end; the text says why."""


class Damaged(Unreadable):
    """A tar archive is damaged or cut off."""


class LibraryMissing(Unreadable):
    """A library is needed that is not installed."""


class File(Protocol):
    """A file to read a part of."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""

    def seek(self, offset: int, /) -> int:
        """Move to an offset."""


class Part:
    """A part of a file as a file of its own, for reading; `allowed` is how many bytes may still be read."""

    def __init__(self, file: File, start: int, size: float) -> None:
        self.allowed = math.inf
        self.last = b""
        self._file, self._start, self._size = file, start, size
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises Unreadable if they are more than allowed."""
        left = max(0, self._size - self._at)
        wanted = left if size < 0 else min(size, left)
        self.allowed -= wanted
        if self.allowed < 0:
            raise Unreadable("its headers are too large")
        self._file.seek(self._start + self._at)
        self.last = self._file.read(int(wanted))
        self._at += len(self.last)
        return self.last

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to an offset."""
        at = offset + (0, self._at, int(self._size) if whence == 2 else 0)[whence]
        if at < 0:
            raise OSError("before the beginning")
        self._at = at
        return at

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._at

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return True

    def chunks(self) -> Iterator[bytes]:
        """All of it. Raises Damaged if the file ends before."""
        while self._at < self._size:
            if not self.read(CHUNK):
                raise Damaged("the archive ends in the middle of this file")
            yield self.last


def tar_members(file: File, size: float) -> Iterator[tuple[tarfile.TarInfo, int]]:
    """Each member of a tar archive of that size, and the offset at which the next one begins. Raises Damaged.

    The file is only moved forward; callers may move it between two members. By itself tarfile reads some damaged
    archives forever, or into memory as a whole, and takes a damaged header for the end of the archive.
    """
    headers, start = Part(file, 0, size), 0
    archive: tarfile.TarFile | None = None
    while start < size:
        headers.allowed = _HEADERS
        headers.seek(start)
        try:
            if archive is None:  # this reads the first member
                archive = tarfile.TarFile(
                    fileobj=cast(IO[bytes], headers), encoding="utf-8", errors="replace"
                )
            member = archive.next()
        except Exception:  # on damaged headers it raises much besides its own errors
            raise Damaged(f"the archive cannot be read from byte {start} on") from None
        if member is None and not any(headers.last):
            return
        if member is None or member.size < 0 or archive.offset <= start:
            raise Damaged(f"the archive cannot be read from byte {start} on")
        start = archive.offset
        archive.members.clear()  # type: ignore[attr-defined]  # else it keeps all of them
        yield member, start
        if content_end(member, start) > size:
            raise Damaged("the archive ends in the middle of this file")


def content_end(member: tarfile.TarInfo, end: int) -> int:
    """The offset at which the content of a member ends, whose last block ends at `end`."""
    return end if member.issparse() else min(end, member.offset_data + member.size)


def is_tar(head: bytes) -> bool:
    """Whether a file that begins with these 512 bytes is a tar archive, perhaps an empty or damaged one."""
    return head[257:262] == b"ustar" or head == bytes(BLOCK) or is_tar_header(head)


def is_tar_header(block: bytes) -> bool:
    """Whether 512 bytes are the header of a member."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True


def signature(head: bytes) -> str:
    """The format of a packed file (or `script`) that begins with these 512 bytes; empty if it is none."""
    found = _SIGNATURE.match(head)
    return (found.lastgroup or "").replace("seven", "7") if found else ""


@contextmanager
def damage_as_unreadable() -> Iterator[None]:
    """Raise the exceptions of libraries on damaged input, of which each has its own, as Unreadable."""
    try:
        yield
    except Unreadable:
        raise
    except EOFError:
        raise Unreadable("it ends too early") from None
    except Exception as error:
        reason = f"damaged, or packed with unusual settings ({type(error).__name__})"
        raise Unreadable(reason) from None


def decompressed(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """The decompressed content of a file, of one stream or several in a row, in chunks of at most some MiB.

    Raises Unreadable if it is damaged or cut off.
    """
    pieces = (chunk[at : at + _PIECE] for chunk in chunks for at in range(0, len(chunk), _PIECE))
    codec = _decompressor(name)
    for piece in pieces:
        while piece:
            if not codec.eof:
                yield from _outputs(codec, piece)
                piece = codec.unused_data if codec.eof else b""
            elif piece := piece.lstrip(b"\0"):  # padding
                piece += next(pieces, b"")
                if signature(piece) != name:  # other data follow, which is no damage
                    return
                codec = _decompressor(name)
    if not codec.eof:
        raise Unreadable("it ends too early")


def _outputs(codec: Any, piece: bytes) -> Iterator[bytes]:
    with damage_as_unreadable():
        if not hasattr(codec, "needs_input"):  # zlib and zstandard make at most 16 MiB of 512 bytes
            yield codec.decompress(piece)
            return
        yield codec.decompress(piece, CHUNK)
        while not (codec.eof or codec.needs_input):
            yield codec.decompress(b"", CHUNK)


def _decompressor(name: str) -> Any:
    try:
        match name:
            case "gzip":
                import zlib

                return zlib.decompressobj(zlib.MAX_WBITS | 16)
            case "bzip2":
                import bz2

                return bz2.BZ2Decompressor()
            case "xz":
                import lzma

                return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        if sys.version_info >= (3, 14):
            from compression import zstd

            limit = {zstd.DecompressionParameter.window_log_max: _MEMORY.bit_length() - 1}
            return zstd.ZstdDecompressor(options=limit)
        import zstandard

        return zstandard.ZstdDecompressor(max_window_size=_MEMORY).decompressobj()
    except ImportError as error:
        if name == "zstd" and sys.version_info < (3, 14):
            raise LibraryMissing(
                "zstd is read with the extra envtasks[docker], which is not installed"
            ) from None
        raise LibraryMissing(f"this Python has no module {error.name}") from None
