"""Files are replaced atomically, by one writer at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from envtasks.envfiles import storage
from envtasks.envfiles.storage import locked, replace_file, write_atomic
from envtasks.errors import EnvFileInvalid
from tests.deadlines import SECONDS, killed_late

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes, owners and links")
HOLDER = """
import sys
from pathlib import Path
from envtasks.envfiles.storage import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def put(folder: Path, data: bytes) -> Path:
    path = folder / ".env.local"
    path.write_bytes(data)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@posix
def test_writing_keeps_mode_and_link(tmp_path: Path) -> None:
    """The target of a link is replaced, its mode stays, line breaks are written as given, no temporary file is left."""
    real = tmp_path / "real"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link = tmp_path / ".env"
    link.symlink_to(real)
    write_atomic(link, "A=1\r\nB=\udce9\n")
    assert (link.is_symlink(), real.read_bytes(), real.stat().st_mode & 0o777) == (
        True,
        b"A=1\r\nB=\xe9\n",
        0o640,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "real"]


@posix
def test_a_new_file_has_the_given_mode(tmp_path: Path) -> None:
    """A new key file is private from its first byte; a new env file has the default mode."""
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / ".env.keys", b"K", mode=0o600)
        write_atomic(tmp_path / ".env", b"A=1")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in (".env.keys", ".env")] == [0o600, 0o644]


def test_a_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file cannot be replaced, the old one is unchanged and no temporary file is left."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = put(tmp_path, b"old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(EnvFileInvalid) as caught:
        write_atomic(path, b"new")
    assert caught.value.message == ".env.local cannot be written, and is as it was: No space left on device."
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {".env.local": b"old"}


@posix
def test_a_leftover_of_a_killed_writer_is_overwritten(tmp_path: Path) -> None:
    """The temporary file has one name, so that at most one is left; a link of that name is not followed."""
    path, other = put(tmp_path, b"old"), tmp_path / "other"
    other.write_bytes(b"not ours")
    (tmp_path / ".env.local.envtasks-tmp").symlink_to(other)

    write_atomic(path, b"new")

    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"not ours")
    assert names(tmp_path) == [".env.local", "other"]


@posix
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EBUSY, "it is mounted by itself, so it cannot be replaced"),
        (errno.EROFS, "Read-only file system"),
        (errno.ENOSPC, "No space left on device"),
    ],
)
def test_why_a_file_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    """The error says in one sentence what is in the way, and that the file is as it was."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    path = put(tmp_path, b"old")
    monkeypatch.setattr(os, "replace", refuse)

    with pytest.raises(EnvFileInvalid) as caught:
        replace_file(path, b"new")

    assert caught.value.message == f".env.local cannot be written, and is as it was: {sentence}."
    assert (path.read_bytes(), names(tmp_path)) == (b"old", [".env.local"])


@posix
def test_a_file_that_may_not_be_written_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mode 0444 in a writable folder: a rename would replace it all the same."""
    path, opened = put(tmp_path, b"old"), os.open

    def refuse(name: Path, flags: int, mode: int = 0o777) -> int:
        if name == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(name, flags, mode)

    path.chmod(0o444)
    monkeypatch.setattr(os, "open", refuse)  # root may write everything

    with pytest.raises(EnvFileInvalid, match="as it was: Permission denied"):
        replace_file(path, b"new")

    assert path.read_bytes() == b"old"


@posix
def test_a_file_of_another_user_is_not_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file would belong to whoever writes it; where the owner cannot be kept, the old one stays."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    path = put(tmp_path, b"old")
    real = Path.stat
    stranger = os.stat_result((*real(path)[:4], 4321, *real(path)[5:]))
    monkeypatch.setattr(os, "chown", refuse)
    monkeypatch.setattr(Path, "stat", lambda self, **k: stranger if self == path else real(self, **k))

    with pytest.raises(EnvFileInvalid, match="it belongs to another user or group"):
        replace_file(path, b"new")

    assert (path.read_bytes(), names(tmp_path)) == (b"old", [".env.local"])


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which holds the lock of .env.local."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / ".env.local")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with killed_late(process):
        assert process.stdout.readline().strip() == b"held"
        yield process


def test_a_writer_waits_for_the_other_one(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    """What holds the lock goes on undisturbed, and the one that waits writes afterwards."""
    path = put(tmp_path, b"old")
    writer = threading.Thread(target=write_atomic, args=(path, b"new"))
    writer.start()
    writer.join(0.1)

    assert path.read_bytes() == b"old"
    holder.communicate()
    writer.join(SECONDS)
    assert path.read_bytes() == b"new"


def test_a_killed_writer_frees_its_lock(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    """The system frees the lock, so that nothing has to be cleaned up."""
    holder.kill()
    holder.wait(SECONDS)

    write_atomic(tmp_path / ".env.local", b"new")

    assert (tmp_path / ".env.local").read_bytes() == b"new"


@pytest.mark.usefixtures("holder")
def test_a_lock_that_is_never_freed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the command ends with one sentence instead of waiting for ever."""
    monkeypatch.setattr(storage, "_LOCK_SECONDS", 0.05)

    with pytest.raises(EnvFileInvalid, match=r"\.env\.local is being changed by another command"):
        write_atomic(tmp_path / ".env.local", b"new")

    assert not (tmp_path / ".env.local").exists()


@posix
def test_a_link_has_the_lock_of_its_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two names of one file are one lock, and the lock is not in the project."""
    path, link = put(tmp_path, b"old"), tmp_path / "link"
    link.symlink_to(path)
    monkeypatch.setattr(storage, "_LOCK_SECONDS", 0.05)

    with locked(path), pytest.raises(EnvFileInvalid, match="link is being changed"), locked(link):
        pass

    assert names(tmp_path) == [".env.local", "link"]


def test_several_files_are_locked_together(tmp_path: Path) -> None:
    """Two writers that need the same files in different order do not wait for each other."""
    first, second = tmp_path / "a", tmp_path / "b"
    done: list[int] = []

    def write(number: int, *paths: Path) -> None:
        for _ in range(50):
            with locked(*paths):
                done.append(number)

    threads = [
        threading.Thread(target=write, args=(n, *o)) for n, o in ((1, (first, second)), (2, (second, first)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    assert sorted(done) == [1] * 50 + [2] * 50


def test_concurrent_writers_lose_nothing(tmp_path: Path) -> None:
    """Each adds to what the one before it wrote."""
    path = put(tmp_path, b"")

    def add(letter: bytes) -> None:
        for _ in range(25):
            with locked(path):
                replace_file(path, path.read_bytes() + letter)

    threads = [threading.Thread(target=add, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    assert sorted(path.read_bytes().decode()) == ["a"] * 25 + ["b"] * 25 + ["c"] * 25
