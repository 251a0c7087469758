"""What processes are started with, looked at while something runs: a value among it has leaked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


def watched_processes() -> AbstractContextManager[set[bytes]]:
    """The command lines of all processes of this machine, looked at every few milliseconds while the body runs."""
    return _watched("cmdline")


def watched_environments(marker: bytes) -> AbstractContextManager[set[bytes]]:
    """The environments of all processes with this marker in theirs, looked at in the same way."""
    return _watched("environ", marker)


@contextmanager
def _watched(file: str, marker: bytes = b"") -> Iterator[set[bytes]]:
    """What the processes have in this file of theirs in /proc."""
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in Path("/proc").glob(f"[0-9]*/{file}"):
                try:
                    text = path.read_bytes()
                except OSError:
                    continue
                if marker in text:
                    seen.add(text)
            done.wait(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
