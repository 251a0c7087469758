"""The real engine, a private index, a registry, and a project that cannot be built without the index."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import REQUIRE_ALL
from tests.integration.docker import servers, stacks
from tests.integration.docker.shops import Shop
from tests.ports import free_port
from tests.projects import Sandbox

PASSWORD = "MARKED-Pa55/w0rd+e9c1"
USERNAME = "ci-bot"


@pytest.fixture(scope="session")
def engine() -> str:
    """The version of the Docker engine; without one the test is skipped, or fails where everything has to be there."""
    done = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        (pytest.fail if REQUIRE_ALL else pytest.skip)("no Docker engine answers")
    return done.stdout.strip()


@pytest.fixture(scope="session")
def image_with_uv(engine: str) -> Iterator[str]:
    """The base image of the test projects: the Python image with uv in it."""
    name = f"envtasks-test-uv:{uuid.uuid4().hex[:8]}"
    text = "ARG PYTHON_IMAGE=python:3.12-slim\nFROM ${PYTHON_IMAGE}\nRUN pip install --root-user-action=ignore uv\n"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", name, "-"],
        input=text,
        text=True,
        check=True,
        capture_output=True,
    )
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], check=True, capture_output=True)


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Index]:
    """A private index that lets in one account."""
    folder = tmp_path_factory.mktemp("index")
    with servers.private_index(folder, username=USERNAME, password=PASSWORD) as running:
        yield running


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on loopback, as `host:port`."""
    if shutil.which("docker-registry") is None:
        (pytest.fail if REQUIRE_ALL else pytest.skip)("docker-registry is not installed")
    with servers.registry(tmp_path_factory.mktemp("registry") / "it") as address:
        yield address


@pytest.fixture
def make_shop(sandbox: Sandbox, image_with_uv: str, index: servers.Index) -> Iterator[Callable[..., Shop]]:
    """Makes the project `shop` whose dependency only the private index has; its images are removed at the end."""
    made: list[Shop] = []

    def make(dockerfile: str, *, environment: str = "staging", password: str = PASSWORD) -> Shop:
        shop = Shop(sandbox, f"envtasks-test-{uuid.uuid4().hex[:8]}", image_with_uv)
        shop.write_project(index.url, dockerfile)
        sandbox.environment(
            environment,
            f"UV_INDEX_INTERNAL_USERNAME={USERNAME}\nDB_HOST=db.example.com\n",
            UV_INDEX_INTERNAL_PASSWORD=password,
            DB_PASSWORD="never-asked-for",
        )
        made.append(shop)
        return shop

    yield make
    for shop in made:
        shop.remove_images()


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[stacks.StackShop]:
    """Two environments that differ in nothing but their secrets, in an empty project."""
    project = f"envtasks-test-{uuid.uuid4().hex[:8]}"
    pyproject = sandbox.root / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(f"{text}[tool.envtasks.compose]\nproject = '{project}'\n", encoding="utf-8")
    port = free_port()
    for name in ("local", "dev"):
        sandbox.environment(
            name, f"PORT={port}\n", SECRET=stacks.SECRET, TOKEN=stacks.TOKEN, SHORT=stacks.SHORT
        )
    yield stacks.StackShop(sandbox, project)
    for name in ("local", "dev"):
        stacks.remove(f"{project}-{name}")


@pytest.fixture(autouse=True)
def own_docker_config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes the developer's registry logins."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker-config"))
    assert os.environ["DOCKER_CONFIG"]
