from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings, problems


@pytest.fixture
def process_env(values: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_read_from_the_process_environment(process_env: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """Each setting is the variable of its name in upper case."""
    settings = Settings()
    assert (settings.app_env, settings.db_name) == (values["APP_ENV"], values["DB_NAME"])
    assert settings.db_password.get_secret_value() == values["DB_PASSWORD"]


def test_empty_is_not_set(process_env: pytest.MonkeyPatch) -> None:
    """An empty CACHE_URL means no cache."""
    process_env.setenv("CACHE_URL", "")
    assert Settings().cache_url is None


def test_secrets(settings: Settings) -> None:
    """Whatever holds a password or signs something is secret, and the settings' text shows none of it."""
    names = {name for name, info in Settings.model_fields.items() if "SecretStr" in str(info.annotation)}
    assert names == {"app_session_secret", "db_password", "cache_url", "auth_jwt_secret"}
    shown = [value for value in vars(settings).values() if isinstance(value, SecretStr)]
    assert not [secret for secret in shown if secret.get_secret_value() in repr(settings)]


def test_all_problems_at_once_without_a_value(process_env: pytest.MonkeyPatch) -> None:
    """Every missing or wrong variable is named with its reason, and no value is told."""
    process_env.delenv("DB_HOST")
    process_env.setenv("DB_PORT", "port-value")
    process_env.setenv("CACHE_URL", "memcached://:value@host")
    process_env.setenv("APP_SESSION_SECRET", "value")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert problems(caught.value) == [
        "APP_SESSION_SECRET: Value should have at least 16 items after validation, not 5",
        "DB_HOST is not set",
        "DB_PORT: should be a valid integer, unable to parse string as an integer",
        "CACHE_URL: should start with redis:// or rediss://",
    ]
    assert "value@" not in str(caught.value)
