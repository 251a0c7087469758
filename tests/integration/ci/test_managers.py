"""The rendered jobs of projects with other package managers than uv, run as they stand in a clean clone."""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci.pipeline_projects import commit
from tests.integration.ci.running import clone, machine, on_github, on_gitlab, run
from tests.projects import PYPROJECT, TASKS, Sandbox

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the runner of these tests is a POSIX shell's"),
]
SOURCES = Path(__file__).parents[3].as_posix()
ENVTASKS = f"envtasks @ file://{SOURCES}"
PROJECT = f'{PYPROJECT}requires-python = ">=3.11,<4"\n'
# the simple API of pip's own index, which every mirror of it has; Poetry would use another one
POETRY = """[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "simple"
url = "INDEX"
"""
BY_PATH = f'envtasks = {{ path = "{SOURCES}" }}\n'
DEPENDENT = f'{PROJECT}dependencies = ["{ENVTASKS}"]\n'
NOXFILE = """
import nox
from envtasks.sessions import session

nox.options.default_venv_backend = "none"

@session(env="staging")
def unit(session):
    session.run("python", "-c", "import os; print('LEVEL=' + os.environ['LEVEL'], os.environ['TOKEN'])", external=True)
"""
# what each project has, and the last line of the installation
PROJECTS: dict[str, tuple[dict[str, str], str]] = {
    "poetry": ({"pyproject.toml": DEPENDENT + POETRY}, "poetry install"),
    "poetry-group": (
        {
            "pyproject.toml": f"{PROJECT}{POETRY}"
            "[tool.poetry.group.ops]\noptional = true\n"
            f"[tool.poetry.group.ops.dependencies]\n{BY_PATH}"
        },
        "poetry install --with ops",
    ),
    "pdm": ({"pyproject.toml": f"{DEPENDENT}[tool.pdm]\ndistribution = false\n"}, "pdm install"),
    "pdm-extra": (
        {
            "pyproject.toml": f"{PROJECT}[tool.pdm]\ndistribution = false\n"
            f'[project.optional-dependencies]\nops = ["{ENVTASKS}"]\n'
        },
        "pdm install --group ops",
    ),
    "pipenv": ({"Pipfile": f"[dev-packages]\n{BY_PATH}"}, "pipenv install --dev"),
    "requirements": (
        {"requirements.txt": "idna\n", "requirements-dev.txt": f"{ENVTASKS}\n"},
        "pip install -r requirements-dev.txt",
    ),
    "pip": (
        {"pyproject.toml": f'{DEPENDENT}[tool.envtasks.ci]\npackage-manager = "pip"\n'},
        "pip install -e .",
    ),
    "pip-group": (
        {
            "pyproject.toml": f'{PROJECT}[dependency-groups]\nops = ["{ENVTASKS}"]\n'
            '[tool.envtasks.ci]\npackage-manager = "pip"\n'
        },
        "pip install -e . --group ops",
    ),
}


def default_index() -> str:
    """The index that pip uses when it is told no other."""
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    bundled = next((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    env = {**os.environ, "PYTHONPATH": str(bundled)}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("project", "platforms"),
    [
        (name, ("github", "gitlab") if name in ("poetry", "pdm", "requirements") else ("github",))
        for name in PROJECTS
    ],
)
def test_a_rendered_job_runs_with_the_projects_package_manager(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, project: str, platforms: tuple[str, ...]
) -> None:
    """A job installs the project, checks its environment and runs its session with its values."""
    files, last = PROJECTS[project]
    (sandbox.root / "pyproject.toml").unlink()
    for name, text in {**files, "noxfile.py": NOXFILE, "tasks.py": TASKS, ".gitignore": "*.keys\n"}.items():
        sandbox.write(name, text.replace("INDEX", default_index()))
    sandbox.environment("staging", "LEVEL=debug\n", TOKEN="staging-t0ken-value")
    for platform in platforms:
        done = sandbox.inv("ci.render", platform)
        assert done.returncode == 0, done.stderr
    commit(sandbox.root)
    key = {"DOTENV_PRIVATE_KEY_STAGING": sandbox.private_keys["staging"]}
    for platform in platforms:
        folder = tmp_path_factory.mktemp(platform)
        place = clone(sandbox.root, folder / "clone")
        constraints = folder / "constraints.txt"
        constraints.write_text("hishel<2\n", encoding="utf-8")  # pdm 2.29 does not start with hishel 2
        env = {**machine(folder), "PIP_CONSTRAINT": str(constraints)}
        if platform == "github":
            steps = on_github(place, "unit", key, {})
        else:
            steps = on_gitlab(place, "unit", {"staging": key}, {})
        job = run(place, steps, env, folder.parent / "uv-cache")
        assert job.code == 0, job.output
        assert "LEVEL=debug ***" in job.output
        assert job.ran[-3] == last
