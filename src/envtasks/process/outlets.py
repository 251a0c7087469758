"""The streams of this process, where output goes and input comes from: as bytes where that is the same."""

from __future__ import annotations

import codecs
import errno
import io
import os
import stat
import sys
from contextlib import suppress
from typing import IO, Any

from .streams import CHUNK, readable, write_all


class Outlet:
    """Writes bytes of one encoding to a text stream: a file, a terminal, or any object with `write`."""

    def __init__(self, stream: IO[str], encoding: str) -> None:
        self._stream = stream
        self._fd = _plain_fd(stream, encoding)
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def write(self, data: bytes) -> None:
        """Write and flush; raises BrokenPipeError if nobody reads it."""
        if self._fd is None:
            self._write_text(self._decoder.decode(data))
            return
        try:
            self._stream.flush()  # what was printed before comes first
            write_all(self._fd, data)
        except BrokenPipeError:
            _to_nowhere(self._fd)
            raise

    def _write_text(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = getattr(self._stream, "encoding", None) or "ascii"
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()


def _plain_fd(stream: IO[str], encoding: str) -> int | None:
    """The file descriptor that may be written to instead of the stream, with the same outcome."""
    if type(stream) is not io.TextIOWrapper:  # one that does more with what it is given
        return None
    with suppress(OSError, LookupError):
        fd = stream.fileno()
        same = codecs.lookup(stream.encoding).name == codecs.lookup(encoding).name
        if same and not (sys.platform == "win32" and os.isatty(fd)):
            return fd
    return None


def _to_nowhere(fd: int) -> None:
    """Nobody reads our stdout any more: let Python not complain about that when it flushes at the end."""
    if fd in (1, 2):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, fd)
        os.close(nowhere)


def is_terminal(stream: Any, fd: int) -> bool:
    """Whether a standard stream is still the one that this process was started with, and a terminal."""
    try:
        return bool(stream.fileno() == fd and os.isatty(fd))
    except (AttributeError, OSError, ValueError):
        return False


def is_open(fd: int) -> bool:
    """Whether a standard file descriptor is there at all."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def read_available(stream: Any) -> bytes | str | None:
    """What a stream has now: None for nothing yet, empty for its end."""
    try:
        fd = stream.fileno()
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
    except (AttributeError, OSError, ValueError):
        fd, regular = -1, True
    if regular:
        data: bytes | str = stream.read(CHUNK)
        return data
    try:
        return os.read(fd, CHUNK) if readable(fd, 0) else None
    except OSError as error:
        if error.errno == errno.EIO:  # the terminal is lent to the command
            return None
        if error.errno == errno.EBADF:
            return b""
        raise
