"""What goes into a build, what is missing, what is refused, what is advised, and what is hidden."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.docker.build_inputs import Travel, advice, refuse_push, travel
from envtasks.docker.dockerfile import Argument, Declared, SecretMount, Stage
from envtasks.docker.hiding import hiding
from envtasks.docker.settings import Recipe
from envtasks.errors import Refused, VariableMissing
from tests.hydrations import hydrated

RECIPE = Recipe(root=Path("/shop"), file=Path("/shop/docker/Dockerfile"), context=Path("/shop"), image="shop")
TEXT = """\
FROM scratch AS base
FROM base AS builder
ARG INDEX_TOKEN
RUN one
RUN two
FROM base AS runtime
RUN three
"""
STAGES = (Stage("base", "scratch", 1), Stage("builder", "base", 2), Stage("runtime", "base", 6))


def declared(*names: Argument | SecretMount, target: str = "runtime", text: str = TEXT) -> Declared:
    """A Dockerfile that declares these."""
    arguments = tuple(name for name in names if isinstance(name, Argument))
    mounts = tuple(name for name in names if isinstance(name, SecretMount))
    return Declared(target, arguments, mounts, STAGES, text)


def test_the_dockerfile_decides_how_a_name_travels(tmp_path: Path) -> None:
    """An ARG goes as build arg, a mount as secret, and what is not declared, or not there, not at all."""
    values = hydrated(tmp_path, "PLAIN=1\nTOKEN=2\nUV_INDEX_A_PASSWORD=3\nUNASKED=4\n", secret=["TOKEN"])
    asked = declared(
        Argument("PLAIN", None, 1),
        Argument("UV_INDEX_A_PASSWORD", None, 2),
        Argument("ABSENT", None, 3),
        Argument("APP_ENV", "production", 4),
        SecretMount("TOKEN", True, 5),
        SecretMount("absent", False, 6),
    )

    found = travel(asked, values, values.child_env(), recipe=RECIPE)

    assert found == Travel(("PLAIN", "UV_INDEX_A_PASSWORD", "APP_ENV"), ("TOKEN",), ("UV_INDEX_A_PASSWORD",))
    assert found.flags() == [
        "--build-arg=PLAIN",
        "--build-arg=UV_INDEX_A_PASSWORD",
        "--build-arg=APP_ENV",
        "--secret=id=TOKEN,env=TOKEN",
    ]


def test_the_process_environment_gives_credentials_and_mounts_alone(tmp_path: Path) -> None:
    """A plain ARG never takes what happens to be in the shell; an index's credential and a secret mount do."""
    process = {"EDITOR": "vi", "UV_INDEX_A_PASSWORD": "from-ci", "NPM_TOKEN": "from-ci"}
    values = hydrated(tmp_path, "A=1\n", process=process)
    asked = declared(
        Argument("EDITOR", None, 1),
        Argument("UV_INDEX_A_PASSWORD", None, 2),
        SecretMount("NPM_TOKEN", True, 3),
    )

    found = travel(asked, values, values.child_env(), recipe=RECIPE)

    assert found == Travel(("UV_INDEX_A_PASSWORD",), ("NPM_TOKEN",), ("UV_INDEX_A_PASSWORD",))


def test_everything_that_is_missing_is_said_at_once(tmp_path: Path) -> None:
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
        travel(asked, values, values.child_env(), recipe=RECIPE)

    assert raised.value.message == (
        "docker/Dockerfile needs what staging does not have: UV_INDEX_A_PASSWORD (docker/Dockerfile:2), "
        "PIP_INDEX_URL (docker/Dockerfile:3), TOKEN (docker/Dockerfile:7, a secret mount)."
    )


def test_an_empty_credential_is_there(tmp_path: Path) -> None:
    """An index that wants a token alone has an empty user name, which is no missing one."""
    values = hydrated(tmp_path, "UV_INDEX_A_USERNAME=\n")

    found = travel(
        declared(Argument("UV_INDEX_A_USERNAME", None, 1)), values, values.child_env(), recipe=RECIPE
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
    found = travel(asked, values, values.child_env(), recipe=RECIPE)

    if not refused:
        refuse_push(asked, found, values, recipe=RECIPE)
        return
    with pytest.raises(Refused) as raised:
        refuse_push(asked, found, values, recipe=RECIPE)
    assert raised.value.message == (
        "staging is protected, and its image's history would hold INDEX_TOKEN (stage builder, docker/Dockerfile:2)."
    )


def test_the_advice_names_every_line_to_change() -> None:
    """Where the ARG stands, and which RUN instructions of its stage it reaches."""
    mount = "--mount=type=secret,id=INDEX_TOKEN,env=INDEX_TOKEN,required=true"

    assert advice(declared(), ["INDEX_TOKEN"], recipe=RECIPE) == [
        "INDEX_TOKEN goes in as a build arg, which the builder keeps in its records; not so secret mounts.",
        "To change that, in docker/Dockerfile:",
        "  line 3, take out:  ARG INDEX_TOKEN",
        f"  line 4, after RUN:  {mount}",
        f"  line 5, after RUN:  {mount}",
    ]
    assert advice(declared(), [], recipe=RECIPE) == []


def test_secrets_and_index_credentials_are_hidden(tmp_path: Path) -> None:
    """Secrets, passwords of indexes, and of a URL the user info; user names and public URLs are not."""
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

    assert hiding(values, values.child_env()).text(text) == (
        "plain-value *** user-name *** *** *** *** *** https://pypi.example.com/public"
    )


def test_of_a_public_environment_only_what_travels_is_hidden(tmp_path: Path) -> None:
    """Fake values are left alone, but those of credentials that go into a build are hidden as real ones would be."""
    values = hydrated(
        tmp_path, "TOKEN=token-value\nOTHER=other-value\n", secret=["TOKEN", "OTHER"], public=True
    )

    assert hiding(values, values.child_env(), ["TOKEN"]).text("token-value other-value") == "*** other-value"
