"""How the cluster differs from what would be rendered: by name, values as fingerprints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import rollout
from .ownership import holds_old_values, stranger

if TYPE_CHECKING:
    from .allowlist import Selection
    from .settings import Target

Live = Mapping[str, Any]
Print = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it would be rendered.

    `what` is one of added, removed, changed, moved (apply brings it about); drifted (changed by another hand,
    apply refuses
    without --adopt), foreign (set by another hand, not listed: apply leaves it), pending (pods run with
    older values), absent (a workload that is not there).
    """

    what: str
    name: str
    object: str
    live: str = ""  # fingerprint of the value in the cluster
    wanted: str = ""  # fingerprint of the value in the env files
    by: str = ""  # who changed it, for drifted and foreign
    source: str = ""  # where it moves from, for moved


def compare(target: Target, selection: Selection, live: Live, key: str) -> tuple[Difference, ...]:
    """What differs, in order of name. `live` holds the objects that exist; `key` makes the fingerprints."""
    secret, config = target.objects
    wanted = {secret: _encoded(selection.secret), config: _encoded(selection.config)}
    present = {
        secret: rollout.values_of(live.get(secret), None),
        config: rollout.values_of(None, live.get(config)),
    }
    names = sorted({name for values in (*wanted.values(), *present.values()) for name in values})

    def print_of(value: bytes) -> str:
        return rollout.fingerprint(key, value)

    found = [d for name in names for d in _of_name(name, wanted, present, live, print_of)]
    missing = [Difference("added", "", name) for name in target.objects if name not in live]
    return (*missing, *found)


def of_workloads(workloads: Sequence[str], live: Live, content: str | None) -> Iterator[Difference]:
    """The workloads that are absent, or whose pods were not started for what the cluster holds now."""
    for name in workloads:
        if name not in live:
            yield Difference("absent", "", name)
        elif content is None or rollout.rolled_for(live[name]) != content:
            yield Difference("pending", "", name)


def leftovers(target: Target, live: Live) -> tuple[str, ...]:
    """Objects that carry a copy of older values in kubectl's annotation."""
    return tuple(name for name in target.objects if name in live and holds_old_values(live[name]))


def _encoded(values: Mapping[str, str]) -> dict[str, bytes]:
    return {name: value.encode("utf-8") for name, value in values.items()}


def _of_name(
    name: str,
    wanted: Mapping[str, Mapping[str, bytes]],
    present: Mapping[str, Mapping[str, bytes]],
    live: Live,
    print_of: Print,
) -> Iterator[Difference]:
    home = next((where for where, values in wanted.items() if name in values), None)
    homes = [where for where, values in present.items() if name in values]
    if home is not None:
        value = wanted[home][name]
        if home in homes:
            if present[home][name] != value:
                by = stranger(live[home], name)
                yield Difference(
                    "drifted" if by else "changed",
                    name,
                    home,
                    print_of(present[home][name]),
                    print_of(value),
                    by=str(by) if by else "",
                )
        elif homes:
            yield Difference(
                "moved", name, home, print_of(present[homes[0]][name]), print_of(value), source=homes[0]
            )
            return
        else:
            yield Difference("added", name, home, wanted=print_of(value))
    for where in homes:
        if where != home:
            yield _unwanted(name, where, present[where][name], live[where], print_of)


def _unwanted(name: str, where: str, value: bytes, live: Live, print_of: Print) -> Difference:
    by = stranger(live, name)
    if by is None:
        return Difference("removed", name, where, live=print_of(value))
    return Difference("foreign", name, where, live=print_of(value), by=str(by))
