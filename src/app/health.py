"""Whether the servers behind the service answer, asked on every request, with a timeout."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from .cache import Cache
from .database import Database

logger = logging.getLogger("app.health")
T = TypeVar("T")
TIMEOUT_SECONDS = 3.0
SERVER_ERRORS = (SQLAlchemyError, RedisError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one server said: `ok`, `down`, or `none` where the environment has no such server."""

    state: Literal["ok", "down", "none"]
    where: str
    sentence: str


async def with_timeout(work: Callable[..., T], *arguments: Any) -> T:
    """The result of `work`, run in a thread that is abandoned after three seconds. Raises TimeoutError.

    The drivers' own timeouts do not cover a name server that does not answer.
    """
    with anyio.fail_after(TIMEOUT_SECONDS):
        return await anyio.to_thread.run_sync(lambda: work(*arguments), abandon_on_cancel=True)


async def ask(database: Database, cache: Cache) -> tuple[Answer, Answer]:
    """The answers of the database and of the cache, asked at the same time."""
    answers: dict[str, Answer] = {}

    async def one(name: str, server: Database | Cache) -> None:
        answers[name] = await _answer(server)

    async with anyio.create_task_group() as group:
        group.start_soon(one, "database", database)
        group.start_soon(one, "cache", cache)
    return answers["database"], answers["cache"]


async def _answer(server: Database | Cache) -> Answer:
    if isinstance(server, Cache) and not server:
        return Answer("none", "", "This environment has no cache, and the service does without.")
    start = time.perf_counter()
    try:
        await with_timeout(server.ping)
    except SERVER_ERRORS as error:
        logger.warning("%s: %s", server.label, reason(error))
        return Answer("down", server.label, reason(error))
    return Answer("ok", server.label, f"Answers in {(time.perf_counter() - start) * 1000:.0f} ms.")


def reason(error: Exception) -> str:
    """Why a server does not answer, in a sentence of our own: a driver's text may hold a user name or more."""
    said = str(error).lower()
    if "refused" in said:
        return "Nothing listens there. Is the server running?"
    if isinstance(error, TimeoutError) or "timeout" in said or "timed out" in said:
        return "No answer in time. Is the server reachable from here?"
    if any(words in said for words in ("password", "authentication", "noauth", "wrongpass")):
        return "It refuses the user name or the password of this environment."
    if "does not exist" in said:
        return "The server answers, but it has no such database or user."
    if any(words in said for words in ("resolve", "name or service", "getaddrinfo", "nodename")):
        return "Its name is not known here. Is the host name right?"
    return "It does not answer as expected."
