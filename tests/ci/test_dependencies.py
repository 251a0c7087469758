"""What a job installs, and what precedes its commands: found from the project's own files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from envtasks.ci import github, gitlab
from envtasks.ci.dependencies import MANAGERS, Installation, read_installation
from envtasks.ci.files import rendered
from envtasks.ci.plan import plan_pipeline
from envtasks.errors import ConfigInvalid
from tests.ci.pipeline_projects import loaded, shop
from tests.projects import Sandbox

PROJECT = '[project]\nname = "shop"\nversion = "1"\n'
MAIN = f'{PROJECT}dependencies = ["envtasks>=0.1"]\n'
EXTRA = f'{PROJECT}[project.optional-dependencies]\nops = ["envtasks[fast]"]\n'
GROUP = f'{PROJECT}[dependency-groups]\nops = ["envtasks"]\ndev = [{{include-group = "ops"}}]\n'
DEV = f'{PROJECT}[dependency-groups]\ndev = ["envtasks"]\n'
BACKEND = '[build-system]\nrequires = []\nbuild-backend = "{}"\n'
POETRY = '[tool.poetry]\nname = "shop"\nversion = "1"\n[tool.poetry.group.{}.dependencies]\nenvtasks = "*"\n'
LOCKED = '[[package]]\nname = "envtasks"\n'


def installation(sandbox: Sandbox, files: Mapping[str, str]) -> Installation:
    """The installation of a project that has these files and no other."""
    (sandbox.root / "pyproject.toml").unlink(missing_ok=True)
    for name, text in files.items():
        sandbox.write(name, text)
    project = loaded(sandbox)
    return read_installation(project, project.table("ci"))


@pytest.mark.parametrize(
    ("files", "install", "run"),
    [
        ({"pyproject.toml": MAIN}, ["pip install uv"], "uv run "),
        ({"pyproject.toml": DEV, "uv.lock": ""}, ["pip install uv"], "uv run "),
        ({"pyproject.toml": GROUP, "uv.lock": ""}, ["pip install uv"], "uv run --group ops "),
        ({"pyproject.toml": EXTRA + BACKEND.format("uv_build")}, ["pip install uv"], "uv run --extra ops "),
        ({"pyproject.toml": PROJECT + '[tool.uv]\ndev-dependencies = ["envtasks"]\n'}, ["pip install uv"], "uv run "),
        ({"pyproject.toml": MAIN, "uv.lock": "", "requirements.txt": "x\n"}, ["pip install uv"], "uv run "),
        ({"pyproject.toml": POETRY.format("dev")}, ["pip install poetry", "poetry install"], "poetry run "),
        (
            {"pyproject.toml": POETRY.format("ops"), "poetry.lock": ""},
            ["pip install poetry", "poetry install --with ops"],
            "poetry run ",
        ),
        (
            {"pyproject.toml": EXTRA + BACKEND.format("poetry.core.masonry.api")},
            ["pip install poetry", "poetry install --extras ops"],
            "poetry run ",
        ),
        ({"pyproject.toml": DEV, "pdm.lock": ""}, ["pip install pdm", "pdm install"], "pdm run "),
        (
            {"pyproject.toml": PROJECT + '[tool.pdm.dev-dependencies]\nops = ["envtasks"]\n'},
            ["pip install pdm", "pdm install"],
            "pdm run ",
        ),
        (
            {"pyproject.toml": EXTRA + BACKEND.format("pdm.backend")},
            ["pip install pdm", "pdm install --group ops"],
            "pdm run ",
        ),
        (
            {"Pipfile": '[dev-packages]\nenvtasks = "*"\n'},
            ["pip install pipenv", "pipenv install --dev"],
            "pipenv run ",
        ),
        ({"requirements.txt": "envtasks\n"}, ["pip install -r requirements.txt"], ""),
        ({"setup.py": "setup(install_requires=['envtasks'])\n"}, ["pip install -e ."], ""),
        (
            {"pyproject.toml": BACKEND.format("setuptools.build_meta"), "setup.cfg": "install_requires = envtasks\n"},
            ["pip install -e ."],
            "",
        ),
        (
            {"pyproject.toml": MAIN, "requirements.txt": "django\n", "requirements-dev.txt": "envtasks==0.1\n",
             "requirements-docs.txt": "sphinx\n"},
            ["pip install -r requirements.txt", "pip install -r requirements-dev.txt"],
            "",
        ),
        (
            {"requirements/base.txt": "django\n", "requirements/dev.txt": "-r base.txt\nenvtasks\n"},
            ["pip install -r requirements/dev.txt"],
            "",
        ),
        ({"pyproject.toml": f'{MAIN}[tool.envtasks.ci]\npackage-manager = "pip"\n'}, ["pip install -e ."], ""),
        ({"pyproject.toml": f'{EXTRA}[tool.envtasks.ci]\npackage-manager = "pip"\n'}, ['pip install -e ".[ops]"'], ""),
        (
            {"pyproject.toml": f'{GROUP}[tool.envtasks.ci]\npackage-manager = "pip"\n'},
            ['python3 -m pip install "pip>=25.1"', "pip install -e . --group ops"],
            "",
        ),
        (
            {"pyproject.toml": f'{MAIN}[tool.envtasks.ci]\npackage-manager = "pdm"\n', "uv.lock": "", "pdm.lock": ""},
            ["pip install pdm", "pdm install"],
            "pdm run ",
        ),
        (
            {"pyproject.toml": '[tool.envtasks.ci]\ninstall = ["pip install envtasks"]\n'},
            ["pip install envtasks"],
            "",
        ),
        (
            {"pyproject.toml": f'[tool.envtasks.ci]\ninstall = ["pip install poetry", "poetry sync"]\n{MAIN}',
             "poetry.lock": ""},
            ["pip install poetry", "poetry sync"],
            "poetry run ",
        ),
    ],
)  # fmt: skip
def test_the_projects_own_package_manager_installs_it(
    sandbox: Sandbox, files: dict[str, str], install: list[str], run: str
) -> None:
    """A lock file decides, then a manager's table or build backend, then requirements; `[project]` alone is uv's.

    An extra or a group that has envtasks is installed too.
    """
    found = installation(sandbox, files)
    assert (list(found.install), found.run, found.declared) == (install, run, True)


@pytest.mark.parametrize(
    ("files", "manager"),
    [
        ({"pyproject.toml": PROJECT}, "uv"),
        ({"pyproject.toml": PROJECT, "poetry.lock": '[[package]]\nname = "envtasks-not"\n'}, "poetry"),
        ({"pyproject.toml": PROJECT + "[tool.pdm]\n[tool.envtasks]\n"}, "pdm"),
        ({"requirements.txt": "django\n"}, "pip"),
        ({"setup.py": ""}, "pip"),
        ({"pyproject.toml": BACKEND.format("setuptools.build_meta"), "setup.cfg": ""}, "pip"),
    ],
)  # fmt: skip
def test_a_project_without_envtasks_is_told_how_to_add_it(
    sandbox: Sandbox, files: dict[str, str], manager: str
) -> None:
    """No job could run envtasks there; a lock file that has it by way of another package is enough."""
    found = installation(sandbox, files)
    assert (found.name, found.declared) == (manager, False)
    if found.manager.lock:
        assert installation(sandbox, {**files, found.manager.lock: LOCKED}).declared


def test_two_lock_files_are_refused(sandbox: Sandbox) -> None:
    """The error names both and the setting that chooses."""
    with pytest.raises(ConfigInvalid) as caught:
        installation(sandbox, {"pyproject.toml": MAIN, "uv.lock": "", "poetry.lock": ""})
    assert caught.value.message == "There are uv.lock and poetry.lock: a job needs one package manager."
    assert caught.value.hint == 'say which: [tool.envtasks.ci] package-manager = "uv"'


def test_a_project_without_dependencies_is_refused(sandbox: Sandbox) -> None:
    """Where nothing says what to install, the error shows the setting that does."""
    with pytest.raises(ConfigInvalid) as caught:
        installation(sandbox, {})
    assert "Nothing says what a job has to install" in caught.value.message
    assert "[tool.envtasks.ci] install = " in caught.value.hint


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('package-manager = "npm"', "package-manager must be one of uv, poetry, pdm, pipenv, pip."),
        ('install = "pip install x"', "install must be a list of command lines, such as"),
    ],
)
def test_a_wrong_setting_is_told(sandbox: Sandbox, line: str, message: str) -> None:
    """The error names the table, the key and what was expected."""
    with pytest.raises(ConfigInvalid) as caught:
        installation(sandbox, {"pyproject.toml": f"{MAIN}[tool.envtasks.ci]\n{line}\n"})
    assert f"pyproject.toml: [tool.envtasks.ci] {message}" in caught.value.message


def render(sandbox: Sandbox, extra: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The jobs of both platforms for the shop with this at the end of its pyproject.toml."""
    text = (shop(sandbox).root / "pyproject.toml").read_text(encoding="utf-8")
    sandbox.write("pyproject.toml", f"{text}\n{extra}")
    pipeline = plan_pipeline(loaded(sandbox), sandbox.env)
    texts = [rendered(sandbox.root, pipeline, platform)[0].text for platform in (github, gitlab)]
    return yaml.safe_load(texts[0])["jobs"], yaml.safe_load(texts[1])


@pytest.mark.parametrize("name", MANAGERS)
def test_every_job_installs_and_runs_in_the_same_way(sandbox: Sandbox, name: str) -> None:
    """On both platforms, whatever a job is for: the manager's lines first, and its prefix before each command."""
    ours, theirs = render(sandbox, f'[tool.envtasks.ci]\npackage-manager = "{name}"\n')
    project = loaded(sandbox)
    found = read_installation(project, project.table("ci"))
    for key, job in ours.items():
        lines = [step["run"] for step in job["steps"] if "run" in step and step.get("name") != "kubeconfig"]
        commands = lines[len(found.install) :]
        if key != "without-keys":
            assert lines[: len(found.install)] == list(found.install)
            assert all(line.startswith((f"{found.run}inv ", f"{found.run}nox ")) for line in commands)
            assert theirs[key]["script"] == [line.replace("GITHUB_SHA", "CI_COMMIT_SHA") for line in commands]
    assert theirs[gitlab.BASE]["before_script"] == list(found.install)
    for key in ("image-staging", "deploy-staging"):
        assert theirs[key]["before_script"][1:] == list(found.install)
    # the Python of docker's image belongs to Alpine, whose pip refuses to install beside it
    assert theirs["image-staging"]["variables"]["PIP_BREAK_SYSTEM_PACKAGES"] == "1"


@pytest.mark.parametrize("name", MANAGERS)
def test_sessions_share_the_managers_cache_and_no_other_job_does(sandbox: Sandbox, name: str) -> None:
    """The cache lies in the job's folder; what is built or deployed does not use it."""
    ours, theirs = render(sandbox, f'[tool.envtasks.ci]\npackage-manager = "{name}"\n')
    cache = MANAGERS[name].cache
    assert ours["unit"]["env"][cache] == f"${{{{ github.workspace }}}}/.cache/{name}"
    assert cache not in ours["image-staging"].get("env", {})
    (step,) = [step for step in ours["unit"]["steps"] if "actions/cache" in step.get("uses", "")]
    paths = step["with"]["path"].split("\n")
    assert paths == theirs[gitlab.BASE]["cache"]["paths"]
    assert all(path.startswith(f".cache/{name}") for path in paths)
    assert theirs["image-staging"]["variables"][cache] == f"/tmp/{name}-cache"
