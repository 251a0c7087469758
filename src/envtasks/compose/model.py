"""The merged, uninterpolated model of a stack: which services are active, and which names they need."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import interpolation
from .interpolation import Missing

Tree = Mapping[str, Any]
LENDS: Final = ("volumes", "networks", "secrets", "configs")  # top-level sections that a service uses by name


@dataclass(frozen=True, slots=True)
class Text:
    """A text that compose interpolates, and the service it belongs to (None: shared, as a network)."""

    value: str
    service: str | None


@dataclass(frozen=True, slots=True)
class Need:
    """A missing name, the service that needs it, and the text that says so."""

    missing: Missing
    service: str | None
    text: str
    file: Path | None = None  # an env_file, where the line is known from the start
    line: int = 0


def active(tree: Tree, services: Sequence[str], profiles: Collection[str]) -> tuple[str, ...]:
    """The services that a call with these names starts, dependencies included; no names: all enabled ones."""
    declared: Tree = tree.get("services") or {}
    wanted = list(services) or [name for name, service in declared.items() if _enabled(service, profiles)]
    for name in wanted:  # grows while it is walked
        wanted += [needed for needed in _depends_on(declared.get(name) or {}) if needed not in wanted]
    return tuple(name for name in declared if name in wanted)


def unknown(tree: Tree, services: Sequence[str]) -> tuple[str, ...]:
    """The names among these that are no service of the stack."""
    return tuple(name for name in services if name not in (tree.get("services") or {}))


def texts(tree: Tree, services: Collection[str]) -> Iterator[Text]:
    """Every text of these services, and of the volumes, networks, secrets and configs that they use."""
    declared: Tree = tree.get("services") or {}
    for name in services:
        for value in scalars({key: value for key, value in declared[name].items() if key != "env_file"}):
            yield Text(value, name)
    for section in LENDS:
        for key, value in (tree.get(section) or {}).items():
            if any(key in _used(declared[name], section) for name in services):
                yield from (Text(text, None) for text in scalars(value))


def needs(tree: Tree, services: Collection[str], values: Mapping[str, str]) -> tuple[Need, ...]:
    """What these services need and `values` lack, and what compose would stop at in any other service."""
    found = [
        Need(lack, text.service, text.value)
        for text in texts(tree, services)
        for lack in _lacks(text, values)
    ]
    others = [name for name in tree.get("services") or {} if name not in services]
    for text in texts(tree, others):
        found += [Need(lack, text.service, text.value) for lack in _lacks(text, values) if lack.refused]
    return (*found, *_secrets(tree, services, values))


def scalars(value: object) -> Iterator[str]:
    """Every text in a tree of dicts and lists, values only (compose interpolates no keys)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from scalars(child)
    elif isinstance(value, Iterable):
        for child in value:
            yield from scalars(child)


def must_run(tree: Tree, service: str) -> bool:
    """Whether the service is there to stay (it has a port, a health check or restarts) and may not finish."""
    declared: Tree = (tree.get("services") or {}).get(service) or {}
    check = declared.get("healthcheck") or {}
    asked = bool(check) and not check.get("disable")
    return (
        bool(declared.get("ports")) or asked or str(declared.get("restart")) in {"always", "unless-stopped"}
    )


def _lacks(text: Text, values: Mapping[str, str]) -> tuple[Missing, ...]:
    try:
        return interpolation.missing(text.value, values)
    except interpolation.MalformedError:
        return ()  # compose refuses the file and says where


def _secrets(tree: Tree, services: Collection[str], values: Mapping[str, str]) -> Iterator[Need]:
    """`secrets: {token: {environment: NAME}}` has no dollar, and compose stops halfway without NAME."""
    declared: Tree = tree.get("services") or {}
    for section in ("secrets", "configs"):
        for key, value in (tree.get(section) or {}).items():
            name = value.get("environment") if isinstance(value, Mapping) else None
            users = [service for service in services if key in _used(declared[service], section)]
            if name and name not in values and users:
                yield Need(Missing(str(name), refused=True), users[0], str(name))


def _enabled(service: Any, profiles: Collection[str]) -> bool:
    barred = (service or {}).get("profiles") or []
    return not barred or "*" in profiles or any(profile in profiles for profile in barred)


def _depends_on(service: Tree) -> Iterator[str]:
    yield from service.get("depends_on") or ()
    for link in service.get("links") or ():
        yield str(link).partition(":")[0]
    for source in service.get("volumes_from") or ():
        if not str(source).startswith("container:"):
            yield str(source).partition(":")[0]
    for kind in ("network_mode", "ipc", "pid"):
        if str(service.get(kind)).startswith("service:"):
            yield str(service[kind]).partition(":")[2]


def _used(service: Tree, section: str) -> set[str]:
    """The names of one top-level section that a service uses, in compose's short and long forms."""
    build = service.get("build")
    entries = _named(service.get(section), section)
    return entries | _named(build.get(section), section) if isinstance(build, Mapping) else entries


def _named(entries: object, section: str) -> set[str]:
    if not isinstance(entries, (list, Mapping)):
        return set()
    found = (entry.get("source") if isinstance(entry, Mapping) else entry for entry in entries)
    return {re.split(":", str(name))[0] if section == "volumes" else str(name) for name in found if name}
