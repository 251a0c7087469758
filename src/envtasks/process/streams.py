"""Move what processes print to where it belongs, redacted, without waiting for those who stay behind."""

from __future__ import annotations

import errno
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ..redaction import Redactor

CHUNK: Final = 65_536
SILENCE: Final = 0.1
"""Seconds without output after which a prompt must be seen, and an ended process has said everything."""

_LARGEST_PIPE: Final = 1 << 20


class Pump:
    """Copies a pipe to its end. `finish` waits until what was printed so far is copied, not until the end.

    A process may leave children behind that hold the pipe open (a server started with `&`): they keep it, and
    what they print is still copied, and redacted, for as long as this process lives.
    """

    def __init__(
        self,
        fd: int,
        write: Callable[[bytes], None],
        *,
        redactor: Redactor | None = None,
        heard: Callable[[bytes], None] | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._fd = fd
        self._write = write
        self._heard = heard
        self._close = close
        self._stream = redactor.stream() if redactor else None
        self._over = threading.Event()
        self._settled = threading.Event()

    def run(self) -> None:
        """Copy; raises what `heard` raises. Ends if nobody reads what it writes: SIGPIPE tells."""
        try:
            self._copy()
            self._give(self._stream.flush() if self._stream else b"")
        except BrokenPipeError:
            pass
        finally:
            os.close(self._fd)
            if self._close is not None:
                self._close()
            self._settled.set()

    def finish(self, timeout: float | None = None) -> None:
        """Call it when the process at the other end is over: comes back when its output is through."""
        self._over.set()
        self._settled.wait(timeout)

    def _copy(self) -> None:
        left = _LARGEST_PIPE
        deadline = 0.0
        while True:
            over = self._over.is_set()
            waiting = over or (self._stream is not None and self._stream.waiting)
            if not readable(self._fd, SILENCE if waiting else 3 * SILENCE):
                self._settle(over)
                continue
            data = _read(self._fd)
            if not data:
                return
            if self._heard is not None and not self._settled.is_set():
                self._heard(data)
            self._give(self._stream.feed(data) if self._stream else data)
            if over and not self._settled.is_set():
                # those left behind print without a pause: go on until all of the process itself is through
                deadline = deadline or time.monotonic() + 10 * SILENCE
                left -= len(data)
                if left < 0 and time.monotonic() > deadline:
                    self._settle(over)

    def _settle(self, over: bool) -> None:
        if self._stream is not None and self._stream.waiting:
            self._give(self._stream.settle(everything=over))
        if over:
            self._settled.set()

    def _give(self, data: bytes) -> None:
        if data:
            self._write(data)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, CHUNK)
    except OSError as error:
        if error.errno == errno.EIO:  # a pseudo-terminal that nobody holds any more
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
    """Write everything; raises BrokenPipeError if nobody reads it, on every system."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # another process that shares the terminal has made it so (node does)
            select.select([], [fd], [], SILENCE)
        except OSError as error:
            if sys.platform == "win32" and error.errno == errno.EINVAL:
                raise BrokenPipeError from None
            raise


@contextmanager
def redact_file_descriptors(redactor: Redactor, fds: Sequence[int] = (1, 2)) -> Iterator[None]:
    """Hide secrets in everything that this process and its children print while the body runs.

    Children that outlive the body are not waited for; what they print later is still hidden.
    """
    if not redactor:
        yield
        return
    _flush_python()
    pumps: list[Pump] = []
    kept: dict[int, int] = {}
    try:
        pumps.extend(_put_pipe(redactor, group, kept) for group in _same_files(fds))
        yield
    finally:
        _flush_python()
        for fd, saved in kept.items():
            os.dup2(saved, fd)
            os.close(saved)
        for pump in pumps:
            pump.finish()


def _put_pipe(redactor: Redactor, fds: Sequence[int], kept: dict[int, int]) -> Pump:
    """One pipe in place of file descriptors that are the same file, so that their lines stay in order."""
    target = os.dup(fds[0])
    reader, writer = os.pipe()
    for fd in fds:
        kept[fd] = os.dup(fd)
        os.dup2(writer, fd)
    os.close(writer)
    pump = Pump(
        reader, lambda data: write_all(target, data), redactor=redactor, close=lambda: os.close(target)
    )
    threading.Thread(target=pump.run, name="envtasks-redaction", daemon=True).start()
    return pump


def _same_files(fds: Sequence[int]) -> list[list[int]]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for fd in fds:
        with suppress(OSError):  # closed
            found = os.fstat(fd)
            # Windows knows no identity of a pipe
            groups.setdefault((found.st_dev, found.st_ino) if found.st_ino else (fd,), []).append(fd)
    return list(groups.values())


def _flush_python() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()
