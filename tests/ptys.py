"""A terminal for tests: a process that sees one, and what a person types and reads there."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tests.deadlines import SECONDS, wait_until


class Typist:
    """A process on a terminal of its own, which it controls; `expect` reads, `type` writes."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: str | None = None
    ) -> None:
        assert sys.platform != "win32"
        import pty

        self.seen = ""
        self.status: int | None = None
        self.pid, self._fd = pty.fork()  # type: ignore[attr-defined,unused-ignore]
        if self.pid == 0:
            try:
                os.chdir(cwd or ".")
                os.execvpe(argv[0], list(argv), dict(os.environ if env is None else env))
            finally:
                os._exit(127)

    def type(self, text: str) -> None:
        """Type on the keyboard; \\x03 is Ctrl-C, \\x1a is Ctrl-Z."""
        os.write(self._fd, text.encode())

    def wait_until_unbuffered(self) -> None:
        """Return when the process reads its terminal letter by letter, instead of line by line."""
        import termios

        wait_until(lambda: not termios.tcgetattr(self._fd)[3] & termios.ICANON, "an unbuffered terminal")  # type: ignore[attr-defined,unused-ignore]

    def wait_until_lent(self) -> None:
        """Return when another process group than that of the process has the terminal."""
        wait_until(lambda: os.tcgetpgrp(self._fd) != self.pid, "lending the terminal")  # type: ignore[attr-defined,unused-ignore]

    def expect(self, text: str, timeout: float = SECONDS) -> str:
        """What is on the screen up to and with this text."""
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            if time.monotonic() > deadline or not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} did not appear in {self.seen!r}")
        before, found, self.seen = self.seen.partition(text)
        return before + found

    def _read(self, timeout: float) -> bool:
        if not select.select([self._fd], [], [], max(0.0, timeout))[0]:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # nobody holds the terminal any more
            return False
        self.seen += data.decode("utf-8", "replace").replace("\r", "")
        return bool(data)

    def finish(self, timeout: float = SECONDS) -> tuple[int, str]:
        """The exit code (negative for a signal), and what is on the screen besides."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self._read(0.05):
                pid, status = os.waitpid(self.pid, os.WNOHANG)  # type: ignore[attr-defined,unused-ignore]
                if pid:
                    self.status = status
                    while self._read(0):  # what it has printed at its end
                        pass
                    return os.waitstatus_to_exitcode(status), self.seen
        raise AssertionError(f"still running, after {self.seen!r}")

    def __enter__(self) -> Typist:
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        os.close(self._fd)
