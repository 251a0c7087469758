"""Ports of this machine for servers that tests start."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """A port below those that the system hands out by itself, so that no connection is given it meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        if not answers(port):
            return port


def answers(port: int) -> bool:
    """Whether something listens there on loopback."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
