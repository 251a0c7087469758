"""Run a build and show its progress, every secret value redacted; `docker` and `compose` build by `run_build`.

BuildKit prints the titles of steps with their ARGs expanded, and a step may print what it was given. So its own display
is left to builds that nothing secret goes into; otherwise its rawjson progress is read, redacted and shown here.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from .. import console
from ..errors import BuildFailed, EnvtasksError
from ..process import LineWriter, Runner
from .client import docker_error

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from ..redaction import Redactor, StreamRedactor

KEPT_LINES: Final = 40  # of a step's output, for the message when it fails
SHOWN_LINES: Final = 5  # of a running step's output, on a terminal
TITLE_LENGTH: Final = 100  # characters of a step's title in a message
_RAWJSON: Final = {"BUILDKIT_PROGRESS": "rawjson"}  # buildx and compose have different flags for it
_REFUSED: Final = ("401", "403", "unauthorized", "forbidden")
_SECRETS_LINT: Final = "SecretsUsedInArgOrEnv"  # our own note says the same, with the lines to change
_ANSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]")
_UNICODE_MARKS: Final = ("✓", "✗", "·", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
_ASCII_MARKS: Final = ("+", "x", "-", "|/-\\")  # for a terminal whose encoding has no such characters


def run_build(
    argv: Sequence[str],
    child_env: Mapping[str, str],
    *,
    what: str,
    redactor: Redactor,
    credentials: Sequence[str] = (),
    native_display: bool = False,
) -> None:
    """Run `docker buildx build …` or `docker compose build …` and show its steps on stderr.

    Raises BuildFailed: the message begins with `what` and ends with the failed step's output; when a package index
    refused, it names the `credentials`. `native_display`: a terminal gets BuildKit's own display, unredacted.
    """
    if native_display and sys.stderr.isatty() and sys.stdout.isatty():
        if code := _run(argv, child_env):
            raise BuildFailed(f"{what}: docker ended with exit code {code}; its output is above.")
        return
    progress, lock = ProgressReader(redactor), Lock()
    with progress_display(sys.stderr) as show:

        def read(line: str) -> None:
            with lock:
                show(progress.read(line))

        out, err = LineWriter(read), LineWriter(read)
        code = _run(argv, {**child_env, **_RAWJSON}, out_stream=out, err_stream=err)
        out.finish()
        err.finish()
        show(progress.finish())
    for warning in progress.warnings:
        console.say("warning", warning)
    if code:
        raise _build_error(progress, what=what, redactor=redactor, credentials=credentials)


def _run(argv: Sequence[str], child_env: Mapping[str, str], **streams: Any) -> int:
    runner = Runner.outside_task(child_env)
    return int(runner.run_argv(argv, warn=True, in_stream=False, encoding="utf-8", **streams).exited)


def _build_error(
    progress: ProgressReader, *, what: str, redactor: Redactor, credentials: Sequence[str]
) -> EnvtasksError:
    step = progress.failed
    if step is None:
        return docker_error("\n".join(progress.messages), what=what, redactor=redactor)
    output = "\n".join(step.lines)
    refused = credentials and any(sign in output.lower() for sign in _REFUSED)
    suspects = f" (was it refused with {', '.join(credentials)}?)" if refused else ""
    place = next((f", {line}" for line in progress.messages if re.fullmatch(r"\S+:\d+", line)), "")
    exit_code = re.search(r"exit code: \d+", step.error)
    title = step.title if len(step.title) <= TITLE_LENGTH else f"{step.title[: TITLE_LENGTH - 1]}…"
    reason = textwrap.indent(output or step.error, "  ")
    return BuildFailed(
        f"{what}: step {title} failed{f' with {exit_code[0]}' if exit_code else ''}{place}{suspects}.\n{reason}"
    )


@dataclass(slots=True)
class Step:
    """One step of a build: its title, its number in the order of starting, its output, and how it ended."""

    title: str
    number: int = 0
    started: datetime | None = None
    seconds: float | None = None
    cached: bool = False
    error: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    outputs: dict[int, _Output] = field(default_factory=dict, repr=False)

    @property
    def hidden(self) -> bool:
        """Whether this is BuildKit's own housekeeping (`[internal]`, in compose `[app internal]`) and did not fail."""
        return bool(re.match(r"\[(?:\S+ )?internal\]", self.title)) and not self.error

    @property
    def canceled(self) -> bool:
        """Whether it ended because another step failed, or because of Ctrl-C."""
        return "context canceled" in self.error


class _Output:
    """Splits one output stream of a step into lines, redacted."""

    def __init__(self, redactor: StreamRedactor) -> None:
        self._redactor, self._rest = redactor, b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        *lines, self._rest = (self._rest + self._redactor.feed(data)).split(b"\n")
        return [_last_state(line) for line in lines]

    def finish(self) -> list[str]:
        """What is left, at the end of the step."""
        rest, self._rest = self._rest + self._redactor.flush(), b""
        return [_last_state(line) for line in rest.removesuffix(b"\n").split(b"\n")] if rest else []


def _last_state(line: bytes) -> str:
    """A line as a terminal would show it in the end: a progress bar overwrites itself after a carriage return."""
    text = _ANSI.sub("", line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace"))
    return "\t".join(map(console.one_line, text.split("\t")))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a step: it started, printed a line, completed a part (a layer, say), ended."""

    kind: Literal["started", "line", "part", "ended"]
    step: Step
    text: str = ""


class ProgressReader:
    """Turns rawjson progress into events; keeps which step failed, and docker's own messages and warnings."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._steps: dict[str, Step] = {}
        self._parts: set[str] = set()
        self._started = 0
        self.messages: list[str] = []
        self.warnings: list[str] = []

    @property
    def failed(self) -> Step | None:
        """The step that made the build fail, if one did."""
        return next((step for step in self._steps.values() if step.error and not step.canceled), None)

    def read(self, line: str) -> Iterator[Event]:
        """The events in a line of docker's output; a line that is no progress is added to `messages`."""
        try:
            record = json.loads(line) if line.startswith("{") else None
        except ValueError:
            record = None
        if isinstance(record, dict):
            yield from self._record(record)
        elif line.strip():
            self.messages.append(_ANSI.sub("", self._redactor.text(line.rstrip())))

    def finish(self) -> Iterator[Event]:
        """The last lines of steps that did not end, after docker has ended."""
        for step in self._steps.values():
            yield from _finished_lines(step)

    def _record(self, record: dict[str, Any]) -> Iterator[Event]:
        for vertex in record.get("vertexes") or ():
            yield from self._vertex(vertex)
        for status in record.get("statuses") or ():
            if status.get("completed") and status["id"] not in self._parts:
                self._parts.add(status["id"])
                yield Event("part", self._step(status["vertex"]), self._redactor.text(status["id"]))
        for log in record.get("logs") or ():
            yield from self._log(log)
        for warning in record.get("warnings") or ():
            text = self._redactor.text(base64.b64decode(warning.get("short", "")).decode("utf-8", "replace"))
            if not text.startswith(_SECRETS_LINT):
                self.warnings.append(text)

    def _step(self, digest: str, title: str = "") -> Step:
        if digest not in self._steps:
            self._steps[digest] = Step(" ".join(self._redactor.text(title).split()))
        return self._steps[digest]

    def _vertex(self, vertex: dict[str, Any]) -> Iterator[Event]:
        step = self._step(vertex["digest"], vertex.get("name", ""))
        if vertex.get("started") and step.started is None:
            step.started = datetime.fromisoformat(vertex["started"])
        step.cached = step.cached or bool(vertex.get("cached"))
        if vertex.get("error"):
            step.error = self._redactor.text(vertex["error"])
        if step.started and not step.number and not step.hidden:  # what is hidden is shown if it fails
            step.number = self._started = self._started + 1
            yield Event("started", step)
        if vertex.get("completed") and step.seconds is None:
            yield from _finished_lines(step)
            ended = datetime.fromisoformat(vertex["completed"])
            began = datetime.fromisoformat(vertex.get("started") or vertex["completed"])
            step.seconds = max((ended - began).total_seconds(), 0.0)
            yield Event("ended", step)

    def _log(self, log: dict[str, Any]) -> Iterator[Event]:
        step, number = self._step(log["vertex"]), int(log.get("stream", 1))
        if number not in step.outputs:
            step.outputs[number] = _Output(self._redactor.stream())
        yield from _lines(step, step.outputs[number].feed(base64.b64decode(log.get("data", ""))))


def _finished_lines(step: Step) -> Iterator[Event]:
    for output in step.outputs.values():
        yield from _lines(step, output.finish())


def _lines(step: Step, lines: list[str]) -> Iterator[Event]:
    step.lines.extend(lines)
    for line in lines:
        yield Event("line", step, line)


def plain_line(event: Event) -> str | None:
    """An event as a line of a log, in the format of `docker build --progress=plain`; None for one not shown."""
    step = event.step
    if step.hidden:
        return None
    if event.kind == "started":
        return f"#{step.number} {step.title}"
    if event.kind in ("line", "part"):
        return f"#{step.number} {event.text}"
    if step.error:
        return f"#{step.number} CANCELED" if step.canceled else f"#{step.number} ERROR: {step.error}"
    return f"#{step.number} CACHED" if step.cached else f"#{step.number} DONE {step.seconds or 0:.1f}s"


@contextmanager
def progress_display(stream: TextIO) -> Iterator[Callable[[Iterable[Event]], None]]:
    """A function that shows events on the stream: on a terminal the running steps, elsewhere line by line."""
    if not stream.isatty():
        yield lambda events: _print_lines(events, stream)
        return
    from rich.console import Console
    from rich.live import Live

    terminal = Console(file=stream, highlight=False)
    steps = _LiveSteps(_UNICODE_MARKS if terminal.encoding.startswith("utf") else _ASCII_MARKS)
    with Live(steps, console=terminal, refresh_per_second=8, transient=True, redirect_stdout=False) as live:

        def show(events: Iterable[Event]) -> None:
            for event in events:
                if (ended := steps.add(event)) is not None:
                    live.console.print(ended, no_wrap=True, overflow="ellipsis", crop=True)

        yield show


def _print_lines(events: Iterable[Event], stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    for event in events:
        if (line := plain_line(event)) is not None:
            with suppress(BrokenPipeError):  # `| head` has read enough; the build goes on
                # a character that the encoding lacks must not end the build
                print(line.encode(encoding, "replace").decode(encoding), file=stream, flush=True)


class _LiveSteps:
    """What a terminal shows while steps run: each with its time and its last lines."""

    def __init__(self, marks: tuple[str, str, str, str]) -> None:
        self._done, self._failed, self._skipped, self._spinner = marks
        self._running: dict[int, tuple[Step, float]] = {}

    def add(self, event: Event) -> Text | None:
        """Record an event; the line to print for a step that has ended, once."""
        from rich.text import Text

        step = event.step
        if event.kind == "started" and not step.hidden:
            self._running[step.number] = (step, time.monotonic())
        if event.kind != "ended" or step.hidden:
            return None
        self._running.pop(step.number, None)
        mark, style = (self._failed, "red") if step.error and not step.canceled else (self._done, "green")
        if step.cached or step.canceled:
            mark, style = self._skipped, "dim"
        taken = "canceled" if step.canceled else "cached" if step.cached else f"{step.seconds or 0:.1f} s"
        return Text.assemble((f"{mark} ", style), (f"{taken:>8}  ", "dim"), step.title)

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        shown: list[Text] = []
        for step, started in self._running.values():
            seconds = time.monotonic() - started
            mark = self._spinner[int(seconds * 8) % len(self._spinner)]
            shown.append(Text.assemble((f"{mark} ", "cyan"), (f"{seconds:>6.1f} s  ", "dim"), step.title))
            shown += [Text(f"            {line}", style="dim") for line in list(step.lines)[-SHOWN_LINES:]]
        for line in shown:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*shown)
