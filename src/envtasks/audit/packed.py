"""Compressed bytes, unpacked while they pass by, with a limit to what may come out of them."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .members import Sink

PIECE: Final = 1 << 16
_OUT: Final = 1 << 20
_WINDOW: Final = 1 << 25
"""Bytes of memory that the packer may ask for (xz, zstd); more is not given."""
# a block of 4 bytes can stand for 128 KiB, and the library zstandard knows no limit per call
_ZSTD_PIECE: Final = 1 << 10


class Unpackable(Exception):
    """What is packed cannot be unpacked; the text says why."""


@dataclass(slots=True)
class Allowance:
    """How many bytes may still come out of a packed file, and of all packed files together (`whole`)."""

    left: int
    reason: str
    whole: Allowance | None = None

    def take(self, size: int) -> None:
        """Use some of it. Raises Unpackable when it is used up."""
        self.left -= size
        if self.left < 0:
            raise Unpackable(self.reason)
        if self.whole is not None:
            self.whole.take(size)


class _Deflate:
    """zlib with the interface of bz2 and lzma: what it cannot give at once it keeps."""

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)

    def decompress(self, data: Any, most: int = -1) -> bytes:
        tail = self._inner.unconsumed_tail
        return self._inner.decompress(tail + bytes(data) if tail else data, most)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_WINDOW)


def _bz2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd

        return zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _WINDOW.bit_length() - 1}
        )
    try:
        import zstandard
    except ImportError:
        raise Unpackable("zstd is read with the extra envtasks[docker], which is not installed") from None
    return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()


_FORMATS: Final[dict[str, tuple[re.Pattern[bytes], Callable[[], Any]]]] = {
    "gzip": (re.compile(rb"\x1f\x8b\x08[\x00-\x1f]"), lambda: _Deflate(31)),
    "zstd": (re.compile(rb"\x28\xb5\x2f\xfd"), _zstd),
    "xz": (re.compile(rb"\xfd7zXZ\x00"), _xz),
    "bzip2": (re.compile(rb"BZh[1-9]1AY&SY"), _bz2),
}
_UNREAD: Final = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar", b"\x04\x22\x4d\x18": "lz4"}

BEGINNINGS: Final = frozenset((b"\x1f\x8b", b"\x28\xb5", b"\xfd7", b"BZ", b"7z", b"Ra", b"\x04\x22"))
"""The first two bytes of all of them."""


def format_of(head: bytes) -> str:
    """Which packed format something is that begins with `head`; empty if none that can be unpacked."""
    return next((name for name, (sign, _) in _FORMATS.items() if sign.match(head)), "")


def unread_format(head: bytes) -> str:
    """Which format it is, of those that cannot be unpacked here; else empty."""
    return next((name for sign, name in _UNREAD.items() if head.startswith(sign)), "")


def raw_deflate() -> Any:
    """What unpacks a deflated member of a zip archive."""
    return _Deflate(-15)


def unpack(codec: Any, data: memoryview, sink: Sink, allowance: Allowance) -> int:
    """Pass on what comes out of `data` and give how many bytes of it went in: not all if the stream ends before.

    Raises Unpackable.
    """
    limited = hasattr(codec, "needs_input")
    size = PIECE if limited else _ZSTD_PIECE
    try:
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            _pass(codec.decompress(piece, _OUT) if limited else codec.decompress(piece), sink, allowance)
            while limited and not codec.eof and not codec.needs_input:
                _pass(codec.decompress(b"", _OUT), sink, allowance)
            if codec.eof:
                return at + len(piece) - len(codec.unused_data)
    except Unpackable:
        raise
    except Exception as error:  # zlib.error, LZMAError, OSError, ZstdError: each library has its own
        raise Unpackable(f"damaged, or packed with unusual settings ({type(error).__name__})") from None
    return len(data)


def _pass(out: bytes, sink: Sink, allowance: Allowance) -> None:
    if out:
        allowance.take(len(out))
        sink.feed(memoryview(out))


class Packed:
    """Takes packed bytes, also several streams in a row, and passes them on unpacked.

    `failed` is told why, if that fails.
    """

    def __init__(self, name: str, sink: Sink, allowance: Allowance, failed: Callable[[str], None]) -> None:
        self._new = _FORMATS[name][1]
        self._sink = sink
        self._allowance = allowance
        self._failed = failed
        self._codec: Any = None
        self._streams = 0
        self._over = False

    def feed(self, data: memoryview) -> None:
        """Take the next bytes."""
        try:
            while data and not self._over:
                if self._codec is None:
                    if self._streams and not data[0]:  # padding
                        data = data[1:]
                        continue
                    self._codec = self._new()
                data = data[unpack(self._codec, data, self._sink, self._allowance) :]
                if self._codec.eof:
                    self._codec, self._streams = None, self._streams + 1
        except Unpackable as failure:
            self._over = True
            if not self._streams or self._allowance.left < 0:  # after a whole stream anything may follow
                self._failed(str(failure))

    def close(self) -> None:
        """That was all."""
        if self._codec is not None and not self._over and not self._streams:
            self._failed("it ends too early")
        self._sink.close()
