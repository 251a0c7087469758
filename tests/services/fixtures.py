"""The servers as pytest fixtures: up for the whole run, for whichever test asks for their values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from tests.services import Services, running

REQUIRE_ALL = os.environ.get("ENVTASKS_TESTS_REQUIRE_ALL") == "1"
_failed: set[str] = set()


@pytest.fixture(scope="session")
def servers(suite_env: Mapping[str, str]) -> Iterator[Services | None]:
    """The servers of the session's environment; None outside of a session that hydrates one."""
    if "DB_HOST" not in suite_env:
        yield None
        return
    with running(suite_env) as servers:
        yield servers


@pytest.fixture
def database_values(servers: Services | None, suite_env: Mapping[str, str]) -> Mapping[str, str]:
    """The process environment of the suite, with the database that it names up."""
    if servers is None:
        lacks("The values of an environment are not here: nox -s integration")
    elif not servers.has_database:
        lacks(servers.database)
    return suite_env


@pytest.fixture
def server_values(servers: Services | None, database_values: Mapping[str, str]) -> Mapping[str, str]:
    """The same, with the cache up too."""
    if not database_values.get("CACHE_URL"):
        pytest.skip(f"The environment {database_values.get('APP_ENV')} has no cache.")
    if servers is not None and not servers.has_cache:
        lacks(servers.cache)
    return database_values


def lacks(reason: str) -> None:
    """Skip the test with the reason; with ENVTASKS_TESTS_REQUIRE_ALL=1, as in CI, the first test with it fails."""
    if REQUIRE_ALL and reason not in _failed:
        _failed.add(reason)
        pytest.fail(reason)
    pytest.skip(reason)
