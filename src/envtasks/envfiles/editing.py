"""Byte-exact edits of an env file: values set, variables removed, a header inserted, every other byte as it was.

Each edit is proven before it is given out: the new text is parsed, and all other variables must be what they were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..errors import EnvFileInvalid
from .document import EnvFile, parse_env_file
from .expansion import OBJECT_NAMES
from .parser import ENCRYPTED, QUOTES, REFERENCES, Entry

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_./:@%+,=~^\\-]+")


def check_name(name: str) -> None:
    """Raise EnvFileInvalid where no env file can hold a variable of this name for every reader."""
    if not _NAME.fullmatch(name) or name in OBJECT_NAMES:
        reason = "dotenvx cannot hold a variable of this name" if name in OBJECT_NAMES else _LETTERS
        raise EnvFileInvalid(f"{name!r} cannot be the name of a variable: {reason}.")


_LETTERS: Final = "a name has letters, digits and '_', and does not begin with a digit"


def check_value(name: str, value: str) -> None:
    """Raise EnvFileInvalid where no spelling carries the value, plain or encrypted."""
    if "\0" in value:
        raise EnvFileInvalid(f"{name}: the value holds a NUL character, which no environment can hold.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise EnvFileInvalid(f"{name}: the value is not valid text (half of a character).") from None
    if value.startswith(ENCRYPTED):
        raise EnvFileInvalid(f"{name}: the value begins with {ENCRYPTED}, so readers would decrypt it.")
    if value.startswith(REFERENCES):
        raise EnvFileInvalid(
            f"{name}: the value begins with {value[:5]}, and dotenvx would ask a password manager for it.",
            hint="put the value itself there",
        )


def spell(name: str, value: str) -> str:
    """A plain value as it is written: bare, or in single quotes. Raises EnvFileInvalid where neither carries it."""
    check_value(name, value)
    if _BARE.fullmatch(value):
        return value
    if "\r" in value or value.endswith("\\"):
        raise EnvFileInvalid(
            f"{name}: a plain value cannot hold a carriage return, or end in a backslash after blanks or quotes.",
            hint="store it encrypted, without --plain",
        )
    return "'" + value.replace("'", "\\'") + "'"


def quote_ciphertext(ciphertext: str, *, expand: bool = False) -> str:
    """A ciphertext in single quotes, where `$` in the value stays, or in double quotes, where it is expanded."""
    return f'"{ciphertext}"' if expand else f"'{ciphertext}'"


def set_spelled(file: EnvFile, name: str, spelled: str) -> EnvFile:
    """The file with the last assignment of a variable changed, or a new one at its end.

    `spelled` is the value with its quotes. Raises EnvFileInvalid where that would change anything else.
    """
    check_name(name)
    entry = next((each for each in reversed(file.entries) if each.name == name), None)
    return append_variable(file, name, spelled) if entry is None else replace_values(file, {entry: spelled})


def replace_values(file: EnvFile, spelled: Mapping[Entry, str]) -> EnvFile:
    """The file with the values of these entries changed, quotes included. Raises EnvFileInvalid."""
    text, newline = file.text, newline_of(file.text)
    for entry in sorted(spelled, key=lambda each: each.value_start, reverse=True):
        # an empty value may be followed by a comment, which would become part of a bare value
        gap = " " if entry.value_start == entry.value_end and text[entry.value_end :][:1] == "#" else ""
        written = spelled[entry].replace("\n", newline) + gap
        text = text[: entry.value_start] + written + text[entry.value_end :]
    expected = [(e.name, *_content(spelled[e])) if e in spelled else _meaning(e) for e in file.entries]
    return _proven(file, text, expected)


def remove_variable(file: EnvFile, name: str) -> EnvFile:
    """The file without any assignment of a variable; comments stay. Raises EnvFileInvalid."""
    expected = [_meaning(each) for each in file.entries if each.name != name]
    try:
        return _proven(file, _without(file, name, instead=""), expected)
    except EnvFileInvalid:
        # a word on the line before and a `=` on the line after would become an assignment: keep them apart
        return _proven(file, _without(file, name, instead="#"), expected)


def _without(file: EnvFile, name: str, *, instead: str) -> str:
    """The text with `instead` in place of each assignment of a variable, or without these lines if it is empty."""
    text = file.text
    for entry in reversed([each for each in file.entries if each.name == name]):
        after = next((each for each in ("\r\n", "\n", "\r") if text.startswith(each, entry.end)), "")
        text = text[: entry.start] + instead + text[entry.end + (0 if instead else len(after)) :]
    return text


def append_variable(file: EnvFile, name: str, spelled: str, *, comment: str = "") -> EnvFile:
    """The file with one more assignment at its end, after a comment if one is given. Raises EnvFileInvalid."""
    newline = newline_of(file.text)
    body = file.text
    if body.removeprefix("\ufeff") and not body.endswith(("\n", "\r")):
        body += newline
    written = spelled.replace("\n", newline)
    expected = [*map(_meaning, file.entries), (name, *_content(spelled))]
    return _proven(file, f"{body}{comment and comment + newline}{name}={written}{newline}", expected)


def insert_header(file: EnvFile, name: str, spelled: str, *, comment: str) -> EnvFile:
    """The file with an assignment before all others, after a comment and an empty line before the rest.

    A byte-order mark and a first line `#!…` stay in front. Raises EnvFileInvalid.
    """
    newline = newline_of(file.text)
    at = 1 if file.text.startswith("\ufeff") else 0
    if file.text.startswith("#!", at):
        at = next((m.end() for m in [re.compile(r"\r\n|\n|\r").search(file.text)] if m), len(file.text))
    before, rest = file.text[:at], file.text[at:]
    if before.removeprefix("\ufeff") and not before.endswith(("\n", "\r")):
        before += newline
    gap = newline if rest else ""
    text = f"{before}{comment}{newline}{name}={spelled}{newline}{gap}{rest}"
    return _proven(file, text, [(name, *_content(spelled)), *map(_meaning, file.entries)])


def _proven(file: EnvFile, text: str, expected: list[tuple[str, str, str]]) -> EnvFile:
    after = parse_env_file(text, path=file.path, encoding=file.encoding)
    found = [_meaning(entry) for entry in after.entries]
    if found == expected:
        return after
    # the first entry whose quotes are not closed, or not for good, is what swallows the lines after it
    unclosed = next((line for line, sentence in file.warnings if "quote" in sentence), None)
    if unclosed is not None:
        raise EnvFileInvalid(
            f"{file.path.name}:{unclosed}: a quote is not closed here, so this change would alter other variables.",
            hint="mend that line first; nothing was written",
        )
    escaped = next((each for each in file.entries if each.quote and each.raw.endswith("\\")), None)
    if escaped is not None:
        raise EnvFileInvalid(
            f"{file.path.name}:{escaped.line}: the quote that closes {escaped.name} follows a backslash, so another "
            "one that this change adds would close it.",
            hint=f"nothing was written; encrypt that value first: inv env.encrypt --only {escaped.name}",
        )
    raise EnvFileInvalid(f"{file.path.name}: this change would alter other variables; nothing was written.")


def _meaning(entry: Entry) -> tuple[str, str, str]:
    return entry.name, entry.raw, entry.quote


def _content(spelled: str) -> tuple[str, str]:
    """What the parser sees in a spelled value: the text inside the quotes, and the quote."""
    quoted = len(spelled) > 1 and spelled[0] == spelled[-1] and spelled[0] in QUOTES
    return (spelled[1:-1], spelled[0]) if quoted else (spelled, "")


def appended(text: str, lines: str, *, gap: int = 0) -> str:
    """The text with lines at its end, after this number of empty lines; with the text's own line ends."""
    newline = newline_of(text)
    end = "" if not text or text.endswith("\n") else newline
    return text + end + (newline * gap if text else "") + lines.replace("\n", newline)


def newline_of(text: str) -> str:
    """The line end that most lines have."""
    windows = text.count("\r\n")
    return "\r\n" if windows > text.count("\n") - windows else "\n"
