"""Rendered files in a folder: readable by their owner alone, and never seen by git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..envfiles.document import write_atomic
from ..errors import Refused


def write(files: Mapping[str, str], folder: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Write files (name to text) with mode 0600 into a folder that git ignores; gives their paths.

    A folder that is new gets a `.gitignore` of its own. Raises Refused for one whose files git would take.
    """
    fresh = not folder.exists() or not any(folder.iterdir())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if fresh:
        (folder / ".gitignore").write_text("*\n", encoding="utf-8", newline="\n")
    paths = tuple(folder / name for name in files)
    seen = [path.name for path in paths if not _ignored(path, environment)]
    if seen:
        raise Refused(
            f"{folder} would hold secrets that git takes: {', '.join(seen)} is not ignored there.",
            hint=f"choose a folder that does not exist yet, or add {folder.name}/ to .gitignore",
        )
    for path, text in zip(paths, files.values(), strict=True):
        if path.is_symlink():
            path.unlink()  # what a link points at may lie where git looks, or be open to others
        write_atomic(path, text.encode("utf-8"), mode=0o600)
    return paths


def _ignored(path: Path, environment: Mapping[str, str]) -> bool:
    """Whether git does not take this file; so too where there is no git, or no repository."""
    # a hook's GIT_DIR would make git answer for another repository
    clean = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
    try:
        asked = subprocess.run(
            ["git", "-C", os.fspath(path.parent), "check-ignore", "-q", "--", path.name],
            env=clean,
            capture_output=True,
            check=False,
        )
    except OSError:
        return True
    return asked.returncode != 1
