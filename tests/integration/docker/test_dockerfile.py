"""What BuildKit reports of a Dockerfile."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from envtasks.docker import ImageSettings
from envtasks.docker.dockerfile import read_dockerfile
from envtasks.redaction import Redactor

pytestmark = [pytest.mark.integration, pytest.mark.docker, pytest.mark.usefixtures("engine")]
CHOSEN_BY_A_VALUE = """\
ARG VARIANT=full
FROM python:3.12-slim AS slim
ARG OF_SLIM
RUN true
FROM python:3.12-slim AS full
ARG OF_FULL
RUN true
FROM ${VARIANT:-full}
RUN true
"""


def test_a_plain_value_decides_which_stages_are_needed(tmp_path: Path) -> None:
    """With a plain variable that chooses the FROM, only the arguments of the chosen stage are declared."""
    path = tmp_path / "Dockerfile"
    path.write_text(CHOSEN_BY_A_VALUE, encoding="utf-8")
    settings = ImageSettings(root=tmp_path, file=path, context=tmp_path, image="x")

    chosen = read_dockerfile(
        settings, {**os.environ, "VARIANT": "slim"}, plain={"VARIANT": "VARIANT"}, redactor=Redactor(())
    )

    assert {argument.name for argument in chosen.arguments} == {"VARIANT", "OF_SLIM"}
    assert [stage.name for stage in chosen.history_stages()] == ["2", "slim"]


def test_no_secret_value_is_passed_to_the_outline(tmp_path: Path) -> None:
    """A variable that is not among the plain ones stays out of the outline, whose output would hold it."""
    path = tmp_path / "Dockerfile"
    path.write_text("FROM scratch\nARG TOKEN\nENV X=$TOKEN\n", encoding="utf-8")
    settings = ImageSettings(root=tmp_path, file=path, context=tmp_path, image="x")

    found = read_dockerfile(
        settings, {**os.environ, "TOKEN": "marked-token"}, plain={}, redactor=Redactor(())
    )

    assert [(argument.name, argument.default) for argument in found.arguments] == [("TOKEN", None)]


def test_the_repositorys_own_dockerfile_has_three_stages_and_asks_for_the_index(tmp_path: Path) -> None:
    """docker/Dockerfile is base, builder, runtime; the builder alone has the credentials; it lints but for them."""
    root = Path(__file__).parents[3]
    settings = ImageSettings(root=root, file=root / "docker/Dockerfile", context=root, image="x")

    found = read_dockerfile(settings, os.environ, plain={}, redactor=Redactor(()))
    check = ["docker", "build", "--check", "--file", str(settings.file), str(root)]
    warnings = subprocess.run(check, capture_output=True, text=True, check=False).stdout

    credentials = ["UV_INDEX_INTERNAL_USERNAME", "UV_INDEX_INTERNAL_PASSWORD"]
    assert [stage.name for stage in found.stages] == ["base", "builder", "runtime"]
    assert [s.name for s in found.stages if any(map(s.declares, credentials))] == ["builder"]
    assert [argument.name for argument in found.arguments if argument.default is None] == credentials
    assert warnings.count("WARNING:") == 1
    assert "SecretsUsedInArgOrEnv" in warnings
