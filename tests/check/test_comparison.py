"""What differs between environments, and between an environment and its past: names and places, no value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envtasks.check import Comparison, compare_environments, compare_with_revision
from envtasks.config import Project
from envtasks.envfiles import generate_keys
from envtasks.errors import ConfigInvalid, EnvFileMissing
from tests.check.shop import Shop


def _changes(found: Comparison) -> dict[str, str]:
    return {each.name: each.change for each in found.differences}


def _between(shop: Shop, left: str, right: str) -> Comparison:
    return compare_environments(Project.load(shop.root), left, right, os.environ)


def _since(shop: Shop, revision: str = "HEAD") -> Comparison:
    return compare_with_revision(Project.load(shop.root), "staging", revision, os.environ)


def _commit(shop: Shop) -> None:
    shop.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "before")


def test_two_environments_by_name(shop: Shop) -> None:
    """Values that differ, names that one lacks, plain against encrypted; equal plain values are no difference."""
    shop.append(".env.local", "DEBUG_TOOLS=1\n")
    shop.replace(".env.staging", "PORT=8000", f"PORT='{shop.encrypted('8000', 'staging')}'")

    found = _between(shop, "local", "staging")

    assert _changes(found) == {
        "APP_ENV": "different",
        "DB_HOST": "different",
        "PORT": "encrypted in staging only",
        "SENTRY_ENVIRONMENT": "different",
        "DB_PASSWORD": "different",
        "API_TOKEN": "different",
        "DEBUG_TOOLS": "only in local",
    }
    assert (found.left, found.right, found.not_compared) == ("local", "staging", ())
    assert next(each for each in found.differences if each.name == "PORT").right == ".env.staging:4"


def test_a_secret_that_two_environments_have_in_common(shop: Shop) -> None:
    """The same secret in both is named, though it is encrypted for two keys."""
    shop.set_secret(".env.production", "API_TOKEN", shop.encrypted("staging-t0ken-5566", "production"))

    assert _changes(_between(shop, "staging", "production"))["API_TOKEN"] == "same secret"


def test_production_with_the_placeholder_of_the_example(shop: Shop) -> None:
    """A protected environment whose secret is what .env.example says."""
    shop.set_secret(".env.production", "DB_PASSWORD", shop.encrypted("changeme", "production"))

    change = _changes(_between(shop, "staging", "production"))["DB_PASSWORD"]

    assert change == "production still has the placeholder of .env.example"


def test_without_a_key_the_same_ciphertext_is_the_same_value(shop: Shop) -> None:
    """What no key opens is listed as not compared, unless its ciphertext is the same."""
    (shop.root / ".env.keys").unlink()
    text = next(line for line in shop.text(".env.staging").splitlines() if line.startswith("API_TOKEN"))
    shop.set_secret(".env.production", "API_TOKEN", text.partition("=")[2].strip("'"))

    found = _between(shop, "staging", "production")

    assert found.not_compared == ("DB_PASSWORD",)
    assert _changes(found)["API_TOKEN"] == "same secret"


def test_overrides_are_no_part_of_an_environment(shop: Shop) -> None:
    """A developer's own .env changes nothing in the comparison."""
    shop.write(".env", "PORT=1\nMINE=1\n")

    assert {"PORT", "MINE"}.isdisjoint(_changes(_between(shop, "local", "staging")))


def test_an_environment_and_its_past(shop: Shop) -> None:
    """Added, removed, changed, now encrypted, now plain; what was not touched is no difference."""
    _commit(shop)
    shop.replace(".env.staging", "PORT=8000\n", "")
    shop.replace(".env.staging", "LOG_LEVEL=INFO", "LOG_LEVEL=DEBUG")
    shop.replace(".env.staging", "SHOP_WORKERS=2", f"SHOP_WORKERS='{shop.encrypted('2', 'staging')}'")
    shop.set_secret(".env.staging", "DB_PASSWORD", shop.encrypted("another", "staging"))
    shop.set_secret(".env.staging", "API_TOKEN", "plain-now")
    shop.append(".env.staging", "NEW=1\n")

    found = _since(shop)

    assert _changes(found) == {
        "LOG_LEVEL": "changed",
        "PORT": "removed",
        "SHOP_WORKERS": "now encrypted, same value",
        "DB_PASSWORD": "changed",
        "API_TOKEN": "now plain",
        "NEW": "added",
    }
    assert found.left == "staging at HEAD"


def test_the_same_values_under_a_new_key(shop: Shop) -> None:
    """A rotation re-encrypts every value: `same value, new key`, where both keys are at hand."""
    _commit(shop)
    private, public = generate_keys()
    old, shop.public["staging"] = shop.public["staging"], public
    shop.replace(".env.staging", old, public)
    shop.set_secret(".env.staging", "DB_PASSWORD", shop.encrypted("staging-Pa$$w0rd-1", "staging"))
    shop.set_secret(".env.staging", "API_TOKEN", shop.encrypted("staging-t0ken-5566", "staging"))
    shop.append(".env.keys", f"DOTENV_PRIVATE_KEY_STAGING_NEW={private}\n")

    assert set(_changes(_since(shop)).values()) == {"same value, new key"}

    shop.write(".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={private}\n")
    assert _since(shop).not_compared == ("DB_PASSWORD", "API_TOKEN")


def test_a_file_that_was_not_there_yet(shop: Shop) -> None:
    """All its variables are added."""
    shop.git("rm", "-q", "--cached", ".env.staging")
    _commit(shop)

    assert set(_changes(_since(shop)).values()) == {"added"}


@pytest.mark.parametrize("revision", ["nope", "--all", "HEAD:pyproject.toml", ""])
def test_a_commit_that_git_does_not_know(shop: Shop, revision: str) -> None:
    """No commit of this name: one sentence, and no option of git's is taken from it."""
    with pytest.raises(ConfigInvalid, match="git knows no commit"):
        _since(shop, revision)


def test_a_baseline_that_is_missing(shop: Shop) -> None:
    """The error names the file and what makes it."""
    (shop.root / ".env.staging").unlink()

    with pytest.raises(EnvFileMissing) as caught:
        _between(shop, "local", "staging")

    assert (caught.value.message, caught.value.hint) == (".env.staging is not there.", "inv env.new staging")


def test_no_value_is_in_a_comparison(shop: Shop) -> None:
    """Neither a plain value nor a secret is in what a comparison shows."""
    text = repr(_between(shop, "local", "staging"))

    assert [value for value in ("example.com", "Pa$$w0rd", "t0ken") if value in text] == []


def test_outside_of_a_repository(tmp_path: Path) -> None:
    """Without git there is no past."""
    (tmp_path / ".env.staging").write_text("A=1\n", encoding="utf-8")

    with pytest.raises(ConfigInvalid, match="git knows no commit 'HEAD'"):
        compare_with_revision(Project.load(tmp_path), "staging", "HEAD", os.environ)
