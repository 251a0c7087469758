"""The service as the unit tests see it: on an SQLite file of its own, without a cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.access import make_token
from app.settings import Settings
from app.web import create_app

LIKE_LOCAL = {
    "APP_ENV": "local",
    "APP_DEBUG": "true",
    "APP_SESSION_SECRET": "test-not-a-secret-session-0123456789",
    "DB_ENGINE": "sqlite",
    "DB_HOST": "127.0.0.1",
    "DB_PORT": "5432",
    "DB_NAME": "app",
    "DB_USER": "app",
    "DB_PASSWORD": "test-not-a-secret-database",
    "AUTH_JWT_SECRET": "test-not-a-secret-jwt-0123456789abcdef",
}


@pytest.fixture
def values(suite_env: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    """The variables of the service: those of .env.local in its session of nox, else ones like them."""
    names = [name.upper() for name in Settings.model_fields]
    hydrated = ";local;" in suite_env.get("ENVTASKS_HYDRATED", "")
    given = {name: suite_env[name] for name in names if name in suite_env} if hydrated else LIKE_LOCAL
    return {**given, "DB_NAME": str(tmp_path / "app")}


@pytest.fixture
def settings(values: dict[str, str]) -> Settings:
    """The settings made of these variables."""
    return Settings.model_validate({name.lower(): value for name, value in values.items() if value})


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A client of the service that keeps cookies, as a browser without JavaScript does."""
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def token(settings: Settings) -> dict[str, str]:
    """The header that lets a program write."""
    return {"Authorization": f"Bearer {make_token(settings)}"}
