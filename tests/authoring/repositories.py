"""git for the tests of authoring."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(root: Path, *words: str, code: int = 0) -> str:
    """The output of a git command, which ends with this code."""
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
        cwd=root,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def commit_all(root: Path) -> None:
    """Commit everything that git does not ignore."""
    git(root, "add", "-A")
    git(root, "commit", "-qm", "change", "--allow-empty")
