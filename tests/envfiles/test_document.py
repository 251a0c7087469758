"""Env files on disk: read without losing a byte, written atomically."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from envtasks.envfiles.document import parse_env_file, read_env_file
from envtasks.errors import EnvFileInvalid, EnvFileMissing
from tests.deadlines import ended

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes, links and pipes")


def put(folder: Path, data: bytes) -> Path:
    path = folder / ".env.local"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "encoding", "values"),
    [
        (b"A=1\r\nB='2'\r\n", "utf-8", ["1", "2"]),
        (b"\xef\xbb\xbfA=1\n", "utf-8", ["1"]),
        (b"A=caf\xe9\nB=\xff\xfe\xe2\x82\n", "utf-8", ["caf\ufffd", "\ufffd\ufffd\ufffd"]),
        (b"\xff\xfe" + 'A="é"\r\nB=2'.encode("utf-16-le"), "utf-16-le", ["é", "2"]),
        (b"\xff\xfe" + "A=x".encode("utf-16-le") + b"\x00\xd8", "utf-16-le", ["x\ufffd"]),
        (b"\xfe\xff" + "A=1\n".encode("utf-16-be"), "utf-8", []),
        (b"", "utf-8", []),
    ],
)
def test_reads_every_encoding_and_gives_the_same_bytes_back(
    tmp_path: Path, data: bytes, encoding: str, values: list[str]
) -> None:
    """Whatever the encoding, values are text, and the text encodes to the bytes that were read."""
    file = read_env_file(put(tmp_path, data))
    assert (file.encoding, [entry.value for entry in file.entries], file.encode(file.text)) == (
        encoding,
        values,
        data,
    )


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (b"A=1\r\nB=\xff\n", (2, "not UTF-8: what cannot be read becomes \ufffd; save the file as UTF-8")),
        (
            b"\xfe\xff" + "A=1\n".encode("utf-16-be"),
            (1, "this file is UTF-16 (big-endian), of which nothing can be read; save it as UTF-8"),
        ),
    ],
)
def test_warns_of_the_line_where_the_encoding_is_invalid(
    tmp_path: Path, data: bytes, warning: tuple[int, str]
) -> None:
    """A file that is not UTF-8 is read, with a warning that names the first such line."""
    assert read_env_file(put(tmp_path, data)).warnings[0] == warning


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    """A UTF-16 file that ends in the middle of a character is a clear error."""
    with pytest.raises(EnvFileInvalid) as caught:
        read_env_file(put(tmp_path, b"\xff\xfeA"), label="config/.env.local")
    assert caught.value.message == "config/.env.local is UTF-16 but ends in the middle of a character."


def test_an_absent_file_is_missing(tmp_path: Path) -> None:
    """A file that does not exist, or whose folder is a file, is EnvFileMissing and not invalid."""
    put(tmp_path, b"")
    for path in (tmp_path / ".env.dev", tmp_path / ".env.local" / ".env"):
        with pytest.raises(EnvFileMissing):
            read_env_file(path)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A directory in place of an env file is an error that says so."""
    with pytest.raises(EnvFileInvalid) as caught:
        read_env_file(tmp_path, label=".env.local")
    assert caught.value.message == ".env.local is a directory, expected an env file."


@posix
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe in place of an env file is an error, and is not waited for."""
    path = tmp_path / ".env.local"
    os.mkfifo(path)  # type: ignore[attr-defined,unused-ignore]
    error = ended(lambda: read_env_file(path))
    assert isinstance(error, EnvFileInvalid)
    assert error.message == ".env.local is a pipe or a device, expected an env file."


@posix
@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A file without read permission is an error with the system's reason."""
    path = put(tmp_path, b"A=1")
    path.chmod(0)
    with pytest.raises(EnvFileInvalid) as caught:
        read_env_file(path)
    assert caught.value.message == ".env.local is not readable: Permission denied, expected an env file."


def test_a_failing_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason that the system gives when it does not open a file is in the message."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    path = put(tmp_path, b"A=1")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(EnvFileInvalid) as caught:
        read_env_file(path)
    assert caught.value.message == ".env.local is not readable: Permission denied, expected an env file."


def test_parse_keeps_the_path() -> None:
    """A text is parsed as the file at a path."""
    assert parse_env_file("A=1", path=Path("x/.env")).path == Path("x/.env")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\n<<<<<<< HEAD\nB=1\n=======\nB=2\n>>>>>>> theirs\n", 2),
        ("A=1\r\n=======\r\nB=2\r\n", 2),
        ("A=1\n>>>>>>> theirs", 2),
        ("A=1\r=======\rB=2", 2),
        ("A\n=======\n", 2),
        ("A='one\n<<<<<<< HEAD\ntwo\n=======\nthree'\n", 2),
        ("=======", 1),
    ],
)
def test_conflict_markers_are_refused_with_their_line(tmp_path: Path, text: str, line: int) -> None:
    """A file that git could not merge is not read: both sides are in it, and the last one would win."""
    path = put(tmp_path, text.encode())

    with pytest.raises(EnvFileInvalid, match=rf"^\.env\.local:{line}: the file has the conflict markers"):
        read_env_file(path)


@pytest.mark.parametrize("text", ["A='Title\n=======\ntext'\n", "# =======\nA=1\n", "A=<<<<<<<\n========\n"])
def test_what_only_resembles_a_conflict_is_read(tmp_path: Path, text: str) -> None:
    """A row of `=` in a value or in a comment is text."""
    assert read_env_file(put(tmp_path, text.encode())).entries[0].name == "A"
