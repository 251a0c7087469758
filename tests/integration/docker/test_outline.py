"""What BuildKit says of a Dockerfile."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from envtasks.docker.outline import outline
from envtasks.docker.settings import Recipe
from envtasks.redaction import Redactor
from tests.docker.dockerfiles import DOCKERFILES

pytestmark = [pytest.mark.integration, pytest.mark.docker, pytest.mark.usefixtures("engine")]


def test_a_plain_value_decides_what_is_reachable(tmp_path: Path) -> None:
    """With a plain variable that chooses the FROM, only the stage it chooses is asked for what it declares."""
    path = tmp_path / "Dockerfile"
    path.write_text(DOCKERFILES["a FROM that a value chooses"], encoding="utf-8")
    recipe = Recipe(root=tmp_path, file=path, context=tmp_path, image="x")

    chosen = outline(recipe, {**os.environ, "VARIANT": "slim"}, plain=["VARIANT"], hide=Redactor(()))

    assert {argument.name for argument in chosen.arguments} == {"VARIANT", "OF_SLIM"}
    assert [stage.name for stage in chosen.chain()] == ["2", "slim"]


def test_no_secret_value_is_passed_to_the_outline(tmp_path: Path) -> None:
    """A variable that is not among the plain ones stays out of the outline, whose output would hold it."""
    path = tmp_path / "Dockerfile"
    path.write_text("FROM scratch\nARG TOKEN\nENV X=$TOKEN\n", encoding="utf-8")
    recipe = Recipe(root=tmp_path, file=path, context=tmp_path, image="x")

    told = outline(recipe, {**os.environ, "TOKEN": "marked-token"}, plain=[], hide=Redactor(()))

    assert [(argument.name, argument.default) for argument in told.arguments] == [("TOKEN", None)]


def test_the_repositorys_own_dockerfile_has_three_stages_and_asks_for_the_index(tmp_path: Path) -> None:
    """docker/Dockerfile is base, builder, runtime; the builder alone has the credentials; it lints but for them."""
    root = Path(__file__).parents[3]
    recipe = Recipe(root=root, file=root / "docker/Dockerfile", context=root, image="x")

    told = outline(recipe, os.environ, plain=(), hide=Redactor(()))
    check = ["docker", "build", "--check", "--file", str(recipe.file), str(root)]
    warnings = subprocess.run(check, capture_output=True, text=True, check=False).stdout

    credentials = ["UV_INDEX_INTERNAL_USERNAME", "UV_INDEX_INTERNAL_PASSWORD"]
    assert [stage.name for stage in told.stages] == ["base", "builder", "runtime"]
    assert [s.name for s in told.stages if any(told.declares(s, name) for name in credentials)] == ["builder"]
    assert [argument.name for argument in told.arguments if argument.default is None] == credentials
    assert warnings.count("WARNING:") == 1
    assert "SecretsUsedInArgOrEnv" in warnings
