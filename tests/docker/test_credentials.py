"""Which variables count as credentials."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from envtasks.audit.patterns import is_user_name
from envtasks.docker.credentials import credentials, is_credential, of_an_index


class Values(dict[str, str]):
    """As much of a Hydrated as credentials ask for."""

    def __init__(self, *secret: str, **values: str) -> None:
        super().__init__(values)
        self._secret = secret

    def origin(self, name: str) -> Any:
        return SimpleNamespace(secret=name in self._secret)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("UV_INDEX_INTERNAL_USERNAME", True),
        ("UV_INDEX_INTERNAL_PASSWORD", True),
        ("UV_DEFAULT_INDEX", True),
        ("UV_EXTRA_INDEX_URL", True),
        ("PIP_INDEX_URL", True),
        ("PIP_EXTRA_INDEX_URL", True),
        ("UV_INDEX_STRATEGY", False),
        ("PIP_NO_CACHE_DIR", False),
        ("SEARCH_INDEX_URL", False),
    ],
)
def test_names(name: str, is_one: bool) -> None:
    """The names from which uv and pip take an index's credentials are known; their other switches are none."""
    assert of_an_index(name) == is_one


def test_user_names() -> None:
    """A user name for an index is told from its password."""
    assert is_user_name("UV_INDEX_INTERNAL_USERNAME")
    assert not is_user_name("UV_INDEX_INTERNAL_PASSWORD")


def test_credentials() -> None:
    """Credentials are the secrets, the private keys and what is an index's by name; also those only the process has."""
    hydrated = cast(
        Any,
        Values("DB_PASSWORD", DB_PASSWORD="a", LOG_LEVEL="b", PIP_INDEX_URL="c", DOTENV_PRIVATE_KEY_CI="d"),
    )
    expected = {"DB_PASSWORD": "a", "PIP_INDEX_URL": "c", "DOTENV_PRIVATE_KEY_CI": "d"}
    process = {"UV_INDEX_X_PASSWORD": "e", "PIP_INDEX_URL": "f", "HOME": "g"}
    assert credentials(hydrated) == expected
    assert credentials(hydrated, process) == {"UV_INDEX_X_PASSWORD": "e"} | expected
    assert [name for name in ("DB_PASSWORD", "LOG_LEVEL", "UNKNOWN") if is_credential(name, hydrated)] == [
        "DB_PASSWORD"
    ]
