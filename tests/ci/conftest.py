"""The shop and its pipeline, made once for a module: for tests that write nothing into it, or remove it again."""

from __future__ import annotations

import pytest

from envtasks.ci.plan import Pipeline, plan_pipeline
from tests.ci.pipeline_projects import clean_sandbox, loaded, shop
from tests.projects import Sandbox


@pytest.fixture(scope="module")
def shared_shop(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The shop with a registry, and with a job that lints its workflows."""
    sandbox = shop(clean_sandbox(tmp_path_factory.mktemp("shop")))
    text = (sandbox.root / "pyproject.toml").read_text(encoding="utf-8")
    tables = '[tool.envtasks.docker]\nregistry = "registry.example.com"\n\n[tool.envtasks.ci]\nlint = true\n'
    sandbox.write("pyproject.toml", f"{text}\n{tables}")
    return sandbox


@pytest.fixture(scope="module")
def pipeline(shared_shop: Sandbox) -> Pipeline:
    """The pipeline of the shared shop."""
    return plan_pipeline(loaded(shared_shop), shared_shop.env)
