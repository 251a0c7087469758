"""`envtasks` without arguments, and which built-in tasks are listed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import with_sources

TASKS = """
from envtasks import namespace, task

@task(env="local")
def run(c):
    "Run."

ns = namespace(__name__)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    return tmp_path


def _run(folder: Path, module: str, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *argv],
        cwd=folder,
        env=with_sources(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def test_the_first_screen_names_the_environments_and_what_to_type_next(project: Path) -> None:
    """At most ten lines, with commands for an environment that is there."""
    for name in ("production", "staging", "dev"):
        (project / f".env.{name}").write_text("A=1\n", encoding="utf-8")
    (project / "tasks.py").write_text(TASKS, encoding="utf-8")

    done = _run(project, "envtasks")

    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) <= 10
    assert "shop has 3 environments: dev, staging, production.\n" in done.stdout
    assert "  envtasks env.show --env dev  " in done.stdout
    assert "  inv --list  " in done.stdout


def test_the_first_screen_of_an_empty_project_makes_an_environment(project: Path) -> None:
    """Without an env file the next command is the one that makes one."""
    done = _run(project, "envtasks")

    assert (done.returncode, done.stderr) == (0, "")
    assert "shop has no environment yet" in done.stdout
    assert "  envtasks env.new local  " in done.stdout
    assert "env.list" not in done.stdout


def test_below_the_env_files_their_folder_is_named(tmp_path: Path) -> None:
    """In a subfolder of a repository without pyproject.toml, what is above is not hidden; nor is it taken."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".env.local").write_text("A=1\n", encoding="utf-8")
    (tmp_path / "sub").mkdir()

    for done in (_run(tmp_path / "sub", "envtasks"), _run(tmp_path / "sub", "envtasks", "env.list")):
        said = " ".join((done.stdout + done.stderr).split())
        assert (
            f"sub has no environment yet: there is no .env.<name> file in sub. But {tmp_path.resolve()} has local"
            in said
        )


@pytest.mark.parametrize("there", [True, False])
def test_init_is_named_as_it_can_be_run(project: Path, there: bool) -> None:
    """Without the extra `init`, which a project does not need, the command that brings it along is named."""
    (project / "sitecustomize.py").write_text(
        "import importlib.util as u, types\nfind = u.find_spec\n"
        f"found = types.SimpleNamespace() if {there} else None\n"
        "u.find_spec = lambda name, *a: found if name == 'jinja2' else find(name, *a)\n",
        encoding="utf-8",
    )
    paths = os.pathsep.join([str(project), with_sources()["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "envtasks"],
        cwd=project,
        env={**with_sources(), "PYTHONPATH": paths},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )

    assert ("  envtasks init " in done.stdout) is there
    assert ('  uvx "envtasks[init]" init ' in done.stdout) is not there


def test_the_first_screen_says_how_a_lone_env_file_becomes_an_environment(project: Path) -> None:
    """`.env` alone belongs to no environment until pyproject.toml says so; what is shown there works."""
    (project / ".env").write_text("A=1\n", encoding="utf-8")
    shown = _run(project, "envtasks").stdout
    table = "\n".join(line.strip() for line in shown.splitlines() if line.startswith("    "))

    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(table)

    assert "shop has 1 environment: local.\n" in _run(project, "envtasks").stdout
    assert _run(project, "envtasks", "env.get", "A", "--env", "local").stdout == "1"


def test_env_list_of_a_project_without_an_environment_says_so(project: Path) -> None:
    """No table without a row, but what is there and how it becomes an environment."""
    empty = _run(project, "envtasks", "env.list")
    (project / ".env").write_text("A=1\n", encoding="utf-8")
    lone = _run(project, "envtasks", "env.list")

    assert (empty.returncode, empty.stdout, lone.stdout) == (0, "", "")
    assert empty.stderr.startswith("note: shop has no environment yet: there is no .env.<name> file in ")
    assert lone.stderr.endswith('    [tool.envtasks.environments]\n    local = { files = [".env"] }\n')


def test_the_first_screen_says_what_is_wrong_with_pyproject(project: Path) -> None:
    """A table that cannot be read is one sentence and code 2, as everywhere."""
    (project / "pyproject.toml").write_text("[tool.envtasks]\nengin = 1\n", encoding="utf-8")

    done = _run(project, "envtasks")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: pyproject.toml: [tool.envtasks] has no key 'engin'")


@pytest.mark.parametrize("module", ["invoke", "envtasks"])
def test_collections_chooses_what_is_listed(project: Path, module: str) -> None:
    """`collections` shortens --list and completion; the other tasks run all the same."""
    (project / "tasks.py").write_text(TASKS, encoding="utf-8")
    (project / ".env.local").write_text("A=1\n", encoding="utf-8")
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('[tool.envtasks]\ncollections = ["ci", "compose"]\n')

    listed = json.loads(_run(project, module, "--list", "--list-format=json").stdout)

    assert {collection["name"] for collection in listed["collections"]} == {"ci", "compose"}
    assert _run(project, module, "env.get", "A", "--env", "local").stdout == "1"
    assert "Docstring:" in _run(project, module, "env.get", "--help").stdout
    assert "  .get" in _run(project, module, "--list", "env").stdout


@pytest.mark.parametrize("listed", ['["dokcer"]', '"env"', "[1]"])
def test_collections_that_do_not_exist_are_refused(project: Path, listed: str) -> None:
    """A wrong name or type is ConfigInvalid, with what was expected."""
    (project / "pyproject.toml").write_text(f"[tool.envtasks]\ncollections = {listed}\n", encoding="utf-8")

    done = _run(project, "envtasks", "--list")

    assert (done.returncode, done.stdout) == (2, "")
    assert "collections must be a list out of env, docker, compose, deploy, ci." in done.stderr


@pytest.mark.parametrize("module", ["invoke", "envtasks"])
def test_help_follows_a_task_that_takes_a_word(project: Path, module: str) -> None:
    """`env.new --help` explains the task, and makes no environment of that name."""
    (project / "tasks.py").write_text(TASKS, encoding="utf-8")

    for flag in ("--help", "-h"):
        done = _run(project, module, "env.new", flag)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Make an environment" in done.stdout
    assert sorted(path.name for path in project.glob(".env*")) == []


def test_the_envtasks_command_gives_advice_in_its_own_name(project: Path) -> None:
    """Unknown words get the advice that `inv` gives, and hints name commands of `envtasks`."""
    (project / ".env.local").write_text("A=1\n", encoding="utf-8")

    unknown = _run(project, "envtasks", "docer.build")
    missing = _run(project, "envtasks", "env.get", "B", "--env", "local")

    assert unknown.stderr == (
        "error: There is no task 'docer.build': did you mean docker.build?\n  hint: envtasks --list shows all tasks\n"
    )
    assert missing.stderr.endswith("hint: envtasks env.show --env local lists what is there\n")


def test_the_topmost_folder_has_a_name_too() -> None:
    """Its own name is empty, so it is shown as it is written."""
    top = Path(Path.cwd().anchor)
    done = _run(top, "envtasks")

    assert done.stdout.splitlines()[2].startswith(f"{top} has ")


def test_a_flag_that_does_not_exist_points_to_the_help_of_envtasks(project: Path) -> None:
    """There may be no tasks.py for inv."""
    done = _run(project, "envtasks", "--nope")

    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "  hint: envtasks --help")
