"""Who may write through the JSON API: whoever holds a token that this environment's secret has signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt

from .settings import Settings

VALID_MINUTES = 60


def make_token(settings: Settings, *, minutes: int = VALID_MINUTES) -> str:
    """A token (JWT) for the JSON API of this environment and no other, valid for an hour."""
    claims = {"aud": _audience(settings), "exp": datetime.now(UTC) + timedelta(minutes=minutes)}
    return jwt.encode(claims, settings.auth_jwt_secret.get_secret_value(), settings.auth_jwt_algorithm)


def is_valid(settings: Settings, authorization: str) -> bool:
    """Whether the `Authorization` header holds `Bearer <token>` with a token of this environment."""
    scheme, _, token = authorization.partition(" ")
    try:
        jwt.decode(
            token.strip(),
            settings.auth_jwt_secret.get_secret_value(),
            algorithms=[settings.auth_jwt_algorithm],
            audience=_audience(settings),
            options={"require": ["aud", "exp"]},
        )
    except jwt.InvalidTokenError:
        return False
    return scheme.lower() == "bearer"


def _audience(settings: Settings) -> str:
    return f"app:{settings.app_env}"
