"""A build as people see it: lines in a log; on a terminal the running steps and the end of their output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TextIO

from .progress import Event, Step, plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

Show = Callable[[Iterable[Event]], None]
TAIL: Final = 5  # lines of a running step's output
DRAWN: Final = ("✓", "✗", "·", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
TYPED: Final = ("+", "x", "-", "|/-\\")  # for a terminal whose code page has no such characters


@contextmanager
def showing(stream: TextIO | None = None) -> Iterator[Show]:
    """A function that shows events on stderr: live where a person looks at it, line by line elsewhere."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield lambda events: _lines(events, stream)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream, highlight=False)
    view = _View(DRAWN if console.encoding.startswith("utf") else TYPED)
    with Live(view, console=console, refresh_per_second=8, transient=True, redirect_stdout=False) as live:

        def show(events: Iterable[Event]) -> None:
            for event in events:
                finished = view.take(event)
                if finished is not None:
                    live.console.print(finished, no_wrap=True, overflow="ellipsis", crop=True)

        yield show


def _lines(events: Iterable[Event], stream: TextIO) -> None:
    for event in events:
        line = plain(event)
        if line is not None:
            # a code page without the character must not end the build
            encoding = stream.encoding or "utf-8"
            with suppress(BrokenPipeError):  # `| head` has seen enough; the build goes on
                print(line.encode(encoding, "replace").decode(encoding), file=stream, flush=True)


class _View:
    """The steps that run now; those that have ended are printed above it, once."""

    def __init__(self, signs: tuple[str, str, str, str]) -> None:
        self._done, self._failed, self._nothing, self._turning = signs
        self._running: dict[int, tuple[Step, float]] = {}

    def take(self, event: Event) -> Text | None:
        """Note an event; the line to print for a step that has ended."""
        from rich.text import Text

        step = event.step
        if event.kind == "began":
            self._running[step.number] = (step, time.monotonic())
        if event.kind != "ended":
            return None
        self._running.pop(step.number, None)
        if step.internal and not step.error:
            return None
        sign, style = (self._failed, "red") if step.error and not step.canceled else (self._done, "green")
        if step.cached or step.canceled:
            sign, style = self._nothing, "dim"
        taken = "canceled" if step.canceled else "cached" if step.cached else f"{step.seconds or 0:.1f} s"
        return Text.assemble((f"{sign} ", style), (f"{taken:>8}  ", "dim"), step.title)

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        shown: list[Text] = []
        for step, since in self._running.values():
            if step.internal:
                continue
            taken = time.monotonic() - since
            sign = self._turning[int(taken * 8) % len(self._turning)]
            shown.append(Text.assemble((f"{sign} ", "cyan"), (f"{taken:>6.1f} s  ", "dim"), step.title))
            shown += [Text(f"            {line}", style="dim") for line in list(step.lines)[-TAIL:]]
        for line in shown:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*shown)
