"""docs/guide-containers.md: its Dockerfiles build, its commands run, its settings are read."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.docker import image_settings
from tests.integration.docker.shops import GREETING, Shop, docker

pytestmark = [pytest.mark.integration, pytest.mark.docker]
GUIDE = (Path(__file__).parents[3] / "docs/guide-containers.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """The fenced blocks of this kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_guides_commands_run(make_shop: Callable[..., Shop], registry: str) -> None:
    """Every `inv docker.…` command of the guide, in its order, on its first Dockerfile, does what it says."""
    shop = make_shop(blocks("dockerfile")[0])
    shop.sandbox.write("deploy/env.allowlist", "APP_ENV\nDB_*\n")
    said: dict[str, str] = {}

    for command in re.findall(r"^\$ inv (.*)$", "\n".join(blocks("console")), re.MULTILINE):
        if "docker." not in command:
            continue
        if "REGISTRY" in command:
            docker("tag", f"{shop.image}:staging", f"{registry}/{shop.image}:staging")
            command = command.replace("REGISTRY/shop", f"{registry}/{shop.image}")
        done = shop.inv(*shlex.split(command))
        assert done.returncode == 0, f"{command}: {done.stderr}"
        said[command.split(" --tag")[0]] = done.stdout

    assert said["docker.run --env staging"] == GREETING
    assert said["docker.audit --env staging"].startswith(f"{shop.image}:staging  clean")
    assert (
        "--secret=id=UV_INDEX_INTERNAL_PASSWORD,env=UV_INDEX_INTERNAL_PASSWORD"
        in said["--dry docker.build --env staging"]
    )
    assert said["docker.push --env staging"].endswith("audited, pushed\n")
    assert (
        said["docker.run --env staging -- python -c \"import os; print(os.environ['APP_ENV'])\""]
        == "staging\n"
    )


def test_the_guides_build_args_work(make_shop: Callable[..., Shop]) -> None:
    """The older Dockerfile of the guide builds too, with the note."""
    shop = make_shop(blocks("dockerfile")[1])

    done = shop.inv("docker.build", "--env", "staging")

    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(
        "note: UV_INDEX_INTERNAL_USERNAME and UV_INDEX_INTERNAL_PASSWORD go in as build args"
    )
    assert docker("run", "--rm", f"{shop.image}:staging") == GREETING


def test_the_guides_settings_are_all_there_are(tmp_path: Path) -> None:
    """The table of the guide is read, and there is no setting that it does not name."""
    text = next(block for block in blocks("toml") if "[tool.envtasks.docker]" in block)
    table = tomllib.loads(text)["tool"]["envtasks"]["docker"]

    settings = image_settings(Project(root=tmp_path, name="shop", environments={}, tables={"docker": table}))

    assert {key.replace("-", "_") for key in table} | {"root"} == set(settings.__slots__)
    assert settings.reference("staging") == "registry.example.com/team/shop:staging"
