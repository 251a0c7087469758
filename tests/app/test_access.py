from __future__ import annotations

import jwt
import pytest

from app.access import is_valid, make_token
from app.settings import Settings


def test_own_token(settings: Settings) -> None:
    """A token of this environment lets in."""
    assert is_valid(settings, f"Bearer {make_token(settings)}")


@pytest.mark.parametrize("change", [{"app_env": "staging"}, {"auth_jwt_secret": "x" * 40}])
def test_token_of_another_environment(settings: Settings, change: dict[str, str]) -> None:
    """A token made for another environment, or signed by another secret, does not."""
    other = Settings.model_validate({**settings.model_dump(), **change})
    assert not is_valid(settings, f"Bearer {make_token(other)}")


def test_old_token(settings: Settings) -> None:
    """A token that has run out does not let in."""
    assert not is_valid(settings, f"Bearer {make_token(settings, minutes=-1)}")


def test_token_for_ever(settings: Settings) -> None:
    """A token without an end does not let in, even if the right secret signed it."""
    endless = jwt.encode({"aud": f"app:{settings.app_env}"}, settings.auth_jwt_secret.get_secret_value())
    assert not is_valid(settings, f"Bearer {endless}")


@pytest.mark.parametrize("form", ["", "Bearer", "Bearer ", "Basic {token}", "{token}"])
def test_other_headers(settings: Settings, form: str) -> None:
    """Only `Bearer <token>` lets in."""
    assert not is_valid(settings, form.format(token=make_token(settings)))
