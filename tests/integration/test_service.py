"""The service as a process, on the values of its session's environment: in staging, PostgreSQL and Redis."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis import Redis
from sqlalchemy import select

from app.access import make_token
from app.cache import Cache
from app.database import Database, notes
from app.health import reason
from app.notes import Notes
from app.settings import Settings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Ctrl-C for one process"),
]

SRC = Path(__file__).parents[2] / "src"
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
CHROMIUM += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture
def settings(database_values: Mapping[str, str], tmp_path: Path) -> Settings:
    names = {name: database_values.get(name.upper(), "") for name in Settings.model_fields}
    if names["db_engine"] == "sqlite":
        names["db_name"] = str(tmp_path / "app")
    return Settings.model_validate({name: value for name, value in names.items() if value})


@pytest.fixture
def client(settings: Settings, database_values: Mapping[str, str]) -> Iterator[httpx2.Client]:
    """A client of the running service, which ends well on Ctrl-C."""
    env = {**database_values, "DB_NAME": settings.db_name, "APP_PORT": "0", "PYTHONPATH": str(SRC)}
    argv = [sys.executable, "-m", "app"]
    with subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True, encoding="utf-8") as service:
        assert service.stderr is not None
        line = service.stderr.readline()
        found = re.fullmatch(rf"app: {settings.app_env} on (http://\S+)\n", line)
        assert found is not None, line
        token = {"Authorization": f"Bearer {make_token(settings)}"}
        with httpx2.Client(base_url=found[1], headers=token, timeout=20) as client:
            yield client
        service.send_signal(signal.SIGINT)
        service.communicate(timeout=20)
    assert service.returncode == 0


@pytest.fixture
def note(client: httpx2.Client) -> Iterator[dict[str, Any]]:
    """A note that was written through the API, and is deleted afterwards."""
    written: dict[str, Any] = client.post("/api/notes", json={"text": "kept on a real server"}).json()
    yield written
    client.delete(f"/api/notes/{written['id']}")


def changed(settings: Settings, **change: object) -> Settings:
    return Settings.model_validate({**settings.model_dump(), **change})


def test_healthy(client: httpx2.Client, settings: Settings) -> None:
    """The health check finds every server of the environment."""
    cache = "ok" if settings.cache_url else "none"
    expected = {"status": "ok", "environment": settings.app_env, "database": "ok", "cache": cache}
    assert client.get("/healthz").json() == expected


def test_written_to_the_database(note: dict[str, Any], settings: Settings) -> None:
    """A note is a row of the database."""
    database = Database(settings)
    with database.transaction() as connection:
        rows = connection.execute(select(notes.c.text).where(notes.c.id == note["id"])).all()
    database.close()
    assert [row.text for row in rows] == [note["text"]]


def test_page(client: httpx2.Client, note: dict[str, Any], settings: Settings) -> None:
    """The page shows the note and which server answers, and no secret value."""
    page = client.get("/").text
    assert note["text"] in page
    assert Database(settings).label in page
    assert Cache(settings).label in page
    assert "does not answer" not in page
    hidden = [
        value.get_secret_value() for value in vars(settings).values() if hasattr(value, "get_secret_value")
    ]
    assert not [value for value in hidden if value in page]


@pytest.mark.usefixtures("server_values")
def test_read_through_the_cache(client: httpx2.Client, settings: Settings) -> None:
    """A list comes from the cache until the next change, and is never old."""
    answers = [client.get("/api/notes").json() for _ in range(2)]
    assert answers[1] == {"notes": answers[0]["notes"], "source": "cache"}
    written = client.post("/api/notes", json={"text": "new"}).json()
    assert client.get("/api/notes").json() == {
        "notes": [written, *answers[0]["notes"]][:50],
        "source": "database",
    }
    client.delete(f"/api/notes/{written['id']}")
    assert client.get("/api/notes").json() == {"notes": answers[0]["notes"], "source": "database"}


@pytest.mark.usefixtures("server_values")
def test_kept_for_a_while(client: httpx2.Client, settings: Settings) -> None:
    """A cached list is kept for CACHE_TIMEOUT seconds, under a key that names the environment."""
    client.get("/api/notes")
    assert settings.cache_url is not None
    with Redis.from_url(settings.cache_url.get_secret_value(), decode_responses=True) as redis:
        prefix = f"app:{settings.app_env}:notes"
        left = redis.ttl(f"{prefix}:{redis.get(f'{prefix}:generation') or 0}")
    assert 0 < left <= settings.cache_timeout


@pytest.mark.usefixtures("server_values")
def test_slow_reader(settings: Settings) -> None:
    """A list that was loaded before a change is not served after it."""
    cache = Cache(settings)

    def load_slowly() -> list[str]:
        cache.changed()  # somebody writes while we load
        return ["old"]

    cache.changed()
    cache.read(load_slowly)
    assert cache.read(lambda: ["new"]) == (["new"], "database")
    cache.changed()
    cache.close()


@pytest.mark.usefixtures("server_values")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"db_password": "wrong"}, "It refuses the user name or the password of this environment."),
        ({"db_name": "elsewhere"}, "The server answers, but it has no such database or user."),
    ],
)
def test_wrong_credentials_of_the_database(settings: Settings, change: dict[str, str], sentence: str) -> None:
    """A database that refuses us is said to do so."""
    database = Database(changed(settings, **change))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it becomes a sentence
        database.ping()
    assert reason(caught.value) == sentence


@pytest.mark.usefixtures("server_values")
def test_wrong_password_of_the_cache(settings: Settings) -> None:
    """A cache that refuses us is said to do so, and the notes work without it."""
    assert settings.cache_url is not None
    url = re.sub(":[^:@]+@", ":wrong@", settings.cache_url.get_secret_value())
    cache, database = Cache(changed(settings, cache_url=url)), Database(settings)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it becomes a sentence
        cache.ping()
    assert reason(caught.value) == "It refuses the user name or the password of this environment."
    listed = Notes(database, cache)
    written = listed.add("without a cache")
    assert (written in listed.newest().notes, listed.newest().source) == (True, "database")
    listed.delete(written.id)
    Cache(settings).changed()
    database.close()


@pytest.mark.browser
def test_in_a_browser(
    client: httpx2.Client, note: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    """A real browser shows the note and applies the style; nothing is refused and nothing is missing."""
    chromium = shutil.which("chromium")
    assert chromium is not None
    options = [*CHROMIUM, f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--timeout=10000"]
    shown = subprocess.run(
        [chromium, *options, "--dump-dom", f"{client.base_url}/"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert f"<title>Notes · {settings.app_env}</title>" in shown.stdout
    assert f"<p>{note['text']}</p>" in shown.stdout
    assert [line for line in shown.stderr.splitlines() if "CONSOLE" in line] == []
