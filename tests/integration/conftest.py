"""What only integration tests need: real servers, and lines to see in the output of every run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.services.fixtures import database_values, server_values, servers

__all__ = ["database_values", "report", "server_values", "servers"]
LINES = pytest.StashKey[list[str]]()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to the summary that pytest prints at the end, also when everything passed."""
    lines: list[str] = request.config.stash.setdefault(LINES, [])
    return lines.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the tests reported."""
    for line in config.stash.get(LINES, []):
        terminalreporter.write_line(line)
