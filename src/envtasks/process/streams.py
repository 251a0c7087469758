"""The streams of commands: copied and redacted, without waiting for children that outlive a command."""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from .. import console

if TYPE_CHECKING:
    from ..redaction import StreamRedactor

CHUNK: Final = 65_536
PAUSE: Final = 0.1
"""Seconds without output after which a prompt must be seen, and an ended process has printed everything."""

_IN_CODE_PAGE: Final = "envtasks-code-page"
_LARGEST_PIPE: Final = 1 << 20


class OpensStreams(Protocol):
    """A redactor, or what makes one when the first output comes."""

    def stream(self) -> StreamRedactor:
        """A redactor for one stream of bytes that comes in chunks."""


redacted_in_stdout: Final = threading.Event()
"""Something was redacted in what this process, or a command of it, has written to stdout."""


class StreamCopier:
    """Copies what comes out of a pipe, redacted, until its end. `finish` waits only for what was printed so far.

    Children of a process may outlive it and keep the pipe open (a server started with `&`): what they print is
    still copied, and redacted, for as long as this process lives.

    With `to_stdout`, `redacted_in_stdout` is set if anything was redacted.

    `observe` gets the bytes as they are, up to the end of the process itself; `close` is called at the end of the pipe.
    """

    def __init__(
        self,
        fd: int,
        write: Callable[[bytes], None],
        *,
        redactor: OpensStreams | None = None,
        observe: Callable[[bytes], None] | None = None,
        close: Callable[[], None] | None = None,
        to_stdout: bool = False,
    ) -> None:
        self._to_stdout = to_stdout
        self._fd = fd
        self._write = write
        self._observe = observe
        self._close = close
        self._redactor = redactor
        self._stream_redactor: StreamRedactor | None = None
        self._process_ended = threading.Event()
        self._finished = threading.Event()
        self.failure: OSError | None = None

    def run(self) -> None:
        """Copy; raises what `observe` raises. Stops if the reader has gone, so that the command gets SIGPIPE.

        `failure` is why it could not be written, on a full disk for example.
        """
        try:
            self._copy()
            self._give(self._stream_redactor.flush() if self._stream_redactor else b"")
            if self._to_stdout and self._stream_redactor and self._stream_redactor.redacted:
                redacted_in_stdout.set()
        except BrokenPipeError:
            pass
        except OSError as error:
            self.failure = error
        finally:
            os.close(self._fd)
            if self._close is not None:
                self._close()
            self._finished.set()

    def finish(self, timeout: float | None = None) -> None:
        """Return once the exited process's output has been copied. To be called when the process has exited."""
        self._process_ended.set()
        self._finished.wait(timeout)

    def _copy(self) -> None:
        left = _LARGEST_PIPE
        deadline = 0.0
        while True:
            ended = self._process_ended.is_set()
            waiting = ended or (self._stream_redactor is not None and self._stream_redactor.waiting)
            if not readable(self._fd, PAUSE if waiting else 3 * PAUSE):
                self._settle(ended)
                continue
            data = _read(self._fd)
            if not data:
                return
            if self._observe is not None and not self._finished.is_set():
                self._observe(data)
            if self._stream_redactor is None and self._redactor is not None:
                self._stream_redactor = self._redactor.stream()
            self._give(self._stream_redactor.feed(data) if self._stream_redactor else data)
            if ended and not self._finished.is_set():
                # children of it print without a pause: go on until all of the process itself is copied
                deadline = deadline or time.monotonic() + 10 * PAUSE
                left -= len(data)
                if left < 0 and time.monotonic() > deadline:
                    self._settle(ended)

    def _settle(self, ended: bool) -> None:
        if self._stream_redactor is not None and self._stream_redactor.waiting:
            self._give(self._stream_redactor.settle(everything=ended))
        if ended:
            self._finished.set()

    def _give(self, data: bytes) -> None:
        if data:
            self._write(data)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, CHUNK)
    except OSError as error:
        if error.errno == errno.EIO:  # a pseudo-terminal whose other end is closed
            return b""
        raise


def readable(fd: int, timeout: float) -> bool:
    """Whether a read would give something, or the end, within so many seconds."""
    if sys.platform == "win32":
        return _readable_windows(fd, timeout)
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(timeout * 1000))
    return bool(select.select([fd], [], [], timeout)[0])


def _readable_windows(fd: int, timeout: float) -> bool:
    import _winapi
    import msvcrt

    windows: Any = _winapi  # not in the stubs of other systems
    handle = msvcrt.get_osfhandle(fd)  # type: ignore[attr-defined,unused-ignore]
    deadline = time.monotonic() + timeout
    while True:
        try:
            if windows.PeekNamedPipe(handle, 0)[0]:
                return True
        except OSError:  # the other end is closed
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)


def write_all(fd: int, data: bytes) -> None:
    """Write everything; raises BrokenPipeError if the reader has gone, on every system."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # another process that shares the terminal has set O_NONBLOCK (node does)
            select.select([], [fd], [], PAUSE)
        except OSError as error:
            if sys.platform == "win32" and error.errno == errno.EINVAL:
                raise BrokenPipeError from None
            raise


def text_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """A decoder of output that comes in chunks.

    On Windows, what is not UTF-8 is in the console's code page, in which cmd.exe's own commands print (`cd`, `echo`).
    """
    own = sys.platform == "win32" and codecs.lookup(encoding).name == "utf-8"
    return codecs.getincrementaldecoder(encoding)(_IN_CODE_PAGE if own else "replace")


def _decode_in_code_page(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    for end in (error.start + 1, error.start + 2):  # one byte, or two in East Asian code pages
        with suppress(UnicodeDecodeError, LookupError):
            return error.object[error.start : end].decode(console.code_page()), end
    return "\ufffd", error.end


codecs.register_error(_IN_CODE_PAGE, _decode_in_code_page)


class TextStreamWriter:
    """Writes bytes of one encoding to a text stream: a file, a terminal, or any object with `write`."""

    def __init__(self, stream: IO[str], encoding: str) -> None:
        self._stream = stream
        self._fd = _plain_fd(stream, encoding)
        self._decoder = text_decoder(encoding)

    def write(self, data: bytes) -> None:
        """Write and flush; raises BrokenPipeError if the reader has gone."""
        if self._fd is None:
            self._write_text(self._decoder.decode(data))
            return
        try:
            self._stream.flush()  # what was printed before comes first
            write_all(self._fd, data)
        except BrokenPipeError:
            if self._fd in (1, 2):
                console.discard_output(self._fd)
            raise

    def _write_text(self, text: str) -> None:
        if type(self._stream) is io.TextIOWrapper:
            errors = "replace" if self._stream.errors in (None, "strict") else self._stream.errors
            self._stream.flush()
            # not through the stream, which would write \r\r\n for \r\n on Windows
            self._stream.buffer.write(text.encode(self._stream.encoding, errors))
        else:
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


class LineWriter(io.TextIOBase):
    """A text stream that calls a function with each line, and keeps the last ones; several threads may write."""

    def __init__(self, call: Callable[[str], None], *, keep: int = 200) -> None:
        self._call = call
        self._last: deque[str] = deque(maxlen=keep)
        self._unfinished = ""
        self._lock = threading.Lock()

    def write(self, text: str, /) -> int:
        """Take the next characters."""
        with self._lock:
            *lines, self._unfinished = (self._unfinished + text).split("\n")
            for line in lines:
                self._last.append(line.rstrip())
                self._call(self._last[-1])
        return len(text)

    def finish(self) -> None:
        """Call the function with a last line that has no line end."""
        if self._unfinished:
            self.write("\n")

    @property
    def last(self) -> tuple[str, ...]:
        """The last lines, an unfinished one too."""
        return (*self._last, self._unfinished) if self._unfinished else tuple(self._last)


def is_terminal(stream: Any, fd: int) -> bool:
    """Whether a standard stream is still the one that this process was started with, and a terminal."""
    try:
        return bool(stream.fileno() == fd and os.isatty(fd))
    except (AttributeError, OSError, ValueError):
        return False


def same_files(fds: Sequence[int]) -> list[list[int]]:
    """File descriptors in groups of those that are one file, pipe or terminal; without those that are closed."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for fd in fds:
        with suppress(OSError):  # closed
            found = os.fstat(fd)
            # Windows has no inode numbers for pipes
            groups.setdefault((found.st_dev, found.st_ino) if found.st_ino else (fd,), []).append(fd)
    return list(groups.values())


def same_file(one: Any, other: Any) -> bool:
    """Whether two streams are one, or write to one file, pipe or terminal (`2>&1`). Windows does not tell of pipes."""
    if one is other:
        return True
    try:
        return len(same_files([one.fileno(), other.fileno()])) == 1
    except (AttributeError, OSError, ValueError):
        return False


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
