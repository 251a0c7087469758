"""Images in containerd's store, a builder that is not docker's own, several platforms: on a second real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REQUIRE_ALL
from tests.integration.docker.engines import Engine, lacking, second_engine
from tests.projects import Sandbox

pytestmark = [pytest.mark.integration, pytest.mark.docker]
BOTH = "--platform=linux/amd64,linux/arm64"
PASSWORD = "MARKED-in-two-platforms"
DOCKERFILE = """
    FROM scratch AS builder
    ARG UV_INDEX_INTERNAL_PASSWORD
    COPY pyproject.toml /
    FROM scratch
    {label}
    COPY --from=builder /pyproject.toml /
    """


@pytest.fixture(scope="module")
def other(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The second engine."""
    if reason := lacking():
        (pytest.fail if REQUIRE_ALL else pytest.skip)(reason)
    with second_engine(tmp_path_factory.mktemp("engines") / "second") as running:
        yield running


@pytest.fixture
def shop(sandbox: Sandbox, other: Engine) -> Sandbox:
    """A project with a credential as build arg, whose images go to the second engine's registry."""
    sandbox.write(
        "pyproject.toml",
        f'[project]\nname = "shop"\n\n[tool.envtasks.docker]\nregistry = "{other.registry}"\n',
    )
    sandbox.write("tasks.py", "from envtasks import namespace\n\nns = namespace(__name__)\n")
    sandbox.write(".dockerignore", "*\n!pyproject.toml\n")
    sandbox.write("docker/Dockerfile", DOCKERFILE.format(label=""))
    sandbox.environment("staging", UV_INDEX_INTERNAL_PASSWORD=PASSWORD)
    return sandbox


@pytest.mark.parametrize("builder", ["", "bare"], ids=["docker driver", "remote driver"])
def test_an_image_in_containerds_store_is_audited_and_pushed(
    shop: Sandbox, other: Engine, builder: str
) -> None:
    """There an image's id is its manifest's digest: the audit finds the image, and the push is compared by it."""
    done = other.inv(shop, "docker.build", "--env", "staging", "--push", "--json", builder=builder)

    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    inspected = other.run("docker", "image", "inspect", "--format", "{{.Id}}", built["reference"])
    assert (built["image"], built["pushed"]) == (inspected.stdout.strip(), True)
    assert PASSWORD not in done.stdout + done.stderr


def test_a_builder_of_another_driver_loads_without_a_credential_too(shop: Sandbox, other: Engine) -> None:
    """Without a credential no attestation is asked for that would keep the image from being loaded."""
    shop.write("docker/Dockerfile", "FROM scratch\nCOPY pyproject.toml /\n")

    done = other.inv(shop, "docker.build", "--env", "staging", builder="bare")

    assert done.returncode == 0, done.stderr


def test_several_platforms_are_audited_in_the_registry_before_the_tag(shop: Sandbox, other: Engine) -> None:
    """Both images are pushed by digest and audited there, then tagged; nothing in the registry holds the value."""
    done = other.inv(shop, "docker.build", "--env", "staging", BOTH, "--push", "--json", builder="bare")

    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    index = _index(other, built["reference"])
    assert (built["image"], built["digest"].startswith("sha256:")) == ("", True)
    assert {platform["architecture"] for platform in index} == {"amd64", "arm64"}
    assert PASSWORD not in done.stdout + done.stderr
    assert _holding(other.builders.parent / "registry", PASSWORD) == []


def test_without_a_credential_the_index_has_attestations(shop: Sandbox, other: Engine) -> None:
    """The minimal attestation is pushed when no credential is a build arg; it is no image and not audited."""
    shop.write("docker/Dockerfile", "FROM scratch\nCOPY pyproject.toml /\n")

    done = other.inv(shop, "docker.build", "--env", "staging", BOTH, "--push", builder="bare")

    assert done.returncode == 0, done.stderr
    platforms = [platform["architecture"] for platform in _index(other, f"{other.registry}/shop:staging")]
    assert sorted(platforms) == ["amd64", "arm64", "unknown", "unknown"]


def test_a_leak_in_a_platform_leaves_no_tag(shop: Sandbox, other: Engine) -> None:
    """A secret in the pushed images is code 9 and there is no tag."""
    leaky = "ARG UV_INDEX_INTERNAL_PASSWORD\n    LABEL leaked=$UV_INDEX_INTERNAL_PASSWORD"
    shop.write("docker/Dockerfile", DOCKERFILE.format(label=leaky))
    reference = f"{other.registry}/shop:leaky"

    done = other.inv(
        shop, "docker.build", "--env", "staging", BOTH, "--push", "--tag", reference, builder="bare"
    )

    assert done.returncode == 9, done.stderr
    assert "UV_INDEX_INTERNAL_PASSWORD" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    assert other.run("docker", "buildx", "imagetools", "inspect", reference).returncode != 0


def test_several_platforms_need_a_builder_that_supports_them(shop: Sandbox, other: Engine) -> None:
    """Pushing them with the docker driver is code 7 with the command that mends it; loading them elsewhere code 2."""
    push = other.inv(shop, "docker.build", "--env", "staging", BOTH, "--push")
    load = other.inv(shop, "docker.build", "--env", "staging", BOTH, builder="bare")

    assert (push.returncode, load.returncode) == (7, 2)
    assert "hint: use one that can: docker buildx create --use" in push.stderr
    assert "hint: add --push, or build for one platform: --platform linux/amd64" in load.stderr


def _index(other: Engine, reference: str) -> list[dict[str, str]]:
    raw = other.run("docker", "buildx", "imagetools", "inspect", "--raw", reference).stdout
    return [manifest["platform"] for manifest in json.loads(raw)["manifests"]]


def _holding(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
