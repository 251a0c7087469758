"""How a stack comes up, as the user sees it: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from .state import Container, as_rows

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

COLOURS: Final = {
    "healthy": "green",
    "running": "green",
    "unhealthy": "red",
    "starting": "yellow",
    "created": "dim",
}


class StackView(Protocol):
    """Takes compose's lines and the containers' states as they come."""

    def line(self, text: str) -> None:
        """One line that compose or a build printed, values hidden already."""

    def states(self, containers: Sequence[Container]) -> None:
        """What all containers are doing now."""


@contextmanager
def watching(environment: str) -> Iterator[StackView]:
    """The view for this process's stderr, taken away again at the end."""
    if not sys.stderr.isatty():
        yield PlainView()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True, refresh_per_second=8) as live:
        yield LiveView(environment, live)


class PlainView:
    """A line for everything compose says, and one for each change of a container."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def line(self, text: str) -> None:
        """Print it on stderr."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def states(self, containers: Sequence[Container]) -> None:
        """Print what changed."""
        for container in containers:
            if self._known.get(container.name) != container.condition:
                self._known[container.name] = container.condition
                self.line(f" {container.service}: {container.condition}")


class LiveView:
    """A table of the containers that changes in place, under it the last line that compose said."""

    def __init__(self, environment: str, live: Live) -> None:
        self._environment = environment
        self._live = live
        self._containers: Sequence[Container] = ()
        self._last = ""
        self._draw()

    def line(self, text: str) -> None:
        """Show it until the next one."""
        if text.strip():
            self._last = text.strip()
            self._draw()

    def states(self, containers: Sequence[Container]) -> None:
        """Show them."""
        self._containers = containers
        self._draw()

    def _draw(self) -> None:
        self._live.update(self._drawn())

    def _drawn(self) -> RenderableType:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
        for service, condition, addresses in as_rows(self._containers):
            table.add_row(Text(service, "cyan"), Text(condition, COLOURS.get(condition, "")), Text(addresses))
        title = Spinner("dots", Text(f"{self._environment}: bringing the stack up", "bold"))
        return Group(title, table, Text(self._last, "dim", no_wrap=True, overflow="ellipsis"))
