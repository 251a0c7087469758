"""Children whose output passes through us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from envtasks.process import passthrough
from envtasks.redaction import Redactor

SECRET = "s3cret-value-42"
HIDE = Redactor([SECRET])


def python(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


def test_output_is_hidden_and_kept_apart(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """stdout and stderr arrive where they belong, without the value, also when it comes in pieces."""
    code = f"""
        import sys, time
        sys.stdout.write("out {SECRET[:6]}"); sys.stdout.flush(); time.sleep(0.2); sys.stdout.write("{SECRET[6:]}.")
        sys.stderr.write("err {SECRET}"); sys.exit(3)
        """
    assert passthrough.follow(python(code), os.environ, hide=HIDE) == 3
    assert capfdbinary.readouterr() == (b"out ***.", b"err ***")


def test_with_nothing_to_hide_the_child_has_our_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Its own streams are ours, a terminal included."""
    code = f"import os; print(os.fstat(1).st_ino == {os.fstat(1).st_ino})"
    assert passthrough.follow(python(code), os.environ, hide=Redactor(())) == 0
    assert capfd.readouterr().out.strip() == "True"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal numbers in exit codes")
def test_a_signal_is_told_as_shells_do() -> None:
    """128+N for a child that signal N has ended."""
    assert passthrough.follow(python("import os; os.kill(os.getpid(), 15)"), os.environ, hide=HIDE) == 143


def test_lines_are_told_one_by_one() -> None:
    """Each line goes to the teller, without what was hidden; the last ones are kept, an unfinished one too."""
    told: list[str] = []
    lines = passthrough.Lines(told.append, keep=2)
    code = f"for i in range(3): print(i, '{SECRET}')\nprint('end', end='')"
    with passthrough.child(python(code), os.environ, stdout=lines.feed, hide=HIDE):
        pass
    assert told == ["0 ***", "1 ***", "2 ***"]
    assert lines.last == ("1 ***", "2 ***", "end")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_an_exception_in_the_body_interrupts_the_child(tmp_path: Path) -> None:
    """Ctrl-C that only we got reaches the child as SIGINT, and it may tidy up."""
    trace = tmp_path / "trace"
    code = f"""
        import pathlib, time
        print("up", flush=True)
        try: time.sleep(60)
        except KeyboardInterrupt: pathlib.Path({str(trace)!r}).write_text("tidied")
        """
    up = threading.Event()

    def interrupted() -> None:
        with passthrough.child(python(code), os.environ, stdout=lambda data: up.set(), hide=HIDE):
            assert up.wait(20)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert trace.read_text() == "tidied"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_ctrl_c_while_following_ends_the_child(tmp_path: Path) -> None:
    """A process that follows a child and gets SIGINT leaves no child behind."""
    pid = tmp_path / "pid"
    child = (
        f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    code = f"""
        import os, sys
        from envtasks.process import passthrough
        from envtasks.redaction import Redactor
        passthrough.follow([sys.executable, "-c", {child!r}], os.environ, hide=Redactor(["{SECRET}"]))
        """
    process = subprocess.Popen(python(code), stderr=subprocess.PIPE)
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
