"""What the env files of services refer to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envtasks.compose import env_files
from envtasks.errors import ConfigInvalid, EnvFileMissing


def needs(root: Path, service: dict[str, Any], **values: str) -> list[str]:
    found = env_files.needs({"services": {"app": service}}, ["app"], values, base=root)
    return [f"{need.missing.name} {need.file.name if need.file else ''}:{need.line}" for need in found]


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
    """It is told with the service's name."""
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
