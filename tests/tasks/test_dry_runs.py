"""`inv --dry env.*`: what would be done is said, nothing is changed, and so nothing has to be confirmed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.collection import Collection

from envtasks.tasks import env
from tests.projects import Sandbox

WRITING = {
    "env.set": ["A"],
    "env.unset": ["TOKEN"],
    "env.encrypt": [],
    "env.decrypt": ["TOKEN"],
    "env.edit": [],
    "env.new": ["qa", "--from", "production"],
    "env.keys": ["--import"],
    "env.rotate": ["--now"],
    "env.example": [],
    "env.git-setup": [],
}
READING = {"env.check", "env.diff", "env.explain", "env.get", "env.list", "env.show"}
WITHOUT_ENVIRONMENT = {"env.new", "env.example", "env.git-setup"}


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project in git with a protected production."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "-q"], cwd=sandbox.root, check=True)
    sandbox.environment("production", "PLAIN=1\n", TOKEN="s3cr3t")
    return sandbox


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file of a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_command_that_writes_is_tried_here() -> None:
    """A new built-in task is sorted into one of the two lists above."""
    assert {f"env.{name}" for name in Collection.from_module(env).task_names} == READING | WRITING.keys()


@pytest.mark.parametrize(
    ("task", "words"),
    [
        *WRITING.items(),
        *(("env.rotate", [step]) for step in ("--prepare", "--finish")),
        ("env.keys", ["--export", "k"]),
    ],
)
def test_a_dry_run_in_a_protected_environment_asks_nothing_and_changes_nothing(
    shop: Sandbox, task: str, words: list[str]
) -> None:
    """Nobody can be asked here, and no `--yes` is given."""
    before = contents(shop.root)
    where = [] if task in WITHOUT_ENVIRONMENT else ["--env", "production"]
    key = shop.private_keys["production"]

    done = shop.inv_with_input(key, "--dry", task, *words, *where, EDITOR=f'"{sys.executable}" -V')

    assert done.returncode == 0, done.stdout
    assert key not in done.stdout.decode()
    assert contents(shop.root) == before


def test_the_projects_own_task_is_confirmed_in_a_dry_run_too(shop: Sandbox) -> None:
    """Its body runs, whatever it does."""
    assert shop.inv("--dry", "show", "--env", "production").returncode == 6
    assert shop.inv("--dry", "show", "--env", "production", "--yes").returncode == 0


def test_a_key_that_is_shown_is_confirmed_in_a_dry_run_too(shop: Sandbox) -> None:
    """`--export -` prints it, dry or not."""
    done = shop.inv("--dry", "env.keys", "--env", "production", "--export", "-")
    assert (done.returncode, done.stdout) == (6, "")
