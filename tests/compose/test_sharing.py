"""What two environments' stacks cannot both have."""

from __future__ import annotations

from typing import Any

import pytest

from envtasks.compose import sharing
from envtasks.compose.sharing import Claim, Text

RESOLVED: dict[str, Any] = {
    "services": {
        "app": {
            "container_name": "the-app",
            "ports": [
                {"target": 8000, "published": "8000", "protocol": "tcp", "host_ip": "127.0.0.1"},
                {"target": 53, "published": "5300-5301", "protocol": "udp"},
                {"target": 9000, "protocol": "tcp"},
            ],
            "volumes": [{"type": "volume", "source": "shared"}, {"type": "bind", "source": "/src"}],
        },
        "other": {"container_name": "not-asked"},
    },
    "volumes": {"shared": {"name": "company-data", "external": True}, "own": {"name": "app_own"}},
}
MINE = (
    Claim("port", "8000/tcp", "app", "127.0.0.1"),
    Claim("port", "5300/udp", "app"),
    Claim("port", "5301/udp", "app"),
    Claim("container name", "the-app", "app"),
    Claim("external volume", "company-data", "app"),
)


def test_claims_of_an_interpolated_model() -> None:
    """Published ports, ranges one by one, fixed container names and external volumes; not what docker gives out."""
    assert sharing.claims(RESOLVED, ["app"]) == MINE


def test_what_other_stacks_hold_is_read_from_docker() -> None:
    """Of the projects that are asked for: names, ports of either IP version, ranges, and volumes."""
    listing = (
        "shop-dev\tapp\tthe-app\t"
        "0.0.0.0:8000->8000/tcp, [::]:8000->8000/tcp, 127.0.0.1:90-91->90-91/udp, 22/tcp\tcompany-data,/x\n"
        "another\tapp\tother\t0.0.0.0:1->1/tcp\t\n"
    )
    assert sharing.running(listing, ["shop-dev"]) == {
        "shop-dev": (
            Claim("container name", "the-app", "app"),
            Claim("port", "8000/tcp", "app", "0.0.0.0"),
            Claim("port", "8000/tcp", "app", "[::]"),
            Claim("port", "90/udp", "app", "127.0.0.1"),
            Claim("port", "91/udp", "app", "127.0.0.1"),
            Claim("external volume", "company-data", "app"),
            Claim("external volume", "/x", "app"),
        )
    }


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (Claim("port", "8000/tcp", "x", "0.0.0.0"), ["port 8000 (service app)"]),
        (Claim("port", "8000/tcp", "x", "127.0.0.1"), ["port 8000 (service app)"]),
        (Claim("port", "8000/tcp", "x", "192.0.2.1"), []),
        (Claim("port", "8000/udp", "x"), []),
        (Claim("port", "5301/udp", "x", "127.0.0.1"), ["port 5301/udp (service app)"]),
        (Claim("container name", "the-app", "x"), ["container name the-app (service app)"]),
        (Claim("external volume", "company-data", "x"), ["external volume company-data (service app)"]),
    ],
)
def test_clashes(theirs: Claim, expected: list[str]) -> None:
    """A port clashes on the same address or where one is bound everywhere; names and volumes by name."""
    assert [str(claim) for claim in sharing.clashes(MINE, [theirs])] == expected


def test_claims_of_the_text() -> None:
    """Before interpolation: what each port publishes, in both forms, container names, external volumes."""
    tree: dict[str, Any] = {
        "services": {
            "app": {
                "container_name": "app-${APP_ENV}",
                "ports": [
                    "${PORT:-80}:8000",
                    "9000",
                    {"target": 1, "published": "${P}", "host_ip": "::1"},
                    {"target": 2},
                ],
                "volumes": ["shared:/x", "own:/y", {"source": "named", "target": "/z"}],
            }
        },
        "volumes": {"shared": {"external": True}, "own": {}, "named": {"external": True, "name": "n-${N}"}},
    }
    assert list(sharing.texts(tree, ["app"])) == [
        Text("published port", "${PORT:-80}:8000", "app"),
        Text("published port", "9000", "app"),
        Text("published port", "::1:${P}:tcp", "app"),
        Text("published port", "2", "app"),
        Text("container name", "app-${APP_ENV}", "app"),
        Text("external volume", "shared", "app"),
        Text("external volume", "n-${N}", "app"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80:80", ("local", "dev", "staging")),
        ("${SAME}:80", ("local", "dev", "staging")),
        ("${OWN}:80", ()),
        ("${TWO}:80", ("local", "dev")),
        ("${HIDDEN}:80", ()),
        ("${UNSET:-8000}:80", ("local", "dev", "staging")),
        ("9000", ()),
        ("${A B}", ()),
    ],
)
def test_environments_in_which_a_text_says_the_same(text: str, expected: tuple[str, ...]) -> None:
    """Told where the plain values make it the same; an encrypted value is not opened, a free port claims nothing."""
    values: dict[str, dict[str, str | None]] = {
        "local": {"SAME": "1", "OWN": "1", "TWO": "1", "HIDDEN": None},
        "dev": {"SAME": "1", "OWN": "2", "TWO": "1", "HIDDEN": None},
        "staging": {"SAME": "1", "OWN": "3", "TWO": "2", "HIDDEN": "1"},
    }
    assert sharing.alike(Text("published port", text, "app"), values) == expected
