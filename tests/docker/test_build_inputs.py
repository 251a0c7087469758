"""What goes into a build, what is missing or refused, credentials and their redaction, labels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envtasks.docker.build_inputs import (
    BuildInputs,
    build_arg_note,
    build_inputs,
    check_history,
    empty_mounts_note,
    image_labels,
    left_out_note,
    public_address,
)
from envtasks.docker.credentials import Credentials
from envtasks.docker.dockerfile import Argument, Dockerfile, SecretMount, Stage
from envtasks.docker.settings import ImageSettings
from envtasks.errors import Refused, VariableMissing
from envtasks.hydration import Hydrated
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


def credentials(values: Hydrated, *patterns: str) -> Credentials:
    """The credentials of an environment, `patterns` being those that pyproject.toml lists."""
    return Credentials(values, values.child_env(), patterns)


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

    found = build_inputs(asked, credentials(values), settings=SETTINGS)

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

    found = build_inputs(asked, credentials(values), settings=SETTINGS)

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
        build_inputs(asked, credentials(values), settings=SETTINGS)

    assert raised.value.message == (
        "docker/Dockerfile needs what staging does not have: UV_INDEX_A_PASSWORD (docker/Dockerfile:2), "
        "PIP_INDEX_URL (docker/Dockerfile:3), TOKEN (docker/Dockerfile:7, a secret mount)."
    )


def test_an_empty_credential_is_not_missing(tmp_path: Path) -> None:
    """An index that wants a token alone has an empty user name, which is set."""
    values = hydrated(tmp_path, "UV_INDEX_A_USERNAME=\n")

    found = build_inputs(
        declared(Argument("UV_INDEX_A_USERNAME", None, 1)), credentials(values), settings=SETTINGS
    )

    assert found.build_args == ("UV_INDEX_A_USERNAME",)


def test_an_empty_value_does_not_feed_a_required_mount(tmp_path: Path) -> None:
    """Docker takes it for a secret that is there, so it is missing here, and said to be empty."""
    values = hydrated(tmp_path, "A=1\n", process={"UV_INDEX_CORP_PASSWORD": ""})
    asked = declared(SecretMount("UV_INDEX_CORP_PASSWORD", True, 7), SecretMount("GONE", True, 8))

    with pytest.raises(VariableMissing) as raised:
        build_inputs(asked, credentials(values), settings=SETTINGS)

    assert raised.value.message == (
        "docker/Dockerfile needs what staging does not have: UV_INDEX_CORP_PASSWORD (empty) (docker/Dockerfile:7, "
        "a secret mount), GONE (docker/Dockerfile:8, a secret mount)."
    )


def test_credentials_of_package_managers_come_from_the_process_environment(tmp_path: Path) -> None:
    """Those of Poetry, PDM, npm, Cargo and git, and those that the project lists, as uv's do."""
    names = [
        "POETRY_HTTP_BASIC_CORP_PASSWORD",
        "PDM_PYPI_PASSWORD",
        "NPM_TOKEN",
        "CARGO_REGISTRY_TOKEN",
        "GH_TOKEN",
    ]
    names.append("ARTIFACTORY_KEY")
    values = hydrated(tmp_path, "A=1\n", process=dict.fromkeys([*names, "SHELL_ONLY"], "from-ci"))
    asked = declared(*(Argument(name, None, 1) for name in [*names, "SHELL_ONLY"]))

    found = build_inputs(asked, credentials(values, "ARTIFACTORY_*"), settings=SETTINGS)

    assert found == BuildInputs(tuple(names), (), tuple(names))


def test_optional_mounts_that_nothing_feeds_are_noted(tmp_path: Path) -> None:
    """With their lines, empty ones too; one that is fed is not."""
    asked = declared(SecretMount("A", False, 3), SecretMount("B", False, 4), SecretMount("C", False, 5))

    def note(**process: str) -> str:
        return empty_mounts_note(
            asked, credentials(hydrated(tmp_path, "X=1\n", process=process)), settings=SETTINGS
        )

    assert note(A="1", B="1", C="1") == ""
    assert note(A="1", B="", C="1") == (
        "the optional secret mount is left empty, as staging has no value for it: B (docker/Dockerfile:4)."
    )
    assert note(A="1").startswith(
        "the optional secret mounts are left empty, as staging has no value for them: B"
    )


def test_an_arg_that_is_set_in_the_shell_and_looks_like_a_credential_is_noted(tmp_path: Path) -> None:
    """It does not go in, and the note says by what setting it would; other variables of the shell need no word."""
    asked = declared(
        Argument("CORP_TOKEN", None, 2), Argument("EDITOR", None, 3), Argument("GH_TOKEN", None, 4)
    )
    found = credentials(
        hydrated(tmp_path, "X=1\n", process={"CORP_TOKEN": "t", "EDITOR": "vi", "GH_TOKEN": "g"})
    )

    assert left_out_note(asked, found, settings=SETTINGS) == (
        "CORP_TOKEN (docker/Dockerfile:2) is left out: only credentials come from the process environment, and "
        "credentials in [tool.envtasks] does not list the name."
    )
    assert left_out_note(declared(Argument("EDITOR", None, 3)), found, settings=SETTINGS) == ""


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
    found = build_inputs(asked, credentials(values), settings=SETTINGS)

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
        "INDEX_TOKEN goes in as a build arg, which the builder keeps in its records, unlike a secret mount.",
        "To change that, in docker/Dockerfile:",
        "  line 3, take out:  ARG INDEX_TOKEN",
        f"  line 4, after RUN:  {mount}",
        f"  line 5, after RUN:  {mount}",
    ]
    assert build_arg_note(declared(), [], settings=SETTINGS) == ""


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
