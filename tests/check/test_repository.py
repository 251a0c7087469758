"""`env.check` has nothing to say of this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from envtasks.check import check
from envtasks.config import Project
from tests.guides import copy_repository


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_nothing_is_found_in_this_repository(tmp_path: Path) -> None:
    """A fresh clone has no finding, and says that production's values and git's history were not looked at."""
    copy_repository(tmp_path)
    subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)

    report = check(Project.load(tmp_path), os.environ)

    assert [(each.id, each.file, each.line, each.sentence) for each in report.findings] == []
    assert [each.part for each in report.not_checked] == ["secrets", "history"]
