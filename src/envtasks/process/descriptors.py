"""File descriptors 1 and 2 of this process: redacted while a body runs, and what they were before."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from .streams import OpensStreams, StreamCopier, same_files, write_all


@contextmanager
def redact_file_descriptors(redactor: OpensStreams, fds: Sequence[int] = (1, 2)) -> Iterator[None]:
    """Redact everything that this process and its children print while the body runs.

    Children that outlive the body are not waited for; what they print later is still redacted. Raises OSError if what
    was printed could not be written.
    """
    if not redactor:
        yield
        return
    _flush_python()
    copiers: list[StreamCopier] = []
    kept: dict[int, int] = {}
    try:
        copiers.extend(_put_pipe(redactor, group, kept) for group in same_files(fds))
        _kept.append(kept)
        yield
    finally:
        _flush_python()
        _kept.remove(kept)
        for fd, saved in kept.items():
            os.dup2(saved, fd)
            os.close(saved)
        for copier in copiers:
            copier.finish()
        failed = next((copier.failure for copier in copiers if copier.failure), None)
        if failed is not None:
            raise failed from None  # in place of the broken pipe that the body met for it


_kept: Final[list[dict[int, int]]] = []
"""The file descriptors that are redacted now, the outer ones first: what they were."""


def original_is_terminal(fd: int) -> bool:
    """Whether a file descriptor is a terminal, or was one before it was redacted."""
    return os.isatty(next((kept[fd] for kept in _kept if fd in kept), fd))


def stdout_is_kept() -> bool:
    """Whether stdout goes into a file, or into another program while a person looks at stderr: not just to be read."""
    with suppress(OSError):
        if stat.S_ISREG(os.fstat(1).st_mode):
            return len(same_files([1, 2])) > 1
        return stat.S_ISFIFO(os.fstat(1).st_mode) and os.isatty(2)
    return False


def _put_pipe(redactor: OpensStreams, fds: Sequence[int], kept: dict[int, int]) -> StreamCopier:
    """One pipe in place of file descriptors that are the same file, so that their lines stay in order."""
    target = os.dup(fds[0])
    reader, writer = os.pipe()
    for fd in fds:
        kept[fd] = os.dup(fd)
        os.dup2(writer, fd)
    os.close(writer)
    copier = StreamCopier(
        reader,
        lambda data: write_all(target, data),
        redactor=redactor,
        close=lambda: os.close(target),
        to_stdout=1 in fds,
    )
    threading.Thread(target=copier.run, name="envtasks-redaction", daemon=True).start()
    return copier


def _flush_python() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()
