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
    refuse_implicit_env_files,
)
from envtasks.errors import ConfigInvalid, EnvFileMissing, VariableMissing

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


def test_variables_of_active_services_and_of_what_they_use() -> None:
    """Volumes, networks and secrets count if a service uses them; of other services only what makes compose stop."""
    found = [(one.missing, one.service) for one in missing_in_model(TREE, ["app", "db"], {"APP": "x"})]
    assert found == [
        (Missing("DB"), "db"),
        (Missing("VOLUME"), None),
        (Missing("NETWORK"), None),
        (Missing("PROXY", refused=True), "proxy"),
        (Missing("TOKEN", refused=True), "app"),
    ]


def test_a_malformed_text_is_left_to_compose() -> None:
    """A text that cannot be parsed needs nothing here: compose refuses the file and says where."""
    assert missing_in_model({"services": {"a": {"image": "${A B}"}}}, ["a"], {}) == ()


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


def test_an_env_file_beside_an_included_file_is_refused(tmp_path: Path) -> None:
    """The message names the include and the `.env`; the hint is what mends it."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/c.yaml").write_text("services: {}", encoding="utf-8")
    (tmp_path / "sub/.env").write_text("A=1", encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        refuse_implicit_env_files(model_of(tmp_path, "include:\n  - sub/c.yaml\n"))
    assert str(caught.value) == (
        "compose.yaml:2 includes sub/c.yaml, and compose would read sub/.env for it: values that no environment "
        "declares.\n  hint: move them into the .env.<name> files, or add `env_file: /dev/null` to this include"
    )


def needs(root: Path, service: dict[str, Any], **values: str) -> list[str]:
    """The missing variables of a service's env files, each with its place."""
    model = Model({"services": {"app": service}}, ("app",), read_sources([], {}), root, root)
    found = missing_in_env_files(model, values)
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
    """The error names the service and the file."""
    with pytest.raises(EnvFileMissing, match=r"Service app of the stack has env_file .*gone\.env"):
        needs(tmp_path, {"env_file": "gone.env"})


def test_ciphertext_is_not_handed_to_a_container(tmp_path: Path) -> None:
    """An encrypted env file as env_file is refused: the container would get the ciphertext."""
    (tmp_path / ".env.local").write_text("A=1\nB='encrypted:BabC'\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid) as caught:
        needs(tmp_path, {"env_file": ".env.local"})
    assert caught.value.message == (
        ".env.local:2 is encrypted, and service app has it as an env_file: the container would get the ciphertext."
    )
