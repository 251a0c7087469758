"""Each job of both rendered pipelines, run as it stands in a clean clone with only its own variables."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from envtasks.ci import github, gitlab
from tests.ci.pipeline_projects import commit
from tests.integration.ci.conftest import Pipelines
from tests.integration.docker import servers
from tests.services.fixtures import lacks

pytestmark = [
    pytest.mark.integration,
    pytest.mark.kubectl,
    pytest.mark.skipif(sys.platform == "win32", reason="the runner of these tests is a POSIX shell's"),
]
SECRETS = [f"{name}-t0ken-value" for name in ("staging", "production")]
VARIANT = "integration(database='sqlite')"
PLATFORMS = ["gitlab", "github"]


def masked(output: str) -> str:
    """The output without GitHub's mask commands, which its runner takes out."""
    return "\n".join(line for line in output.splitlines() if not line.startswith("::add-mask::"))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_unit_and_lint_run_without_any_key(pipelines: Pipelines, platform: str) -> None:
    """What a fork can run: the key of the public environment is in the clone."""
    unit = pipelines.job(platform, "unit", None, keys={})
    assert (unit.code, "unit ran" in unit.output) == (0, True), unit.output
    assert unit.ran == ("pip install uv", "uv run inv ci.doctor --env local", "uv run nox -s unit")
    lint = pipelines.job(platform, "lint", None, keys={})
    assert (lint.code, lint.ran) == (0, ("pip install uv", "uv run nox -s lint")), lint.output


def test_workflows_are_linted_without_any_key(pipelines: Pipelines) -> None:
    """The job fetches actionlint and zizmor; they find nothing in ours, and what is wrong in another workflow."""
    done = pipelines.job("github", "lint-workflows", None, keys={})
    assert (done.code, done.ran) == (0, ("pip install uv", *github.LINTERS)), done.output
    own = pipelines.sandbox.write(
        ".github/workflows/own.yml", "on: push\njobs: {a: {runs-on: x, steps: [{}]}}\n"
    )
    commit(pipelines.sandbox.root)
    done = pipelines.job("github", "lint-workflows", None, keys={})
    assert (done.code, own.name in done.output) == (1, True), done.output


@pytest.mark.parametrize("platform", PLATFORMS)
def test_integration_runs_with_stagings_key(pipelines: Pipelines, platform: str) -> None:
    """The session has staging's values, its output hides them, and GitHub is told to mask them."""
    done = pipelines.job(platform, "integration", "staging", keys=pipelines.key("staging"), session=VARIANT)
    assert done.code == 0, done.output
    assert f"nox > Running session {VARIANT}" in done.output
    assert "\n***\n" in done.output
    assert [secret for secret in SECRETS if secret in masked(done.output)] == []
    assert ("::add-mask::staging-t0ken-value" in done.output) is (platform == "github")
    assert pipelines.sandbox.private_keys["staging"] not in done.output


@pytest.mark.parametrize("platform", PLATFORMS)
def test_integration_without_its_key_ends_at_the_first_step(pipelines: Pipelines, platform: str) -> None:
    """ci.doctor says which variable is missing and ends with 4, before a session begins."""
    done = pipelines.job(platform, "integration", "staging", keys={}, session=VARIANT)
    assert (done.code, done.ran[-1]) == (4, "uv run inv ci.doctor --env staging"), done.output
    assert "FAILED  staging key: DOTENV_PRIVATE_KEY_STAGING is not set" in done.output
    assert "DOTENV_PRIVATE_KEY_STAGING" in done.output
    assert "jobs of a fork get none" in done.output


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(("environment", "namespace"), [("staging", "shop-staging"), ("production", "shop")])
def test_deployments_put_values_into_their_cluster(
    pipelines: Pipelines, platform: str, environment: str, namespace: str
) -> None:
    """The job asks nobody, applies the objects and the manifests, and waits; its output is folded, no value in it."""
    done = pipelines.job(platform, f"deploy-{environment}", environment, keys=pipelines.key(environment))
    assert done.code == 0, done.output
    assert pipelines.cluster.holds("Secret", "shop-env", namespace)
    assert pipelines.cluster.holds("Deployment", "shop", namespace)
    assert pipelines.cluster.get("ConfigMap", "shop-config", namespace)["data"] == {"APP_ENV": environment}
    assert [secret for secret in SECRETS if secret in masked(done.output)] == []
    mark = "::group::deploy.apply" if platform == "github" else "section_start:"
    assert mark in done.output


def test_production_is_not_deployed_without_its_confirmation(pipelines: Pipelines) -> None:
    """The job names the environment in ENVTASKS_CONFIRM; the same command without it is refused, no prompt."""
    path = pipelines.sandbox.root / gitlab.FILE
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    del document["deploy-production"]["variables"]
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    commit(pipelines.sandbox.root)
    done = pipelines.job("gitlab", "deploy-production", "production", keys=pipelines.key("production"))
    assert done.code == 6, done.output
    assert not pipelines.cluster.holds("Secret", "shop-env", "shop")


@pytest.mark.docker
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_images_are_built_and_audited(pipelines: Pipelines, platform: str, environment: str) -> None:
    """The job builds its environment's image with the real engine and audits it."""
    reference = f"{pipelines.image}:{environment}"
    try:
        done = pipelines.job(platform, f"image-{environment}", environment, keys=pipelines.key(environment))
    finally:
        subprocess.run(["docker", "image", "rm", "--force", reference], check=False, capture_output=True)
    assert done.code == 0, done.output
    last = done.output.rstrip().splitlines()[-1]
    assert (last.split()[0], last.endswith("built, audited")) == (reference, True), done.output


@pytest.mark.docker
@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_published_is_what_is_deployed(pipelines: Pipelines, tmp_path: Path, platform: str) -> None:
    """With a registry the image of the commit is pushed, and the deployment runs exactly that reference."""
    if shutil.which("docker-registry") is None:
        lacks("docker-registry is not installed")
    with servers.registry(tmp_path / "registry") as registry:
        path = pipelines.sandbox.root / "pyproject.toml"
        path.write_text(path.read_text(encoding="utf-8") + f'registry = "{registry}"\n', encoding="utf-8")
        assert pipelines.sandbox.inv("ci.render", platform).returncode == 0
        commit(pipelines.sandbox.root)
        reference = f"{registry}/{pipelines.image}:staging-{'0' * 40}"
        try:
            done = pipelines.job(platform, "publish-staging", "staging", keys=pipelines.key("staging"))
        finally:
            subprocess.run(["docker", "image", "rm", "--force", reference], check=False, capture_output=True)
        assert (done.code, "audited, pushed" in done.output) == (0, True), done.output
        done = pipelines.job(platform, "deploy-staging", "staging", keys=pipelines.key("staging"))
    assert done.code == 0, done.output
    deployment = pipelines.cluster.get("Deployment", "shop", "shop-staging")
    images = [container["image"] for container in deployment["spec"]["template"]["spec"]["containers"]]
    assert images[0] == reference


def test_every_job_was_run_here(pipelines: Pipelines) -> None:
    """The jobs of both files are those that the tests above run, so none is forgotten."""
    run = {
        "unit",
        "lint",
        "integration",
        "image-staging",
        "image-production",
        "deploy-staging",
        "deploy-production",
    }
    told = {"without-keys"}
    github_alone = {"lint-workflows"}
    root = pipelines.sandbox.root
    ours = yaml.safe_load((root / gitlab.FILE).read_text(encoding="utf-8"))
    assert {name for name in ours if not name.startswith(".")} == run | told
    assert (
        set(yaml.safe_load((root / github.FILE).read_text(encoding="utf-8"))["jobs"])
        == run | told | github_alone
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_fork_is_told_which_jobs_do_not_run(pipelines: Pipelines, platform: str) -> None:
    """The job without keys prints the names of the jobs that need one."""
    done = pipelines.job(platform, "without-keys", None, keys={})
    assert (done.code, "integration, image-staging" in done.output) == (0, True), done.output
