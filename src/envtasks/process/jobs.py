"""The processes that run: wait for one as a shell does, hand signals on to them, leave none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from .terminal import Terminal

GRACE: Final = 10.0
"""Seconds that the rest of a process group has to end after a signal, once its first process has ended."""

_POLL: Final = 0.01
_ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)


class Job:
    """A process that was started, on POSIX with a process group of its own."""

    def __init__(
        self,
        pid: int,
        process: subprocess.Popen[bytes] | None,
        *,
        interrupt: Callable[[], object] | None = None,
    ):
        self.pid = pid
        self.returncode: int | None = None
        self._process = process
        self._interrupt = interrupt

    def interrupt(self) -> None:
        """Ctrl-C, for a process that did not get it from the terminal."""
        if self._interrupt is not None:
            with suppress(OSError):
                self._interrupt()
        else:
            self.send(signal.SIGINT)

    def send(self, number: int) -> None:
        """A signal to the whole group."""
        if sys.platform != "win32" and self.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """End the process and its children now."""
        if self.returncode is not None:
            return
        if sys.platform != "win32":
            self.send(signal.SIGKILL)
        elif self._process is not None and self._process.poll() is None:
            # killing one process of Windows leaves its children
            with suppress(OSError):
                subprocess.run(
                    ["taskkill", "/F", "/T", "/PID", str(self.pid)], check=False, capture_output=True
                )
            with suppress(OSError):
                self._process.kill()

    def poll(self) -> bool:
        """Whether it has ended."""
        self._look(0)
        return self.returncode is not None

    def wait(self, *, terminal: Terminal | None = None, until: Callable[[], bool] | None = None) -> None:
        """Come back when it has ended, or when `until` (asked ten times a second) says so."""
        if sys.platform == "win32":
            self._wait_windows(until)
            return
        attentive = threading.current_thread() is threading.main_thread()
        with _wakeups(0.1 if until else 10.0) if attentive else _naps() as sleep:
            while self.returncode is None and not (until and until()):
                stopped = self._look(os.WUNTRACED if attentive else 0)
                if stopped:
                    self._stopped(stopped, terminal)
                elif self.returncode is None:
                    sleep()
        if terminal is not None:
            terminal.take_back(mend=self.returncode is not None and self.returncode < 0)

    def _wait_windows(self, until: Callable[[], bool] | None) -> None:
        """In short waits, between which Ctrl-C can come through as a KeyboardInterrupt."""
        assert self._process is not None
        while self.returncode is None and not (until and until()):
            with suppress(subprocess.TimeoutExpired):
                self.returncode = self._process.wait(0.1)

    def _look(self, options: int) -> int:
        """Take note of its end; gives the signal that has stopped it, if one has."""
        if self.returncode is not None:
            return 0
        if sys.platform == "win32":
            self.returncode = None if self._process is None else self._process.poll()
            return 0
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG | options)
        except ChildProcessError:  # somebody else has waited for it; how it ended is lost
            pid, status = self.pid, 0
        if pid == 0:
            return 0
        if os.WIFSTOPPED(status):
            return os.WSTOPSIG(status)
        self.returncode = os.waitstatus_to_exitcode(status)
        if self._process is not None:
            self._process.returncode = self.returncode
        return 0

    def _stopped(self, number: int, terminal: Terminal | None) -> None:
        """It was stopped: lend it the terminal if it wants that, else stop together with it, as one job."""
        if sys.platform == "win32":
            return
        wants_terminal = number in (signal.SIGTTIN, signal.SIGTTOU)
        lent = terminal is not None and terminal.is_lent
        if terminal is not None and not lent and wants_terminal and terminal.is_ours:
            terminal.lend(self.pid)
            return
        if terminal is not None:
            terminal.take_back()
        began = time.monotonic()
        stop_here(whole_group=True)
        if time.monotonic() - began < _POLL:
            time.sleep(
                10 * _POLL
            )  # nobody can wake a process without a shell, so it was not stopped: do not spin
        if terminal is not None and lent and terminal.is_ours:
            terminal.lend(self.pid)
        self.send(signal.SIGCONT)

    def dwindle(self, number: int) -> None:
        """Wait until nothing of its group is left after a signal; kill what is left after `GRACE` seconds.

        After Ctrl-C a shell leaves alone what was started with `&`, and so do we.
        """
        if sys.platform == "win32" or number == signal.SIGINT:
            return
        if number != signal.SIGTERM:  # shells start background commands so that they ignore SIGQUIT
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while _exists(self.pid):
            if time.monotonic() > deadline:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)
                return
            time.sleep(_POLL)


def _exists(group: int) -> bool:
    if sys.platform == "win32":
        return False
    with suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[
            0
        ]:  # orphans become ours if we are the first process of a container
            pass
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def stop_here(*, whole_group: bool) -> None:
    """Stop as if Ctrl-Z had been typed; comes back when continued."""
    if sys.platform == "win32":
        return
    before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    try:
        os.killpg(0, signal.SIGTSTP) if whole_group else os.kill(os.getpid(), signal.SIGTSTP)
    finally:
        signal.signal(signal.SIGTSTP, before)


@contextmanager
def _naps() -> Iterator[Callable[[], None]]:
    yield lambda: time.sleep(_POLL)


@contextmanager
def _wakeups(longest: float) -> Iterator[Callable[[], None]]:
    """A sleep that any signal ends, also one that comes just before it (which a plain waitpid would miss)."""
    import select

    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def sleep() -> None:
        select.select([reader], [], [], longest)
        with suppress(BlockingIOError):
            os.read(reader, 512)

    try:
        yield sleep
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
