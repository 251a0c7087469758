"""The database: an SQLite file or a PostgreSQL server, opened when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    text,
)
from sqlalchemy.engine import URL

from .settings import Settings

CONNECT_SECONDS = 2  # libpq's smallest

metadata = MetaData()
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", String(280), nullable=False),
    Column("written", DateTime(timezone=True), nullable=False),
)


class Database:
    """Connections to the database of these settings. A server that is down fails a use, never the start."""

    def __init__(self, settings: Settings) -> None:
        self.label = _label(settings)
        self._engine = _engine(settings)
        self._has_tables = False

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection whose changes are kept if the block ends well. Raises SQLAlchemyError."""
        if not self._has_tables:
            metadata.create_all(self._engine)
            self._has_tables = True
        with self._engine.begin() as connection:
            yield connection

    def ping(self) -> None:
        """Ask for an answer. Raises SQLAlchemyError."""
        with self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def _engine(settings: Settings) -> Engine:
    if settings.db_engine == "sqlite":
        return create_engine(URL.create("sqlite", database=f"{settings.db_name}.sqlite3"))
    url = URL.create(
        "postgresql+psycopg",
        username=settings.db_user,
        password=settings.db_password.get_secret_value(),
        host=settings.db_host,
        port=settings.db_port,
        database=settings.db_name,
    )
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_timeout=CONNECT_SECONDS,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": f"app {settings.app_env}"},
        hide_parameters=True,
    )


def _label(settings: Settings) -> str:
    if settings.db_engine == "sqlite":
        return f"SQLite file {settings.db_name}.sqlite3"
    return f"PostgreSQL at {settings.db_host}:{settings.db_port}"
