"""The test servers: started where they are missing, used where they are, with nothing left behind."""

from __future__ import annotations

import os
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.deadlines import wait_until
from tests.ports import answers, free_port
from tests.services import ROOT, running
from tests.services.fixtures import lacks

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the wheels' servers are not started on Windows"),
]
PASSWORD = "test 'not' a \"secret\" $word\\"


@pytest.fixture
def env() -> Iterator[dict[str, str]]:
    """Values that name servers nobody else uses, and a folder of its own for what is temporary."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))  # pytest's own is closed to the user that PostgreSQL runs as
    place.chmod(0o755)
    database, cache = free_port(), free_port()
    yield {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(place),
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(database),
        "DB_USER": "somebody",
        "DB_PASSWORD": PASSWORD,
        "DB_NAME": "of her own",
        "CACHE_URL": f"redis://:test-not-a-secret@127.0.0.1:{cache}/0",
        "CACHE_PORT": str(cache),
    }
    shutil.rmtree(place)


def left(env: dict[str, str]) -> dict[str, object]:
    return {
        "database": answers(int(env["DB_PORT"])),
        "cache": answers(int(env["CACHE_PORT"])),
        "files": [path.name for path in Path(env["TMPDIR"]).iterdir()],
    }


NOTHING = {"database": False, "cache": False, "files": []}


def test_started_as_the_values_say(env: dict[str, str]) -> None:
    """The servers are where the values say, let in whom the values say, and are gone afterwards."""
    with running(env) as servers:
        if not (servers.has_database and servers.has_cache):
            lacks(f"{servers.database} {servers.cache}")
        assert (servers.database, servers.cache) == ("started", "started")
        where = make_conninfo(
            host=env["DB_HOST"], port=env["DB_PORT"], dbname=env["DB_NAME"], user=env["DB_USER"]
        )
        with psycopg.connect(where, password=PASSWORD) as login:
            assert login.execute("SELECT current_database()").fetchone() == ("of her own",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(where, password="wrong")
    assert left(env) == NOTHING


def test_found(env: dict[str, str]) -> None:
    """What listens already is used, and still listens afterwards."""
    with running(env):
        with running(env) as again:
            assert (again.database, again.cache) == ("found", "found")
        assert left(env) | {"files": []} == {"database": True, "cache": True, "files": []}


def test_something_else_on_the_port(env: dict[str, str]) -> None:
    """What listens there and is not the environment's server is said in one sentence, and nothing is started."""
    with socketserver.TCPServer(("127.0.0.1", int(env["DB_PORT"])), socketserver.BaseRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with running({**env, "CACHE_URL": ""}) as servers:
            answer = servers
        other.shutdown()
    assert answer.database == f"Something else listens on 127.0.0.1:{env['DB_PORT']}; set DB_PORT."
    assert not answer.has_database


def test_servers_of_other_values(env: dict[str, str]) -> None:
    """A PostgreSQL or Redis that does not let the environment in is something else."""
    with running(env) as servers:
        if not (servers.has_database and servers.has_cache):
            lacks(f"{servers.database} {servers.cache}")
        other = {**env, "DB_PASSWORD": "another", "CACHE_URL": env["CACHE_URL"].replace("not", "no")}
        with running(other) as again:
            assert again.database == f"Something else listens on 127.0.0.1:{env['DB_PORT']}; set DB_PORT."
            assert again.cache == f"Something else listens on 127.0.0.1:{env['CACHE_PORT']}; set CACHE_URL."


def test_unused(env: dict[str, str]) -> None:
    """An environment with SQLite and without a cache needs no server."""
    with running({**env, "DB_ENGINE": "sqlite", "CACHE_URL": ""}) as servers:
        assert (servers.database, servers.cache) == ("unused", "unused")
        assert left(env) | {"files": []} == NOTHING


def test_elsewhere(env: dict[str, str]) -> None:
    """Nothing is started for a host that is not this one, and it is said."""
    with running({**env, "DB_HOST": "192.0.2.1", "CACHE_URL": ""}) as servers:
        port = env["DB_PORT"]
        assert (
            servers.database
            == f"Nothing listens at 192.0.2.1:{port}, and servers are started on loopback only."
        )
        assert not servers.has_database


def test_cannot_start(env: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    """A server that does not start is an error with its own words, not a skipped test, and leaves nothing behind."""
    with (
        pytest.raises(RuntimeError, match="A server did not start"),
        running({**env, "DB_USER": "pg_reserved"}),
    ):
        pass
    told = capfd.readouterr().err
    assert "initdb failed" in told
    assert PASSWORD not in told
    assert left(env) == NOTHING


def test_nothing_left_of_killed_tests(env: dict[str, str]) -> None:
    """When the tests are killed, their servers end and the folder goes."""
    program = "import os, time\nfrom tests.services import running\n"
    program += "with running(os.environ) as up:\n    print(up.database, flush=True)\n    time.sleep(60)"
    argv = [sys.executable, "-c", program]
    with subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        assert tests.stdout.readline() == "started\n"
        tests.kill()
    wait_until(lambda: left(env) == NOTHING, "the end of the servers")
