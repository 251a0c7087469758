"""What envtasks itself says: lines on stderr without any library, tables through rich on a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import PurePath
from typing import Final, TextIO

# compiled where a message or a table is printed, which most calls of a task do not
_OURS: Final = (
    r"\binv(?= (?:exec|(?:doctor|completion|init|migrate)\b|TASK|--[a-z]|(?:env|docker|compose|deploy|ci)\.))"
)
_CONTROL: Final = "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_COMMANDS: Final = r"(?m)^(\s*):(?=:)|##(?=\[)"
"""How a line begins, or contains, what GitHub's runner takes for a command."""
STYLES: Mapping[str, str] = {"error": "31;1", "warning": "33", "note": "2"}


def ensure_standard_streams() -> None:
    """Open what this process was started without (`>&-`), as files that open later would take its place; write UTF-8.

    Writing to such a stdout fails, as it does without one: it is /dev/null for reading, as in gnulib's `stdopen`.
    """
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None and not is_open(fd):
            os.open(
                os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY
            )  # the lowest number that is free
            setattr(sys, name, open(fd, "r" if fd == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # piped output has a code page on Windows, which lacks characters of messages, values and commands' output
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(
                encoding="utf-8", errors="replace" if stream.errors == "strict" else stream.errors
            )


def code_page() -> str:
    """Python's name for the encoding in which Windows' own programs print: that of the console, or the usual one."""
    if sys.platform != "win32":
        return "utf-8"
    import ctypes

    number = ctypes.windll.kernel32.GetConsoleOutputCP()
    return "oem" if number in (0, 65001) else f"cp{number}"


def is_open(fd: int) -> bool:
    """Whether a standard file descriptor is there at all."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def discard_output(fd: int = 1) -> None:
    """Let Python not complain, when it flushes stdout or stderr at its end, of what could not be written."""
    with suppress(OSError):
        null_device = os.open(os.devnull, os.O_WRONLY)
        if null_device != fd:
            os.dup2(null_device, fd)
            os.close(null_device)


def say(kind: str, text: str, *, stream: TextIO | None = None) -> None:
    """Write `kind: text` to stderr, coloured where a person looks at it. Never called with a secret."""
    stream = stream or sys.stderr
    print(message(kind, text, stream=stream), file=stream)


def styled(kind: str, stream: TextIO) -> str:
    """The word before a message, `error:` for example, in its colour when `stream` is a terminal that takes one."""
    plain = f"{kind}:"
    # conhost prints raw escapes unless it is asked not to; NO_COLOR is everybody's switch (no-color.org)
    if sys.platform == "win32" or os.environ.get("NO_COLOR") or not stream.isatty():
        return plain
    return f"\033[{STYLES[kind]}m{plain}\033[0m"


def message(kind: str, text: str, hint: str = "", *, stream: TextIO | None = None) -> str:
    """An error as text: `error: …` and, on a line of its own, its hint; wrapped at words where a person looks at it."""
    stream = stream or sys.stderr
    whole = "\n".join([f"{kind}: {text}", *([f"  hint: {hint}"] if hint else [])])
    whole = as_called_here(_harmless(whole))
    if stream.isatty():
        import shutil
        import textwrap

        width = max(40, min(shutil.get_terminal_size().columns, 100))
        wrap = textwrap.TextWrapper(
            width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
        whole = "\n".join(wrap.fill(line) for line in whole.splitlines())
    return whole.replace(f"{kind}:", styled(kind, stream), 1)


def one_line(text: str) -> str:
    """A foreign text with its control characters and line breaks escaped, so that it writes no more than its line."""
    return re.sub(_CONTROL, _escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return character.encode("unicode_escape").decode() if character < "\x80" else f"\\u{ord(character):04x}"


def _harmless(text: str) -> str:
    """The same for a message, which may have lines of its own; none of them is a command to GitHub's runner."""
    return re.sub(_COMMANDS, lambda match: f"{match[0]} ", "\n".join(map(one_line, text.split("\n"))))


def counted(number: int, noun: str) -> str:
    """The number and its noun: `1 variable`, `2 variables`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def as_called_here(text: str) -> str:
    """The text with our commands as they are called here: `inv env.list` is `envtasks env.list` without a tasks.py."""
    path = PurePath(*sys.argv[:1])
    name = path.parent.name if path.stem == "__main__" else path.stem
    return re.sub(_OURS, "envtasks", text) if name in ("envtasks", "nox") else text


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows to stdout: a rich table on a terminal, aligned plain text when piped (so that grep and awk work)."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in plain_table(columns, rows):
            print(line)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for position, column in enumerate(columns):
        drawn.add_column(column.upper(), overflow="fold", style="cyan" if position == 0 else "")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The same rows as aligned text, the header first, no trailing spaces."""
    cells = [[column.upper() for column in columns], *[list(row) for row in rows]]
    widths = [max(len(row[position]) for row in cells) for position in range(len(columns))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def print_json(answer: object) -> None:
    """Print a JSON document to stdout, as UTF-8."""
    from json import dumps

    write_utf8(dumps(answer, indent=2) + "\n")


def write_line(text: str) -> None:
    """Write a line to stdout at once; where nobody reads on (`| head`), the exit code still tells the rest."""
    try:
        write_utf8(f"{text}\n")
    except BrokenPipeError:
        discard_output()


def write_utf8(text: str, *, newline_on_terminal: bool = False) -> None:
    """Write text to stdout as UTF-8, exactly, whatever the code page; a lone surrogate stays the byte it was."""
    data = text.encode("utf-8", "surrogateescape")
    if newline_on_terminal and sys.stdout.isatty() and not data.endswith(b"\n"):
        data += b"\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
