"""The text of pipelines: what the platforms' own schemas and linters say, and what each job may have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from envtasks.ci import github, gitlab
from envtasks.ci.check import check_pipelines
from envtasks.ci.files import PLATFORMS, render_files, rendered, write_file
from envtasks.ci.plan import Pipeline
from envtasks.config import Project
from tests.projects import Sandbox

REPOSITORY = Path(__file__).parents[2]
SECRET = re.compile(r"secrets\.(\w+)")
REQUIRE_ALL = os.environ.get("ENVTASKS_TESTS_REQUIRE_ALL") == "1"
FORK = "github.event.pull_request.head.repo.full_name != github.repository"


@pytest.fixture(scope="module")
def rendered_shop(shared_shop: Sandbox, pipeline: Pipeline) -> Path:
    """The folder of the shop with both of its pipelines."""
    for platform in PLATFORMS.values():
        for file in rendered(shared_shop.root, pipeline, platform):
            write_file(file)
    return shared_shop.root


def run(*argv: str, cwd: Path) -> tuple[int, str]:
    """A linter of this virtual environment: its exit code and all that it said."""
    program = shutil.which(argv[0], path=str(Path(sys.executable).parent))
    if program is None:
        (pytest.fail if REQUIRE_ALL else pytest.skip)(f"{argv[0]} is not installed")
    done = subprocess.run(
        [program, *argv[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1"},
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def jobs(root: Path) -> dict[str, dict[str, Any]]:
    """GitHub's jobs as data."""
    text = (root / github.FILE).read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["jobs"]
    return found


def gitlab_jobs(root: Path) -> dict[str, dict[str, Any]]:
    """GitLab's jobs as data, hidden ones left out."""
    data = yaml.safe_load((root / gitlab.FILE).read_text(encoding="utf-8"))
    return {name: job for name, job in data.items() if not name.startswith(".")}


LINTERS = [
    [
        "check-jsonschema",
        "--builtin-schema",
        "vendor.gitlab-ci",
        "--data-transform",
        "gitlab-ci",
        gitlab.FILE,
    ],
    ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", github.FILE],
    ["actionlint", "-shellcheck=", "-pyflakes=", github.FILE],
    ["zizmor", "--offline", "--persona", "pedantic", "--min-severity", "low", github.FILE],
]


@pytest.mark.parametrize("linter", LINTERS, ids=lambda words: f"{words[0]} {words[-1]}")
def test_rendered_files_pass_the_linters(rendered_shop: Path, linter: list[str]) -> None:
    """Schemas and linters of others find nothing in what is rendered for a project with everything."""
    assert run(*linter, cwd=rendered_shop)[0] == 0, run(*linter, cwd=rendered_shop)[1]


@pytest.mark.parametrize("linter", LINTERS, ids=lambda words: f"{words[0]} {words[-1]}")
def test_the_linters_find_what_is_wrong(rendered_shop: Path, tmp_path: Path, linter: list[str]) -> None:
    """Each of them refuses a file in which something of its kind is wrong."""
    text = (rendered_shop / linter[-1]).read_text(encoding="utf-8")
    path = tmp_path / linter[-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = text.replace("runs-on: ubuntu-latest", "runs-on: [{}]").replace("script:", "scripts:")
    text = re.sub(r"@[0-9a-f]{40} # v", "@v", text)
    path.write_text(text, encoding="utf-8")
    assert run(*linter, cwd=tmp_path)[0] != 0


def test_our_own_check_finds_nothing_in_rendered_files(rendered_shop: Path) -> None:
    """`ci.check` agrees with `ci.render`."""
    assert check_pipelines(Project.load(rendered_shop), os.environ) == ((gitlab.FILE, github.FILE), ())


@pytest.mark.skipif(shutil.which("git") is None, reason="git tells which keys it has")
def test_this_repositorys_pipelines_are_the_rendered_ones() -> None:
    """`.gitlab-ci.yml` and `.github/workflows/ci.yml` are what `ci.render` gives, byte for byte."""
    project = Project.load(REPOSITORY)
    files = [
        file for platform in ("gitlab", "github") for file in render_files(project, os.environ, platform)[0]
    ]
    assert [(file.label, file.changed) for file in files] == [(gitlab.FILE, False), (github.FILE, False)]
    assert (REPOSITORY / gitlab.FILE).read_text(encoding="utf-8").startswith("# >>> envtasks")
    assert (REPOSITORY / github.FILE).read_text(encoding="utf-8").startswith(github.HEADER)


@pytest.mark.parametrize("linter", LINTERS, ids=lambda words: f"{words[0]} {words[-1]}")
def test_this_repositorys_pipelines_pass_the_linters(linter: list[str]) -> None:
    """The repository's own files are in order too."""
    assert run(*linter, cwd=REPOSITORY)[0] == 0


def test_each_github_job_has_its_own_key_and_no_other(rendered_shop: Path) -> None:
    """Besides it there is a deployment's kubeconfig; and only steps that run our tasks see a key."""
    keys = {}
    for name, job in jobs(rendered_shop).items():
        keys[name] = sorted(set(SECRET.findall(yaml.safe_dump(job))))
        for step in job["steps"]:
            if any(variable.startswith("DOTENV") for variable in step.get("env", {})):
                assert step["run"].startswith("uv run ")
    assert keys == {
        "unit": [],
        "integration": ["DOTENV_PRIVATE_KEY_STAGING"],
        "lint": [],
        "image-staging": ["DOTENV_PRIVATE_KEY_STAGING"],
        "publish-staging": ["DOTENV_PRIVATE_KEY_STAGING"],
        "deploy-staging": ["DOTENV_PRIVATE_KEY_STAGING", "KUBECONFIG"],
        "publish-production": ["DOTENV_PRIVATE_KEY_PRODUCTION"],
        "deploy-production": ["DOTENV_PRIVATE_KEY_PRODUCTION", "KUBECONFIG"],
        "lint-workflows": [],
        "without-keys": [],
    }


def test_no_value_is_in_a_rendered_file(rendered_shop: Path) -> None:
    """Names only: no ciphertext, no key, no plain secret, no package index."""
    values = re.findall(r"[0-9a-f]{64}|encrypted:[^']+", "".join(_env_files(rendered_shop)))
    values += [f"{name}-t0ken-value" for name in ("local", "staging", "production")] + ["encrypted:"]
    for file in (gitlab.FILE, github.FILE):
        text = (rendered_shop / file).read_text(encoding="utf-8")
        assert [value for value in values if value in text] == []


def _env_files(root: Path) -> Iterator[str]:
    for path in root.glob(".env*"):
        yield path.read_text(encoding="utf-8")


def test_production_runs_on_the_protected_branch_behind_its_environment(rendered_shop: Path) -> None:
    """Both platforms: protected default branch, environment, and for a deployment one at a time."""
    for name, job in jobs(rendered_shop).items():
        assert (job.get("if") == github.DEFAULT_BRANCH) is (
            "production" in name or name in ("deploy-staging", "publish-staging")
        )
        if "production" in name:
            assert job["environment"]["name"] == "production"
    deploy = jobs(rendered_shop)["deploy-production"]
    assert deploy["concurrency"] == {"group": "deploy-production", "cancel-in-progress": False}
    assert jobs(rendered_shop)["publish-production"]["environment"]["deployment"] is False
    ours = gitlab_jobs(rendered_shop)
    assert {name for name, job in ours.items() if job["rules"][0]["if"] == gitlab.DEFAULT_BRANCH} == {
        "publish-staging",
        "deploy-staging",
        "publish-production",
        "deploy-production",
    }
    assert (ours["deploy-production"]["resource_group"], ours["deploy-production"]["rules"]) == (
        "production",
        [{"if": gitlab.DEFAULT_BRANCH, "when": "manual"}],
    )


def test_a_job_lints_the_workflows_if_the_settings_ask_for_it(
    rendered_shop: Path, shared_shop: Sandbox, pipeline: Pipeline
) -> None:
    """`lint = true`: a job of GitHub runs actionlint and zizmor, each in one version; nothing waits for it."""
    found = jobs(rendered_shop)
    assert [step["run"] for step in found["lint-workflows"]["steps"] if "run" in step] == [
        "pip install uv",
        *github.LINTERS,
    ]
    assert all(re.search(r"@\d+\.\d+\.\d+ ", line) for line in github.LINTERS)
    assert [name for name, job in found.items() if "lint-workflows" in job.get("needs", [])] == []
    assert "lint-workflows" not in gitlab_jobs(rendered_shop)
    (file,) = rendered(shared_shop.root, replace(pipeline, lint=False), github)
    assert "lint-workflows" not in yaml.safe_load(file.text)["jobs"]


def test_forks_run_what_needs_no_key_and_are_told_the_rest(rendered_shop: Path) -> None:
    """A fork's pull request runs unit and lint; integration and the image do not run, and a job says so."""
    found = jobs(rendered_shop)
    closed = {name for name, job in found.items() if job.get("if") == github.WITH_KEYS}
    assert closed == {"integration", "image-staging"}
    assert FORK in github.WITH_KEYS
    assert found["without-keys"]["if"] == github.WITHOUT_KEYS
    assert "integration, image-staging" in found["without-keys"]["steps"][0]["run"]
    ours = gitlab_jobs(rendered_shop)
    assert {name for name, job in ours.items() if {**gitlab.FORK, "when": "never"} in job["rules"]} == closed
    assert ours["without-keys"]["rules"] == [gitlab.FORK]


def test_a_workflow_has_no_rights_and_no_dangerous_trigger(rendered_shop: Path) -> None:
    """Pushes and pull requests; contents: read; every action by commit with its version beside it."""
    text = (rendered_shop / github.FILE).read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    assert list(data[True]) == ["push", "pull_request"]  # PyYAML reads `on` as true
    assert data["permissions"] == {"contents": "read"}
    assert {str(job["permissions"]) for job in data["jobs"].values()} == {"{'contents': 'read'}", "{}"}
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    assert [
        line for line in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
    ] == []


def test_the_unit_tests_run_on_three_systems_on_github(rendered_shop: Path) -> None:
    """Sessions of a developer's own environment run wherever developers are; variants of a session are a matrix."""
    found = jobs(rendered_shop)
    assert found["unit"]["strategy"]["matrix"] == {
        "system": ["ubuntu-latest", "macos-latest", "windows-latest"]
    }
    variants = ["integration(database='postgresql')", "integration(database='sqlite')"]
    assert found["integration"]["strategy"]["matrix"] == {"session": variants}
    assert gitlab_jobs(rendered_shop)["integration"]["parallel"] == {"matrix": [{"SESSION": variants}]}


def test_what_is_published_takes_nothing_from_a_shared_cache(rendered_shop: Path) -> None:
    """Pull requests can write the cache of sessions; images and deployments do without."""
    cached = {name for name, job in jobs(rendered_shop).items() if "actions/cache@" in yaml.safe_dump(job)}
    assert cached == {"unit", "integration", "lint"}
    ours = gitlab_jobs(rendered_shop)
    assert {name for name, job in ours.items() if job.get("cache") != []} == cached | {"without-keys"}
    elsewhere = {
        name for name, job in ours.items() if job.get("variables", {}).get("UV_CACHE_DIR") == "/tmp/uv-cache"
    }
    assert elsewhere == set(ours) - cached - {"without-keys"}
