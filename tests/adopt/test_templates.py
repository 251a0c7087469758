"""The templates of `init` are what this repository itself uses: rendered with its answers they give its own files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from envtasks.adopt.containers import Database, Image, StackFile, compose_file, dockerfile, manifest
from envtasks.adopt.render import render
from envtasks.ci import render_files
from envtasks.config import Project
from tests.guides import REPOSITORY

CREDENTIALS = ("UV_INDEX_INTERNAL_USERNAME", "UV_INDEX_INTERNAL_PASSWORD")
IMAGE = Image(
    title="sample service",
    variable="APP_ENV",
    dependencies=("pyproject.toml", "uv.loc[k]"),
    install="uv sync --no-install-project --only-group app",
    settings={"APP_ENV": "${APP_ENV}", "APP_HOST": "0.0.0.0", "APP_PORT": "8000"},
    sources={"src/app": "./app"},
    command='["python", "-m", "app"]',
    credentials=CREDENTIALS,
    reload_group="reload",
    port=8000,
    port_variable="APP_PORT",
    health="/healthz",
)
STACK = StackFile(
    name="app",
    parts="the service, PostgreSQL and Redis",
    variable="APP_ENV",
    environment=(
        (
            "",
            {
                "APP_ENV": '"${APP_ENV}"',
                "APP_DEBUG": '"${APP_DEBUG:-false}"',
                "APP_LOG_LEVEL": '"${APP_LOG_LEVEL:-INFO}"',
                "APP_SESSION_SECRET": '"${APP_SESSION_SECRET}"',
                "AUTH_JWT_SECRET": '"${AUTH_JWT_SECRET}"',
                "AUTH_JWT_ALGORITHM": '"${AUTH_JWT_ALGORITHM:-HS256}"',
            },
        ),
        (
            "the servers of this stack, whatever the environment has outside of containers",
            {
                "DB_ENGINE": "postgresql",
                "DB_HOST": "db",
                "DB_PORT": '"5432"',
                "DB_NAME": '"${DB_NAME}"',
                "DB_USER": '"${DB_USER}"',
                "DB_PASSWORD": '"${DB_PASSWORD}"',
                "CACHE_URL": '"redis://:${CACHE_PASSWORD}@cache:6379/0"',
                "CACHE_TIMEOUT": '"${CACHE_TIMEOUT:-60}"',
            },
        ),
    ),
    credentials=CREDENTIALS,
    reload={"source": "src/app", "folder": "app", "command": "python -m app"},
    port=8000,
    published="${APP_PORT:-8000}",
    database=Database("DB_NAME", "DB_USER", "DB_PASSWORD", "DB_HOST"),
    cache={"password": "CACHE_PASSWORD"},
)
ALLOWLIST = (
    ("", dict.fromkeys(("APP_ENV", "APP_DEBUG", "APP_LOG_LEVEL", "APP_SESSION_SECRET"), "")),
    ("", dict.fromkeys(("DB_ENGINE", "DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"), "")),
    (
        "CACHE_PASSWORD is part of the URL and not listed: the service does not read it",
        {"CACHE_URL": "optional", "CACHE_TIMEOUT": "optional"},
    ),
    ("", dict.fromkeys(("AUTH_JWT_SECRET", "AUTH_JWT_ALGORITHM"), "")),
)


def _own(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_docker() -> None:
    """docker/ is the template with this repository's answers."""
    assert dockerfile(IMAGE) == _own("docker/Dockerfile")
    assert compose_file(STACK) == _own("docker/compose.yaml")


def test_deploy() -> None:
    """deploy/ is the template with this repository's answers."""
    values = {
        "title": "sample service",
        "environment": "staging",
        "health": "/healthz",
        "required": "DB_PASSWORD",
    }

    assert manifest(name="app", port=8000, **values) == _own("deploy/app.yaml")
    assert render("env.allowlist.j2", groups=ALLOWLIST) == _own("deploy/env.allowlist")


def test_ignore_files() -> None:
    """.gitignore and .dockerignore are the templates with this repository's answers."""
    public = [".env.local.keys", ".env.staging.keys"]

    assert render("gitignore.j2", public=public, library=True) == _own(".gitignore")
    assert render("dockerignore.j2") == _own(".dockerignore")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("platform", ["github", "gitlab"])
def test_pipelines(platform: str) -> None:
    """The pipelines are what `init` renders for this repository."""
    files, _ = render_files(Project.load(Path(REPOSITORY)), os.environ, platform)

    assert [each.label for each in files if each.changed] == []
