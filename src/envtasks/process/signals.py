"""Commands that run and the signals that this process gets meanwhile: pass them on, wait, then end with 128+N.

POSIX gives every command a process group of its own, so that a signal reaches the shell and all that it has started.
Windows has neither groups nor signals of that kind: there Ctrl-C reaches the command through the console.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

from .command import is_interrupt, signal_exit_code
from .terminal import Terminal

GRACE: Final = 10.0
"""Seconds that the rest of a process group has to end after a signal, once its first process has ended."""

_LONGEST_SLEEP: Final = 0.01
_ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)


class ChildProcess:
    """A process that was started, on POSIX as the first of its own process group.

    `interrupt` is what Ctrl-C does, if not SIGINT; `returncode` is that of `subprocess`, -N for a signal N.
    """

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
        self._kill_at = 0.0

    def interrupt(self) -> None:
        """Do what Ctrl-C does, for a process that did not get it from the terminal."""
        if self._interrupt is None:
            self.send(signal.SIGINT)
            return
        with suppress(OSError):
            self._interrupt()

    def send(self, number: int) -> None:
        """Send a signal to the process group. Windows has none to send."""
        if sys.platform != "win32" and self.returncode is None:
            _signal_group(self.pid, number)

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

    def kill_later(self) -> None:
        """End it after `GRACE` seconds from the first such call on, if it is still there."""
        self._kill_at = self._kill_at or time.monotonic() + GRACE

    def has_ended(self) -> bool:
        """Whether it has ended; if so, `returncode` is set."""
        self._update()
        return self.returncode is not None

    def wait(self, *, terminal: Terminal | None = None, until: Callable[[], bool] | None = None) -> None:
        """Return when it has ended, or when `until` is true. A stopped one stops this process, as in a shell."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        sleep = _LONGEST_SLEEP / 16
        while self.returncode is None and not (until and until()):
            stopped_by = self._update(in_main_thread=in_main_thread)
            if self._kill_at and time.monotonic() > self._kill_at:
                self.kill()
            if stopped_by:
                self._stop_with_it(stopped_by, terminal)
            elif self.returncode is None:
                time.sleep(sleep)
                sleep = min(2 * sleep, _LONGEST_SLEEP)
        if sys.platform != "win32" and terminal is not None:
            terminal.take_back(restore_modes=self.returncode is not None and self.returncode < 0)

    def _update(self, *, in_main_thread: bool = False) -> int:
        """Set `returncode` if it has ended. Returns the signal that has stopped it, which the main thread asks for."""
        if self.returncode is not None:
            return 0
        if sys.platform == "win32":
            self.returncode = None if self._process is None else self._process.poll()
            return 0
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG | (os.WUNTRACED if in_main_thread else 0))
        except ChildProcessError:  # something else has waited for it, so its exit code is lost
            pid, status = self.pid, 0
        if pid == 0:
            return 0
        if os.WIFSTOPPED(status):
            return os.WSTOPSIG(status)
        self.returncode = os.waitstatus_to_exitcode(status)
        if self._process is not None:
            self._process.returncode = self.returncode
        return 0

    def _stop_with_it(self, number: int, terminal: Terminal | None) -> None:
        """Lend the terminal to a command that was stopped for the lack of it, else stop too, as one job of a shell."""
        if sys.platform == "win32":
            return
        lent = terminal is not None and terminal.is_lent
        wants_terminal = number in (signal.SIGTTIN, signal.SIGTTOU)
        if terminal is not None and wants_terminal and not lent and terminal.is_foreground:
            terminal.lend(self.pid)
            return
        if terminal is not None:
            terminal.take_back()
        stop_this_process(whole_group=True)
        time.sleep(_LONGEST_SLEEP)  # without a shell that could continue it, it was not stopped: do not spin
        if terminal is not None and lent and terminal.is_foreground:
            terminal.lend(self.pid)
        self.send(signal.SIGCONT)

    def wait_for_group(self, number: int) -> None:
        """Return when all of its group has ended after a signal; what is left after `GRACE` seconds is killed.

        After Ctrl-C a shell leaves alone what was started with `&`, and so does this.
        """
        if sys.platform == "win32" or number == signal.SIGINT:
            return
        if number != signal.SIGTERM:  # shells start background commands so that they ignore SIGQUIT
            _signal_group(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while _group_runs(self.pid):
            if time.monotonic() > deadline:
                _signal_group(self.pid, signal.SIGKILL)
                return
            time.sleep(_LONGEST_SLEEP)


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group. Returns whether there is such a group."""
    if sys.platform == "win32":
        return False
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _group_runs(group: int) -> bool:
    """Whether a process of the group is alive."""
    if sys.platform == "win32":
        return False
    with suppress(ChildProcessError):
        # orphans become our children if this is the first process of a container
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    if not _signal_group(group, 0):
        return False
    # zombies that their parent has not waited for count as well, except where Linux tells their state
    states = [state for state, of_group in _process_states() if of_group == group]
    return not states or any(state != "Z" for state in states)


def _process_states() -> Iterator[tuple[str, int]]:
    """The state and the process group of every process, from /proc; nothing on other systems than Linux."""
    if not sys.platform.startswith("linux"):
        return
    # not glob: before Python 3.13 it raises ProcessLookupError where a process ends between its two calls
    processes: list[str] = []
    with suppress(OSError):  # a chroot without /proc
        processes = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names are enough
    for process in processes:
        with suppress(OSError):
            text = Path("/proc", process, "stat").read_text(encoding="utf-8", errors="replace")
            state, _, group, *_ = text.rpartition(")")[2].split()
            yield state, int(group)


def stop_this_process(*, whole_group: bool) -> None:
    """Stop as if Ctrl-Z had been typed. Returns when continued."""
    if sys.platform == "win32":
        return
    before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    try:
        os.killpg(0, signal.SIGTSTP) if whole_group else os.kill(os.getpid(), signal.SIGTSTP)
    finally:
        signal.signal(signal.SIGTSTP, before)


class SignalForwarding:
    """Signal handlers of this process that pass signals on to the commands that run."""

    def __init__(self) -> None:
        self._children: list[ChildProcess] = []
        self._active = 0
        self._waiting = 0
        self._interrupts = 0
        self._ending = 0
        self._before: dict[int, Any] = {}

    def record(self, number: int) -> None:
        """Remember that a signal is to end this process once its commands have ended."""
        if self._ending in (0, signal.SIGINT):
            self._ending = number
        self._interrupts += number == signal.SIGINT

    def add(self, child: ChildProcess) -> None:
        """Pass signals on to this command from now on, also one that has just come."""
        self._children.append(child)
        if self._ending:
            child.send(self._ending)

    def ended(self, child: ChildProcess, returncode: int, terminal: Terminal | None) -> None:
        """The command has ended. After Ctrl-C that ends this process too only if it has ended the command.

        One that handles Ctrl-C and ends by itself has taken it for itself, as in a shell.
        """
        self.remove(child)
        if not is_interrupt(returncode):
            if self._ending == signal.SIGINT and self._interrupts == 1:
                self._ending = self._interrupts = 0
        elif sys.platform != "win32" and terminal is not None and terminal.was_lent:
            self.record(signal.SIGINT)  # the terminal has sent it to the command alone
        if self._ending:
            child.wait_for_group(self._ending)

    def remove(self, child: ChildProcess) -> None:
        """Pass no signals on to this command any more."""
        if child in self._children:
            self._children.remove(child)

    def interrupted(self, child: ChildProcess) -> None:
        """Ctrl-C on Windows, where the command has got it too: the first is left to it, the second kills it."""
        self.record(signal.SIGINT)
        if self._interrupts > 1:
            child.kill()

    def waiting(self) -> AbstractContextManager[None]:
        """Within, signals are passed on and commands waited for; after one that ends a process, SystemExit(128+N)."""
        return self._forwarding(waiting=True)

    def active(self) -> AbstractContextManager[None]:
        """Within, a signal that ends this process ends the commands of other threads and asynchronous ones first.

        Around a whole task body: a handler can be set in the main thread only, which need not run a command itself.
        """
        return self._forwarding(waiting=False)

    @contextmanager
    def _forwarding(self, *, waiting: bool) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():  # the others get no signals
            yield
            return
        self._install()
        self._active += 1
        self._waiting += waiting
        try:
            yield
        finally:
            self._active -= 1
            self._waiting -= waiting
            if not self._active and not self._children:
                self._restore()
            if waiting and not self._waiting and self._ending:
                number, self._ending, self._interrupts = self._ending, 0, 0
                raise SystemExit(signal_exit_code(number)) from None

    def _install(self) -> None:
        if self._before or sys.platform == "win32":
            return
        for number in (signal.SIGINT, signal.SIGTSTP, *_ENDING):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:  # nohup
                self._before[number] = before
                signal.signal(number, self._receive)

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
        insisted = self._ending not in (0, signal.SIGINT)
        self.record(number)
        for child in self._children:
            if number != signal.SIGINT:
                child.send(number)
                if insisted:
                    child.kill_later()
            elif self._interrupts == 1:
                child.interrupt()
            else:
                child.kill()
        if not self._waiting:
            self._end(number)

    def _stop(self) -> None:
        """Stop the commands and this process, and continue them together."""
        if sys.platform == "win32":
            return
        for child in self._children:
            child.send(signal.SIGTSTP)
        stop_this_process(whole_group=False)
        for child in self._children:
            child.send(signal.SIGCONT)

    def _end(self, number: int) -> None:
        """End the task's own code, which waits for no command; asynchronous ones have got the signal."""
        self._ending = self._interrupts = 0
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        for child in self._children:
            child.wait_for_group(number)
        raise SystemExit(signal_exit_code(number))


forwarding: Final = SignalForwarding()
"""That of this process."""
