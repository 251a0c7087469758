"""What containers are doing, and whether that is good enough."""

from __future__ import annotations

import json

import pytest

from envtasks.compose import state as compose_state
from envtasks.compose.state import Address, Container, Verdict

LINE = {
    "Service": "app",
    "Name": "shop-local-app-1",
    "State": "running",
    "Health": "healthy",
    "ExitCode": 0,
    "Publishers": [
        {"URL": "0.0.0.0", "TargetPort": 8000, "PublishedPort": 80, "Protocol": "tcp"},
        {"URL": "::", "TargetPort": 8000, "PublishedPort": 80, "Protocol": "tcp"},
        {"URL": "127.0.0.1", "TargetPort": 53, "PublishedPort": 5300, "Protocol": "udp"},
        {"URL": "", "TargetPort": 9000, "PublishedPort": 0, "Protocol": "tcp"},
    ],
}
APP = Container(
    "app",
    "shop-local-app-1",
    "running",
    "healthy",
    0,
    (Address("0.0.0.0", 80, 8000), Address("127.0.0.1", 5300, 53, "udp")),
)


@pytest.mark.parametrize("text", [json.dumps(LINE) + "\n", json.dumps([LINE])])
def test_both_outputs_of_compose_are_read(text: str) -> None:
    """A line for each container, or one list; ports that are published once, under one address."""
    assert compose_state.parse(text) == (APP,)
    assert compose_state.as_rows([APP]) == [("app", "healthy", "localhost:80, 127.0.0.1:5300/udp")]
    assert compose_state.as_objects([APP]) == [
        {
            "service": "app",
            "name": "shop-local-app-1",
            "state": "running",
            "health": "healthy",
            "exit_code": None,
            "addresses": ["localhost:80", "127.0.0.1:5300/udp"],
        }
    ]


def test_nothing_is_up() -> None:
    """No output means no containers."""
    assert compose_state.parse("\n") == ()


@pytest.mark.parametrize(
    ("state", "health", "code", "must_run", "verdict", "condition", "trouble"),
    [
        ("running", "", 0, True, Verdict.READY, "running", "is running"),
        ("running", "healthy", 0, True, Verdict.READY, "healthy", "is healthy"),
        ("running", "starting", 0, True, Verdict.WAITING, "starting", "is starting"),
        ("running", "unhealthy", 0, True, Verdict.FAILED, "unhealthy", "is unhealthy"),
        ("exited", "", 0, False, Verdict.READY, "exited (0)", "exited with 0"),
        ("exited", "", 0, True, Verdict.FAILED, "exited (0)", "exited with 0"),
        ("exited", "", 3, False, Verdict.FAILED, "exited (3)", "exited with 3"),
        ("created", "", 0, True, Verdict.WAITING, "created", "is created"),
        ("restarting", "starting", 1, True, Verdict.WAITING, "restarting", "is restarting"),
        ("dead", "", 0, False, Verdict.FAILED, "dead", "is dead"),
    ],
)
def test_verdicts(
    state: str, health: str, code: int, must_run: bool, verdict: Verdict, condition: str, trouble: str
) -> None:
    """Healthy, running without a check, or finished with 0 where it need not stay is good enough."""
    container = Container("app", "app-1", state, health, code, ())
    assert (container.verdict(must_run=must_run), container.condition, container.trouble) == (
        verdict,
        condition,
        trouble,
    )
