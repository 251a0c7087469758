"""Scripts that run commands as a task does, for tests that need a process of their own: signals and terminals."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import textwrap
from pathlib import Path

import envtasks
from tests.deadlines import SECONDS, wait_until
from tests.watching import process_files

SECRET = "s3cret-value"
_PRELUDE = f"""
import os, sys, time
from invoke import Context, UnexpectedExit
from envtasks.redaction import Redactor
from envtasks.process import Runner

def runner(redacted=False):
    child_env = {{**os.environ, "TOKEN": {SECRET!r}}}
    return Runner(Context(), child_env=child_env, redactor=Redactor([{SECRET!r}] if redacted else []))

def run(line, redacted=False, **kwargs):
    try:
        return runner(redacted).run(line, **kwargs)
    except UnexpectedExit as error:
        sys.exit(error.result.exited)

"""


def script(folder: Path, body: str) -> list[str]:
    """The command that runs a script whose `run(line, redacted=…, **kwargs)` ends as `inv` does."""
    path = folder / "script.py"
    path.write_text(_PRELUDE + textwrap.dedent(body), encoding="utf-8")
    return [sys.executable, str(path)]


def start(folder: Path, body: str) -> subprocess.Popen[bytes]:
    """Start such a script with its output piped and a group of its own, and wait until it has printed a line."""
    process = subprocess.Popen(
        script(folder, body),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        bufsize=0,  # so that what comes after the first line is left for the test
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert read_line(process) == b"ready\n"
    return process


def read_line(process: subprocess.Popen[bytes]) -> bytes:
    """The next line of its output, which has to come in time."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], SECONDS)[0], "nothing was printed"
    return process.stdout.readline()


def with_sources() -> dict[str, str]:
    """This process's environment, in which Python finds envtasks also where it is not installed."""
    return {**os.environ, "PYTHONPATH": str(Path(envtasks.__file__).parents[1])}


def wait_until_none_is_left(marker: str) -> None:
    """Return when no process has this text in its command line."""
    wait_until(lambda: not _command_lines_with(marker), f"the end of all processes with {marker}")


def _command_lines_with(marker: str) -> list[str]:
    lines = (
        words.replace(b"\0", b" ").decode("utf-8", "replace")
        for folder, words in process_files("cmdline")
        if folder.name != str(os.getpid())
    )
    return [line for line in lines if marker in line]


def zombies(parent: int) -> list[str]:
    """The process ids of dead children that a process has not waited for."""
    found = []
    for folder, stat in process_files("stat"):
        state, of_parent, *_ = stat.rpartition(b")")[2].split()
        if state == b"Z" and int(of_parent) == parent:
            found.append(folder.name)
    return found
