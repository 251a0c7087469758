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
    def here(cls) -> Terminal | None:
        """The terminal that this process may lend (stdin, stdout or stderr); None in a thread, or without."""
        if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
            return None
        for fd in range(3):
            with suppress(OSError):
                if os.isatty(fd):
                    os.tcgetpgrp(fd)  # fails if it is a terminal, but not ours
                    return cls(fd)
        return None

    if sys.platform != "win32":

        @property
        def is_ours(self) -> bool:
            """Whether this process is in the foreground."""
            with suppress(OSError):
                return os.tcgetpgrp(self._fd) == os.getpgrp()
            return False

        @property
        def is_lent(self) -> bool:
            """Whether another group has it, and is to give it back."""
            return self._lent_to != 0

        @property
        def was_lent(self) -> bool:
            """Whether it has been another group's at some time, so that Ctrl-C went there."""
            return self._modes is not None

        def lend(self, group: int) -> None:
            """Make a group the foreground group, and wake it in case it has asked too early."""
            import termios

            with suppress(OSError, termios.error):
                self._modes = self._modes or termios.tcgetattr(self._fd)
                with _without_stopping():
                    os.tcsetpgrp(self._fd, group)
                self._lent_to = group
                os.killpg(group, signal.SIGCONT)

        def take_back(self, *, mend: bool = False) -> None:
            """Be in the foreground again; `mend` restores the modes that a killed program has left behind."""
            import termios

            if not self._lent_to:
                return
            self._lent_to = 0
            with suppress(OSError, termios.error), _without_stopping():
                os.tcsetpgrp(self._fd, os.getpgrp())
                if mend and self._modes:
                    termios.tcsetattr(self._fd, termios.TCSADRAIN, self._modes)


if sys.platform != "win32":

    @contextmanager
    def _without_stopping() -> Iterator[None]:
        """A background process that touches the terminal would be stopped."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stay_in_background() -> None:
    """In a thread: reading or writing the terminal while it is lent must not stop this process."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})


def fork_on_pty(argv: list[str], env: Mapping[str, str], cwd: str | None) -> tuple[int, int]:
    """Start a program on a new pseudo-terminal as large as ours; gives its process id and our end of it."""
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
