"""What only integration tests need: real servers, and lines to see in the output of every run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import LINE
from tests.services.fixtures import database_values, server_values, servers

__all__ = ["database_values", "report", "server_values", "servers"]


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to the summary that pytest prints at the end, also when everything passed."""
    return lambda line: request.node.user_properties.append((LINE, line))


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, and those that share the Docker engine, its images and ports."""
    folder = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(folder):
            docker = item.path.is_relative_to(folder / "docker") or item.get_closest_marker("docker")
            item.add_marker(pytest.mark.xdist_group("docker" if docker else str(item.path)))
