"""The keeper: starts the servers, says so in a line of JSON, and stops them when its standard input ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.services import postgresql, redis
from tests.services.server import MissingServer

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main() -> None:
    """Keep the servers of the process environment's values."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    with folder() as place, ExitStack() as servers:
        answer = {
            "database": database(os.environ, place, servers),
            "cache": cache(os.environ, place, servers),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()


def database(env: Mapping[str, str], place: Path, servers: ExitStack) -> str:
    """How the database came up: `started`, `found`, `unused`, or why not."""
    if env.get("DB_ENGINE", "postgresql") != "postgresql":
        return "unused"
    host, port = env["DB_HOST"], int(env["DB_PORT"])
    account = postgresql.Account(user=env["DB_USER"], password=env["DB_PASSWORD"], database=env["DB_NAME"])
    return bring_up(host, port, lambda: servers.enter_context(postgresql.running(place, host, port, account)))


def cache(env: Mapping[str, str], place: Path, servers: ExitStack) -> str:
    """How the cache came up, in the same words."""
    if not env.get("CACHE_URL"):
        return "unused"
    url = urlsplit(env["CACHE_URL"])
    host, port, password = url.hostname or "localhost", url.port or 6379, unquote(url.password or "")
    return bring_up(host, port, lambda: servers.enter_context(redis.running(place, host, port, password)))


def bring_up(host: str, port: int, start: Callable[[], object]) -> str:
    """Start a server unless one listens there."""
    if listens(host, port):
        return "found"
    if host not in LOOPBACK:
        return f"Nothing listens at {host}:{port}, and servers are started on loopback only."
    try:
        start()
    except MissingServer as missing:
        return str(missing)
    return "started"


def listens(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder that the servers' own user can reach, removed at the end."""
    places = [Path(tempfile.gettempdir()), Path("/tmp")]  # root's own TMPDIR may be closed to others
    place = Path(
        tempfile.mkdtemp(prefix="envtasks-services-", dir=next(filter(open_to_all, places), places[0]))
    )
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def open_to_all(place: Path) -> bool:
    """Whether any user can get into this folder."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (place, *place.resolve().parents))


if __name__ == "__main__":
    main()
