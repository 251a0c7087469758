"""Which variables are credentials, by name and by where they come from, and their redaction."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.audit import is_user_name
from envtasks.docker.credentials import Credentials, is_credential_name
from envtasks.hydration import Hydrated
from tests.hydrations import hydrated


def credentials(values: Hydrated, *patterns: str) -> Credentials:
    return Credentials(values, values.child_env(), patterns)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("UV_INDEX_INTERNAL_USERNAME", True),
        ("UV_INDEX_INTERNAL_PASSWORD", True),
        ("UV_DEFAULT_INDEX", True),
        ("UV_EXTRA_INDEX_URL", True),
        ("UV_PUBLISH_TOKEN", True),
        ("PIP_INDEX_URL", True),
        ("PIP_EXTRA_INDEX_URL", True),
        ("POETRY_HTTP_BASIC_CORP_USERNAME", True),
        ("POETRY_HTTP_BASIC_CORP_PASSWORD", True),
        ("POETRY_PYPI_TOKEN_CORP", True),
        ("PDM_PYPI_PASSWORD", True),
        ("PDM_PUBLISH_PASSWORD", True),
        ("NPM_TOKEN", True),
        ("NODE_AUTH_TOKEN", True),
        ("npm_config__auth", True),
        ("NPM_CONFIG__AUTHTOKEN", True),
        ("YARN_NPM_AUTH_TOKEN", True),
        ("CARGO_REGISTRY_TOKEN", True),
        ("CARGO_REGISTRIES_CORP_TOKEN", True),
        ("GIT_AUTH_TOKEN", True),
        ("GIT_PASSWORD", True),
        ("GH_TOKEN", True),
        ("GITHUB_TOKEN", True),
        ("GITLAB_DEPLOY_TOKEN", True),
        ("CI_JOB_TOKEN", True),
        ("UV_INDEX_STRATEGY", False),
        ("UV_NO_INDEX", False),
        ("PIP_NO_CACHE_DIR", False),
        ("POETRY_VERSION", False),
        ("NPM_CONFIG_LOGLEVEL", False),
        ("CARGO_HOME", False),
        ("GIT_COMMIT", False),
        ("GITHUB_SHA", False),
        ("SEARCH_INDEX_URL", False),
    ],
)
def test_the_names_that_package_managers_use_are_known(name: str, is_one: bool) -> None:
    """uv's, pip's, Poetry's, PDM's, npm's, Cargo's and git's credentials, and none of their other options."""
    assert is_credential_name(name) == is_one


def test_a_user_name_is_distinguished_from_a_password() -> None:
    """The user name for an index is known by its name, whichever tool it is for."""
    assert is_user_name("UV_INDEX_INTERNAL_USERNAME")
    assert is_user_name("POETRY_HTTP_BASIC_CORP_USERNAME")
    assert not is_user_name("UV_INDEX_INTERNAL_PASSWORD")


def test_secrets_named_variables_and_what_goes_in_are_credentials(tmp_path: Path) -> None:
    """Secrets of the environment, names of tools and of the project, also from the process alone, and the inputs."""
    values = hydrated(
        tmp_path,
        "DB_PASSWORD=a\nLOG_LEVEL=b\nPIP_INDEX_URL=c\n",
        secret=["DB_PASSWORD"],
        process={"UV_INDEX_X_PASSWORD": "e", "ARTIFACTORY_KEY": "f", "DEPLOY": "g", "MAIL": "h"},
    )
    found = credentials(values, "ARTIFACTORY_*")

    assert found.values() == {
        "DB_PASSWORD": "a",
        "PIP_INDEX_URL": "c",
        "UV_INDEX_X_PASSWORD": "e",
        "ARTIFACTORY_KEY": "f",
    }
    assert found.values(["DEPLOY", "ABSENT"])["DEPLOY"] == "g"
    names = ("DB_PASSWORD", "LOG_LEVEL", "ARTIFACTORY_KEY", "MAIL", "DOTENV_PRIVATE_KEY_CI")
    assert [name for name in names if name in found] == [
        "DB_PASSWORD",
        "ARTIFACTORY_KEY",
        "DOTENV_PRIVATE_KEY_CI",
    ]


def test_secrets_and_credentials_are_redacted(tmp_path: Path) -> None:
    """Secrets, passwords of indexes, and of a URL the user information; user names and public URLs are not."""
    values = hydrated(
        tmp_path,
        "PLAIN=plain-value\nTOKEN=token-value\nUV_INDEX_A_USERNAME=user-name\nUV_INDEX_A_PASSWORD=pass-word\n"
        "PIP_INDEX_URL=https://someone:p%40ss@pypi.example.com/simple\nUV_INDEX_URL=https://pypi.example.com/public\n",
        secret=["TOKEN"],
        process={"UV_INDEX_B_PASSWORD": "from-ci-1"},
    )
    text = (
        "plain-value token-value user-name pass-word from-ci-1 "
        "https://someone:p%40ss@pypi.example.com/simple someone:p%40ss p@ss https://pypi.example.com/public"
    )

    assert credentials(values).redactor().text(text) == (
        "plain-value *** user-name *** *** *** someone:*** *** https://pypi.example.com/public"
    )


@pytest.mark.parametrize("public", [True, False])
def test_what_goes_in_by_a_mount_is_redacted_wherever_it_came_from(tmp_path: Path, public: bool) -> None:
    """A value of the process environment too, in a public environment too, and a URL whose path is the secret."""
    hook = "https://hooks.example.com/services/T0/x9"
    values = hydrated(
        tmp_path, "A=1\n", process={"GH": "ghp_0123", "HOOK": hook, "X": "other"}, public=public
    )

    assert credentials(values).redactor(["GH", "HOOK"]).text(f"ghp_0123 {hook} other") == "*** *** other"


def test_of_a_public_environment_only_what_goes_in_is_redacted(tmp_path: Path) -> None:
    """Its files' values are fake and stay; those that go in, and credentials of the process, are redacted as real."""
    values = hydrated(
        tmp_path,
        "TOKEN=token-value\nOTHER=other-value\nNPM_TOKEN=fake\n",
        secret=["TOKEN", "OTHER"],
        process={"GH_TOKEN": "real-one"},
        public=True,
    )

    redacted = credentials(values).redactor(["TOKEN"]).text("token-value other-value fake real-one")
    assert redacted == "*** other-value fake ***"


def test_programs_of_ours_run_without_the_env_files(tmp_path: Path) -> None:
    """git, which is asked for an image's labels, gets the process environment alone."""
    values = hydrated(tmp_path, "FROM_FILE=x\nBOTH=file\n", process={"BOTH": "process", "HOME": "/h"})
    env = credentials(values).process_env()
    assert ("FROM_FILE" in env, env["BOTH"], env["HOME"]) == (False, "process", "/h")
