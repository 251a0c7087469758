from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.cache import Cache
from app.database import Database
from app.notes import LONGEST, SHOWN, Notes
from app.settings import Settings


@pytest.fixture
def notes(settings: Settings) -> Iterator[Notes]:
    database = Database(settings)
    yield Notes(database, Cache(settings))
    database.close()


def test_written_and_read(notes: Notes) -> None:
    """A note is read as it was written, white space tidied, with its moment in UTC."""
    written = notes.add("  to be\n kept ")
    assert notes.newest().notes == [written]
    assert (written.text, written.written.tzinfo) == ("to be kept", UTC)
    assert datetime.now(UTC) - written.written < timedelta(minutes=1)


def test_what_no_database_keeps(notes: Notes) -> None:
    """A NUL or half a character pair is left out; whole characters of any kind stay."""
    assert notes.add("a\0b \ud800 日本 \U0001f600").text == "ab 日本 \U0001f600"
    assert [note.text for note in notes.newest().notes] == ["ab 日本 \U0001f600"]


def test_newest_first(notes: Notes) -> None:
    """The newest come first, and no more than fifty."""
    for number in range(SHOWN + 5):
        notes.add(f"note {number}")
    assert [note.text for note in notes.newest().notes] == [
        f"note {SHOWN + 4 - number}" for number in range(SHOWN)
    ]


def test_deleted(notes: Notes) -> None:
    """A deleted note is gone, and cannot be deleted twice."""
    kept, gone = notes.add("kept"), notes.add("gone")
    assert (notes.delete(gone.id), notes.delete(gone.id)) == (True, False)
    assert notes.newest().notes == [kept]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (" \n\0", "A note needs some text."),
        ("x" * (LONGEST + 1), "A note has at most 280 characters; this one has 281."),
    ],
)
def test_refused(notes: Notes, text: str, sentence: str) -> None:
    """An empty or overlong text is refused in a sentence, and nothing is written."""
    with pytest.raises(ValueError, match=sentence):
        notes.add(text)
    assert notes.newest().notes == []


def test_without_a_cache(notes: Notes) -> None:
    """Without a cache every list comes from the database."""
    assert [notes.newest().source, notes.newest().source] == ["database", "database"]


def test_cache_down(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A cache that does not answer costs a warning, and its password is not in it."""
    url = "redis://:test-not-a-secret-cache@127.0.0.1:1/0"
    database = Database(settings)
    notes = Notes(database, Cache(Settings.model_validate({**settings.model_dump(), "cache_url": url})))
    note = notes.add("still here")
    assert (notes.newest().notes, notes.newest().source) == ([note], "database")
    assert {record.message for record in caplog.records} == {
        "went on without the cache: ConnectionError",
        "read without the cache: ConnectionError",
    }
    database.close()
