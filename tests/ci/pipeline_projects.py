"""Projects for the tests of pipelines: a shop with sessions, an image and clusters, in a git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from envtasks.config import Project
from tests.conftest import SOURCES, surroundings
from tests.projects import Sandbox, make_sandbox

PYPROJECT = """
[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["envtasks"]

[tool.envtasks.environments]
local = { files = [".env.local"], public = true, keys = ".env.local.keys" }
staging = { files = [".env.staging"] }
production = { files = [".env.production"], protected = true }

[tool.envtasks.deploy.environments.staging]
context = "staging"
server = "https://staging.example.com:6443"
namespace = "shop-staging"

[tool.envtasks.deploy.environments.production]
context = "production"
server = "https://production.example.com:6443"
namespace = "shop"
"""
NOXFILE = """
import nox
from envtasks.sessions import session

nox.options.default_venv_backend = "none"

@session(env="local")
def unit(session):
    session.run("python", "-c", "print('unit ran')", external=True)

@session(env="staging")
@nox.parametrize("database", ["postgresql", "sqlite"])
def integration(session, database):
    session.run("python", "-c", "import os; print(os.environ['TOKEN'])", external=True)

@nox.session
def lint(session):
    session.run("python", "-c", "print('lint ran')", external=True)

@session(env="production", default=False)
def smoke(session):
    session.run("python", "-c", "print('smoke ran')", external=True)
"""
DOCKERFILE = "FROM scratch\nCOPY pyproject.toml /\n"


def shop(sandbox: Sandbox) -> Sandbox:
    """The shop, committed; the keys of staging and production are not in git."""
    sandbox.write("pyproject.toml", PYPROJECT)
    sandbox.write("noxfile.py", NOXFILE)
    sandbox.write("docker/Dockerfile", DOCKERFILE)
    sandbox.write(".gitignore", ".env\n*.keys\n!.env.local.keys\n")
    for name in ("local", "staging", "production"):
        sandbox.environment(name, f"APP_ENV={name}\n", TOKEN=f"{name}-t0ken-value")
    keys = (sandbox.root / ".env.keys").read_text(encoding="utf-8").splitlines(keepends=True)
    sandbox.write(".env.local.keys", keys[0])
    sandbox.write(".env.keys", "".join(keys[1:]))
    commit(sandbox.root)
    return sandbox


def commit(root: Path) -> None:
    """Put everything that git may see into a commit."""
    if shutil.which("git") is None:
        (pytest.fail if os.environ.get("ENVTASKS_TESTS_REQUIRE_ALL") == "1" else pytest.skip)(
            "git is not installed"
        )
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=shop", "-c", "user.email=shop@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "shop"]):
        subprocess.run(["git", *words], cwd=root, env=env, check=True, capture_output=True)


def clean_sandbox(root: Path) -> Sandbox:
    """An empty project in a clean environment, for fixtures that are made before a test's own environment is."""
    sandbox = make_sandbox(root)
    outer = surroundings(sandbox.env)
    clean = {name: value for name, value in sandbox.env.items() if name not in outer}
    return replace(sandbox, env={**clean, "PYTHONPATH": str(SOURCES)})


def loaded(sandbox: Sandbox) -> Project:
    """The sandbox as a project."""
    return Project.load(sandbox.root)
