"""What goes into a build, what is missing or refused, credentials and their redaction, labels."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from envtasks.audit.patterns import is_user_name
from envtasks.docker.build_inputs import (
    BuildInputs,
    build_arg_note,
    build_inputs,
    check_history,
    credential_values,
    image_labels,
    is_credential,
    is_index_credential,
    public_address,
    redactor_for_build,
)
from envtasks.docker.dockerfile import Argument, Dockerfile, SecretMount, Stage
from envtasks.docker.settings import ImageSettings
from envtasks.errors import Refused, VariableMissing
from tests.hydrations import hydrated

SETTINGS = ImageSettings(
    root=Path("/shop"), file=Path("/shop/docker/Dockerfile"), context=Path("/shop"), image="shop"
)
TEXT = """\
FROM scratch AS base
FROM base AS builder
ARG INDEX_TOKEN
RUN one
RUN two
FROM base AS runtime
RUN three
"""
STAGES = (
    Stage("base", "scratch", 1, "FROM scratch AS base"),
    Stage("builder", "base", 2, "FROM base AS builder\nARG INDEX_TOKEN\nRUN one\nRUN two"),
    Stage("runtime", "base", 6, "FROM base AS runtime\nRUN three"),
)


def declared(*names: Argument | SecretMount, target: str = "runtime") -> Dockerfile:
    """A Dockerfile that declares these."""
    arguments = tuple(name for name in names if isinstance(name, Argument))
    mounts = tuple(name for name in names if isinstance(name, SecretMount))
    return Dockerfile(target, arguments, mounts, STAGES, TEXT)


def test_the_dockerfile_decides_how_a_name_goes_into_the_build(tmp_path: Path) -> None:
    """An ARG is a build arg, a mount a secret; what is not declared, or not set, does not go in."""
    values = hydrated(tmp_path, "PLAIN=1\nTOKEN=2\nUV_INDEX_A_PASSWORD=3\nUNASKED=4\n", secret=["TOKEN"])
    asked = declared(
        Argument("PLAIN", None, 1),
        Argument("UV_INDEX_A_PASSWORD", None, 2),
        Argument("ABSENT", None, 3),
        Argument("APP_ENV", "production", 4),
        SecretMount("TOKEN", True, 5),
        SecretMount("absent", False, 6),
    )

    found = build_inputs(asked, values, values.child_env(), settings=SETTINGS)

    assert found == BuildInputs(
        ("PLAIN", "UV_INDEX_A_PASSWORD", "APP_ENV"), ("TOKEN",), ("UV_INDEX_A_PASSWORD",)
    )
    assert found.options() == [
        "--build-arg=PLAIN",
        "--build-arg=UV_INDEX_A_PASSWORD",
        "--build-arg=APP_ENV",
        "--secret=id=TOKEN,env=TOKEN",
    ]


def test_only_credentials_and_secret_mounts_may_come_from_the_process_environment(tmp_path: Path) -> None:
    """A plain ARG never takes a variable of the shell; an index's credential and a secret mount do."""
    process = {"EDITOR": "vi", "UV_INDEX_A_PASSWORD": "from-ci", "NPM_TOKEN": "from-ci"}
    values = hydrated(tmp_path, "A=1\n", process=process)
    asked = declared(
        Argument("EDITOR", None, 1),
        Argument("UV_INDEX_A_PASSWORD", None, 2),
        SecretMount("NPM_TOKEN", True, 3),
    )

    found = build_inputs(asked, values, values.child_env(), settings=SETTINGS)

    assert found == BuildInputs(("UV_INDEX_A_PASSWORD",), ("NPM_TOKEN",), ("UV_INDEX_A_PASSWORD",))


def test_everything_that_is_missing_is_in_one_message(tmp_path: Path) -> None:
    """Credentials without default and required mounts are named with their lines; others are never missing."""
    asked = declared(
        Argument("UV_INDEX_A_PASSWORD", None, 2),
        Argument("PIP_INDEX_URL", None, 3),
        Argument("UV_INDEX_B_PASSWORD", "given", 4),
        Argument("PLAIN", None, 5),
        SecretMount("TOKEN", True, 7),
        SecretMount("OPTIONAL", False, 8),
    )
    values = hydrated(tmp_path, "A=1\n")

    with pytest.raises(VariableMissing) as raised:
        build_inputs(asked, values, values.child_env(), settings=SETTINGS)

    assert raised.value.message == (
        "docker/Dockerfile needs what staging does not have: UV_INDEX_A_PASSWORD (docker/Dockerfile:2), "
        "PIP_INDEX_URL (docker/Dockerfile:3), TOKEN (docker/Dockerfile:7, a secret mount)."
    )


def test_an_empty_credential_is_not_missing(tmp_path: Path) -> None:
    """An index that wants a token alone has an empty user name, which is set."""
    values = hydrated(tmp_path, "UV_INDEX_A_USERNAME=\n")

    found = build_inputs(
        declared(Argument("UV_INDEX_A_USERNAME", None, 1)), values, values.child_env(), settings=SETTINGS
    )

    assert found.build_args == ("UV_INDEX_A_USERNAME",)


@pytest.mark.parametrize(
    ("target", "protected", "refused"),
    [("builder", True, True), ("builder", False, False), ("runtime", True, False)],
)
def test_a_push_with_a_credential_in_the_history_is_refused(
    tmp_path: Path, target: str, protected: bool, refused: bool
) -> None:
    """Only for a protected environment, and only if a stage that the target starts from declares the credential."""
    values = hydrated(tmp_path, "INDEX_TOKEN=1234\n", secret=["INDEX_TOKEN"], protected=protected)
    asked = declared(Argument("INDEX_TOKEN", None, 3), target=target)
    found = build_inputs(asked, values, values.child_env(), settings=SETTINGS)

    if not refused:
        check_history(asked, found, values, settings=SETTINGS)
        return
    with pytest.raises(Refused) as raised:
        check_history(asked, found, values, settings=SETTINGS)
    assert raised.value.message == (
        "staging is protected, and its image's history would hold INDEX_TOKEN (stage builder, docker/Dockerfile:2)."
    )


def test_the_note_on_build_args_names_every_line_to_change() -> None:
    """The lines of the ARG, and of the RUN instructions of its stage that it reaches."""
    mount = "--mount=type=secret,id=INDEX_TOKEN,env=INDEX_TOKEN,required=true"

    assert build_arg_note(declared(), ["INDEX_TOKEN"], settings=SETTINGS).splitlines() == [
        "INDEX_TOKEN goes in as a build arg, which the builder keeps in its records; not so secret mounts.",
        "To change that, in docker/Dockerfile:",
        "  line 3, take out:  ARG INDEX_TOKEN",
        f"  line 4, after RUN:  {mount}",
        f"  line 5, after RUN:  {mount}",
    ]
    assert build_arg_note(declared(), [], settings=SETTINGS) == ""


def test_secrets_and_index_credentials_are_redacted(tmp_path: Path) -> None:
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

    assert redactor_for_build(values, values.child_env()).text(text) == (
        "plain-value *** user-name *** *** *** *** *** https://pypi.example.com/public"
    )


def test_of_a_public_environment_only_what_goes_into_the_build_is_redacted(tmp_path: Path) -> None:
    """Its values are fake and stay, but those of credentials that go into the build are redacted as real ones."""
    values = hydrated(
        tmp_path, "TOKEN=token-value\nOTHER=other-value\n", secret=["TOKEN", "OTHER"], public=True
    )

    assert (
        redactor_for_build(values, values.child_env(), ["TOKEN"]).text("token-value other-value")
        == "*** other-value"
    )


class Values(dict[str, str]):
    """As much of a Hydrated as credentials ask for."""

    def __init__(self, *secret: str, **values: str) -> None:
        super().__init__(values)
        self._secret = secret

    def origin(self, name: str) -> Any:
        return SimpleNamespace(secret=name in self._secret)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("UV_INDEX_INTERNAL_USERNAME", True),
        ("UV_INDEX_INTERNAL_PASSWORD", True),
        ("UV_DEFAULT_INDEX", True),
        ("UV_EXTRA_INDEX_URL", True),
        ("PIP_INDEX_URL", True),
        ("PIP_EXTRA_INDEX_URL", True),
        ("UV_INDEX_STRATEGY", False),
        ("PIP_NO_CACHE_DIR", False),
        ("SEARCH_INDEX_URL", False),
    ],
)
def test_the_names_that_uv_and_pip_use_are_known(name: str, is_one: bool) -> None:
    """The names from which uv and pip take an index's credentials are known; their other options are not among them."""
    assert is_index_credential(name) == is_one


def test_a_user_name_is_distinguished_from_a_password() -> None:
    """The user name for an index is known by its name."""
    assert is_user_name("UV_INDEX_INTERNAL_USERNAME")
    assert not is_user_name("UV_INDEX_INTERNAL_PASSWORD")


def test_secrets_private_keys_and_index_variables_are_credentials() -> None:
    """Credentials are the secrets, the private keys and what is an index's by name; also those only the process has."""
    hydrated = cast(
        Any,
        Values("DB_PASSWORD", DB_PASSWORD="a", LOG_LEVEL="b", PIP_INDEX_URL="c", DOTENV_PRIVATE_KEY_CI="d"),
    )
    expected = {"DB_PASSWORD": "a", "PIP_INDEX_URL": "c", "DOTENV_PRIVATE_KEY_CI": "d"}
    process = {"UV_INDEX_X_PASSWORD": "e", "PIP_INDEX_URL": "f", "HOME": "g"}
    assert credential_values(hydrated) == expected
    assert credential_values(hydrated, process) == {"UV_INDEX_X_PASSWORD": "e"} | expected
    assert [name for name in ("DB_PASSWORD", "LOG_LEVEL", "UNKNOWN") if is_credential(name, hydrated)] == [
        "DB_PASSWORD"
    ]


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://git.example.com/team/shop.git", "https://git.example.com/team/shop.git"),
        (
            "https://ci:glpat-x@git.example.com:8443/team/shop.git",
            "https://git.example.com:8443/team/shop.git",
        ),
        ("https://git.example.com/shop?access_token=x#y", "https://git.example.com/shop"),
        ("git@git.example.com:team/shop.git", "ssh://git.example.com/team/shop.git"),
        ("ssh://git@git.example.com:2222/team/shop.git", "ssh://git.example.com:2222/team/shop.git"),
        ("/home/somebody/shop", ""),
        ("../shop", ""),
        ("file:///srv/shop.git", ""),
        ("C:\\Users\\somebody\\shop", ""),
        ("https://git.example.com:port/x", ""),
        ("", ""),
    ],
)
def test_of_a_remote_only_its_public_address_is_kept(remote: str, address: str) -> None:
    """User, password, token and query are left out; a path on this machine is left out."""
    assert public_address(remote) == address


@pytest.mark.parametrize(
    ("pyproject", "expected"),
    [
        ('[project]\nname = "x"\nversion = "1.2"\n', {"org.opencontainers.image.version": "1.2"}),
        ("project = 3\n", {}),
        ("not toml", {}),
        (None, {}),
    ],
)
def test_without_git_only_the_version_is_known(
    tmp_path: Path, pyproject: str | None, expected: dict[str, str]
) -> None:
    """Without git or without a repository, the labels that need them are left out."""
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject, encoding="utf-8")

    assert image_labels(tmp_path, {"PATH": str(tmp_path)}) == expected
    assert image_labels(tmp_path, {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}) == expected
