"""The terminal, lent to the process group that runs on it, as a shell does. Windows has none to lend.

Source: POSIX.1-2024, section 11.1.4; the GNU C library manual, "Implementing a Job Control Shell".
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from ..errors import EnvtasksError


class Terminal:
    """The controlling terminal of this process."""

    __slots__ = ("_fd", "_lent_to", "_modes")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lent_to = 0
        self._modes: list[Any] | None = None

    @classmethod
    def find(cls) -> Terminal | None:
        """The terminal that this process may lend (stdin, stdout or stderr); None in a thread, or without one."""
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            return None
        for fd in range(3):
            with suppress(OSError):
                if os.isatty(fd):
                    os.tcgetpgrp(fd)  # fails if it is a terminal, but does not control this process
                    return cls(fd)
        return None

    if sys.platform != "win32":

        @property
        def is_foreground(self) -> bool:
            """Whether the process group of this process is in the foreground."""
            with suppress(OSError):
                return os.tcgetpgrp(self._fd) == os.getpgrp()
            return False

        @property
        def is_lent(self) -> bool:
            """Whether it is lent to another group now."""
            return self._lent_to != 0

        @property
        def was_lent(self) -> bool:
            """Whether it has been lent at some time, so that Ctrl-C went to the other group."""
            return self._modes is not None

        def lend(self, group: int) -> None:
            """Make a group the foreground group, and continue it in case it was stopped for the lack of a terminal."""
            import termios

            with suppress(OSError, termios.error):
                self._modes = self._modes or termios.tcgetattr(self._fd)
                with _without_stopping():
                    os.tcsetpgrp(self._fd, group)
                self._lent_to = group
                os.killpg(group, signal.SIGCONT)

        def take_back(self, *, restore_modes: bool = False) -> None:
            """Be in the foreground again; `restore_modes`: undo what a killed program has changed (echo, …)."""
            import termios

            if not self._lent_to:
                return
            self._lent_to = 0
            with suppress(OSError, termios.error), _without_stopping():
                os.tcsetpgrp(self._fd, os.getpgrp())
                if restore_modes and self._modes:
                    termios.tcsetattr(self._fd, termios.TCSADRAIN, self._modes)


if sys.platform != "win32":

    @contextmanager
    def _without_stopping() -> Iterator[None]:
        """Within, this process may change the terminal from the background without being stopped."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def do_not_stop_this_thread() -> None:
    """In this thread, reading or writing a terminal that is lent fails instead of stopping the process."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})


def fork_on_pty(argv: list[str], env: Mapping[str, str], cwd: str | None) -> tuple[int, int]:
    """Start a program on a new pseudo-terminal of the same size. Returns its process id and the other end."""
    if sys.platform == "win32":
        raise EnvtasksError("Windows has no pseudo-terminals.", hint="leave out pty=True there")
    import fcntl
    import pty
    import struct
    import termios

    columns, rows = shutil.get_terminal_size()
    size = struct.pack("HHHH", rows, columns, 0, 0)
    pid, fd = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.chdir(cwd or ".")
            os.execve(argv[0], argv, dict(env))  # noqa: S606 - no shell is what is wanted
        except OSError as error:
            os.write(2, f"{argv[0]} could not be started: {error.strerror}\n".encode())
        finally:
            os._exit(127)
    return pid, fd
