"""How docker compose is called for the stack of an environment, and how its list of containers is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envtasks.compose.stack import Address, Container, parse_containers
from envtasks.config import Project
from envtasks.errors import ConfigInvalid, StackFailed, ToolMissing
from envtasks.hydration import hydrate
from tests.compose.stacks import SECRET, needs_sh, stack
from tests.projects import Sandbox


@needs_sh
def test_the_child_environment(sandbox: Sandbox) -> None:
    """It has the values and the switches, the stack's own name, and nothing that makes compose take other files."""
    compose_variables = {
        "COMPOSE_FILE": "x",
        "COMPOSE_PROJECT_NAME": "x",
        "COMPOSE_ENV_FILES": "x",
        "COMPOSE_PROFILES": "debug",
    }
    env = stack(sandbox, **compose_variables).child_env
    names = ("PASSWORD", "COMPOSE_DISABLE_ENV_FILE", "BUILDX_METADATA_PROVENANCE", *compose_variables)
    assert {name: env.get(name) for name in names} == {
        "PASSWORD": SECRET,
        "COMPOSE_DISABLE_ENV_FILE": "1",
        "BUILDX_METADATA_PROVENANCE": "disabled",
        "COMPOSE_FILE": None,
        "COMPOSE_PROJECT_NAME": "shop-local",
        "COMPOSE_ENV_FILES": None,
        "COMPOSE_PROFILES": "debug",
    }


@needs_sh
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


@needs_sh
def test_nothing_secret_is_in_its_repr(sandbox: Sandbox) -> None:
    """Neither the values nor the child environment show in tracebacks and logs."""
    assert SECRET not in repr(stack(sandbox))


@needs_sh
@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (
            f"echo 'invalid port {SECRET.replace('$', '$$')} {SECRET}' >&2; exit 15",
            StackFailed,
            "It went wrong: invalid port *** ***",
        ),
        (
            "echo 'unknown flag: --project-name' >&2; exit 125",
            ToolMissing,
            "It went wrong: docker has no compose command. unknown flag: --project-name",
        ),
        ("echo 'Cannot connect to the Docker daemon at x' >&2; exit 1", ToolMissing, None),
    ],
)
def test_a_failing_command(
    sandbox: Sandbox, script: str, error: type[Exception], message: str | None
) -> None:
    """Docker's message has values redacted, dollars doubled or not; what is not installed is a missing tool."""
    with pytest.raises(error) as caught:
        stack(sandbox, script).output(["docker", "ps"], what="It went wrong")
    assert message in (None, getattr(caught.value, "message", None))
    assert SECRET not in str(caught.value)


def model(sandbox: Sandbox, tree: dict[str, Any], services: list[str], **process_env: str) -> tuple[str, ...]:
    sandbox.write("docker/compose.yaml", json.dumps(tree))
    script = f'case "$*" in *--no-interpolate*) cat {sandbox.root}/docker/compose.yaml;; *) exit 97;; esac'
    return stack(sandbox, script, **process_env).model(services).services


@needs_sh
def test_the_model_knows_profiles_from_the_environment(sandbox: Sandbox) -> None:
    """COMPOSE_PROFILES enables services, as it does for compose."""
    tree = {"services": {"app": {"image": "a"}, "debugger": {"image": "b", "profiles": ["debug"]}}}
    assert model(sandbox, tree, [], COMPOSE_PROFILES="other, debug") == ("app", "debugger")


@needs_sh
def test_the_name_of_the_stack_counts_as_set(sandbox: Sandbox) -> None:
    """COMPOSE_PROJECT_NAME, which compose sets itself, is no missing variable, in an env_file neither."""
    sandbox.write("docker/app.env", "NAME=${COMPOSE_PROJECT_NAME}\n")
    service = {"image": "x", "labels": {"r": "${COMPOSE_PROJECT_NAME:?}-app"}, "env_file": "app.env"}
    assert model(sandbox, {"services": {"app": service}}, []) == ("app",)


@needs_sh
def test_what_the_env_file_tells_compose_in_vain_is_noted(sandbox: Sandbox) -> None:
    """Each variable with its place: a name that two environments share, other files."""
    text = "COMPOSE_PROJECT_NAME=mine\nCOMPOSE_FILE=a.yaml\nCOMPOSE_ENV_FILES=b.env\n"
    sandbox.environment("dev", text)
    sandbox.write(".env", text)
    name = "another environment has or may have the same: this is mine-local, and its volumes are mine-local_<volume>"
    assert stack(sandbox).notes == (
        "COMPOSE_FILE (.env:2) is not used: [tool.envtasks.compose] files names the compose files.",
        "COMPOSE_ENV_FILES (.env:3) is not used: the environment's own env files are used.",
        f"COMPOSE_PROJECT_NAME (.env:1) is not the stack's name, as {name}.",
    )


@needs_sh
def test_the_name_in_an_env_file_is_the_stacks(sandbox: Sandbox) -> None:
    """COMPOSE_PROJECT_NAME of one environment alone is used as it is, without a word, so that its volumes are found."""
    sandbox.write(".env", "COMPOSE_PROJECT_NAME=own\n")
    found = stack(sandbox)
    assert (found.name, found.notes, found.argv("ps", files=False)[2:4]) == (
        "own",
        (),
        ["--project-name", "own"],
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


LINE = {
    "Service": "app",
    "Name": "shop-local-app-1",
    "State": "running",
    "Health": "healthy",
    "ExitCode": 0,
    "Publishers": [
        {"URL": "0.0.0.0", "TargetPort": 8000, "PublishedPort": 80, "Protocol": "tcp"},
        {"URL": "::", "TargetPort": 8000, "PublishedPort": 80, "Protocol": "tcp"},
        {"URL": "127.0.0.1", "TargetPort": 53, "PublishedPort": 5300, "Protocol": "udp"},
        {"URL": "", "TargetPort": 9000, "PublishedPort": 0, "Protocol": "tcp"},
    ],
}
APP = Container(
    "app",
    "shop-local-app-1",
    "running",
    "healthy",
    0,
    (Address("0.0.0.0", 80, 8000), Address("127.0.0.1", 5300, 53, "udp")),
)


@pytest.mark.parametrize("text", [json.dumps(LINE) + "\n", json.dumps([LINE])])
def test_both_outputs_of_compose_are_read(text: str) -> None:
    """A line for each container, or one list; ports that are published once, under one address."""
    assert parse_containers(text) == (APP,)
    assert APP.row == ("app", "healthy", "localhost:80, 127.0.0.1:5300/udp")
    assert APP.to_json() == {
        "service": "app",
        "name": "shop-local-app-1",
        "state": "running",
        "health": "healthy",
        "exit_code": None,
        "addresses": ["localhost:80", "127.0.0.1:5300/udp"],
    }


def test_nothing_is_up() -> None:
    """No output means no containers."""
    assert parse_containers("\n") == ()
