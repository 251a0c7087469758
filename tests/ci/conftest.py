"""The shop and its pipeline, made once for a module: for tests that write nothing into it, or remove it again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envtasks.ci.plan import Pipeline, plan_pipeline
from tests.ci.pipeline_projects import loaded, shop
from tests.conftest import SOURCES, surroundings
from tests.projects import Sandbox, make_sandbox


@pytest.fixture(scope="module")
def shared_shop(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The shop with a registry, and with a job that lints its workflows."""
    sandbox = make_sandbox(tmp_path_factory.mktemp("shop"))
    outer = surroundings(sandbox.env)
    clean = {name: value for name, value in sandbox.env.items() if name not in outer}
    sandbox = shop(replace(sandbox, env={**clean, "PYTHONPATH": str(SOURCES)}))
    text = (sandbox.root / "pyproject.toml").read_text(encoding="utf-8")
    tables = '[tool.envtasks.docker]\nregistry = "registry.example.com"\n\n[tool.envtasks.ci]\nlint = true\n'
    sandbox.write("pyproject.toml", f"{text}\n{tables}")
    return sandbox


@pytest.fixture(scope="module")
def pipeline(shared_shop: Sandbox) -> Pipeline:
    """The pipeline of the shared shop."""
    return plan_pipeline(loaded(shared_shop), shared_shop.env)
