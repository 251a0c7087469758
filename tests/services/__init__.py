"""The servers that integration tests talk to: PostgreSQL and Redis on loopback, where the values say.

A server that listens there already and lets the environment in is used as it is. Otherwise a process of its own,
`tests.services.supervisor`, starts one from its PyPI wheel and stops it when its standard input ends: when the tests
are done, and also when they are killed. No process and no folder is left in either case.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20
UP = ("started", "found", "unused")


@dataclass(frozen=True, slots=True)
class Services:
    """How each server came up: `started`, `found`, `unused`, or a sentence why it is missing."""

    database: str
    cache: str

    @property
    def has_database(self) -> bool:
        """Whether the database is as its environment wants it."""
        return self.database in UP

    @property
    def has_cache(self) -> bool:
        """Whether the cache is as its environment wants it."""
        return self.cache in UP


@contextmanager
def running(env: Mapping[str, str]) -> Iterator[Services]:
    """The servers that these values name, up for the length of the block."""
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "tests.services.supervisor"],
        cwd=ROOT,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=sys.platform != "win32",  # Ctrl-C is for the tests: the supervisor stops after them
    )
    assert supervisor.stdin is not None
    assert supervisor.stdout is not None
    try:
        line = supervisor.stdout.readline()
        if not line:
            raise RuntimeError("A server did not start; its supervisor says why on stderr.")
        yield Services(**json.loads(line))
    finally:
        supervisor.stdin.close()
        supervisor.wait(STOP_SECONDS)
        supervisor.stdout.close()
