"""`inv docker.push` and `docker.build --push` against a real registry."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable

import pytest

from envtasks.docker.images import push, push_by_digest
from envtasks.errors import BuildFailed, LeakFound
from envtasks.redaction import Redactor
from tests.integration.docker.conftest import PASSWORD
from tests.integration.docker.shops import BUILD_ARGS, Shop, docker, holding

pytestmark = [pytest.mark.integration, pytest.mark.docker]
MakeShop = Callable[..., Shop]
REDACTOR = Redactor(())


def test_a_build_is_audited_and_pushed(make_shop: MakeShop, registry: str) -> None:
    """--push sends the very image that was built; what the registry has names the same config."""
    shop = make_shop(BUILD_ARGS)
    shop.in_registry(registry)

    done = shop.inv("docker.build", "--env", "staging", "--push", "--json")

    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    assert (built["reference"], built["audited"], built["pushed"]) == (
        f"{registry}/{shop.image}:staging",
        True,
        True,
    )
    assert _manifest(built["reference"])["config"]["digest"] == built["image"]
    assert holding(PASSWORD, {"stdout": done.stdout, "stderr": done.stderr}) == []


def test_an_image_of_the_engine_is_pushed(make_shop: MakeShop, registry: str) -> None:
    """docker.push sends the image of the environment as the engine has it, and prints what arrived."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\nRUN echo 1 > /one\n")
    shop.in_registry(registry)
    shop.inv("docker.build", "--env", "staging")
    reference = f"{registry}/{shop.image}:staging"
    image = docker("image", "inspect", "--format", "{{.Id}}", reference).strip()

    done = shop.inv("docker.push", "--env", "staging")

    assert (done.returncode, done.stdout) == (0, f"{reference}  {image}  audited, pushed\n"), done.stderr
    assert _manifest(reference)["config"]["digest"] == image


def test_a_dry_push_sends_nothing(make_shop: MakeShop, registry: str) -> None:
    """With --dry the command is printed, and the registry has no such tag."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\n")
    shop.in_registry(registry)
    shop.inv("docker.build", "--env", "staging")

    done = shop.inv("--dry", "docker.push", "--env", "staging")

    assert (done.returncode, done.stdout) == (0, f"docker image push {registry}/{shop.image}:staging\n")
    assert _is_absent(f"{registry}/{shop.image}:staging")


def test_a_leak_is_found_before_anything_is_sent(make_shop: MakeShop, registry: str) -> None:
    """An image that holds a secret is code 9, and the registry gets nothing."""
    shop = make_shop(BUILD_ARGS)
    shop.in_registry(registry)

    done = shop.inv("docker.build", "--env", "staging", "--target", "builder", "--push")

    assert done.returncode == 9
    assert "UV_INDEX_INTERNAL_PASSWORD" in done.stderr
    assert holding(PASSWORD, {"stdout": done.stdout, "stderr": done.stderr}) == []
    assert _is_absent(f"{registry}/{shop.image}:staging")


def test_an_image_that_is_not_there_is_one_sentence(make_shop: MakeShop, registry: str) -> None:
    """Pushing before building is code 8 with docker's own words; so is a registry that does not answer."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\n")

    absent = shop.inv("docker.push", "--env", "staging")
    shop.in_registry("127.0.0.1:1")
    shop.inv("docker.build", "--env", "staging")
    unreachable = shop.inv("docker.push", "--env", "staging")

    assert (absent.returncode, unreachable.returncode) == (8, 8)
    assert f"{shop.image}:staging was not pushed: " in absent.stderr
    assert "No such image" in absent.stderr
    assert "connection refused" in unreachable.stderr


def test_another_image_under_the_tag_is_an_error(make_shop: MakeShop, registry: str) -> None:
    """If what the registry has under the tag is not what was audited, that is code 8."""
    shop = make_shop("ARG BASE\nFROM ${BASE}\nRUN echo good > /good\n")
    shop.in_registry(registry)
    reference = f"{registry}/{shop.image}:staging"
    shop.inv("docker.build", "--env", "staging")

    def another_client_retags(image: str, label: str) -> None:
        docker("tag", shop.base, reference)

    with pytest.raises(BuildFailed, match="is not the image that was audited"):
        push(reference, os.environ, check=another_client_retags, redactor=REDACTOR)


def test_several_platforms_are_audited_in_the_registry_and_then_tagged(
    make_shop: MakeShop, registry: str
) -> None:
    """Every image of an untagged index is audited, and the tag then names this very index."""
    reference, digest, images = _untagged_index(make_shop("ARG BASE\nFROM ${BASE}\n"), registry)
    audited: list[str] = []

    def audit(image: str, label: str) -> None:
        audited.append(image)

    pushed = push_by_digest(reference, digest, os.environ, check=audit, redactor=REDACTOR)

    assert (pushed.reference, pushed.images) == (reference, tuple(audited))
    assert sorted(audited) == sorted(images)
    assert _digest(reference) == digest


def test_a_leak_in_one_platform_leaves_no_tag(make_shop: MakeShop, registry: str) -> None:
    """A finding in the second of two images keeps the tag from being set."""
    reference, digest, _ = _untagged_index(make_shop("ARG BASE\nFROM ${BASE}\n"), registry)
    audited: list[str] = []

    def audit(image: str, label: str) -> None:
        audited.append(image)
        if len(audited) == 2:
            raise LeakFound("a secret")

    with pytest.raises(LeakFound):
        push_by_digest(reference, digest, os.environ, check=audit, redactor=REDACTOR)

    assert len(audited) == 2
    assert _is_absent(reference)


def _untagged_index(shop: Shop, registry: str) -> tuple[str, str, list[str]]:
    """Two images in one index without the tag `staging`, made by hand: this engine builds for one platform only."""
    repository = f"{registry}/{shop.image}"
    parts, images = [], []
    for platform in ("amd64", "arm64"):
        text = f"FROM scratch\nLABEL made.for={platform}\nCOPY pyproject.toml /\n"
        part = f"{repository}:{platform}"
        shop.sandbox.write("docker/Dockerfile", text)
        docker("build", "--quiet", f"--platform=linux/{platform}", "--tag", part, "--file",
               str(shop.sandbox.root / "docker/Dockerfile"), str(shop.sandbox.root))  # fmt: skip
        docker("push", "--quiet", part)
        images.append(docker("image", "inspect", "--format", "{{.Id}}", part).strip())
        parts.append(part)
    docker("buildx", "imagetools", "create", "--tag", f"{repository}:parts", *parts)
    return f"{repository}:staging", _digest(f"{repository}:parts"), images


def _manifest(reference: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(
        docker("buildx", "imagetools", "inspect", "--raw", reference)
    )
    return found


def _digest(reference: str) -> str:
    words = ["docker", "buildx", "imagetools", "inspect", "--raw", reference]
    raw = subprocess.run(words, capture_output=True, check=True).stdout
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def _is_absent(reference: str) -> bool:
    done = subprocess.run(
        ["docker", "buildx", "imagetools", "inspect", reference], capture_output=True, check=False
    )
    return done.returncode != 0 and b"not found" in done.stderr
