"""Reading a Dockerfile without an engine (that it agrees with BuildKit is proven in tests/integration/docker)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envtasks.edges.docker.declared import Argument, Declared, SecretMount, Stage, expand
from envtasks.edges.docker.dockerfile import read
from envtasks.errors import ConfigInvalid, ToolMissing
from tests.edges.dockerfiles import DOCKERFILES


@pytest.fixture
def declared(request: pytest.FixtureRequest, tmp_path: Path) -> Declared:
    """What the Dockerfile of this name declares."""
    pytest.importorskip("dockerfile", reason="the parser has no wheel for this platform")
    path = tmp_path / "Dockerfile"
    path.write_text(DOCKERFILES[request.param], encoding="utf-8")
    return read(path, label="Dockerfile")


@pytest.mark.parametrize("declared", ["the usual three stages"], indirect=True)
def test_what_the_target_needs_is_declared(declared: Declared) -> None:
    """Arguments and mounts of stages that the target does not need are left out, as are the platform's own."""
    assert declared.target == "runtime"
    assert [argument.name for argument in declared.arguments] == [
        "PYTHON_IMAGE",
        "APP_ENV",
        "UV_INDEX_INTERNAL_USERNAME",
        "UV_INDEX_INTERNAL_PASSWORD",
        "HTTP_PROXY",
    ]
    assert declared.mounts == ()
    assert declared.arguments[2] == Argument("UV_INDEX_INTERNAL_USERNAME", None, 6)
    assert [stage.name for stage in declared.chain()] == ["runtime", "base"]


@pytest.mark.parametrize("declared", ["secret mounts in every spelling"], indirect=True)
def test_secret_mounts_have_an_id(declared: Declared) -> None:
    """The id is the one given, with arguments expanded, or the target's file name; required once is required."""
    assert {(mount.id, mount.required) for mount in declared.mounts} == {
        ("npm_token", True),
        ("by-target", False),
        ("plain", True),
        ("off", False),
    }


@pytest.mark.parametrize("declared", ["one argument in several stages"], indirect=True)
def test_an_argument_is_found_in_the_very_stage(declared: Declared) -> None:
    """Which stages declare a name, on which lines, and which RUN it reaches."""
    assert [stage.name for stage in declared.stages if declared.declares(stage, "TOKEN")] == ["builder", "2"]
    assert declared.lines("TOKEN") == [1, 4, 7]
    assert list(declared.runs("TOKEN")) == [5]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM a\nARG OTHER \\\n  # a comment\n\n  TOKEN\n", True),
        ("FROM a\narg X=1 TOKEN=2\n", True),
        ("FROM a\nARG TOKENS\nARG MY_TOKEN\n# ARG TOKEN\nENV TOKEN=1\n", False),
        ("FROM a\nARG OTHER\nENV \\\n  TOKEN=1\n", False),
    ],
)
def test_an_argument_is_told_from_what_looks_like_one(text: str, found: bool) -> None:
    """Continuation lines belong to their ARG; longer names, comments and ENV are no ARG of this name."""
    declared = Declared("0", (), (), (Stage("0", "a", 1),), text)

    assert declared.declares(declared.stages[0], "TOKEN") is found


def test_a_base_that_cannot_be_told_counts_every_stage_before_it() -> None:
    """A FROM with more than a known value in it takes no stage out of the chain."""
    stages = (Stage("one", "a", 1), Stage("two", "a", 2), Stage("three", "${X%-*}", 3))

    assert Declared("three", (), (), stages, "").chain() == (stages[2], stages[1], stages[0])


def test_a_stage_that_hides_an_earlier_one_of_its_name_is_the_one() -> None:
    """FROM refers to the last stage of a name before it, and never to itself."""
    stages = (Stage("a", "x", 1), Stage("a", "a", 2), Stage("b", "A", 3))

    assert Declared("b", (), (), stages, "").chain() == (stages[2], stages[1], stages[0])


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("a-$X.b", "a-1.b"),
        ("${X}${EMPTY}${UNSET}", "1"),
        ("${UNSET:-word}${EMPTY:-other}${X:-no}", "wordother1"),
        ("${EMPTY-no}${UNSET-word}", "word"),
        ("${X:+yes}${EMPTY:+no}${EMPTY+yes}${UNSET+no}", "yesyes"),
        ("${X#1}", None),
    ],
)
def test_references_are_expanded_as_in_from(text: str, expanded: str | None) -> None:
    """Defaults and alternatives as the Dockerfile reference has them; what we do not know is None, never a guess."""
    assert expand(text, {"X": "1", "EMPTY": ""}) == expanded


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("FROM a\nRUN <<EOF\n", None, "Dockerfile is not a Dockerfile: "),
        ("", None, "Dockerfile "),
        ("FROM a AS one\nFROM one AS two\n", "three", "Dockerfile has no stage 'three'."),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, text: str, target: str | None, message: str) -> None:
    """What is no Dockerfile, or lacks the stage, is ConfigInvalid with the file's name."""
    pytest.importorskip("dockerfile", reason="the parser has no wheel for this platform")
    path = tmp_path / "Dockerfile"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigInvalid) as raised:
        read(path, label="Dockerfile", target=target)

    assert raised.value.message.startswith(message)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """No file is ConfigInvalid, not a traceback."""
    pytest.importorskip("dockerfile", reason="the parser has no wheel for this platform")
    with pytest.raises(ConfigInvalid, match=r"^docker/Dockerfile cannot be read: "):
        read(tmp_path / "Dockerfile", label="docker/Dockerfile")


def test_without_the_parser_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser is optional: its absence is ToolMissing with the command that adds it."""
    monkeypatch.setitem(sys.modules, "dockerfile", None)

    with pytest.raises(ToolMissing) as raised:
        read(tmp_path / "Dockerfile", label="Dockerfile")

    assert "uv add --dev dockerfile" in raised.value.hint


def test_a_mount_says_where_it_is() -> None:
    """A mount carries the line of its RUN."""
    assert SecretMount("x", True, 3).line == 3
