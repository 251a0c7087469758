"""What an audit notes while it reads: each finding once, each gap once, bounded, with no value in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..redaction import Redactor
from .report import NotChecked

MOST: Final = 10_000
"""Findings, and gaps, that are kept; more are counted."""


@dataclass(slots=True)
class Place:
    """Where something is. The path may become known only later: a tar archive tells long names before the file."""

    path: str
    where: str = "file content"


@dataclass(frozen=True, slots=True)
class Note:
    """A finding before it is known which layer its blob is."""

    blob: str
    place: Place
    kind: str
    variable: str
    form: str


class Ledger:
    """Collects notes and gaps. Paths are written with the values hidden: a secret may be part of a file's name."""

    def __init__(self, hide: Redactor) -> None:
        self.hide = hide
        self._notes: dict[tuple[str, str, str, str, str, str], Note] = {}
        self._gaps: dict[tuple[str, str], tuple[str, NotChecked]] = {}
        self._more = 0
        self._more_gaps = 0

    def add(self, blob: str, place: Place, kind: str, variable: str = "", form: str = "") -> None:
        """Note a finding, unless the same is noted already."""
        key = (blob, place.path, place.where, kind, variable, form)
        if key in self._notes:
            return
        if len(self._notes) >= MOST:
            self._more += 1
            return
        self._notes[key] = Note(blob, place, kind, variable, form)

    def gap(self, blob: str, path: str, reason: str) -> None:
        """Note that something was not looked into."""
        if len(self._gaps) >= MOST:
            self._more_gaps += 1
            return
        path = self.hide.text(path)
        self._gaps.setdefault((blob, path), (blob, NotChecked(path, reason)))

    def notes(self) -> Iterator[Note]:
        """The findings in the order of reading."""
        for note in self._notes.values():
            place = Place(self.hide.text(note.place.path), note.place.where)
            yield Note(note.blob, place, note.kind, note.variable, note.form)

    def gaps(self) -> Iterator[tuple[str, NotChecked]]:
        """The blob and the gap, in the order of reading; at last how many findings and gaps were not kept."""
        yield from self._gaps.values()
        if self._more_gaps:
            yield "", NotChecked(f"{self._more_gaps} more files", "as those before; not listed one by one")
        if self._more:
            yield "", NotChecked(f"{self._more} more findings", "not listed one by one")
