"""`envtasks init` on a fresh project: the plan, the change as a whole, the second run, refusals, the way back."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from envtasks import adopt
from envtasks.errors import EnvFileInvalid, EnvtasksError, Refused
from tests.adopt.project import FRESH, Found
from tests.authoring.repositories import commit_all, git, needs_git

pytestmark = needs_git
posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell runs its lines")


@pytest.fixture
def fresh(tmp_path: Path) -> Found:
    """A project as `uv init` makes it, committed."""
    return Found(tmp_path / "shop", FRESH)


def test_a_fresh_project_works_at_once(fresh: Found) -> None:
    """After `init` the project's entry point, `env.check` and the unit tests run, without another step."""
    assert "hello from local" in fresh.adopted().works()


def test_a_project_without_git_works_at_once(tmp_path: Path) -> None:
    """Without a repository the same files are written."""
    found = Found(tmp_path / "shop", FRESH, repository=False)

    assert "hello from local" in found.adopted().works()


def test_both_suites_run(fresh: Found) -> None:
    """`nox` runs the first tests of local and of staging, each in its environment."""
    done = fresh.adopted().sandbox.nox()

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("1 passed") == 2


def test_the_second_run_changes_nothing(fresh: Found) -> None:
    """A second run leaves every byte, committed or not."""
    before = fresh.adopted().content()

    again = fresh.init()
    commit_all(fresh.root)
    third = fresh.init()

    assert (again.returncode, third.returncode) == (0, 0)
    assert "nothing to do" in again.stdout
    assert "nothing to do" in third.stdout
    assert fresh.content() == before
    assert fresh.status() == ""


def test_a_dry_run_changes_nothing(fresh: Found) -> None:
    """`--dry` shows the plan, and neither the files nor git's index change."""
    before = fresh.content()

    done = fresh.init("--dry")

    assert done.returncode == 0
    assert "tasks.py" in done.stdout
    assert (fresh.content(), fresh.status()) == (before, "")


def test_the_plan_as_json(fresh: Found) -> None:
    """`--json` gives each file with what is done and why, and the commands to type next."""
    plan = fresh.plan()

    assert {row["file"]: row["do"] for row in plan["files"]}["pyproject.toml"] == "change"
    assert all(row["why"] for row in plan["files"])
    assert "uv run inv env.check" in plan["next"]


def test_new_files_are_seen_by_git_diff(fresh: Found) -> None:
    """What is created is known to git with its name, so that `git diff` shows it; nothing is committed or staged."""
    fresh.adopted()

    assert "+APP_ENV=staging" in git(fresh.root, "diff")
    assert git(fresh.root, "diff", "--cached", "--name-only") == ""


def test_uncommitted_changes_are_refused(fresh: Found) -> None:
    """Changes that are not committed end it before anything is written, unless `--allow-dirty` is given."""
    fresh.sandbox.write("main.py", "print('changed')\n")
    before = fresh.content()

    refused = fresh.init()

    assert refused.returncode == 6
    assert "main.py" in refused.stderr
    assert "--allow-dirty" in refused.stderr
    assert fresh.content() == before
    assert fresh.init("--allow-dirty").returncode == 0


def test_a_folder_of_another_project_is_refused(fresh: Found) -> None:
    """In a folder below the project it names the project's own folder, and writes nothing."""
    folder = fresh.root / "scripts"
    folder.mkdir()
    inside = Found(folder, {"run.py": ""}, repository=False)

    done = inside.init()

    assert done.returncode == 6
    assert f"cd {fresh.root}" in done.stderr
    assert sorted(inside.content()) == ["run.py"]


def test_two_lock_files_are_refused(fresh: Found) -> None:
    """Two lock files end it with the answer that chooses, and the answer chooses."""
    for name in ("uv.lock", "poetry.lock"):
        fresh.sandbox.write(name, "")
    commit_all(fresh.root)

    refused = fresh.init()

    assert refused.returncode == 6
    assert "--answer manager=" in refused.stderr
    assert fresh.plan("manager=poetry")["next"][0] == "poetry install"


def test_uv_without_project_is_refused(tmp_path: Path) -> None:
    """uv adds no dependency to a pyproject.toml without `[project]`, so it ends before anything is written."""
    found = Found(tmp_path / "shop", {"pyproject.toml": "[tool.uv]\n", "main.py": ""})

    done = found.init()

    assert done.returncode == 6
    assert "[project]" in done.stderr
    assert found.status() == ""


@pytest.mark.parametrize("pair", ["colour=blue", "untrack", "untrack=perhaps", "encrypt=NOPE", "plain=NOPE"])
def test_unknown_answers_are_refused(fresh: Found, pair: str) -> None:
    """`--answer` takes the keys and words that there are."""
    done = fresh.init("--answer", pair)

    assert done.returncode == 2
    assert fresh.status() == ""


def test_environments_by_answer(fresh: Found) -> None:
    """`--answer environments=…` names them."""
    fresh.adopted("environments=local,dev")

    assert fresh.text(".env.dev").endswith("APP_ENV=dev\n")
    assert not (fresh.root / ".env.staging").exists()


def test_an_error_while_writing_restores_all(fresh: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full in the middle, all files are as they were, and no temporary file is left."""
    before, plan, replace = fresh.content(), fresh.draw_up(), os.replace
    calls = 0

    def failing(source: Any, target: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(EnvFileInvalid, match="as it was"):
        adopt.apply_plan(plan, print)

    assert fresh.content() == before
    assert fresh.status() == ""
    assert not (fresh.root / "docs").exists()


def test_ctrl_c_restores_all(fresh: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the package manager runs leaves all files and git's index as they were."""
    plan = adopt.draw_up(adopt.look(fresh.root, fresh.sandbox.env), adopt.Answers({}))
    assert plan.packages
    before = fresh.content()

    def interrupted(*args: Any, **kwargs: Any) -> None:
        fresh.sandbox.write("uv.lock", "half")
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "envtasks.adopt.dependency.subprocess", SimpleNamespace(run=interrupted, DEVNULL=None)
    )
    with pytest.raises(KeyboardInterrupt):
        adopt.apply_plan(plan, print)

    assert fresh.content() == before
    assert fresh.status() == ""


@posix
@pytest.mark.parametrize("damage", ["echo half > uv.lock", "rm uv.lock"])
def test_a_package_manager_that_fails_restores_all(fresh: Found, damage: str) -> None:
    """Where `uv add` fails, it says so with the way without it, and all is as it was."""
    fresh.sandbox.write("uv.lock", "version = 1\n")
    program = fresh.sandbox.write("bin/uv", f"#!/bin/sh\n{damage}\nexit 2\n")
    program.chmod(0o755)
    env = {**fresh.sandbox.env, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    commit_all(fresh.root)
    before = fresh.content()
    plan = adopt.draw_up(adopt.look(fresh.root, env), adopt.Answers({}))

    with pytest.raises(EnvtasksError, match="uv add ended with 2"):
        adopt.apply_plan(plan, print)

    assert fresh.content() == before
    assert fresh.status() == ""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_left_alone(fresh: Found) -> None:
    """In a folder that may not be written it ends with one sentence, and nothing is there."""
    fresh.root.chmod(0o500)
    try:
        done = fresh.init()
    finally:
        fresh.root.chmod(0o700)

    assert done.returncode == 3
    assert fresh.status() == ""


def test_a_file_changed_meanwhile_is_not_overwritten(fresh: Found) -> None:
    """What somebody writes between plan and change is kept."""
    plan = fresh.draw_up()
    fresh.sandbox.write(".gitignore", "mine\n")

    with pytest.raises(Refused, match=r"\.gitignore"):
        adopt.apply_plan(plan, print)

    assert fresh.text(".gitignore") == "mine\n"
    assert not (fresh.root / "tasks.py").exists()


@posix
def test_the_way_back(fresh: Found) -> None:
    """The commands of `--undo` bring back every file that was there, and remove what was made."""
    before = fresh.content()
    fresh.adopted()

    undo = fresh.init("--undo")
    for line in undo.stdout.splitlines():
        subprocess.run(["sh", "-c", line], cwd=fresh.root, check=True, timeout=60)

    assert fresh.content() == before
    assert fresh.status() == ""


def test_undo_without_a_run(fresh: Found) -> None:
    """Where `init` never ran, `--undo` says that there is no record."""
    assert fresh.init("--undo").returncode == 6


def test_no_question_without_a_terminal(fresh: Found) -> None:
    """Piped, it takes the defaults and waits for nothing."""
    done = fresh.init()

    assert done.returncode == 0
    assert "?" not in done.stderr


def test_without_jinja2_it_says_how_to_get_it(fresh: Found, tmp_path: Path) -> None:
    """Where jinja2 is not installed, the extra that brings it is named, and nothing is written."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'jinja2' else find(name, *a)\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(hidden), fresh.sandbox.env["PYTHONPATH"]])

    done = fresh.sandbox.python("-m", "envtasks", "init", PYTHONPATH=path)

    assert done.returncode == 7
    assert 'uvx "envtasks[init]" init' in done.stderr
    assert fresh.status() == ""
    if sys.platform != "win32":
        from tests.ptys import Typist

        env = {**fresh.sandbox.env, "PYTHONPATH": path}
        with Typist([sys.executable, "-m", "envtasks", "init"], env=env, cwd=str(fresh.root)) as person:
            code, said = person.finish()
        assert code == 7
        assert "Names of the environments" not in said  # no question whose answer is for nothing


@pytest.mark.skipif(sys.platform == "win32", reason="modes and signals of POSIX")
def test_modes_stay(fresh: Found) -> None:
    """A changed file keeps its mode; a key file is for its owner alone."""
    (fresh.root / "pyproject.toml").chmod(0o640)

    fresh.adopted()

    assert stat.S_IMODE((fresh.root / "pyproject.toml").stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes of Linux")
def test_a_link_and_attributes_stay(fresh: Found, tmp_path: Path) -> None:
    """A file that is a symbolic link is changed where it really is, with the extended attributes that it has there."""
    shared = tmp_path / "ignored"
    (fresh.root / ".gitignore").rename(shared)
    (fresh.root / ".gitignore").symlink_to(shared)
    try:
        os.setxattr(shared, "user.note", b"kept")  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        pytest.skip("the file system has no extended attributes")
    commit_all(fresh.root)

    fresh.adopted()

    assert (fresh.root / ".gitignore").is_symlink()
    assert ".env.keys" in shared.read_text(encoding="utf-8")
    assert os.getxattr(shared, "user.note") == b"kept"  # type: ignore[attr-defined,unused-ignore]


def test_an_environment_that_is_not_chosen_is_reported(tmp_path: Path) -> None:
    """Its plain file stays as it is, and the plan says so, with the answer that takes it over."""
    found = Found(tmp_path / "shop", {**FRESH, ".env": "API_TOKEN=abc-def-123\n"})

    done = found.init("--answer", "environments=dev", "--dry")

    assert (
        ".env:1: it stays plain and as it is: its environment local is not among those chosen" in done.stdout
    )
    assert "--answer environments=dev,local" in done.stdout


def test_a_session_of_another_function_stays(tmp_path: Path) -> None:
    """`@nox.session(name="unit")` is the session `unit`: a second one would replace it."""
    noxfile = 'import nox\n\n\n@nox.session(name="unit")\ndef tests(session):\n    pass\n'
    found = Found(tmp_path / "shop", {**FRESH, "noxfile.py": noxfile}).adopted()

    assert found.text("noxfile.py") == noxfile
