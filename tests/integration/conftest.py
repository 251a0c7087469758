"""What only integration tests need: real servers, and lines to see in the output of every run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import LINE
from tests.services.fixtures import database_values, server_values, servers

__all__ = ["database_values", "report", "server_values", "servers"]


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to the summary that pytest prints at the end, also when everything passed."""
    return lambda line: request.node.user_properties.append((LINE, line))
