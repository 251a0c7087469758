"""What this process does with signals while commands run: hand them on, wait, and end with 128+N."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from .jobs import Job, stop_here

_ENDING: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)


class Signals:
    """What this process does with signals while jobs of its are running."""

    def __init__(self) -> None:
        self.interrupts = 0
        self._jobs: list[Job] = []
        self._busy = 0
        self._held = 0
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

    def interrupted(self, job: Job) -> None:
        """Ctrl-C on Windows, which the console has given to the job as well: the first is its own, the second kills."""
        self.note(signal.SIGINT)
        if self.interrupts > 1:
            job.kill()

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
            self._restore_when_idle()
            if not self._busy and self._ending:
                number, self._ending, self.interrupts = self._ending, 0, 0
                raise SystemExit(128 + number) from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within, whatever ends this process ends the commands in its other threads first.

        Around a whole task body: a handler can be set in the main thread only, which need not run a command itself.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._install()
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._restore_when_idle()

    def _restore_when_idle(self) -> None:
        if not self._busy and not self._held and not self._jobs:
            self._restore()

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
        stop_here(whole_group=False)
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
