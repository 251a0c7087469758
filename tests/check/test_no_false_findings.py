"""What looks like a fault and is none: projects that exist have these."""

from __future__ import annotations

import os

import pytest

from envtasks.check import check, compare_environments
from envtasks.config import Project
from tests.check.shop import Shop


def found(shop: Shop) -> list[tuple[str, str]]:
    report = check(Project.load(shop.root), os.environ)
    return [(each.id, f"{each.environment}:{each.name}") for each in report.findings]


def encrypt_host(shop: Shop, value: str) -> None:
    """Encrypt a variable in production that is plain elsewhere and no secret by its name."""
    shop.set_secret(".env.production", "DB_HOST", shop.encrypted(value, "production"))


def test_the_real_value_in_the_example_is_no_placeholder(shop: Shop) -> None:
    """One of the two is true, not both: a secret that is written out in the example is a leak."""
    shop.replace(".env.example", "DB_PASSWORD=changeme", "DB_PASSWORD='production-Pa$$w0rd-1'")

    assert found(shop) == [("ET051", ":DB_PASSWORD")]


def test_a_value_that_is_plain_elsewhere_is_no_secret_in_the_example(shop: Shop) -> None:
    """Production encrypts a host that others have in plain text; it is what the example says, though."""
    shop.replace(".env.local", "DB_HOST=db.local.example.com", "DB_HOST=db.internal")
    shop.replace(".env.example", "DB_HOST=localhost", "DB_HOST=db.internal")
    encrypt_host(shop, "db.internal")

    assert found(shop) == [("ET052", "production:DB_HOST")]


@pytest.mark.parametrize("file", [".env", ".env.local"])
def test_a_developer_s_copy_of_the_example(shop: Shop, file: str) -> None:
    """`cp .env.example .env` is how many begin: its secrets are the example's own."""
    shop.replace(".env.example", "DB_PASSWORD=changeme", "DB_PASSWORD=herminetincture")
    if file == ".env.local":
        shop.git("rm", "-q", "--cached", file)
    shop.set_secret(file, "DB_PASSWORD", "herminetincture")
    if file == ".env":
        shop.append(file, "DB_PASSWORD=herminetincture\n")

    assert [kind for kind, _ in found(shop)] == ([] if file == ".env" else ["ET032"])


@pytest.mark.parametrize("value", ["8000", "true", "Off"])
def test_a_number_or_a_switch_is_no_placeholder(shop: Shop, value: str) -> None:
    """It is the same in every environment, and stays so where somebody encrypts it."""
    for name in ("example", "production"):
        shop.append(f".env.{name}", "WEB_PROXY=\n")
    shop.replace(".env.example", "WEB_PROXY=", f"WEB_PROXY={value}")
    shop.set_secret(".env.production", "WEB_PROXY", shop.encrypted(value, "production"))

    assert found(shop) == []
    compared = compare_environments(Project.load(shop.root), "staging", "production", os.environ)
    changes = {each.name: each.change for each in compared.differences}
    assert changes["WEB_PROXY"] == "only in production"


@pytest.mark.parametrize(("text", "kinds"), [("mailpit", []), ("db.production", [("ET061", ":DB_HOST")])])
def test_a_literal_of_the_local_stack(shop: Shop, text: str, kinds: list[tuple[str, str]]) -> None:
    """Of a variable that production encrypts another value may stand in a compose file, its own may not."""
    encrypt_host(shop, "db.production")
    shop.replace("compose.yaml", "DB_HOST: ${DB_HOST}", f"DB_HOST: {text}")

    assert found(shop) == kinds


def test_a_default_of_the_image(shop: Shop) -> None:
    """The same in a Dockerfile: ENV may give another value, but not that of an environment; an ARG may not be it."""
    encrypt_host(shop, "db.production")
    shop.replace("Dockerfile", "PYTHONUNBUFFERED=1", "DB_HOST=localhost")
    assert found(shop) == []

    shop.replace("Dockerfile", "DB_HOST=localhost", "DB_HOST=db.production")
    assert found(shop) == [("ET071", ":DB_HOST")]

    shop.replace("Dockerfile", "DB_HOST=db.production", "A=b\nARG DB_HOST")
    assert found(shop) == [("ET071", ":DB_HOST")]


def test_an_env_file_that_is_none_of_the_project(shop: Shop) -> None:
    """The settings class of a package may read a file of its own folder that has the same name."""
    shop.write("src/.env.staging", "A=1\n")
    settings = "src/shop/settings.py"
    shop.replace(settings, 'extra="ignore"', 'extra="ignore", env_file="../.env.staging"')

    assert found(shop) == []
