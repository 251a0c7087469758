from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from threading import Event

import anyio
import pytest
from redis.exceptions import AuthenticationError
from redis.exceptions import TimeoutError as RedisTimeout
from sqlalchemy.exc import OperationalError

from app import health
from app.cache import ANSWER_SECONDS, Cache
from app.database import Database
from app.settings import Settings


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that does not end is given up."""
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        anyio.run(health.patiently, Event().wait, 10)


def test_silent_database(settings: Settings, silent_port: int) -> None:
    """A silent database is given up by its driver, before our own patience ends."""
    change = {"db_engine": "postgresql", "db_port": silent_port}
    database = Database(Settings.model_validate({**settings.model_dump(), **change}))
    with pytest.raises(OperationalError):
        anyio.run(health.patiently, database.ping)


def test_silent_servers(settings: Settings, silent_port: int) -> None:
    """Servers that accept and stay silent are called down within three seconds, asked at the same time."""
    url = f"redis://127.0.0.1:{silent_port}/0"
    change = {"db_engine": "postgresql", "db_port": silent_port, "cache_url": url}
    silent = Settings.model_validate({**settings.model_dump(), **change})
    start = time.monotonic()
    database, cache = anyio.run(health.ask, Database(silent), Cache(silent))
    assert (database.state, cache.state) == ("down", "down")
    assert database.sentence == cache.sentence == "No answer in time. Is the server reachable from here?"
    assert time.monotonic() - start < health.PATIENCE_SECONDS + 2


def test_silent_cache(settings: Settings, silent_port: int) -> None:
    """A silent cache is waited for half a second, once."""
    cache = Cache(
        Settings.model_validate({**settings.model_dump(), "cache_url": f"redis://127.0.0.1:{silent_port}"})
    )
    start = time.monotonic()
    with pytest.raises(RedisTimeout):
        cache.ping()
    assert time.monotonic() - start < 3 * ANSWER_SECONDS


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "connection to 127.0.0.1 failed: Connection refused",
            "Nothing listens there. Is the server running?",
        ),
        (
            'FATAL: password authentication failed for user "app"',
            "It refuses the user name or the password of this environment.",
        ),
        ('FATAL: database "app" does not exist', "The server answers, but it has no such database or user."),
        ("[Errno -2] Name or service not known", "Its name is not known here. Is the host name right?"),
        ("something else about user app", "It does not answer as expected."),
    ],
)
def test_reason(said: str, sentence: str) -> None:
    """A driver's text becomes a sentence of our own, which repeats nothing of it."""
    assert health.reason(OperationalError("SELECT 1", {}, Exception(said))) == sentence


def test_reason_of_redis() -> None:
    """A wrong cache password is named as what it is."""
    error = AuthenticationError("invalid username-password pair or user is disabled.")
    assert health.reason(error) == "It refuses the user name or the password of this environment."
