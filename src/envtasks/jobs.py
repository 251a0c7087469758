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
from types import FrameType
from typing import Any, Final

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
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
            with suppress(OSError):
                subprocess.run(["taskkill", "/F", "/T", "/PID", str(self.pid)], check=False, **quiet)
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
        """The console has given Ctrl-C to the child as well: wait for it; the second one kills."""
        assert self._process is not None
        while self.returncode is None and not (until and until()):
            try:
                with suppress(subprocess.TimeoutExpired):
                    self.returncode = self._process.wait(0.1)
            except KeyboardInterrupt:
                signals.note(signal.SIGINT)
                if signals.interrupts > 1:
                    self.kill()

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
        _stop_here(whole_group=True)
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


def _stop_here(*, whole_group: bool) -> None:
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


class Signals:
    """What this process does with signals while jobs of its are running."""

    def __init__(self) -> None:
        self.interrupts = 0
        self._jobs: list[Job] = []
        self._busy = 0
        self._ending = 0
        self._before: dict[int, Any] = {}

    def note(self, number: int) -> None:
        """Remember that a signal is to end this process once the job has ended."""
        self._ending = self._ending or number
        self.interrupts += number == signal.SIGINT

    @property
    def ending(self) -> int:
        """The signal that is to end this process, or 0."""
        return self._ending

    def add(self, job: Job) -> None:
        """Hand signals on to this job from now on, also one that has just come."""
        self._jobs.append(job)
        if self._ending:
            job.send(self._ending)

    def remove(self, job: Job) -> None:
        """The job has ended."""
        if job in self._jobs:
            self._jobs.remove(job)

    @contextmanager
    def attention(self) -> Iterator[None]:
        """Within, signals are handed on and waited out; SystemExit(128+N) follows if one was to end us.

        Only the main thread gets signals; in another one this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._install()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy and not self._jobs:
                self._restore()
            if not self._busy and self._ending:
                number, self._ending, self.interrupts = self._ending, 0, 0
                raise SystemExit(128 + number) from None

    def _install(self) -> None:
        if self._before or sys.platform == "win32":
            return
        for number in (signal.SIGINT, signal.SIGTSTP, *_ENDING):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:  # nohup
                self._before[number] = before
                signal.signal(number, self._receive)
        self._before[signal.SIGCHLD] = signal.getsignal(signal.SIGCHLD)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # so that it wakes a sleeping wait

    def _restore(self) -> None:
        while self._before:
            number, before = self._before.popitem()
            signal.signal(number, signal.SIG_DFL if before is None else before)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if sys.platform == "win32":
            return
        if number == signal.SIGTSTP:
            self._stop()
            return
        self.note(number)
        for job in self._jobs:
            if number != signal.SIGINT:
                job.send(number)
            elif self.interrupts == 1:
                job.interrupt()
            else:
                job.kill()
        if not self._busy:
            self._leave(number)

    def _stop(self) -> None:
        if sys.platform == "win32":
            return
        for job in self._jobs:
            job.send(signal.SIGTSTP)
        _stop_here(whole_group=False)
        for job in self._jobs:
            job.send(signal.SIGCONT)

    def _leave(self, number: int) -> None:
        """End the task's own code, which was not waiting for anything; background jobs have been told."""
        self._ending = self.interrupts = 0
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        for job in self._jobs:
            job.dwindle(number)
        raise SystemExit(128 + number)


signals: Final = Signals()
"""Those of this process."""
