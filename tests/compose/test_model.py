"""Which services are active, and what they need."""

from __future__ import annotations

from typing import Any

import pytest

from envtasks.compose import model
from envtasks.compose.interpolation import Missing

TREE: dict[str, Any] = {
    "services": {
        "app": {
            "depends_on": {"db": {"condition": "service_healthy"}},
            "image": "${APP}",
            "secrets": [{"source": "token"}],
        },
        "db": {"image": "${DB}", "volumes": ["data:/data"], "networks": {"inner": None}},
        "tools": {"profiles": ["tools"], "image": "${TOOLS}", "network_mode": "service:proxy"},
        "proxy": {"profiles": ["edge", "tools"], "image": "${PROXY:?needed}"},
        "mail": {"links": ["app:web"], "volumes_from": ["db:ro", "container:other"]},
    },
    "volumes": {"data": {"name": "${VOLUME}"}, "unused": {"name": "${UNUSED_VOLUME}"}},
    "networks": {"inner": {"name": "${NETWORK}"}},
    "secrets": {"token": {"environment": "TOKEN"}, "unused": {"environment": "UNUSED_TOKEN"}},
    "x-notes": {"text": "${NOTES}"},
}


@pytest.mark.parametrize(
    ("services", "profiles", "expected"),
    [
        ([], [], ["app", "db", "mail"]),
        ([], ["edge"], ["app", "db", "proxy", "mail"]),
        ([], ["*"], ["app", "db", "tools", "proxy", "mail"]),
        (["db"], [], ["db"]),
        (["app"], [], ["app", "db"]),
        (["tools"], [], ["tools", "proxy"]),
        (["mail"], [], ["app", "db", "mail"]),
    ],
)
def test_active_services(services: list[str], profiles: list[str], expected: list[str]) -> None:
    """Named services come with what they depend on, in whatever way; without names, all that no profile bars."""
    assert list(model.active(TREE, services, profiles)) == expected


def test_needs_are_those_of_active_services_and_of_what_they_use() -> None:
    """Volumes, networks and secrets count if a service uses them; of others only what compose stops at counts."""
    found = [(need.missing, need.service) for need in model.needs(TREE, ["app", "db"], {"APP": "x"})]
    assert found == [
        (Missing("DB"), "db"),
        (Missing("VOLUME"), None),
        (Missing("NETWORK"), None),
        (Missing("PROXY", refused=True), "proxy"),
        (Missing("TOKEN", refused=True), "app"),
    ]


def test_a_malformed_text_is_left_to_compose() -> None:
    """A text that cannot be parsed needs nothing here: compose refuses the file and says where."""
    assert model.needs({"services": {"a": {"image": "${A B}"}}}, ["a"], {}) == ()


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, False),
        ({"restart": "no"}, False),
        ({"restart": "on-failure"}, False),
        ({"restart": "always"}, True),
        ({"ports": ["80:80"]}, True),
        ({"healthcheck": {"test": "true"}}, True),
        ({"healthcheck": {"disable": True}}, False),
    ],
)
def test_a_service_that_is_there_to_stay(service: dict[str, Any], expected: bool) -> None:
    """A port, a health check or a restart policy says that a service may not simply finish."""
    assert model.must_run({"services": {"app": service}}, "app") is expected


def test_unknown_services_are_told() -> None:
    """Names that are no service of the stack come back, the others do not."""
    assert model.unknown(TREE, ["db", "bd"]) == ("bd",)
