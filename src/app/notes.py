"""Short notes: written to the database, read through the cache."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select

from . import database
from .cache import Cache
from .database import Database

LONGEST = 280
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Note:
    """One note, with the moment it was written (UTC)."""

    id: int
    text: str
    written: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """The newest notes, and where they were read from: `cache` or `database`."""

    notes: list[Note]
    source: str


class Notes:
    """The notes of one environment. Each method raises SQLAlchemyError when the database does not answer."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    def newest(self) -> Listing:
        """The newest notes first, at most 50."""
        rows, source = self._cache.read(self._load)
        return Listing([Note(row["id"], row["text"], _utc(row["written"])) for row in rows], source)

    def add(self, text: str) -> Note:
        """Write a note of 1 to 280 characters; white space around it is left out. Raises ValueError."""
        keepable = (
            text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
        )  # no NUL, no half of a pair
        text = " ".join(keepable.split())
        if not text:
            raise ValueError("A note needs some text.")
        if len(text) > LONGEST:
            raise ValueError(f"A note has at most {LONGEST} characters; this one has {len(text)}.")
        written = datetime.now(UTC)
        with self._database.transaction() as connection:
            statement = (
                insert(database.notes).values(text=text, written=written).returning(database.notes.c.id)
            )
            number = connection.execute(statement).scalar_one()
        self._cache.changed()
        return Note(number, text, written)

    def delete(self, number: int) -> bool:
        """Remove a note; False if there is none of this number."""
        with self._database.transaction() as connection:
            removed = connection.execute(delete(database.notes).where(database.notes.c.id == number)).rowcount
        self._cache.changed()
        return bool(removed)

    def _load(self) -> list[dict[str, Any]]:
        table = database.notes
        with self._database.transaction() as connection:
            rows = connection.execute(select(table).order_by(table.c.id.desc()).limit(SHOWN)).all()
        return [{"id": row.id, "text": row.text, "written": row.written.isoformat()} for row in rows]


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (
        moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    )  # SQLite keeps no time zone
