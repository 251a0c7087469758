"""BuildKit's progress, read from `--progress=rawjson` with every value hidden before it is kept or shown.

BuildKit prints the titles of steps with their ARGs expanded, and a step may print what it was given, so
its own display cannot be passed on when something secret goes into a build.
"""

from __future__ import annotations

import base64
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from ..redaction import Redactor, StreamRedactor

KEPT: Final = 40  # lines of a step's output that are kept for the message when it fails
_LINT: Final = "SecretsUsedInArgOrEnv"  # our own note says the same, with the lines to change
_CANCELED: Final = "context canceled"
_ANSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]")


@dataclass(slots=True)
class Step:
    """One step of a build: its title, its number in the order of beginning, and how far it is."""

    title: str
    number: int = 0
    started: datetime | None = None
    seconds: float | None = None
    cached: bool = False
    error: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    unfinished: dict[int, bytes] = field(default_factory=dict)
    streams: dict[int, StreamRedactor] = field(default_factory=dict, repr=False)

    @property
    def internal(self) -> bool:
        """Whether this is BuildKit's own housekeeping, which is only of interest when it fails."""
        return self.title.startswith("[internal]")

    @property
    def canceled(self) -> bool:
        """Whether it ended because another step failed, or because the user said so."""
        return _CANCELED in self.error


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a step: it began, it said a line, a part of it is done, it ended."""

    kind: Literal["began", "said", "part", "ended"]
    step: Step
    text: str = ""


class Progress:
    """Turns the bytes of a rawjson progress into events; keeps which step failed and what docker said."""

    def __init__(self, hide: Redactor) -> None:
        self._hide = hide
        self._rest = b""
        self._steps: dict[str, Step] = {}
        self._parts: set[str] = set()
        self._begun = 0
        self.said: list[str] = []
        self.warnings: list[str] = []

    @property
    def failed(self) -> Step | None:
        """The step that made the build fail, if one did."""
        return next((step for step in self._steps.values() if step.error and not step.canceled), None)

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events in the next bytes. A line that is no event is docker speaking, and is kept in `said`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from self._line(line)

    def flush(self) -> Iterator[Event]:
        """The events in what is left when docker has ended."""
        rest, self._rest = self._rest, b""
        if rest:
            yield from self._line(rest)
        for step in self._steps.values():
            yield from _said(step, final=True)

    def _line(self, line: bytes) -> Iterator[Event]:
        try:
            found = json.loads(line) if line.startswith(b"{") else None
        except ValueError:
            found = None
        if isinstance(found, dict):
            yield from self._events(found)
        elif line.strip():
            self.said.append(_ANSI.sub("", self._hide.text(line.decode("utf-8", "replace").rstrip())))

    def _events(self, found: dict[str, Any]) -> Iterator[Event]:
        for vertex in found.get("vertexes") or ():
            yield from self._vertex(vertex)
        for status in found.get("statuses") or ():
            yield from self._status(status)
        for log in found.get("logs") or ():
            yield from self._log(log)
        for warning in found.get("warnings") or ():
            text = self._hide.text(base64.b64decode(warning.get("short", "")).decode("utf-8", "replace"))
            if not text.startswith(_LINT):
                self.warnings.append(text)

    def _step(self, digest: str, title: str = "") -> Step:
        if digest not in self._steps:
            self._steps[digest] = Step(_one_line(self._hide.text(title)))
        return self._steps[digest]

    def _vertex(self, vertex: dict[str, Any]) -> Iterator[Event]:
        step = self._step(vertex["digest"], vertex.get("name", ""))
        if vertex.get("started") and step.started is None:
            step.started = _moment(vertex["started"])
            if not step.internal:
                step.number = self._begun = self._begun + 1
            yield Event("began", step)
        step.cached = step.cached or bool(vertex.get("cached"))
        if vertex.get("completed") and step.seconds is None:
            yield from _said(step, final=True)
            began = _moment(vertex["started"]) if vertex.get("started") else _moment(vertex["completed"])
            step.seconds = max((_moment(vertex["completed"]) - began).total_seconds(), 0.0)
            step.error = self._hide.text(vertex.get("error", ""))
            yield Event("ended", step)
        elif vertex.get("error"):
            step.error = self._hide.text(vertex["error"])

    def _status(self, status: dict[str, Any]) -> Iterator[Event]:
        if status.get("completed") and status["id"] not in self._parts:
            self._parts.add(status["id"])
            yield Event("part", self._step(status["vertex"]), self._hide.text(status["id"]))

    def _log(self, log: dict[str, Any]) -> Iterator[Event]:
        step, number = self._step(log["vertex"]), int(log.get("stream", 1))
        if number not in step.streams:
            step.streams[number] = self._hide.stream()
        hidden = step.streams[number].feed(base64.b64decode(log.get("data", "")))
        step.unfinished[number] = step.unfinished.get(number, b"") + hidden
        yield from _said(step)


def _said(step: Step, *, final: bool = False) -> Iterator[Event]:
    """The whole lines that a step has said; with `final` also what has no line's end."""
    for number, data in step.unfinished.items():
        if final:
            data += step.streams[number].flush()
        *lines, rest = data.split(b"\n")
        if final and rest:
            lines, rest = [*lines, rest], b""
        step.unfinished[number] = rest
        for line in lines:
            # what a progress bar has overwritten is of no use
            shown = line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
            step.lines.append(_ANSI.sub("", shown))
            yield Event("said", step, step.lines[-1])


def plain(event: Event) -> str | None:
    """An event as a line of a log, as `docker build --progress=plain` has it; None: not worth one."""
    step = event.step
    if step.internal and not step.error:
        return None
    if event.kind == "began":
        return f"#{step.number} {step.title}"
    if event.kind in ("said", "part"):
        return f"#{step.number} {event.text}"
    if step.error:
        return f"#{step.number} CANCELED" if step.canceled else f"#{step.number} ERROR: {step.error}"
    return f"#{step.number} CACHED" if step.cached else f"#{step.number} DONE {step.seconds or 0:.1f}s"


def _one_line(title: str) -> str:
    return " ".join(title.split())


def _moment(text: str) -> datetime:
    # nanoseconds, of which Python takes six digits
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text).replace("Z", "+00:00"))
