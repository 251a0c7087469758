"""The variables that a stack needs: in its compose files and in the env files of its services."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envtasks.compose.interpolation import Missing
from envtasks.compose.model import Model, read_sources
from envtasks.compose.variables import (
    check_variables,
    missing_in_env_files,
    missing_in_model,
)
from envtasks.errors import EnvFileMissing, VariableMissing

TREE: dict[str, Any] = {
    "services": {
        "app": {"image": "${APP}", "secrets": [{"source": "token"}]},
        "db": {"image": "${DB}", "volumes": ["data:/data"], "networks": {"inner": None}},
        "tools": {"image": "${TOOLS}"},
        "proxy": {"image": "${PROXY:?needed}"},
    },
    "volumes": {"data": {"name": "${VOLUME}"}, "unused": {"name": "${UNUSED_VOLUME}"}},
    "networks": {"inner": {"name": "${NETWORK}"}},
    "secrets": {"token": {"environment": "TOKEN"}, "unused": {"environment": "UNUSED_TOKEN"}},
    "x-notes": {"text": "${NOTES}"},
}


def model(tree: dict[str, Any], *services: str) -> Model:
    return Model(tree, services, read_sources([], {}), Path("/project"), Path("/project"))


def test_variables_of_active_services_and_of_what_they_use() -> None:
    """Volumes, networks and secrets count if a service uses them; of other services only what makes compose stop."""
    found = [(one.missing, one.owner) for one in missing_in_model(model(TREE, "app", "db"), {"APP": "x"})]
    assert found == [
        (Missing("DB"), ("services", "db")),
        (Missing("VOLUME"), ("volumes", "data")),
        (Missing("NETWORK"), ("networks", "inner")),
        (Missing("PROXY", refused=True), ("services", "proxy")),
        (Missing("TOKEN", refused=True), ("secrets", "token")),
    ]


def test_a_malformed_text_is_left_to_compose() -> None:
    """A text that cannot be parsed needs nothing here: compose refuses the file and says where."""
    assert missing_in_model(model({"services": {"a": {"image": "${A B}"}}}, "a"), {}) == ()


def model_of(root: Path, text: str, **values: str) -> Model:
    """The model of one compose file, its variables not checked."""
    file = root / "compose.yaml"
    file.write_text(text, encoding="utf-8")
    sources = read_sources([file], values)
    return Model(sources.tree, tuple(sources.tree["services"]), sources, root, root)


def check(root: Path, text: str, **values: str) -> None:
    check_variables(model_of(root, text, **values), values, environment="local")


def test_every_missing_name_is_in_one_message(tmp_path: Path) -> None:
    """Each with all its places in order, an empty one marked, an env file's by its own line; exit code 5."""
    (tmp_path / "app.env").write_text("A=1\nB=${IN_ENV_FILE}\n", encoding="utf-8")
    with pytest.raises(VariableMissing) as caught:
        check(
            tmp_path,
            "services:\n"
            "  app:\n"
            '    image: "${IMAGE}:${TAG}"\n'
            "    env_file: app.env\n"
            '    environment: {A: "${EMPTY:?}", B: "${THERE}"}\n'
            "  job:\n"
            '    image: "${IMAGE}"\n'
            "    secrets: [token]\n"
            "secrets:\n"
            "  token:\n"
            "    environment: TOKEN\n",
            EMPTY="",
            THERE="1",
        )
    assert str(caught.value) == (
        "Environment local lacks 5 variables that the stack needs:\n"
        "    IN_ENV_FILE  app.env:2\n"
        "    IMAGE  compose.yaml:3, compose.yaml:7\n"
        "    TAG  compose.yaml:3\n"
        "    EMPTY (empty)  compose.yaml:5\n"
        "    TOKEN  compose.yaml:11\n"
        "  hint: add it to an env file of local, or allow it to be unset: ${IN_ENV_FILE:-}"
    )
    assert caught.value.code == 5


def test_nothing_is_missing(tmp_path: Path) -> None:
    """Values, defaults and escaped dollars satisfy a stack."""
    check(tmp_path, 'services: {app: {image: "${A}${B:-}${C-x} $$D"}}', A="")


def needs(root: Path, service: dict[str, Any], **values: str) -> list[str]:
    """The missing variables of a service's env files, each with its place."""
    found = missing_in_env_files(
        Model({"services": {"app": service}}, ("app",), read_sources([], {}), root, root), values
    )
    return [f"{one.missing.name} {one.file.name if one.file else ''}:{one.line}" for one in found]


def test_texts_of_an_env_file_are_interpolated_as_compose_does(tmp_path: Path) -> None:
    """Bare and double-quoted values refer to names; single quotes, escapes and comments do not."""
    (tmp_path / "a.env").write_text(
        "A=${ONE}\nB='${NOT}'\nC=\"${TWO} \\${NOT}\"\n# ${NOT}\nD=x # ${NOT}\nE=$$NOT\nF=${NOT:-}\n"
        'export G=$THREE\nH="first\nsecond ${FOUR}"\nBARE\n',
        encoding="utf-8",
    )
    assert needs(tmp_path, {"env_file": ["a.env"]}) == [
        "ONE a.env:1",
        "TWO a.env:3",
        "THREE a.env:8",
        "FOUR a.env:10",
    ]


def test_comments_in_an_env_file_are_composes(tmp_path: Path) -> None:
    """A comment starts after a blank: `#` in the middle of a word does not end the value, nor the check."""
    (tmp_path / "a.env").write_text(
        'A=https://h/#/cb?token=$ONE\nB: x#${TWO} # ${NOT}\nC="a # ${THREE}" # ${NOT}\n',
        encoding="utf-8",
    )
    assert needs(tmp_path, {"env_file": "a.env"}) == ["ONE a.env:1", "TWO a.env:2", "THREE a.env:3"]


def test_variables_of_an_includes_env_file_count_for_what_it_includes(tmp_path: Path) -> None:
    """Compose gives them to the included services, volumes and nested includes, not to the others."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/c.yaml").write_text(
        "include: [d.yaml]\n"
        'services: {inner: {image: "${GIVEN}${MADE}${PROCESS}${LACKING}", volumes: ["data:/data"]}}\n'
        'volumes: {data: {name: "${GIVEN}"}}\n',
        encoding="utf-8",
    )
    (tmp_path / "sub/d.yaml").write_text('services: {deep: {image: "${GIVEN}"}}\n', encoding="utf-8")
    (tmp_path / "c.env").write_text("GIVEN=1\nMADE=${GIVEN}-${PROCESS}\n", encoding="utf-8")
    with pytest.raises(VariableMissing) as caught:
        check(
            tmp_path,
            "include:\n  - {path: sub/c.yaml, env_file: c.env}\nservices:\n  outer:\n    image: ${GIVEN}\n",
            PROCESS="1",
        )
    assert caught.value.message == (
        "Environment local lacks 2 variables that the stack needs:\n"
        "    GIVEN  compose.yaml:5\n"
        "    LACKING  sub/c.yaml:2"
    )


def test_earlier_lines_and_the_service_itself_give_names(tmp_path: Path) -> None:
    """A name is there if an earlier line, an earlier env file, the service or the environment defines it."""
    (tmp_path / "a.env").write_text("A=1\nB=${A} ${LATER}\nLATER=1\n", encoding="utf-8")
    (tmp_path / "b.env").write_text("C=${A} ${SERVICE} ${PROCESS} ${INHERITED}\n", encoding="utf-8")
    service = {"env_file": ["a.env", "b.env"], "environment": ["SERVICE=1", "INHERITED"]}
    assert needs(tmp_path, service, PROCESS="1") == ["LATER a.env:2", "INHERITED b.env:1"]


@pytest.mark.parametrize(
    "entry",
    [{"path": "a.env", "format": "raw"}, {"path": "gone.env", "required": False}, "${NO_SUCH-empty.env}"],
)
def test_an_env_file_that_needs_nothing(tmp_path: Path, entry: object) -> None:
    """A raw one is taken literally, an optional one may be absent, and a path may have a variable."""
    (tmp_path / "a.env").write_text("A=${ONE}\n", encoding="utf-8")
    (tmp_path / "empty.env").write_text("", encoding="utf-8")
    assert needs(tmp_path, {"env_file": [entry]}) == []


def test_a_required_env_file_that_is_not_there(tmp_path: Path) -> None:
    """The error names the service, and the file as the project calls it."""
    with pytest.raises(EnvFileMissing, match=r"service app has env_file gone\.env, which does not exist\."):
        needs(tmp_path, {"env_file": "gone.env"})
