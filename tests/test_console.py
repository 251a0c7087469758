"""console.py: what is printed, on a terminal and piped."""

from __future__ import annotations

import io

import pytest

from envtasks import console


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.skipif("sys.platform == 'win32'")
def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind is coloured on a terminal, and plain in a pipe or with NO_COLOR."""
    assert console.styled("error", io.StringIO()) == "error:"
    assert console.styled("error", _Terminal()) == "\033[31;1merror:\033[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert console.styled("error", _Terminal()) == "error:"


def test_say_writes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A message goes to stderr as one line."""
    console.say("warning", "look out")

    assert capsys.readouterr() == ("", "warning: look out\n")


def test_a_message_of_several_lines_keeps_them_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is wrapped by itself, at words, with its own beginning."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    text = "Environment local lacks 2 variables that the stack needs:\n    DB_PASSWORD  compose.yaml:14\n    B  x:1"

    lines = console.message("error", text, "add them", stream=_Terminal()).splitlines()

    assert lines[2:] == ["    DB_PASSWORD  compose.yaml:14", "    B  x:1", "  hint: add them"]
    assert " ".join(line.strip() for line in lines[:2]) == f"error: {text.partition(chr(10))[0]}"


@pytest.mark.parametrize(
    ("argv0", "called"),
    [
        ("/v/bin/inv", "inv"),
        ("/v/lib/invoke/__main__.py", "inv"),
        ("/v/bin/envtasks", "envtasks"),
        ("/v/lib/envtasks/__main__.py", "envtasks"),
        ("/v/bin/nox", "envtasks"),
        ("", "inv"),
    ],
)
def test_messages_name_our_commands_as_they_are_called_here(
    argv0: str, called: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a tasks.py there is no `inv`: the `envtasks` command and nox name `envtasks` in hints."""
    monkeypatch.setattr("sys.argv", [argv0])

    text = console.message(
        "error", "x", "inv env.set A --env local, or inv exec; inventory", stream=io.StringIO()
    )

    assert text == f"error: x\n  hint: {called} env.set A --env local, or {called} exec; inventory"


def test_flags_of_inv_are_those_of_what_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """`inv --help` is no help where envtasks was called, perhaps without a tasks.py; a word with a dash is no flag."""
    monkeypatch.setattr("sys.argv", ["/usr/bin/envtasks"])
    assert (
        console.as_called_here("inv --help, inv --list; inv -- x")
        == "envtasks --help, envtasks --list; inv -- x"
    )


def test_a_count_has_its_noun() -> None:
    """One is no plural, and nothing is."""
    assert [console.counted(number, "variable") for number in (0, 1, 2)] == [
        "0 variables",
        "1 variable",
        "2 variables",
    ]


def test_plain_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Piped, a table is aligned text with a header and no trailing space."""
    console.table(["name", "value"], [["A", "1"], ["LONGER", ""]])

    assert capsys.readouterr().out == "NAME    VALUE\nA       1\nLONGER\n"


def test_terminal_table_shows_brackets_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal rich draws the table, and a value that looks like markup is not taken for it."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    console.table(["name"], [["[bold]x[/bold]"]])
    shown = capsys.readouterr().out

    assert "[bold]x[/bold]" in shown
    assert "NAME" in shown  # as in a pipe


FOREIGN = "a\x1b]0;owned\x07b\r\n::error::c\u2028\x9bd\u202e ##[error]e"


def test_a_foreign_text_writes_no_more_than_its_line() -> None:
    """Escape sequences, line breaks of every kind and signs that turn the direction of text are escaped."""
    assert console.one_line(FOREIGN) == (r"a\x1b]0;owned\x07b\r\n::error::c\u2028\u009bd\u202e ##[error]e")
    assert console.one_line("Grüße ✓ €") == "Grüße ✓ €"


def test_a_message_writes_no_escape_sequence_and_no_command_of_ci() -> None:
    """A name in a message moves no cursor, and starts no line that GitHub's runner takes for a command."""
    shown = console.message("error", f"{FOREIGN} is wrong:\n  ::stop-commands::x", "\x1b[2J")

    assert not set(shown) & set("\x1b\x07\r\x9b\u2028\u202e")
    assert ": :error::c" in shown
    assert not [line for line in shown.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert shown.splitlines()[-1] == r"  hint: \x1b[2J"


def test_a_table_keeps_each_cell_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A value with line breaks and escape sequences is one cell."""
    console.table(["name", "value"], [["A", FOREIGN], ["B", "x"]])
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines] == ["NAME", "A", "B"]
    assert "\x1b" not in lines[1]
