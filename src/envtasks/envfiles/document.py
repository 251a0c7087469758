"""Read env files without losing a byte, and write files atomically."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from ..errors import EnvFileInvalid, EnvFileMissing
from .parser import Entry, scan

T = TypeVar("T")

_UTF16_LE: Final = b"\xff\xfe"
_UTF16_BE: Final = b"\xfe\xff"
# how the text represents undecodable bytes, so that it encodes to the same bytes again
_ERRORS: Final = {"utf-8": "surrogateescape", "utf-16-le": "surrogatepass"}
_OPEN_FLAGS: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class EnvFile(NamedTuple):
    """One env file: its text (byte-order mark and line breaks unchanged), its assignments, likely mistakes."""

    path: Path
    text: str
    entries: tuple[Entry, ...]
    warnings: tuple[tuple[int, str], ...] = ()  # line, sentence
    encoding: str = "utf-8"

    def encode(self, text: str) -> bytes:
        """The bytes of a changed text; what was not changed keeps its bytes."""
        return text.encode(self.encoding, _ERRORS[self.encoding])


def parse_env_file(text: str, *, path: Path = Path(".env"), encoding: str = "utf-8") -> EnvFile:
    """The env file with this text."""
    entries, warnings = scan(text)
    return EnvFile(path, text, entries, warnings, encoding)


def read_env_file(path: Path, *, label: str | None = None) -> EnvFile:
    """The env file at `path`, called `label` in messages.

    Raises EnvFileMissing, and EnvFileInvalid for anything but a readable file; a pipe is not waited for.
    """
    label = path.name if label is None else label
    data = _read_bytes(path, label)
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


def by_precedence(files: Iterable[Iterable[T]], name: Callable[[T], str]) -> dict[str, list[T]]:
    """The assignments to each name, at most one from each file, the winning one first.

    An earlier file wins over a later one, and in a file the last line wins.
    """
    found: dict[str, list[T]] = {}
    for assignments in files:
        for key, last in {name(assignment): assignment for assignment in assignments}.items():
            found.setdefault(key, []).append(last)
    return found


def write_atomic(path: Path, data: bytes | str, *, mode: int | None = None) -> None:
    """Replace the content of a file atomically, through symbolic links; its mode stays unless one is given.

    A failure leaves the old content. A str is written as UTF-8, line breaks unchanged. Raises EnvFileInvalid.
    """
    content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        wanted = _mode(target) if mode is None else mode
        try:
            _write_new(temporary, content, wanted)
            os.replace(temporary, target)  # noqa: PTH105  (tests replace it to fail)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise EnvFileInvalid(f"{path.name} cannot be written: {error.strerror}.") from None


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


def _mode(target: Path) -> int | None:
    """The permissions of a file; None if it does not exist."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None


def _write_new(path: Path, content: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | (_OPEN_FLAGS & ~getattr(os, "O_NONBLOCK", 0))
    descriptor = os.open(path, flags, 0o666 if mode is None else 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    if mode is not None:
        path.chmod(mode)
