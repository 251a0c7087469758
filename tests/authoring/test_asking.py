"""A value comes from a hidden prompt, a pipe or a file."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from envtasks.authoring import asking
from envtasks.authoring.asking import read_value
from envtasks.errors import ConfigInvalid, EnvFileInvalid
from tests.ptys import Typist

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX terminal")
PROMPTS = textwrap.dedent("""
    import os
    from envtasks.activation import ask_whether
    from envtasks.authoring.asking import read_value
    from envtasks.errors import EnvtasksError
    try:
        value = read_value("DB_PASSWORD", os.environ, file=None, how_to_pipe="pipe it")
        print("got", repr(value), len(value))
        print("answered", ask_whether("Encrypt it?"))
    except EnvtasksError as error:
        print(error)
""")


@pytest.fixture
def stdin() -> Iterator[int]:
    """A pipe that stands in for this process's stdin; the writing end."""
    reader, writer = os.pipe()
    before = os.dup(0)
    os.dup2(reader, 0)
    os.close(reader)
    yield writer
    os.dup2(before, 0)
    os.close(before)


def _piped() -> str:
    return read_value("A", {}, file=None, how_to_pipe="pipe it")


@pytest.mark.parametrize("value", ["x", "two\nlines\n", " \t", "é'\"$\\\r\n"])
def test_what_is_piped_is_taken_as_it_is(stdin: int, value: str) -> None:
    """Nothing is trimmed: a line break at the end belongs to the value."""
    os.write(stdin, value.encode())
    os.close(stdin)

    assert _piped() == value


def test_a_pipe_that_gives_nothing_changes_nothing(stdin: int) -> None:
    """What writes to it has failed, most likely; an empty value would take the place of a good one."""
    os.close(stdin)

    with pytest.raises(ConfigInvalid, match="Nothing came through the pipe, so A is as it was"):
        _piped()


def test_a_pipe_that_nobody_writes_to_ends(stdin: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stdin is a pipe of whatever started the command, it does not wait for ever."""
    monkeypatch.setattr(asking, "_PIPE_SECONDS", 0.05)

    with pytest.raises(ConfigInvalid, match=r"Nothing came through the pipe for 0\.05 seconds"):
        _piped()
    os.close(stdin)


def test_bytes_that_are_no_text_are_refused(stdin: int) -> None:
    """The message does not show them."""
    os.write(stdin, b"\xff\xfe")
    os.close(stdin)

    with pytest.raises(EnvFileInvalid, match=r"^A: the value is not UTF-8"):
        _piped()


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    """Also an empty one; a file that is not there is an error."""
    (tmp_path / "value").write_bytes(b"-----BEGIN\r\nKEY\n")
    (tmp_path / "empty").touch()

    found = [read_value("A", {}, file=tmp_path / name, how_to_pipe="") for name in ("value", "empty")]

    assert found == ["-----BEGIN\r\nKEY\n", ""]
    with pytest.raises(ConfigInvalid, match="nowhere cannot be read"):
        read_value("A", {}, file=tmp_path / "nowhere", how_to_pipe="")


def test_without_a_terminal_and_a_pipe_the_error_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    """stdin is the null device, or closed."""
    before = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    try:
        with pytest.raises(ConfigInvalid, match="There is no value for A") as caught:
            _piped()
    finally:
        os.dup2(before, 0)
        os.close(before)

    assert caught.value.hint == "pipe it"


@posix
def test_a_terminal_is_asked_without_showing_the_answer() -> None:
    """What is typed does not appear, its line break is no part of it; Enter alone means yes."""
    with Typist([sys.executable, "-c", PROMPTS]) as person:
        person.expect("DB_PASSWORD: ")
        person.type("s3cr3t \n")
        assert person.expect("got 's3cr3t ' 7") == "\ngot 's3cr3t ' 7"
        person.expect("Encrypt it? [Y/n] ")
        person.type("\n")
        person.expect("answered True")
        assert person.finish()[0] == 0


@posix
def test_an_answer_that_is_neither_yes_nor_no_is_asked_for_again() -> None:
    """Who types the value itself there, by habit, has not said that it may be stored in plain text."""
    with Typist([sys.executable, "-c", PROMPTS]) as person:
        person.expect("DB_PASSWORD: ")
        person.type("s3cr3t\n")
        person.expect("Encrypt it? [Y/n] ")
        person.type("s3cr3t\n")
        person.expect("Type y or n. Encrypt it? [Y/n] ")
        person.type("N\n")
        person.expect("answered False")
        assert person.finish()[0] == 0


@posix
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("-----BEGIN\nKEY\n", "The value has several lines; nothing was written.\n  hint: pipe it"),
        ("x" * 4095 + "\n", "The value has more characters than a terminal takes in one line"),
        ("\n", "No value was typed"),
    ],
)
def test_what_a_terminal_cannot_take_is_refused(typed: str, message: str) -> None:
    """A pasted key would lose all but its first line, and the shell would run the rest."""
    with Typist([sys.executable, "-c", PROMPTS]) as person:
        person.expect("DB_PASSWORD: ")
        person.type(typed)
        person.expect(message)
        code, rest = person.finish()

    assert (code, "KEY" in rest) == (0, False)


@posix
def test_ctrl_c_at_the_prompt_gives_the_terminal_back() -> None:
    """The command ends with 130, and the terminal shows what is typed again."""
    shell = f"trap : INT; {sys.executable} -c '{PROMPTS}'; echo code $?; read line"
    with Typist(["sh", "-c", shell]) as person:
        person.expect("DB_PASSWORD: ")
        person.type("\x03")
        person.expect("code 130")
        person.type("shown\n")
        person.expect("shown")
        person.finish()


@posix
def test_in_ci_a_terminal_is_not_asked() -> None:
    """Some CI systems give jobs a terminal, at which nobody sits."""
    with Typist([sys.executable, "-c", PROMPTS], env={**os.environ, "CI": "true"}) as person:
        person.expect("There is no value for DB_PASSWORD")
        assert person.finish()[0] == 0
