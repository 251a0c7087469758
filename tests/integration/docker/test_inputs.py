"""What goes into a build by a mount or as a credential, from the env files and from the process environment."""

from __future__ import annotations

import json
import re
import sys
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
    unset = small.inv("docker.audit", "--env", "staging")
    assert (
        f"note: not checked: {name}: a secret mount of the Dockerfile that is not set here\n" in unset.stderr
    )


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
    without = small.inv("docker.audit", "--env", "staging", "--json")
    done = small.inv("docker.audit", "--env", "staging", "--json", GH_TOKEN=TOKEN)
    assert (without.returncode, done.returncode) == (0, 0), done.stderr
    assert json.loads(done.stdout)["secrets"] == json.loads(without.stdout)["secrets"] + 1


def test_a_container_gets_such_a_variable_too(small: Shop) -> None:
    """DEBUG=false of the env file arrives in the container that `docker.run` starts."""
    small.sandbox.write("deploy/env.allowlist", "DEBUG\nDB_*\n")
    docker("tag", "python:3.12-slim", f"{small.image}:staging")
    done = small.inv(
        "docker.run", "--env", "staging", "--", "sh", "-c", 'echo $DEBUG; test -n "$DB_PASSWORD"'
    )
    assert (done.returncode, done.stdout) == (0, "false\n"), done.stderr


def test_the_variable_of_the_environments_name(small: Shop) -> None:
    """`environment-variable` names what is a build arg, and a container's variable, in place of APP_ENV."""
    with (small.sandbox.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('[tool.envtasks]\nenvironment-variable = "FLASK_ENV"\n')
    small.sandbox.write("deploy/env.allowlist", "FLASK_ENV\n")
    small.dockerfile(
        'FROM python:3.12-slim\nARG FLASK_ENV\nARG APP_ENV\nRUN echo "is $FLASK_ENV, not [$APP_ENV]"\n'
    )
    done = small.inv("docker.build", "--env", "staging", "--no-cache")
    assert (done.returncode, "is staging, not []\n" in done.stderr) == (0, True), done.stderr
    assert small.inv("docker.run", "--env", "staging", "--", "printenv", "FLASK_ENV").stdout == "staging\n"


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("docker.build", "buildx build .* --tag={image}:staging"),
        ("docker.build --push --no-cache", "buildx build .* --no-cache"),
        ("docker.audit", "image save -- {image}:staging"),
        ("docker.push", "image push {image}:staging"),
        ("docker.run -- touch /x", "run --rm .*--env=PLAIN .*{image}:staging touch /x"),
    ],
)
def test_a_dry_run_starts_nothing(small: Shop, words: str, command: str) -> None:
    """No image, no container, no import of the settings class: docker's command is printed, and no secret in it."""
    with (small.sandbox.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('[tool.envtasks]\nsettings = "settings:Settings"\n')
    small.sandbox.write(
        "settings.py",
        "open('imported', 'w').close()\nfrom pydantic_settings import BaseSettings\n"
        "class Settings(BaseSettings):\n    plain: str\n    db_password: str\n",
    )
    small.dockerfile("FROM python:3.12-slim\nARG PLAIN\nRUN touch /built\n")
    task, dashes, rest = words.partition(" -- ")
    done = small.inv("--dry", *task.split(), "--env", "staging", *(["--", *rest.split()] if dashes else []))
    assert done.returncode == 0, done.stderr
    assert re.search(rf"docker {command.format(image=small.image)}", done.stdout), done.stdout
    assert "never-asked-for" not in done.stdout + done.stderr
    assert docker("image", "ls", "--quiet", small.image) == ""
    assert not (small.sandbox.root / "imported").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of one variable is Linux's")
@pytest.mark.parametrize(
    "words",
    [
        *("docker.build", "docker.audit", "docker.push", "docker.run"),
        *("compose.up", "compose.down", "compose.ps", "compose.logs", "compose.config", "compose.build"),
        "compose.exec web ls",
    ],
)
def test_values_that_no_process_can_get_are_one_sentence(small: Shop, words: str) -> None:
    """A variable beyond the system's limit ends every task with a sentence that names it and a code."""
    small.sandbox.write(".env.staging", f"PLAIN={'x' * 200_000}\n")
    small.sandbox.write("deploy/env.allowlist", "PLAIN\n")
    small.sandbox.write("compose.yaml", "services: {web: {build: .}}\n")
    small.dockerfile("FROM scratch\nARG PLAIN\n")
    done = small.inv(*words.split(), "--env", "staging")
    assert done.returncode == 1
    assert re.search(
        r"^error: The environment is too large .*: PLAIN \(200,007 bytes\)", done.stderr, re.MULTILINE
    )
    assert "Traceback" not in done.stderr
