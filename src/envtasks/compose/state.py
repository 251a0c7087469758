"""What the containers of a stack are doing, from `docker compose ps`, and whether that is good enough."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

EVERYWHERE: Final = {"", "0.0.0.0", "::", "[::]"}  # noqa: S104 (read from docker, not bound to)


class Verdict(Enum):
    """Whether a container is where `up` wants it."""

    READY = "ready"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Address:
    """A published port: where the host listens, and what it leads to inside."""

    host: str
    published: int
    target: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        suffix = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{self.reachable}:{self.published}{suffix}"

    @property
    def reachable(self) -> str:
        """The host to type into a browser: `localhost` where the port is bound everywhere."""
        return "localhost" if self.host in EVERYWHERE else self.host


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a stack."""

    service: str
    name: str
    state: str
    health: str
    exit_code: int
    addresses: tuple[Address, ...]

    @property
    def condition(self) -> str:
        """Its health where it has one, else its state; an exit with its code."""
        if self.state == "exited":
            return f"exited ({self.exit_code})"
        return self.health if self.state == "running" and self.health else self.state

    @property
    def trouble(self) -> str:
        """What is wrong with it, for a sentence that begins with its name."""
        return f"exited with {self.exit_code}" if self.state == "exited" else f"is {self.condition}"

    def verdict(self, *, must_run: bool) -> Verdict:
        """READY if healthy (or running, without a health check) or finished with 0 where it need not stay."""
        if self.state == "running":
            by_health = {"": Verdict.READY, "healthy": Verdict.READY, "unhealthy": Verdict.FAILED}
            return by_health.get(self.health, Verdict.WAITING)
        if self.state == "exited":
            return Verdict.FAILED if self.exit_code or must_run else Verdict.READY
        return Verdict.FAILED if self.state in ("dead", "removing") else Verdict.WAITING


def parse(output: str) -> tuple[Container, ...]:
    """The containers in the output of `docker compose ps --all --format json` (lines, or one list)."""
    text = output.strip()
    rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    return tuple(sorted((_container(row) for row in rows), key=lambda container: container.name))


def as_rows(containers: Iterable[Container]) -> list[tuple[str, str, str]]:
    """Service, condition and addresses of each, as a table shows them."""
    return [
        (container.service, container.condition, ", ".join(map(str, container.addresses)))
        for container in containers
    ]


def as_objects(containers: Iterable[Container]) -> list[dict[str, object]]:
    """The same for `--json`."""
    return [
        {
            "service": container.service,
            "name": container.name,
            "state": container.state,
            "health": container.health or None,
            "exit_code": container.exit_code if container.state == "exited" else None,
            "addresses": [str(address) for address in container.addresses],
        }
        for container in containers
    ]


def _container(row: dict[str, Any]) -> Container:
    return Container(
        service=str(row["Service"]),
        name=str(row["Name"]),
        state=str(row["State"]),
        health=str(row.get("Health") or ""),
        exit_code=int(row.get("ExitCode") or 0),
        addresses=_addresses(row.get("Publishers") or []),
    )


def _addresses(publishers: Sequence[dict[str, Any]]) -> tuple[Address, ...]:
    """The published ones; a port bound on IPv4 and IPv6 alike counts once."""
    found: dict[str, Address] = {}
    for row in publishers:
        if row.get("PublishedPort"):
            address = Address(
                str(row.get("URL") or ""),
                int(row["PublishedPort"]),
                int(row["TargetPort"]),
                str(row["Protocol"]),
            )
            found.setdefault(str(address), address)
    return tuple(found.values())
