"""Output that goes through pipes: in order, complete, hidden, and never waited for in vain."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from envtasks.process.streams import Pump, redact_file_descriptors, write_all
from envtasks.redaction import Redactor
from tests.commands import SECRET, with_sources

REDACTOR = Redactor([SECRET])
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file descriptors")


def python(code: str) -> None:
    """Run Python code as a child with our own stdout and stderr."""
    subprocess.run([sys.executable, "-c", code], check=True)


def redacting(body: str) -> str:
    """A script that runs a body within `redact_file_descriptors`."""
    return (
        "import os, subprocess, sys\n"
        "from envtasks.process.streams import redact_file_descriptors\n"
        "from envtasks.redaction import Redactor\n"
        f"SECRET = {SECRET!r}\n"
        "print('before', SECRET)\n"
        "with redact_file_descriptors(Redactor([SECRET])):\n"
        f"{textwrap.indent(textwrap.dedent(body), '    ')}\n"
        "print('after', SECRET)\n"
    )


def test_everything_that_is_printed_in_the_body_is_hidden() -> None:
    """This process's prints, its raw writes and its children's output go through the mask, on both streams."""
    body = """
        print("own", SECRET)
        print("err", SECRET, file=sys.stderr)
        sys.stdout.flush()
        child = f"import sys; print('child', '{SECRET}'); sys.stderr.write('{SECRET}')"
        subprocess.run([sys.executable, "-c", child])
        os.write(1, f"raw {SECRET}\\n".encode())
        print("last", SECRET)
    """
    done = subprocess.run(
        [sys.executable, "-c", redacting(body)],
        capture_output=True,
        text=True,
        check=True,
        env=with_sources(),
    )
    hidden = ["own ***", "child ***", "raw ***", "last ***"]
    assert done.stdout.splitlines() == [f"before {SECRET}", *hidden, f"after {SECRET}"]
    assert done.stderr.splitlines() == ["err ***", "***"]


def test_the_descriptors_are_put_back_when_the_body_fails(capfd: pytest.CaptureFixture[str]) -> None:
    """After an exception output is as before, and nothing printed until then is lost."""

    def body() -> None:
        os.write(1, f"x {SECRET}".encode())
        raise KeyError

    with pytest.raises(KeyError), redact_file_descriptors(REDACTOR):
        body()
    os.write(1, f" {SECRET}\n".encode())
    assert capfd.readouterr().out == f"x *** {SECRET}\n"


def test_with_nothing_to_hide_nothing_is_done() -> None:
    """An empty redactor leaves the file descriptors alone."""
    before = os.fstat(1)
    with redact_file_descriptors(Redactor([])):
        assert os.fstat(1) == before


def test_much_output_is_complete(capfd: pytest.CaptureFixture[str]) -> None:
    """Ten megabytes of a child come through whole."""
    with redact_file_descriptors(REDACTOR):
        python(f"[print('x' * 990, '{SECRET}') for _ in range(10_000)]")
    assert capfd.readouterr().out.replace("\r\n", "\n") == ("x" * 990 + " ***\n") * 10_000


def test_nesting_works(capfd: pytest.CaptureFixture[str]) -> None:
    """One body within another hides the values of both."""
    with redact_file_descriptors(REDACTOR):
        with redact_file_descriptors(Redactor(["other"])):
            python(f"print('{SECRET} other')")
        python(f"print('{SECRET} other')")
    assert capfd.readouterr().out.splitlines() == ["*** ***", "*** other"]


def test_a_child_that_outlives_the_body_is_not_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    """The body ends while a child holds the output; what the child prints later still comes out, hidden."""
    began = time.monotonic()
    with redact_file_descriptors(REDACTOR):
        child = subprocess.Popen(
            [sys.executable, "-c", f"import time; time.sleep(1.5); print('late {SECRET}')"]
        )
    assert time.monotonic() - began < 1.2
    child.wait()
    out = ""
    while not out.endswith("\n") and time.monotonic() - began < 20:
        time.sleep(0.05)
        out += capfd.readouterr().out
    assert out.splitlines() == ["late ***"]


def test_a_child_that_prints_without_end_is_not_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    """Not even a child that never pauses holds the body's end up."""
    began = time.monotonic()
    with redact_file_descriptors(REDACTOR):
        child = subprocess.Popen([sys.executable, "-c", "while True: print('x' * 1000)"])
        time.sleep(0.3)
    took = time.monotonic() - began
    child.kill()
    child.wait()
    assert took < 10


@posix
def test_lines_of_both_streams_stay_in_order() -> None:
    """Where stdout and stderr are one file (`2>&1`) their lines stay in the order in which they were printed."""
    code = redacting("[os.write(1 + i % 2, f'{i} {SECRET}\\n'.encode()) for i in range(2000)]")
    done = subprocess.run(
        [sys.executable, "-uc", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
    )
    assert done.stdout.decode().splitlines()[1:-1] == [f"{i} ***" for i in range(2000)]


@posix
def test_a_closed_descriptor_is_left_out() -> None:
    """With stderr closed, stdout is still hidden."""
    code = "import os; os.close(2)\n" + redacting("print(SECRET)")
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == [f"before {SECRET}", "***", f"after {SECRET}"]


def pumped(*writes: tuple[bytes, float]) -> list[tuple[bytes, float]]:
    """What a pump gives out, and when (seconds), for what is written to its pipe before so many seconds of silence."""
    reader, writer = os.pipe()
    given: list[tuple[bytes, float]] = []
    began = time.monotonic()
    pump = Pump(reader, lambda data: given.append((data, time.monotonic() - began)), redactor=REDACTOR)
    thread = threading.Thread(target=pump.run)
    thread.start()
    for data, pause in writes:
        os.write(writer, data)
        time.sleep(pause)
    os.close(writer)
    thread.join()
    return given


def test_a_prompt_appears_at_once() -> None:
    """A prompt without a line end that cannot be a secret's beginning is not held back."""
    [(data, when)] = pumped((b"Password: ", 0.5))
    assert (data, when < 0.3) == (b"Password: ", True)


def test_a_prompt_that_may_be_a_secret_s_beginning_appears_after_a_moment() -> None:
    """A prompt whose last letter is a secret's first one comes out whole after a tenth of a second."""
    given = pumped((b"Key or pass", 0.8), (b"word\n", 0.0))
    assert b"".join(data for data, _ in given) == b"Key or password\n"
    assert b"".join(data for data, when in given if when < 0.7) == b"Key or pass"


def test_finish_gives_what_was_heard() -> None:
    """`finish` comes back when all that is in the pipe has been copied, though it is still open."""
    reader, writer = os.pipe()
    given: list[bytes] = []
    pump = Pump(reader, given.append, redactor=REDACTOR)
    threading.Thread(target=pump.run, daemon=True).start()
    os.write(writer, b"the end s3cret-")
    pump.finish(10)
    assert b"".join(given) == b"the end s3cret-"
    os.write(writer, b"value and more")
    os.close(writer)
    deadline = time.monotonic() + 10
    while not given[-1].endswith(b"more") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert b"".join(given) == b"the end s3cret-*** and more"


@posix
def test_writing_waits_for_a_full_pipe_that_does_not_block() -> None:
    """Another process that makes our output non-blocking loses us nothing."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    data = b"x" * 1_000_000

    def write() -> None:
        write_all(writer, data)
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reader, "rb") as file:
        assert file.read() == data
    thread.join()
