"""The settings class: which variables the service reads, their types, and which of them are secret."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

CACHE_SCHEMES = ("redis://", "rediss://")


class Settings(BaseSettings):
    """The service's settings, each from the variable of the same name in upper case.

    Nothing but the process environment is read: no env file, no default for a secret.
    An empty variable counts as not set.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    app_env: str = Field(default="local", pattern=r"^[A-Za-z0-9_-]+$")
    app_debug: bool = False
    app_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    app_host: str = "127.0.0.1"
    app_port: int = Field(default=8000, ge=0, le=65535)
    app_session_secret: SecretStr = Field(min_length=16)

    db_engine: Literal["postgresql", "sqlite"] = "postgresql"
    db_host: str
    db_port: int = Field(ge=1, le=65535)
    db_name: str
    db_user: str
    db_password: SecretStr

    cache_url: SecretStr | None = None  # secret, because it holds the password
    cache_timeout: int = Field(default=60, ge=1)

    auth_jwt_secret: SecretStr = Field(min_length=16)
    auth_jwt_algorithm: Literal["HS256", "HS384", "HS512"] = "HS256"

    @field_validator("app_log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("cache_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(CACHE_SCHEMES):
            raise ValueError("should start with redis:// or rediss://")
        return value


def problems(error: ValidationError) -> list[str]:
    """What is wrong with which variable, one sentence each; never a value (pydantic's text may hold it)."""
    return [
        _problem(detail["type"], str(detail["loc"][0]).upper(), detail["msg"]) for detail in error.errors()
    ]


def _problem(kind: str, name: str, message: str) -> str:
    if kind == "missing":
        return f"{name} is not set"
    return f"{name}: {message.removeprefix('Value error, ').removeprefix('Input ')}"
