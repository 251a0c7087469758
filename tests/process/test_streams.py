"""Output that goes through pipes: in order, complete, redacted, and never waited for in vain."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from contextlib import ExitStack

import pytest

from envtasks import console
from envtasks.process import LineWriter, original_is_terminal, redact_file_descriptors, streams
from envtasks.process.streams import StreamCopier, write_all
from envtasks.redaction import Redactor, StreamRedactor
from tests.commands import SECRET, with_sources
from tests.deadlines import SECONDS, killed_late, wait_until

REDACTOR = Redactor([SECRET])
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file descriptors")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a pause in output waits for a shorter one."""
    monkeypatch.setattr(streams, "PAUSE", 0.01)


def python(code: str) -> None:
    """Run Python code as a child with our own stdout and stderr."""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=SECONDS)


def redacting(body: str) -> str:
    """A script that runs a body within `redact_file_descriptors`."""
    return (
        "import os, subprocess, sys\n"
        "from envtasks.process import redact_file_descriptors\n"
        "from envtasks.redaction import Redactor\n"
        f"SECRET = {SECRET!r}\n"
        "print('before', SECRET)\n"
        "with redact_file_descriptors(Redactor([SECRET])):\n"
        f"{textwrap.indent(textwrap.dedent(body), '    ')}\n"
        "print('after', SECRET)\n"
    )


def test_everything_that_is_printed_in_the_body_is_redacted() -> None:
    """This process's prints, its raw writes and its children's output are redacted, on both streams."""
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
        timeout=SECONDS,
    )
    redacted = ["own ***", "child ***", "raw ***", "last ***"]
    assert done.stdout.splitlines() == [f"before {SECRET}", *redacted, f"after {SECRET}"]
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


class Late:
    """A redactor that is made for the first output."""

    made = 0

    def stream(self) -> StreamRedactor:
        """A stream of the redactor."""
        self.made += 1
        return REDACTOR.stream()


def test_the_redactor_is_made_for_the_first_output(capfd: pytest.CaptureFixture[str]) -> None:
    """A body that prints nothing costs no search."""
    late = Late()

    with redact_file_descriptors(late):
        pass
    assert late.made == 0
    with redact_file_descriptors(late):
        python(f"print({SECRET!r})")
    assert (late.made, capfd.readouterr().out.split()) == (1, ["***"])


@posix
def test_what_could_not_be_written_is_raised_in_the_end() -> None:
    """A full disk is an OSError of the body's end, in place of the broken pipe that the body itself gets."""
    full = os.open("/dev/full", os.O_WRONLY)

    def body() -> None:
        with redact_file_descriptors(REDACTOR, [full]):
            for _ in range(1000):
                os.write(full, b"x" * 10_000)

    with pytest.raises(OSError, match="No space left") as caught:
        body()
    os.close(full)
    assert not isinstance(caught.value, BrokenPipeError)


@posix
def test_a_redacted_terminal_is_known_as_one() -> None:
    """Where output is redacted, what it was before says whether a person can be asked."""
    import pty

    parent, child = pty.openpty()  # type: ignore[attr-defined,unused-ignore]

    with redact_file_descriptors(REDACTOR, [child]):
        assert (os.isatty(child), original_is_terminal(child)) == (False, True)
    assert (os.isatty(child), original_is_terminal(child), original_is_terminal(0)) == (
        True,
        True,
        os.isatty(0),
    )
    os.close(parent)
    os.close(child)


def test_with_nothing_to_redact_nothing_is_done() -> None:
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
    """One body within another redacts the values of both."""
    with redact_file_descriptors(REDACTOR):
        with redact_file_descriptors(Redactor(["other"])):
            python(f"print('{SECRET} other')")
        python(f"print('{SECRET} other')")
    assert capfd.readouterr().out.splitlines() == ["*** ***", "*** other"]


def test_a_child_that_outlives_the_body_is_not_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    """The body ends while a child holds the output; what the child prints later still comes out, redacted."""
    code = f"import sys; sys.stdin.read(); print('late {SECRET}')"
    with ExitStack() as stack:
        with redact_file_descriptors(REDACTOR):
            child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
            stack.enter_context(killed_late(child))
        assert child.poll() is None
        child.communicate(timeout=SECONDS)
        assert printed(capfd, "\n").splitlines() == ["late ***"]


def printed(capfd: pytest.CaptureFixture[str], end: str) -> str:
    """What is printed up to a text that it ends with."""
    pieces: list[str] = []

    def is_there() -> bool:
        pieces.append(capfd.readouterr().out)
        return "".join(pieces).endswith(end)

    wait_until(is_there, f"output that ends with {end!r}")
    return "".join(pieces)


@pytest.mark.usefixtures("short_pauses")
def test_a_child_that_prints_without_end_is_not_waited_for() -> None:
    """Not even a child that never pauses holds the body's end up."""
    code = "import os; os.write(1, b'start'); data = bytes(65536)\nwhile True: os.write(1, data)"
    reader, writer = os.pipe()
    read = threading.Event()

    def discard() -> None:
        with os.fdopen(reader, "rb") as file:
            while file.read1(1 << 20):
                read.set()

    threading.Thread(target=discard, daemon=True).start()
    with ExitStack() as stack:
        with redact_file_descriptors(REDACTOR, [writer]):
            child = subprocess.Popen([sys.executable, "-c", code], stdout=writer)
            stack.enter_context(killed_late(child))
            assert read.wait(SECONDS)
        assert child.poll() is None
    os.close(writer)


@posix
def test_lines_of_both_streams_stay_in_order() -> None:
    """Where stdout and stderr are one file (`2>&1`) their lines stay in the order in which they were printed."""
    code = redacting("[os.write(1 + i % 2, f'{i} {SECRET}\\n'.encode()) for i in range(2000)]")
    done = subprocess.run(
        [sys.executable, "-uc", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        timeout=SECONDS,
    )
    assert done.stdout.decode().splitlines()[1:-1] == [f"{i} ***" for i in range(2000)]


@posix
def test_a_closed_descriptor_is_left_out() -> None:
    """With stderr closed, stdout is still redacted."""
    code = "import os; os.close(2)\n" + redacting("print(SECRET)")
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS
    )
    assert done.stdout.splitlines() == [f"before {SECRET}", "***", f"after {SECRET}"]


class Copied:
    """What a copier writes for what is put into its pipe."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        reader, self.writer = os.pipe()
        self.copier = StreamCopier(reader, self.pieces.append, redactor=REDACTOR)
        self.thread = threading.Thread(target=self.copier.run, daemon=True)
        self.thread.start()

    def put(self, data: bytes) -> None:
        os.write(self.writer, data)

    def wait_for(self, text: bytes) -> None:
        wait_until(lambda: b"".join(self.pieces) == text, f"{text!r}")

    def end(self) -> bytes:
        os.close(self.writer)
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        return b"".join(self.pieces)


def test_a_prompt_appears_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prompt without a line end that cannot be a secret's beginning does not wait for a pause."""
    monkeypatch.setattr(streams, "PAUSE", 3600)
    copied = Copied()
    copied.put(b"Password: ")
    copied.wait_for(b"Password: ")
    assert copied.end() == b"Password: "


@pytest.mark.usefixtures("short_pauses")
def test_a_prompt_that_may_be_a_secret_s_beginning_appears_after_a_pause() -> None:
    """A prompt whose last letter is a secret's first one comes out whole, though nothing follows."""
    copied = Copied()
    copied.put(b"Key or pass")
    copied.wait_for(b"Key or pass")
    copied.put(b"word\n")
    assert copied.end() == b"Key or password\n"


@pytest.mark.usefixtures("short_pauses")
def test_finish_returns_when_the_output_so_far_is_copied() -> None:
    """`finish` returns when all that is in the pipe has been copied, though it is still open."""
    copied = Copied()
    copied.put(b"the end s3cret-")
    copied.copier.finish(SECONDS)
    assert b"".join(copied.pieces) == b"the end s3cret-"
    copied.put(b"value and more")
    assert copied.end() == b"the end s3cret-*** and more"


@posix
def test_writing_waits_for_a_full_pipe_that_does_not_block() -> None:
    """Another process that makes our output non-blocking loses us nothing."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)  # type: ignore[attr-defined,unused-ignore]
    data = b"x" * 1_000_000

    def write() -> None:
        write_all(writer, data)
        os.close(writer)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    with os.fdopen(reader, "rb") as file:
        assert file.read() == data
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_lines_are_passed_on_one_by_one() -> None:
    """A function gets each line when it is whole; the last ones are kept, an unfinished one too."""
    lines: list[str] = []
    writer = LineWriter(lines.append, keep=2)
    for text in ("0\n1 and", " more \r\n", "2\nthe end"):
        writer.write(text)
    assert lines == ["0", "1 and more", "2"]
    assert writer.last == ("1 and more", "2", "the end")
    writer.finish()
    writer.finish()
    assert lines == ["0", "1 and more", "2", "the end"]


@pytest.mark.parametrize(
    ("page", "data", "text"),
    [
        ("cp850", "Grüße é\r\n", "Grüße é\r\n"),
        ("cp437", "é", "é"),
        ("ascii", b"\x81\xff!", "\ufffd\ufffd!"),
        ("cp99999", b"\x81!", "\ufffd!"),
        ("cp850", "Grüße ✓".encode(), "Grüße ✓"),
        ("cp850", "✓ ".encode() + "ß ".encode("cp850") + "é".encode(), "✓ ß é"),
    ],
)
def test_what_is_not_utf_8_is_in_the_code_page_of_windows(
    monkeypatch: pytest.MonkeyPatch, page: str, data: str | bytes, text: str
) -> None:
    """In any chunks; programs that print UTF-8 and commands of cmd.exe may print one after the other."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(console, "code_page", lambda: page)
    encoded = data.encode(page) if isinstance(data, str) else data
    for size in (1, 2, 1000):
        decoder = streams.text_decoder("utf-8")
        pieces = [decoder.decode(encoded[at : at + size]) for at in range(0, len(encoded), size)]
        assert "".join([*pieces, decoder.decode(b"", final=True)]) == text


def test_characters_of_two_bytes_are_read_in_one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """cmd.exe writes a line at once, also in an East Asian code page."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(console, "code_page", lambda: "cp932")
    text = "C:\\デスクトップ\r\n"
    assert streams.text_decoder("utf-8").decode(text.encode("cp932")) == text


@pytest.mark.parametrize(("system", "encoding"), [("linux", "utf-8"), ("win32", "ascii")])
def test_elsewhere_what_is_not_in_the_encoding_is_replaced(
    monkeypatch: pytest.MonkeyPatch, system: str, encoding: str
) -> None:
    """Other systems have no code page, and an encoding that the caller names is the only one."""
    monkeypatch.setattr(sys, "platform", system)
    assert streams.text_decoder(encoding).decode(b"a\xff", final=True) == "a\ufffd"
