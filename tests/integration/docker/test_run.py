"""`inv docker.audit` and `docker.run`, and this repository's own image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.docker.shops import BUILD_ARGS, Shop, docker, holding
from tests.projects import Sandbox, make_sandbox
from tests.watching import watched_processes

pytestmark = [pytest.mark.integration, pytest.mark.docker]
MakeShop = Callable[..., Shop]
ROOT = Path(__file__).parents[3]
SHOW = "import os; print(sorted(name for name in os.environ if name.startswith(('DB_', 'UV_', 'APP_'))))"


def test_a_container_gets_the_allowlists_variables_by_name(make_shop: MakeShop) -> None:
    """The allowlist's variables reach the container, others do not, and no value is on a command line."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\n")
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\nDB_*\n")
    shop.inv("docker.build", "--env", "staging")

    with watched_processes() as processes:
        names = shop.inv("docker.run", "--env", "staging", "--", "python", "-c", SHOW)
    value = shop.inv("docker.run", "--env", "staging", "--no-mask", "--", "printenv", "DB_PASSWORD")
    hidden = shop.inv("docker.run", "--env", "staging", "--", "printenv", "DB_PASSWORD")

    assert (names.returncode, names.stdout) == (0, "['APP_ENV', 'DB_HOST', 'DB_PASSWORD']\n"), names.stderr
    assert (value.stdout, hidden.stdout) == ("never-asked-for\n", "***\n")
    assert holding("never-asked-for", {"processes": sorted(processes)}) == []


def test_a_containers_exit_code_is_invs(make_shop: MakeShop) -> None:
    """What the command in the container ends with, inv ends with."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\n")
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\n")
    shop.inv("docker.build", "--env", "staging")

    assert shop.inv("docker.run", "--env", "staging", "--", "sh", "-c", "exit 42").returncode == 42


def test_an_audit_is_reported(make_shop: MakeShop) -> None:
    """A clean image is one line and code 0; one with a credential in its history code 9, also as JSON."""
    shop = make_shop(BUILD_ARGS)
    shop.inv("docker.build", "--env", "staging")
    shop.inv(
        "docker.build",
        "--env",
        "staging",
        "--target",
        "builder",
        "--tag",
        f"{shop.image}:leaky",
        "--no-audit",
    )

    clean = shop.inv("docker.audit", "--env", "staging")
    leaky = shop.inv("docker.audit", f"--image={shop.image}:leaky", "--env", "staging", "--json")

    assert clean.returncode == 0, clean.stderr
    assert clean.stdout.startswith(f"{shop.image}:staging  clean  (")
    assert leaky.returncode == 9
    found = json.loads(leaky.stdout)
    assert (found["image"], found["clean"]) == (f"{shop.image}:leaky", False)
    assert {finding["variable"] for finding in found["findings"]} == {"UV_INDEX_INTERNAL_PASSWORD"}


def test_a_leak_in_a_built_image_ends_with_code_9(make_shop: MakeShop) -> None:
    """A build whose image holds a secret ends with code 9 and names the image, without a push."""
    shop = make_shop(BUILD_ARGS)

    done = shop.inv("docker.build", "--env", "staging", "--target", "builder")

    assert done.returncode == 9
    assert f"{shop.image}:staging may not be shipped. It holds:" in done.stderr


@pytest.fixture
def repository(tmp_path: Path, engine: str) -> Sandbox:
    """This repository's own image, from a copy of what it is made of, under a name of the test."""
    (tmp_path / "copy").mkdir()
    sandbox = make_sandbox(tmp_path / "copy")
    for name in ("pyproject.toml", ".dockerignore", "docker", "src/app", ".env.staging", ".env.staging.keys"):
        _copy(ROOT / name, sandbox.root / name)
    _copy(ROOT / ".env.production", sandbox.root / ".env.production")
    sandbox.write("tasks.py", "from envtasks import namespace\n\nns = namespace(__name__)\n")
    return sandbox


def test_the_sample_services_image_is_clean_and_small(repository: Sandbox) -> None:
    """The runtime image has a health check and a user of its own, and no uv, env file or dotenvx in it."""
    tag = "envtasks-test-sample:staging"
    done = repository.inv("docker.build", "--env", "staging", "--tag", tag, "--json")
    try:
        assert done.returncode == 0, done.stderr
        built = json.loads(done.stdout)
        config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", tag))
        looked = docker(
            "run", "--rm", tag, "sh", "-c", "id -u; command -v uv dotenvx; ls -a /srv; ls /opt/venv/bin"
        )
    finally:
        docker("image", "rm", "--force", tag)

    assert (built["target"], built["audited"]) == ("runtime", True)
    assert built["build_args"] == ["UV_INDEX_INTERNAL_USERNAME", "UV_INDEX_INTERNAL_PASSWORD", "APP_ENV"]
    assert (config["User"], "Healthcheck" in config) == ("10001", True)
    assert "APP_ENV=staging" in config["Env"]
    assert looked.splitlines()[:4] == ["10001", ".", "..", "app"]
    assert "watchfiles" in looked


def test_what_helps_while_developing_is_not_in_production(repository: Sandbox) -> None:
    """Without another APP_ENV the image is production's, and holds nothing to reload or debug with."""
    tag = "envtasks-test-sample:production"
    credentials = [f"--build-arg=UV_INDEX_INTERNAL_{name}=none" for name in ("USERNAME", "PASSWORD")]
    docker("build", "--quiet", "--file", str(repository.root / "docker/Dockerfile"), "--tag", tag, *credentials,
           str(repository.root))  # fmt: skip
    try:
        looked = docker("run", "--rm", tag, "sh", "-c", "echo $APP_ENV; ls /opt/venv/bin")
    finally:
        docker("image", "rm", "--force", tag)

    assert looked.splitlines()[0] == "production"
    assert "uvicorn" in looked
    assert "watchfiles" not in looked


def _copy(source: Path, target: Path) -> None:
    import shutil

    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
