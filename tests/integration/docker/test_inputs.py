"""What goes into a build by a mount or as a credential, from the env files and from the process environment."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.docker.shops import Shop, docker
from tests.projects import Sandbox

pytestmark = [pytest.mark.integration, pytest.mark.docker]
TOKEN = "ghp_0123456789abcdefMARK"
MOUNT = "--mount=type=secret,id={0},env={0}"


@pytest.fixture
def small(sandbox: Sandbox) -> Iterator[Shop]:
    """A project whose image is on the Python image that is there, with an environment that has next to nothing."""
    shop = Shop(sandbox, f"envtasks-test-{uuid.uuid4().hex[:8]}", "python:3.12-slim")
    with (sandbox.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'[tool.envtasks.docker]\nimage = "{shop.image}"\n')
    sandbox.environment("staging", "DEBUG=false\nPLAIN=plain-value\n", DB_PASSWORD="never-asked-for")
    sandbox.environment("public", "A=1\n")
    sandbox.write(".dockerignore", "*\n")
    yield shop
    shop.remove_images()


@pytest.mark.parametrize("name", ["GH_TOKEN", "ANY_NAME"])
@pytest.mark.parametrize("public", [False, True])
def test_what_a_mount_leaves_in_the_image_is_found(small: Shop, name: str, public: bool) -> None:
    """A value of the process environment alone is hidden in the output, found by the audit, and never pushed."""
    if public:
        with (small.sandbox.root / "pyproject.toml").open("a", encoding="utf-8") as file:
            file.write(
                '[tool.envtasks.environments]\nstaging = { files = [".env.staging"], public = true }\n'
            )
    mount = MOUNT.format(name)
    small.dockerfile(
        f'FROM python:3.12-slim\nRUN {mount},required=true echo "${name}" > /root/.netrc && cat /root/.netrc\n'
    )
    done = small.inv("docker.build", "--env", "staging", "--no-cache", **{name: TOKEN})
    assert done.returncode == 9, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert " ***\n" in done.stderr
    assert name in done.stderr.partition("error:")[2]
    assert "root/.netrc" in done.stderr
    for task in ("docker.audit", "docker.push"):
        later = small.inv(task, "--env", "staging", **{name: TOKEN})
        assert (later.returncode, TOKEN in later.stdout + later.stderr) == (9, False), task


def test_an_empty_secret_is_missing(small: Shop) -> None:
    """Docker takes an empty secret for one that is there: exit code 5 before anything is built."""
    small.dockerfile(
        f"FROM python:3.12-slim\nRUN {MOUNT.format('UV_INDEX_CORP_PASSWORD')},required=true true\n"
    )
    done = small.inv("docker.build", "--env", "staging", UV_INDEX_CORP_PASSWORD="")
    assert done.returncode == 5
    assert "UV_INDEX_CORP_PASSWORD (empty) (docker/Dockerfile:2, a secret mount)" in done.stderr


def test_credentials_of_other_tools_and_of_the_project(small: Shop) -> None:
    """Poetry's and those that pyproject.toml lists come from the process environment, redacted; others do not."""
    pyproject = small.sandbox.root / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(f'{text}[tool.envtasks]\ncredentials = ["ARTIFACTORY_*"]\n', encoding="utf-8")
    names = ("POETRY_HTTP_BASIC_CORP_PASSWORD", "ARTIFACTORY_KEY", "EDITOR")
    arguments = "".join(f"ARG {name}\n" for name in names)
    shown = " ".join(f'"{name}=${name}"' for name in names)
    small.dockerfile(
        f"FROM python:3.12-slim AS b\n{arguments}RUN echo {shown}\nFROM scratch\nCOPY --from=b /etc/hostname /h\n"
    )
    env = {names[0]: TOKEN, names[1]: f"{TOKEN}2", names[2]: "vi"}
    done = small.inv("docker.build", "--env", "staging", "--no-cache", **env)
    assert done.returncode == 0, done.stderr
    assert "POETRY_HTTP_BASIC_CORP_PASSWORD=*** ARTIFACTORY_KEY=*** EDITOR=\n" in done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_an_optional_mount_that_nothing_feeds_is_noted(small: Shop) -> None:
    """The build goes on, and says which mount is empty."""
    small.dockerfile(f"FROM python:3.12-slim\nRUN {MOUNT.format('NOWHERE')} true\n")
    done = small.inv("docker.build", "--env", "staging")
    assert done.returncode == 0, done.stderr
    note = "the optional secret mount is left empty, as staging has no value for it: NOWHERE (docker/Dockerfile:2)."
    assert f"note: {note}\n" in done.stderr


def test_a_variable_that_would_steer_docker_is_a_build_arg_only(small: Shop) -> None:
    """DEBUG=false arrives in the build, and does not make docker print Go stack traces."""
    small.dockerfile(
        'FROM python:3.12-slim\nARG DEBUG\nARG PLAIN\nRUN echo "DEBUG=$DEBUG PLAIN=$PLAIN" && exit 3\n'
    )
    done = small.inv("docker.build", "--env", "staging", "--no-cache")
    assert done.returncode == 8
    assert "DEBUG=false PLAIN=plain-value\n" in done.stderr
    assert "github.com/" not in done.stderr
    broken = small.dockerfile("FROM python:3.12-slim\nARG DEBUG\nRUUN true\n")
    refused = small.inv("docker.build", "--env", "staging")
    assert (refused.returncode, "github.com/" in refused.stderr) == (8, False), broken


def test_a_mount_with_such_a_name_arrives(small: Shop) -> None:
    """A secret called DOCKER_… is mounted under its own id."""
    small.sandbox.environment("staging", DOCKER_HUB_TOKEN="hub-MARKED-1234")
    mount = MOUNT.format("DOCKER_HUB_TOKEN")
    small.dockerfile(f"FROM python:3.12-slim\nRUN {mount},required=true test ${{#DOCKER_HUB_TOKEN}} = 15\n")
    done = small.inv("docker.build", "--env", "staging")
    assert done.returncode == 0, done.stderr
    assert docker("image", "inspect", "--format", "{{.Id}}", f"{small.image}:staging")


def test_the_dockerfile_of_another_project_does_not_matter(small: Shop, tmp_path: Path) -> None:
    """An audit without a Dockerfile looks for the environment's own values, and for credentials by name."""
    docker("tag", "python:3.12-slim", f"{small.image}:staging")
    done = small.inv("docker.audit", "--env", "staging", GH_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    assert "(1 layers, 1 secrets looked for)" in done.stdout
