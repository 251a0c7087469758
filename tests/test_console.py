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

    assert "[bold]x[/bold]" in capsys.readouterr().out
