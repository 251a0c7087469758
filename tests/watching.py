"""What processes are started with, looked at while something runs: a value among it has leaked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path


def watched_processes() -> AbstractContextManager[set[bytes]]:
    """The command lines of all processes of this machine, looked at every few milliseconds while the body runs."""
    return _watched("cmdline")


def watched_environments(marker: bytes) -> AbstractContextManager[set[bytes]]:
    """The environments of all processes with this marker in theirs, looked at in the same way."""
    return _watched("environ", marker)


def process_files(name: str) -> Iterator[tuple[Path, bytes]]:
    """Each process's folder in /proc, with what is in this file there; processes that end meanwhile are left out."""
    # not glob: before Python 3.13 it raises ProcessLookupError where a process ends between its two calls
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                yield folder, (folder / name).read_bytes()


def is_running(pid: int) -> bool:
    """Whether a process is there, and on Linux not only its remains, which its parent has not waited for."""
    if sys.platform == "win32":
        found = subprocess.run(
            ["tasklist", "/FI", f"PID eq {pid}"], capture_output=True, text=True, check=False
        )
        return str(pid) in found.stdout
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return sys.platform != "linux"
    return state != "Z"


@contextmanager
def _watched(file: str, marker: bytes = b"") -> Iterator[set[bytes]]:
    """What the processes have in this file of theirs in /proc."""
    seen: set[bytes] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.update(text for _, text in process_files(file) if marker in text)
            done.wait(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
