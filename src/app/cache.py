"""The cache: one list in Redis, or nothing at all. A cache that is down costs speed, never an answer."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from redis import Redis, RedisError

from .settings import Settings

ANSWER_SECONDS = 0.5
logger = logging.getLogger("app.cache")


class Cache:
    """A list of JSON values, kept until it changes or `CACHE_TIMEOUT` seconds have passed.

    Each change counts a generation up, and a list is stored under the generation that was current before it
    was loaded, so that a slow reader can never put an old list in place of a new one.
    """

    def __init__(self, settings: Settings) -> None:
        self._prefix = f"app:{settings.app_env}:notes"
        self._timeout = settings.cache_timeout
        self._client = _client(settings)
        self.label = _label(settings)

    def __bool__(self) -> bool:
        return self._client is not None

    def read(self, load: Callable[[], list[Any]]) -> tuple[list[Any], str]:
        """The list, and where it came from: `cache` or `database`."""
        if self._client is None:
            return load(), "database"
        try:
            generation = str(self._client.get(f"{self._prefix}:generation") or 0)
            key = f"{self._prefix}:{generation}"
            stored = self._client.get(key)
        except RedisError as error:
            logger.warning("read without the cache: %s", type(error).__name__)
            return load(), "database"
        logger.debug("the list is %s the cache", "in" if stored is not None else "not in")
        if stored is not None:
            return list(json.loads(str(stored))), "cache"
        items = load()
        self._try(lambda client: client.set(key, json.dumps(items), ex=self._timeout))
        return items, "database"

    def changed(self) -> None:
        """Say that the list is no longer what was stored."""
        self._try(lambda client: client.incr(f"{self._prefix}:generation"))

    def ping(self) -> None:
        """Ask for an answer. Raises RedisError."""
        if self._client is not None:
            self._client.ping()

    def close(self) -> None:
        """Give all connections back."""
        if self._client is not None:
            self._client.close()

    def _try(self, command: Callable[[Redis], object]) -> None:
        try:
            if self._client is not None:
                command(self._client)
        except RedisError as error:
            logger.warning("went on without the cache: %s", type(error).__name__)


def _client(settings: Settings) -> Redis | None:
    if settings.cache_url is None:
        return None
    return Redis.from_url(
        settings.cache_url.get_secret_value(),
        decode_responses=True,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
    )


def _label(settings: Settings) -> str:
    if settings.cache_url is None:
        return ""
    url = urlsplit(settings.cache_url.get_secret_value())
    return f"Redis at {url.hostname or 'localhost'}:{url.port or 6379}"
