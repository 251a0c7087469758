"""Replace files atomically, one writer at a time."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from ..errors import EnvFileInvalid

TEMPORARY_SUFFIX: Final = ".envtasks-tmp"
_LOCK_SECONDS: Final = 10.0
_REPLACE_SECONDS: Final = 1.0
_FLAGS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def locked(*paths: Path) -> Iterator[None]:
    """Keep other writers of these files out; they wait. Raises EnvFileInvalid where one holds a file too long.

    The locks are files of their own, because a replaced file is another one, and lie outside the project. The system
    frees them when this process ends, however it ends.
    """
    locks = {_lock_file(Path(os.path.realpath(path))): path for path in paths}
    with ExitStack() as stack:
        for lock in sorted(locks):  # always in the same order, so that two writers never wait for each other
            stack.enter_context(_holding(lock, locks[lock]))
        yield


def is_locked(path: Path) -> bool:
    """Whether a process that still runs holds the lock of a path."""
    descriptor = os.open(_lock_file(Path(os.path.realpath(path))), os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
    try:
        return not _taken(descriptor)
    finally:
        _free(descriptor)


def write_atomic(path: Path, data: bytes | str, *, mode: int | None = None) -> None:
    """Replace the content of a file atomically, waiting for other writers; else as `replace_file`."""
    with locked(path):
        replace_file(path, data, mode=mode)


def replace_file(path: Path, data: bytes | str, *, mode: int | None = None) -> None:
    """Replace the content of a file atomically, through symbolic links. The caller holds its lock.

    Its mode (unless one is given), owner and extended attributes stay. A failure leaves the old content and raises
    EnvFileInvalid. A str is written as UTF-8, line breaks unchanged.
    """
    content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    with writing(path):
        temporary = write_beside(path, content, mode=mode)
        try:
            put_in_place(temporary)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(temporary.parent)


def write_beside(path: Path, content: bytes, *, mode: int | None = None) -> Path:
    """Write the content that a file is to get into a new one beside it, and return that one; see `replace_file`.

    It has the old file's mode (unless one is given), owner and extended attributes. After an OSError it is not there.
    """
    target = Path(os.path.realpath(path))
    temporary = beside(target)
    _check_writable(target)
    temporary.unlink(missing_ok=True)
    try:
        _write_new(temporary, content, 0o666 if mode is None and not target.exists() else 0o600)
        _copy_metadata(target, temporary, mode)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def beside(path: Path) -> Path:
    """Where new content for a file is prepared: one name, so that the next writer overwrites what a killed one left."""
    target = Path(os.path.realpath(path))
    return target.with_name(target.name + TEMPORARY_SUFFIX)


def put_in_place(temporary: Path) -> None:
    """Rename what `write_beside` has made to the file that it is for. Raises OSError."""
    target = temporary.with_name(temporary.name.removesuffix(TEMPORARY_SUFFIX))
    _retried(lambda: os.replace(temporary, target))  # noqa: PTH105  (tests replace it to fail)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within, raise EnvFileInvalid in place of OSError, which says that this file or folder cannot be written."""
    try:
        yield
    except OSError as error:
        raise _not_written(path, error) from None


def _check_writable(target: Path) -> None:
    # a new file would take the place of one that may not be written
    with suppress(FileNotFoundError):
        os.close(os.open(target, os.O_WRONLY | _FLAGS))


def _write_new(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _copy_metadata(target: Path, temporary: Path, mode: int | None) -> None:
    """Give the new file the owner, the extended attributes and the mode of the old one; `mode` if it is given."""
    if sys.platform == "win32":
        return
    if target.exists():
        old, new = target.stat(), temporary.stat()
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            try:
                os.chown(temporary, old.st_uid, old.st_gid)
            except OSError:
                raise _ForeignOwnerError from None
        _copy_attributes(target, temporary)
        mode = stat.S_IMODE(old.st_mode) if mode is None else mode
    if mode is not None:
        temporary.chmod(mode)


def _copy_attributes(target: Path, temporary: Path) -> None:
    if sys.platform == "linux":
        with suppress(OSError):  # the file system has none, or they are the system's own
            for name in os.listxattr(target):
                os.setxattr(temporary, name, os.getxattr(target, name))


class _ForeignOwnerError(PermissionError):
    """The file belongs to another user, whom a new file in its place would not belong to."""


def _retried(replace: Callable[[], None]) -> None:
    """Call it until it succeeds: Windows refuses to replace a file while another program reads it."""
    deadline = time.monotonic() + _REPLACE_SECONDS
    while True:
        try:
            return replace()
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems have no fsync for folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_written(path: Path, error: OSError) -> EnvFileInvalid:
    reason, hint = str(error.strerror or type(error).__name__), ""
    if isinstance(error, _ForeignOwnerError):
        reason = "it belongs to another user or group"
        hint = "let its owner make this change, or take the file over: chown"
    elif error.errno == errno.EBUSY:
        reason = "it is mounted by itself, so it cannot be replaced"
        hint = "mount its folder instead of the file"
    return EnvFileInvalid(f"{path.name or path} cannot be written, and is as it was: {reason}.", hint=hint)


def _lock_file(path: Path) -> Path:
    import hashlib

    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
    return _lock_folder() / f"{name}.lock"


def _lock_folder() -> Path:
    """A private folder that all processes of this user agree on: TMPDIR and the like differ among them."""
    if sys.platform == "win32":
        folder = Path(tempfile.gettempdir()) / "envtasks"
    else:
        folder = Path("/tmp") / f"envtasks-{os.geteuid()}"  # noqa: S108  (checked below)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise EnvFileInvalid(f"The folder for locks, {folder}, cannot be made: {error.strerror}.") from None
    if sys.platform != "win32" and (not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid()):
        raise EnvFileInvalid(f"The folder for locks, {folder}, belongs to another user.")
    return folder


@contextmanager
def _holding(lock: Path, path: Path) -> Iterator[None]:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
        try:
            if _taken(descriptor) and _is_still(lock, descriptor):
                yield
                return
        finally:
            _free(descriptor)
        if time.monotonic() > deadline:
            raise EnvFileInvalid(
                f"{path.name} is being changed by another command, which has not ended in {_LOCK_SECONDS:g} seconds.",
                hint="nothing was written; try again when that command has ended",
            )
        time.sleep(0.01)


def _taken(descriptor: int) -> bool:
    """Whether this process has got the lock."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Windows has several numbers for a lock that another process holds
        if sys.platform == "win32" or error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise EnvFileInvalid(f"The lock of a file cannot be taken: {error.strerror}.") from None
    return True


def _free(descriptor: int) -> None:
    if sys.platform == "win32":  # which may take its time after a file is closed
        import msvcrt

        with suppress(OSError):
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
    os.close(descriptor)


def _is_still(lock: Path, descriptor: int) -> bool:
    """Whether the lock is the file of that name: what cleans temporary folders may have removed it meanwhile."""
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
