"""Children whose output passes through us, secrets hidden, and that Ctrl-C ends with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from .command import exit_code
from .streams import Pump, write_all

if TYPE_CHECKING:
    from ..redaction import Redactor

GRACE: Final = 10.0  # seconds that an interrupted child gets to tidy up

Sink = Callable[[bytes], None]


class Lines:
    """Splits what a child prints into lines: tells each one, keeps the last of them."""

    def __init__(self, tell: Callable[[str], None], *, keep: int = 200) -> None:
        self._tell = tell
        self._last: deque[str] = deque(maxlen=keep)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._last.append(line.decode("utf-8", "replace").rstrip())
            self._tell(self._last[-1])

    @property
    def last(self) -> tuple[str, ...]:
        """The last lines, an unfinished one too."""
        rest = self._rest.decode("utf-8", "replace")
        return (*self._last, rest) if rest else tuple(self._last)


@contextmanager
def child(
    argv: Sequence[str], env: Mapping[str, str], *, stdout: Sink, hide: Redactor
) -> Iterator[subprocess.Popen[bytes]]:
    """A running child whose stdout and stderr go to `stdout`, hidden; at the end all of it has arrived.

    If the body is left by an exception, Ctrl-C among them, the child is interrupted and waited for.
    """
    process = subprocess.Popen(
        argv, env=dict(env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    pump = _pump(process.stdout, stdout, hide)
    try:
        yield process
        process.wait()
    finally:
        _end(process)
        pump.finish(GRACE)


def follow(argv: Sequence[str], env: Mapping[str, str], *, hide: Redactor) -> int:
    """Run a child to its end, its output on ours with secrets hidden. Its exit code; 128+N for a signal N."""
    sys.stdout.flush()
    piped = subprocess.PIPE if hide else None
    process = subprocess.Popen(argv, env=dict(env), stdout=piped, stderr=piped)
    pumps = [
        _pump(source, partial(write_all, target), hide)
        for source, target in ((process.stdout, 1), (process.stderr, 2))
        if source is not None
    ]
    try:
        process.wait()
    finally:
        _end(process)
        for pump in pumps:
            pump.finish(GRACE)
    return exit_code(process.returncode)


def _pump(source: IO[bytes], sink: Sink, hide: Redactor) -> Pump:
    pump = Pump(os.dup(source.fileno()), sink, redactor=hide or None)
    source.close()
    threading.Thread(target=pump.run, daemon=True).start()
    return pump


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt it if it runs, unless the terminal has done that already; kill it if that does not help."""
    if process.poll() is not None:
        return
    try:
        process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.terminate() if sys.platform == "win32" else process.send_signal(signal.SIGINT)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
