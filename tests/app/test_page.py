from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.notes import Note
from app.page import DOTS, ago, groups
from app.settings import Settings

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_every_setting_once(settings: Settings) -> None:
    """The page lists every variable of the settings class, by subsystem."""
    listed = [setting.name for group in groups(settings) for setting in group.settings]
    assert listed == [name.upper() for name in Settings.model_fields]
    assert [group.title for group in groups(settings)] == ["Service", "Database", "Cache", "Access"]


def test_dots_for_every_secret(settings: Settings) -> None:
    """A secret is shown as eight dots whatever its length, a plain value as it is."""
    shown = {setting.name: setting.value for group in groups(settings) for setting in group.settings}
    assert {name for name, value in shown.items() if value == DOTS} == {
        "APP_SESSION_SECRET",
        "DB_PASSWORD",
        "AUTH_JWT_SECRET",
    }
    assert (shown["DB_ENGINE"], shown["APP_DEBUG"], shown["CACHE_URL"]) == ("sqlite", "true", "not set")


def test_defaults_marked(settings: Settings) -> None:
    """A value that no variable gave is marked as the default."""
    marked = {setting.name: setting.default for group in groups(settings) for setting in group.settings}
    assert (marked["APP_ENV"], marked["APP_HOST"]) == (False, True)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (10, "10 seconds ago"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (2 * 86400, "2 days ago"),
    ],
)
def test_ago(seconds: int, words: str) -> None:
    """How long ago is said in the largest unit that fits."""
    assert ago(Note(1, "text", NOW - timedelta(seconds=seconds)), NOW) == words
