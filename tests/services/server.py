"""One server process: started, waited for until it answers, stopped."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 30
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1


class MissingServer(Exception):
    """No wheel brings this server for this system; the message says so."""


@contextmanager
def process(
    argv: list[str | Path], ready: Callable[[], bool], *, log: Path, stop: int, text: str = "", **how: Any
) -> Iterator[None]:
    """The process of `argv`, from its first answer to `ready` until signal `stop` has ended it.

    `text` is its standard input, which is where a password may be; an argument list is no place for one.
    """
    with log.open("wb") as output:
        server = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            preexec_fn=_die_with_parent(stop) if sys.platform == "linux" else None,
            **how,
        )
    assert server.stdin is not None
    try:
        server.stdin.write(text.encode())
        server.stdin.close()
        _wait(server, ready, log)
        yield
    finally:
        server.send_signal(stop)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _die_with_parent(number: int) -> Callable[[], None]:
    """Have the kernel end the server if the supervisor itself is killed (Linux, prctl(2))."""
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(PR_SET_PDEATHSIG, number)


def _wait(server: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not ready():
        if server.poll() is not None or time.monotonic() > end:
            said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            raise RuntimeError(f"{Path(server.args[0]).name} did not start: {' / '.join(said)}")  # type: ignore[index,arg-type]
        time.sleep(0.02)
