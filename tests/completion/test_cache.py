"""The cache of names: fresh until something that they came from changes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envtasks.completion.cache import MOST_AGE, Cache, Names


def names(folder: Path, *tasks: str) -> Names:
    """Names that came from tasks.py and the env files of a folder."""
    return {
        "core": [],
        "tasks": {
            name: {"help": "", "flags": [], "positionals": [], "environment": "", "only": None}
            for name in tasks
        },
        "environments": {},
        "services": [],
        "files": [str(folder / "tasks.py")],
        "folders": [str(folder)],
    }


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """The cache for `inv` in a folder."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project/tasks.py").write_text("", encoding="utf-8")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCALAPPDATA": str(tmp_path / "cache")}
    return Cache.at(env, "inv", [], here=tmp_path / "project")


def refuse() -> Names:
    """Fail where the cache should have been fresh."""
    raise AssertionError("collected again")


def test_unchanged_files_need_no_tasks(cache: Cache, tmp_path: Path) -> None:
    """The second time the names come from the file."""
    made = names(tmp_path / "project", "run")

    assert cache.names(lambda: made) == made
    assert cache.names(refuse) == made


def edit_tasks(folder: Path) -> None:
    (folder / "tasks.py").write_text("# longer", encoding="utf-8")


def remove_tasks(folder: Path) -> None:
    (folder / "tasks.py").unlink()


def add_env_file(folder: Path) -> None:
    (folder / ".env.staging").write_text("A=1\n", encoding="utf-8")


def touch_tasks(folder: Path) -> None:
    os.utime(folder / "tasks.py", (1, 1))


@pytest.mark.parametrize("change", [edit_tasks, remove_tasks, add_env_file, touch_tasks])
def test_a_change_of_what_it_depends_on(cache: Cache, tmp_path: Path, change: Callable[[Path], None]) -> None:
    """A file that was edited, touched or removed, or a new env file, makes the names old."""
    folder = tmp_path / "project"
    cache.names(lambda: names(folder, "run"))
    change(folder)

    new = cache.names(lambda: names(folder, "run", "more"))

    assert new is not None
    assert list(new["tasks"]) == ["run", "more"]


def test_what_cannot_be_collected_is_completed_from_what_was(cache: Cache, tmp_path: Path) -> None:
    """While tasks.py has a syntax error, the names are those of before; with none there are none."""

    def fail() -> Names:
        raise SyntaxError

    def leave() -> Names:
        raise SystemExit(1)

    folder = tmp_path / "project"
    assert cache.names(fail) is None
    made = cache.names(lambda: names(folder, "run"))
    edit_tasks(folder)

    assert cache.names(fail) == made
    assert cache.names(leave) == made


def test_a_cache_gets_old(cache: Cache, tmp_path: Path) -> None:
    """After a day the tasks are read again: they may come from what is not looked at."""
    cache.names(lambda: names(tmp_path / "project", "run"))
    content = json.loads(cache.path.read_text(encoding="utf-8"))
    cache.path.write_text(json.dumps({**content, "made": content["made"] - MOST_AGE - 1}), encoding="utf-8")

    new = cache.names(lambda: names(tmp_path / "project", "new"))

    assert new is not None
    assert list(new["tasks"]) == ["new"]


@pytest.mark.parametrize("content", ["", "[]", '{"format": 0}', "\0"])
def test_a_file_that_is_no_cache(cache: Cache, tmp_path: Path, content: str) -> None:
    """What cannot be read, or is of another format, is made anew."""
    cache.path.parent.mkdir(parents=True)
    cache.path.write_text(content, encoding="utf-8")

    assert cache.names(lambda: names(tmp_path / "project", "run")) == names(tmp_path / "project", "run")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(cache: Cache, tmp_path: Path) -> None:
    """Completion works without a cache."""
    cache.path.parent.parent.mkdir(parents=True)
    cache.path.parent.parent.chmod(0o500)

    assert cache.names(lambda: names(tmp_path / "project", "run")) is not None


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """Completion works without a cache also where its folder cannot be made."""
    (tmp_path / "cache").write_text("", encoding="utf-8")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCALAPPDATA": str(tmp_path / "cache")}

    assert Cache.at(env, "inv", [], here=tmp_path).names(lambda: names(tmp_path, "run")) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_user_can_read_it(cache: Cache, tmp_path: Path) -> None:
    """The names of variables are nobody else's business."""
    cache.names(lambda: names(tmp_path / "project", "run"))

    assert cache.path.stat().st_mode & 0o077 == 0
    assert cache.path.parent.stat().st_mode & 0o077 == 0


def test_few_files_are_kept(cache: Cache, tmp_path: Path) -> None:
    """The oldest go when there are more than 64."""
    folder = cache.path.parent
    folder.mkdir(parents=True)
    for number in range(70):
        path = folder / f"{number}.json"
        path.write_text("", encoding="utf-8")
        os.utime(path, (number, number))

    cache.names(lambda: names(tmp_path / "project", "run"))

    left = {path.name for path in folder.iterdir()}
    assert (len(left), "0.json" in left, cache.path.name in left) == (64, False, True)
