"""docs/guide-containers.md: its Dockerfiles build, its commands run, its settings are read."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.docker import image_settings
from tests.guides import blocks, commands
from tests.integration.docker.shops import GREETING, Shop, docker

pytestmark = [pytest.mark.integration, pytest.mark.docker]
PAGE = "docs/guide-containers.md"


def test_the_guides_commands_run(make_shop: Callable[..., Shop], registry: str) -> None:
    """Every `inv docker.…` command of the guide, in its order, on its first Dockerfile, does what it says."""
    shop = make_shop(blocks(PAGE, "dockerfile")[0])
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\nDB_*\n")
    printed: dict[str, str] = {}

    for command in (each.line.removeprefix("inv ") for each in commands(PAGE) if "docker." in each.line):
        if "REGISTRY" in command:
            docker("tag", f"{shop.image}:staging", f"{registry}/{shop.image}:staging")
            command = command.replace("REGISTRY/shop", f"{registry}/{shop.image}")
        done = shop.inv(*shlex.split(command))
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed[command.split(" --tag")[0]] = done.stdout

    assert printed["docker.run --env staging"] == GREETING
    assert printed["docker.audit --env staging"].startswith(f"{shop.image}:staging  clean")
    assert (
        "--secret=id=UV_INDEX_INTERNAL_PASSWORD,env=UV_INDEX_INTERNAL_PASSWORD"
        in printed["--dry docker.build --env staging"]
    )
    assert printed["docker.push --env staging"].endswith("audited, pushed\n")
    assert (
        printed["docker.run --env staging -- python -c \"import os; print(os.environ['APP_ENV'])\""]
        == "staging\n"
    )


def test_the_guides_build_args_work(make_shop: Callable[..., Shop]) -> None:
    """The older Dockerfile of the guide builds too, with the note."""
    shop = make_shop(blocks(PAGE, "dockerfile")[1])

    done = shop.inv("docker.build", "--env", "staging")

    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(
        "note: UV_INDEX_INTERNAL_USERNAME and UV_INDEX_INTERNAL_PASSWORD go in as build args"
    )
    assert docker("run", "--rm", f"{shop.image}:staging") == GREETING


def test_the_guides_settings_are_all_there_are(tmp_path: Path) -> None:
    """The table of the guide is read, and there is no setting that it does not name."""
    text = next(block for block in blocks(PAGE, "toml") if "[tool.envtasks.docker]" in block)
    table = tomllib.loads(text)["tool"]["envtasks"]["docker"]

    settings = image_settings(Project(root=tmp_path, name="shop", environments={}, tables={"docker": table}))

    assert {key.replace("-", "_") for key in table} | {"root"} == set(settings.__slots__)
    assert settings.reference("staging") == "registry.example.com/team/shop:staging"
