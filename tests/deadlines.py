"""Waits of tests: each with a deadline, after which the test fails instead of hanging."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SECONDS = 30.0


def wait_until(happened: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Return when it has happened."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)


def ended(function: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """What a function returns, or the exception that it raises, if it ends in time."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(function())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert outcome, f"it has not ended within {seconds} s"
    return outcome[0]


@contextmanager
def killed_late(process: subprocess.Popen[Any], seconds: float = SECONDS) -> Iterator[None]:
    """Within, what waits for this process waits no longer than so many seconds."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        process.kill()
        process.communicate()
