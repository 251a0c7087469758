"""The shop project and its stand-in cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakekube import FakeCluster, serve
from tests.integration.kubernetes.shop import Shop, kubectls
from tests.projects import Sandbox


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """A stand-in cluster on loopback."""
    with serve() as running:
        yield running


@pytest.fixture
def shop(sandbox: Sandbox, cluster: FakeCluster) -> Shop:
    """The project, nothing deployed."""
    return Shop(sandbox, cluster, kubectls()[0])
