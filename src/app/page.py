"""What the page shows of settings and notes, ready to print: names, values, dots in place of secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from pydantic import SecretStr

from .notes import Note
from .settings import Settings

DOTS = "•" * 8  # always as many, so that they do not tell a secret's length
SUBSYSTEMS = {"app": "Service", "db": "Database", "cache": "Cache", "auth": "Access"}
STEPS = ((60, "second"), (60, "minute"), (24, "hour"))


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable as the page shows it."""

    name: str
    value: str
    secret: bool
    default: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The variables of one subsystem."""

    title: str
    settings: list[Setting]


def groups(settings: Settings) -> list[Group]:
    """Every setting, by subsystem, in the order of the settings class."""
    names = groupby(type(settings).model_fields, key=lambda name: name.partition("_")[0])
    return [
        Group(SUBSYSTEMS.get(prefix, prefix), [_setting(settings, name) for name in members])
        for prefix, members in names
    ]


def _setting(settings: Settings, name: str) -> Setting:
    value = getattr(settings, name)
    secret = isinstance(value, SecretStr)
    return Setting(
        name=name.upper(),
        value=DOTS if secret else _text(value),
        secret=secret,
        default=name not in settings.model_fields_set,
    )


def _text(value: object) -> str:
    if value is None:
        return "not set"
    return str(value).lower() if isinstance(value, bool) else str(value)


def ago(note: Note, now: datetime | None = None) -> str:
    """How long ago the note was written, in words."""
    amount = ((now or datetime.now(UTC)) - note.written).total_seconds()
    if amount < 10:
        return "just now"
    for step, unit in STEPS:
        if amount < step:
            return _count(amount, unit)
        amount /= step
    return _count(amount, "day")


def _count(amount: float, unit: str) -> str:
    return f"{int(amount)} {unit}{'s' if int(amount) != 1 else ''} ago"
