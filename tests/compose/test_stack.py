"""How docker compose is called for the stack of an environment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from envtasks.compose.stack import Stack
from envtasks.config import Project
from envtasks.errors import ConfigInvalid, StackFailed, ToolMissing
from envtasks.hydration import hydrate
from tests.projects import Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for docker is a shell script")
SECRET = "pa$$word-4711"


def stack(sandbox: Sandbox, script: str = "exit 97", *, table: str = "", **process_env: str) -> Stack:
    """The stack of a fresh project whose docker is `script`."""
    sandbox.environment("local", PASSWORD=SECRET)
    with (sandbox.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"[tool.envtasks.compose]\n{table}\n")
    docker = sandbox.write("bin/docker", f"#!/bin/sh\n{script}\n")
    docker.chmod(0o755)
    project = Project.load(sandbox.root)
    process = {"PATH": f"{docker.parent}{os.pathsep}{os.environ['PATH']}", **process_env}
    return Stack.of(project, hydrate(project.environment("local"), process))


def test_the_child_environment(sandbox: Sandbox) -> None:
    """It has the values and the switches, and nothing that would make compose take other files, names or env files."""
    diverting = {
        "COMPOSE_FILE": "x",
        "COMPOSE_PROJECT_NAME": "x",
        "COMPOSE_ENV_FILES": "x",
        "COMPOSE_PROFILES": "debug",
    }
    env = stack(sandbox, **diverting).child_env
    names = ("PASSWORD", "COMPOSE_DISABLE_ENV_FILE", "BUILDX_METADATA_PROVENANCE", *diverting)
    assert {name: env.get(name) for name in names} == {
        "PASSWORD": SECRET,
        "COMPOSE_DISABLE_ENV_FILE": "1",
        "BUILDX_METADATA_PROVENANCE": "disabled",
        "COMPOSE_FILE": None,
        "COMPOSE_PROJECT_NAME": None,
        "COMPOSE_ENV_FILES": None,
        "COMPOSE_PROFILES": "debug",
    }


def test_the_command(sandbox: Sandbox) -> None:
    """With files it names them and the profiles; without, the project alone, even where there is no file."""
    found = stack(sandbox, table='files = ["a.yaml", "b.yaml"]\nprofiles = ["debug"]')
    docker, root = str(sandbox.root / "bin/docker"), sandbox.root
    assert found.argv("ps", files=False) == [docker, "compose", "--project-name", "shop-local", "ps"]
    with pytest.raises(ConfigInvalid, match=r"names 'a\.yaml', which does not exist"):
        found.argv("up", files=True)
    for name in ("a.yaml", "b.yaml"):
        sandbox.write(name, "services: {}\n")
    files = ["--file", str(root / "a.yaml"), "--file", str(root / "b.yaml")]
    expected = [docker, "compose", "--project-name", "shop-local", *files, "--profile", "debug", "up"]
    assert found.argv("up", files=True) == expected


def test_nothing_secret_is_in_its_repr(sandbox: Sandbox) -> None:
    """Neither the values nor the child environment show in tracebacks and logs."""
    assert SECRET not in repr(stack(sandbox))


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (
            f"echo 'invalid port {SECRET.replace('$', '$$')} {SECRET}' >&2; exit 15",
            StackFailed,
            "It went wrong: invalid port *** ***",
        ),
        ("echo 'unknown flag: --project-name' >&2; exit 125", ToolMissing, "docker has no compose command."),
        ("echo 'Cannot connect to the Docker daemon at x' >&2; exit 1", ToolMissing, None),
    ],
)
def test_a_failing_command(
    sandbox: Sandbox, script: str, error: type[Exception], message: str | None
) -> None:
    """Docker's message is told with values hidden, dollars doubled or not; what is not installed is a missing tool."""
    with pytest.raises(error) as caught:
        stack(sandbox, script).ask("ps", what="It went wrong")
    assert message in (None, getattr(caught.value, "message", None))
    assert SECRET not in str(caught.value)


def model(sandbox: Sandbox, tree: dict[str, Any], services: list[str], **process_env: str) -> tuple[str, ...]:
    sandbox.write("docker/compose.yaml", json.dumps(tree))
    script = f'case "$*" in *--no-interpolate*) cat {sandbox.root}/docker/compose.yaml;; *) exit 97;; esac'
    return stack(sandbox, script, **process_env).model(services).services


def test_the_model_knows_profiles_from_the_environment(sandbox: Sandbox) -> None:
    """COMPOSE_PROFILES enables services, as it does for compose."""
    tree = {"services": {"app": {"image": "a"}, "debugger": {"image": "b", "profiles": ["debug"]}}}
    assert model(sandbox, tree, [], COMPOSE_PROFILES="other, debug") == ("app", "debugger")


def test_a_service_that_the_stack_does_not_have(sandbox: Sandbox) -> None:
    """The message names it and the nearest one; the hint lists all."""
    with pytest.raises(ConfigInvalid) as caught:
        model(sandbox, {"services": {"app": {"image": "a"}, "db": {"image": "b"}}}, ["apps"])
    assert str(caught.value) == (
        "The stack has no service 'apps': did you mean app?\n  hint: services: app, db"
    )


def test_the_compose_file_of_this_repository_holds_names_only() -> None:
    """No value of any of its environments' secrets stands in it, and each of them that it uses comes by name."""
    root = Path(__file__).parents[2]
    text = (root / "docker/compose.yaml").read_text(encoding="utf-8")
    project = Project.load(root)
    secrets = {
        name: value
        for environment in ("local", "staging")
        for name, value in hydrate(project.environment(environment), {}).secrets.items()
    }
    assert "DB_PASSWORD" in secrets
    assert [name for name, value in secrets.items() if value in text] == []
    assert {name for name in secrets if f"${{{name}}}" in text} >= {
        "DB_PASSWORD",
        "AUTH_JWT_SECRET",
        "CACHE_PASSWORD",
    }
