"""A shop with both pipelines committed, a cluster, and the machine that its jobs run on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from envtasks.ci import github, gitlab
from tests.ci.pipeline_projects import PYPROJECT, clean_sandbox, commit, shop
from tests.fakekube import FakeCluster, serve
from tests.integration.ci.running import Done, clone, machine, on_github, on_gitlab, run
from tests.integration.kubernetes.shop import ALLOWLIST, MANIFEST
from tests.projects import Sandbox

CI = "[tool.envtasks.ci]\nlint = true\n"
SOURCES = Path(__file__).parents[3]


@dataclass(slots=True)
class Pipelines:
    """The committed shop, its cluster, and what CI's settings would hold."""

    sandbox: Sandbox
    cluster: FakeCluster
    machine: Mapping[str, str]
    folder: Path
    image: str
    jobs_run: int = 0

    def key(self, environment: str) -> dict[str, str]:
        """The variable with the key of an environment."""
        return {f"DOTENV_PRIVATE_KEY_{environment.upper()}": self.sandbox.private_keys[environment]}

    def kubeconfig(self) -> Path:
        """A kubeconfig for the cluster, as CI's settings hold it."""
        return self.cluster.kubeconfig(self.folder / "kubeconfig", contexts=["staging", "production"])

    def job(
        self, platform: str, name: str, environment: str | None, *, keys: Mapping[str, str], **matrix: str
    ) -> Done:
        """Run one job in a clean clone, with these keys in the platform's settings of the environment."""
        self.jobs_run += 1
        place = clone(self.sandbox.root, self.folder / f"clone-{self.jobs_run}")
        if platform == "github":
            env = {**self.machine, "GITHUB_ACTIONS": "true", "GITHUB_SHA": "0" * 40}
            secrets = {**keys, "KUBECONFIG": self.kubeconfig().read_text(encoding="utf-8")}
            steps = on_github(place, name, secrets, matrix)
        else:
            env = {**self.machine, "GITLAB_CI": "true", "CI_COMMIT_SHA": "0" * 40}
            own = {environment or "": {**keys, "KUBECONFIG": str(self.kubeconfig())}}
            steps = on_gitlab(place, name, own, {key.upper(): value for key, value in matrix.items()})
        return run(place, steps, env, self.folder.parent / "uv-cache")


@pytest.fixture(scope="session")
def ci_machine(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The machine that jobs run on; made once."""
    return machine(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What `inv ci.render` writes for the shop, by file; rendered once, as nothing in it depends on a test."""
    sandbox = shop(clean_sandbox(tmp_path_factory.mktemp("shop")))
    sandbox.write("pyproject.toml", f"{PYPROJECT}\n{CI}")
    for platform in ("gitlab", "github"):
        done = sandbox.inv("ci.render", platform)
        assert done.returncode == 0, done.stderr
    return {name: (sandbox.root / name).read_text(encoding="utf-8") for name in (gitlab.FILE, github.FILE)}


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """A stand-in cluster on loopback."""
    with serve() as running:
        yield running


@pytest.fixture
def pipelines(
    sandbox: Sandbox,
    cluster: FakeCluster,
    ci_machine: Mapping[str, str],
    rendered: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Pipelines:
    """The shop with the rendered pipelines, committed."""
    shop(sandbox)
    text = PYPROJECT.replace("https://staging.example.com:6443", cluster.url)
    text = text.replace("https://production.example.com:6443", cluster.url)
    text += f'\n[tool.uv.sources]\nenvtasks = {{ path = "{SOURCES.as_posix()}" }}\n'
    image = f"envtasks-test-{uuid.uuid4().hex[:8]}"
    sandbox.write("pyproject.toml", f'{text}\n{CI}\n[tool.envtasks.docker]\nimage = "{image}"\n')
    sandbox.write("deploy/env.allowlist", ALLOWLIST.replace("DB_*", "TOKEN"))
    sandbox.write("deploy/app.yaml", MANIFEST)
    for name, workflow in rendered.items():
        sandbox.write(name, workflow)
    for namespace in ("shop", "shop-staging"):
        cluster.add_namespace(namespace)
    commit(sandbox.root)
    return Pipelines(sandbox, cluster, ci_machine, tmp_path_factory.mktemp("ci"), image)
