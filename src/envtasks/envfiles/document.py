"""Read env files without losing a byte."""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_right
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from ..errors import EnvFileInvalid, EnvFileMissing
from .parser import PUBLIC_KEY, Entry, scan

T = TypeVar("T")

_UTF16_LE: Final = b"\xff\xfe"
_UTF16_BE: Final = b"\xfe\xff"
# how the text represents undecodable bytes, so that it encodes to the same bytes again
_ERRORS: Final = {"utf-8": "surrogateescape", "utf-16-le": "surrogatepass"}
# what git writes into a file that it cannot merge; a value of several lines may well hold a row of `=`
_MARKERS: Final = ("<<<<<<< ", ">>>>>>> ", "=======")
_MARKER_LINE: Final = r"(?:^|(?<=\r))(?:[<>]{7} |={7}(?=[\r\n]|\Z))"
_OPEN_FLAGS: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class EnvFile(NamedTuple):
    """One env file: its text (byte-order mark and line breaks unchanged), its assignments, likely mistakes."""

    path: Path
    text: str
    entries: tuple[Entry, ...]
    warnings: tuple[tuple[int, str], ...] = ()  # line, sentence
    encoding: str = "utf-8"

    @property
    def ciphertexts(self) -> list[Entry]:
        """The assignments whose value is encrypted."""
        return [entry for entry in self.entries if entry.encrypted]

    @property
    def unreadable(self) -> bool:
        """Whether it is in an encoding in which nothing can be read, UTF-16 (big-endian)."""
        return self.text.startswith(_UTF16_BE.decode("utf-8", "surrogateescape"))

    @property
    def headers(self) -> list[Entry]:
        """The assignments of public keys; the first one names the key to encrypt for."""
        return [entry for entry in self.entries if entry.name.startswith(PUBLIC_KEY)]

    def encode(self, text: str) -> bytes:
        """The bytes of a changed text; what was not changed keeps its bytes."""
        return text.encode(self.encoding, _ERRORS[self.encoding])


def parse_env_file(text: str, *, path: Path = Path(".env"), encoding: str = "utf-8") -> EnvFile:
    """The env file with this text."""
    entries, warnings = scan(text)
    return EnvFile(path, text, entries, warnings, encoding)


def read_env_file(path: Path, *, label: str | None = None) -> EnvFile:
    """The env file at `path`, called `label` in messages.

    Raises EnvFileMissing, and EnvFileInvalid for anything but a readable file, and for one with the markers of a merge
    conflict; a pipe is not waited for.
    """
    label = path.name if label is None else label
    file = decode_env_file(_read_bytes(path, label), path, label=label)
    refuse_conflict(file, label)
    return file


def decode_env_file(data: bytes, path: Path, *, label: str) -> EnvFile:
    """The env file with this content. Raises EnvFileInvalid."""
    if data.startswith(_UTF16_LE):
        if len(data) % 2:
            raise EnvFileInvalid(
                f"{label} is UTF-16 but ends in the middle of a character.", hint="save it as UTF-8"
            )
        return parse_env_file(data.decode("utf-16-le", "surrogatepass"), path=path, encoding="utf-16-le")
    text = data.decode("utf-8", "surrogateescape")
    found = parse_env_file(text, path=path)
    warning = _encoding_warning(data)
    return found._replace(warnings=(warning, *found.warnings)) if warning else found


def refuse_conflict(file: EnvFile, label: str) -> None:
    """Raise EnvFileInvalid where the text has the markers of a merge conflict: readers would take what comes last."""
    if not any(marker in file.text for marker in _MARKERS):
        return
    starts = [entry.value_start for entry in file.entries]
    for marker in re.finditer(_MARKER_LINE, file.text, re.MULTILINE):
        before = bisect_right(starts, marker.start())
        if marker[0][0] != "=" or not before or marker.start() >= file.entries[before - 1].value_end:
            text = file.text[: marker.start()].replace("\r\n", "\n").replace("\r", "\n")
            raise EnvFileInvalid(
                f"{label}:{text.count(chr(10)) + 1}: the file has the conflict markers of a merge.",
                hint="keep one side of each conflict and remove the lines with <<<<<<<, ======= and >>>>>>>",
            )


def by_precedence(files: Iterable[Iterable[T]], name: Callable[[T], str]) -> dict[str, list[T]]:
    """The assignments to each name, at most one from each file, the winning one first.

    An earlier file wins over a later one, and in a file the last line wins.
    """
    found: dict[str, list[T]] = {}
    for assignments in files:
        for key, last in {name(assignment): assignment for assignment in assignments}.items():
            found.setdefault(key, []).append(last)
    return found


def by_occurrence(entries: Iterable[Entry]) -> dict[tuple[str, int], Entry]:
    """The assignments by name and by how often that name was set before, in their order."""
    counts: dict[str, int] = {}
    found = {}
    for entry in entries:
        counts[entry.name] = counts.get(entry.name, -1) + 1
        found[entry.name, counts[entry.name]] = entry
    return found


def _read_bytes(path: Path, label: str) -> bytes:
    try:
        # opening a pipe without O_NONBLOCK waits for a writer; for files it has no effect
        descriptor = os.open(path, os.O_RDONLY | _OPEN_FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        raise EnvFileMissing(f"{label} is not there.") from None
    except OSError as error:
        kind = "a directory" if path.is_dir() else f"not readable: {error.strerror}"
        raise EnvFileInvalid(f"{label} is {kind}, expected an env file.") from None
    try:
        kind = _kind(os.fstat(descriptor).st_mode)
        if kind:
            raise EnvFileInvalid(f"{label} is {kind}, expected an env file.")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    except OSError as error:
        raise EnvFileInvalid(f"{label} is not readable: {error.strerror}.") from None
    finally:
        os.close(descriptor)


def _kind(mode: int) -> str:
    """What a file is, by its mode, if it is not a regular file; else empty."""
    if stat.S_ISREG(mode):
        return ""
    return "a directory" if stat.S_ISDIR(mode) else "a pipe or a device"


def _encoding_warning(data: bytes) -> tuple[int, str] | None:
    if data.startswith(_UTF16_BE):
        return 1, "this file is UTF-16 (big-endian), of which nothing can be read; save it as UTF-8"
    if data.isascii():
        return None
    try:
        data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().replace("\r\n", "\n").replace("\r", "\n")
        return before.count("\n") + 1, "not UTF-8: what cannot be read becomes \ufffd; save the file as UTF-8"
    return None
