from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Barrier, Event

import anyio
import pytest
from redis.exceptions import AuthenticationError
from redis.exceptions import TimeoutError as RedisTimeout
from sqlalchemy.exc import OperationalError

from app import health
from app.cache import Cache
from app.database import Database
from app.settings import Settings


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A listener that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_work_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that takes longer than the timeout is abandoned."""
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        anyio.run(health.with_timeout, Event().wait, 10)


def test_silent_database(settings: Settings, silent: socket.socket) -> None:
    """The driver's timeout ends the wait for a silent database, before our own does."""
    change = {"db_engine": "postgresql", "db_port": silent.getsockname()[1]}
    database = Database(Settings.model_validate({**settings.model_dump(), **change}))
    with pytest.raises(OperationalError):
        anyio.run(health.with_timeout, database.ping)


def test_silent_servers(settings: Settings, silent: socket.socket) -> None:
    """Servers that accept and stay silent are down, because of the timeout."""
    port = silent.getsockname()[1]
    change = {"db_engine": "postgresql", "db_port": port, "cache_url": f"redis://127.0.0.1:{port}/0"}
    changed = Settings.model_validate({**settings.model_dump(), **change})
    database, cache = anyio.run(health.ask, Database(changed), Cache(changed))
    assert (database.state, cache.state) == ("down", "down")
    assert database.sentence == cache.sentence == "No answer in time. Is the server reachable from here?"


def test_asked_at_the_same_time(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither server waits for the answer of the other."""
    both = Barrier(2)
    for server in (Database, Cache):
        monkeypatch.setattr(server, "ping", lambda _: both.wait(health.TIMEOUT_SECONDS))
    cached = Settings.model_validate({**settings.model_dump(), "cache_url": "redis://127.0.0.1:1/0"})
    database, cache = anyio.run(health.ask, Database(cached), Cache(cached))
    assert (database.state, cache.state) == ("ok", "ok")


def test_silent_cache(settings: Settings, silent: socket.socket) -> None:
    """A silent cache is asked once and not again, or a page would take a multiple of the timeout."""
    url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
    cache = Cache(Settings.model_validate({**settings.model_dump(), "cache_url": url}))
    with pytest.raises(RedisTimeout):
        cache.ping()
    silent.settimeout(0)
    silent.accept()[0].close()
    with pytest.raises(BlockingIOError):
        silent.accept()


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
