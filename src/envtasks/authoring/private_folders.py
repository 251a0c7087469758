"""A folder for decrypted text while it is edited: in memory where there is such a place, and removed afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ..envfiles import is_locked, locked, writing

PREFIX: Final = "envtasks-edit-"


@contextmanager
def private_folder(process_env: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    """An empty folder that only this user reads, and whether it is in memory; it is removed at the end.

    Folders that killed processes left behind are removed as well.
    """
    base, in_memory = _place(process_env)
    _remove_left_behind(base)
    folder = base / f"{PREFIX}{secrets.token_hex(8)}"
    with locked(folder):  # which says that this process still runs
        with writing(folder):
            folder.mkdir(mode=0o700)
        try:
            yield folder, in_memory
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _place(process_env: Mapping[str, str]) -> tuple[Path, bool]:
    """Where the folder is made, and whether that is in memory rather than on a disk."""
    if sys.platform != "win32":
        for place in (process_env.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108  (the folder is 0700)
            if place and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):  # noqa: PTH112
                return Path(place), True
    return Path(tempfile.gettempdir()), False


def _remove_left_behind(base: Path) -> None:
    for folder in base.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # another edit may remove it at the same time
            mine = sys.platform == "win32" or folder.lstat().st_uid == os.geteuid()
            if mine and not is_locked(folder):
                shutil.rmtree(folder, ignore_errors=True)
