"""The process that starts the servers, prints how that went as a line of JSON, and stops them when its stdin ends."""

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
    """Run the servers that the process environment names until stdin ends."""
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
    if listens(host, port):
        return "found" if postgresql.accepts(host, port, account) else in_use(host, port, "DB_PORT")
    return start(host, port, lambda: servers.enter_context(postgresql.running(place, host, port, account)))


def cache(env: Mapping[str, str], place: Path, servers: ExitStack) -> str:
    """How the cache came up, in the same words."""
    if not env.get("CACHE_URL"):
        return "unused"
    url = urlsplit(env["CACHE_URL"])
    host, port, password = url.hostname or "localhost", url.port or 6379, unquote(url.password or "")
    if listens(host, port):
        return "found" if redis.accepts(host, port, password) else in_use(host, port, "CACHE_URL")
    return start(host, port, lambda: servers.enter_context(redis.running(place, host, port, password)))


def in_use(host: str, port: int, variable: str) -> str:
    """The sentence for an address at which something answers that does not let the environment in."""
    return f"Something else listens on {host}:{port}; set {variable}."


def start(host: str, port: int, enter: Callable[[], object]) -> str:
    """Start a server on this machine: `started`, or why not."""
    if host not in LOOPBACK:
        return f"Nothing listens at {host}:{port}, and servers are started on loopback only."
    try:
        enter()
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
