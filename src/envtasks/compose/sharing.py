"""What the stacks of two environments cannot both have: published ports, container names, external volumes.

A compose project per environment keeps networks, volumes and names apart; these three are the machine's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from . import interpolation
from .model import Tree
from .state import EVERYWHERE

PORTS: Final = re.compile(
    r"(?:(?P<host>[^,\s]*):)?(?P<first>\d+)(?:-(?P<last>\d+))?->[\d-]+/(?P<protocol>\w+)"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing of the machine that a service of a stack takes for itself."""

    kind: str  # "port", "container name" or "external volume"
    what: str  # "8000/tcp", a name
    service: str
    host: str = ""

    def meets(self, other: Claim) -> bool:
        """Whether both cannot be had at once (for a volume: are the same data)."""
        if (self.kind, self.what) != (other.kind, other.what):
            return False
        return self.host == other.host or not {self.host, other.host}.isdisjoint(EVERYWHERE)

    def __str__(self) -> str:
        return f"{self.kind} {self.what.removesuffix('/tcp')} (service {self.service})"


@dataclass(frozen=True, slots=True)
class Text:
    """A claim as the compose file writes it, before its variables have values."""

    kind: str
    text: str
    service: str


def claims(resolved: Tree, services: Sequence[str]) -> tuple[Claim, ...]:
    """What these services of an interpolated model (`config --format json`) take."""
    return tuple(claim for name in services for claim in _of_service(resolved, name))


def running(listing: str, projects: Collection[str]) -> dict[str, tuple[Claim, ...]]:
    """What the containers of these compose projects hold.

    `listing` has a line `project, service, name, ports, mounts` (tabs between) for each container.
    """
    found: dict[str, list[Claim]] = {}
    for line in listing.splitlines():
        project, service, name, ports, mounts = line.split("\t")
        if project not in projects:
            continue
        held = found.setdefault(project, [])
        held.append(Claim("container name", name, service))
        held += _published(ports, service)
        held += [Claim("external volume", mount, service) for mount in mounts.split(",") if mount]
    return {project: tuple(dict.fromkeys(held)) for project, held in found.items()}


def clashes(mine: Sequence[Claim], theirs: Sequence[Claim]) -> tuple[Claim, ...]:
    """Mine that meet one of theirs."""
    return tuple(claim for claim in mine if any(claim.meets(other) for other in theirs))


def texts(tree: Tree, services: Sequence[str]) -> Iterator[Text]:
    """The claims of these services in the uninterpolated model."""
    volumes: Tree = tree.get("volumes") or {}
    for name in services:
        service = tree["services"][name]
        for port in service.get("ports") or ():
            yield Text("published port", _port_text(port), name)
        if service.get("container_name"):
            yield Text("container name", str(service["container_name"]), name)
        for mount in service.get("volumes") or ():
            source = str(mount.get("source") if isinstance(mount, Mapping) else mount.split(":")[0])
            declared = volumes.get(source) or {}
            if declared.get("external"):
                yield Text("external volume", str(declared.get("name") or source), name)


def alike(text: Text, values: Mapping[str, Mapping[str, str | None]]) -> tuple[str, ...]:
    """The environments in which `text` says the same, as far as can be told without a key.

    `values` holds, by environment, the names that its files define; None where the value is encrypted.
    """
    try:
        names = interpolation.names(text.text)
        told = {
            environment: interpolation.expand(
                text.text, {name: value for name, value in known.items() if value is not None}
            )
            for environment, known in values.items()
            if all(known.get(name, "") is not None for name in names)
        }
    except interpolation.MalformedError:
        return ()
    pairs = [
        pair for pair in combinations(told, 2) if told[pair[0]] == told[pair[1]] and _says(told[pair[0]])
    ]
    return tuple(dict.fromkeys(name for pair in pairs for name in pair))


def _says(text: str) -> bool:
    """Whether a text claims anything: a port without a published part is given out by docker."""
    return bool(text) and not re.fullmatch(r"\d+(?:/\w+)?", text)


def _of_service(resolved: Tree, name: str) -> Iterator[Claim]:
    service: Mapping[str, Any] = resolved["services"][name]
    for port in service.get("ports") or ():
        for number in _numbers(str(port.get("published") or "")):
            yield Claim(
                "port", f"{number}/{port.get('protocol', 'tcp')}", name, str(port.get("host_ip") or "")
            )
    if service.get("container_name"):
        yield Claim("container name", str(service["container_name"]), name)
    for mount in service.get("volumes") or ():
        declared = (resolved.get("volumes") or {}).get(mount.get("source")) or {}
        if declared.get("external"):
            yield Claim("external volume", str(declared.get("name") or mount["source"]), name)


def _port_text(port: object) -> str:
    """What a port publishes, in the short form or put together from the long one; else just its target."""
    if not isinstance(port, Mapping):
        return str(port)
    if not port.get("published"):
        return str(port.get("target", ""))
    return f"{port.get('host_ip') or ''}:{port['published']}:{port.get('protocol', 'tcp')}"


def _numbers(published: str) -> list[int]:
    first, _, last = published.partition("-")
    return list(range(int(first), int(last or first) + 1)) if first.isdigit() else []


def _published(ports: str, service: str) -> Iterator[Claim]:
    for match in PORTS.finditer(ports):
        for number in range(int(match["first"]), int(match["last"] or match["first"]) + 1):
            yield Claim("port", f"{number}/{match['protocol']}", service, match["host"] or "")
