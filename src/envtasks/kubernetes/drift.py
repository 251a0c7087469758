"""How the cluster differs from what would be rendered: by name, values as fingerprints, with who set what.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from . import rollout
from .kubectl import MANAGER, LiveObject, LiveObjects

if TYPE_CHECKING:
    from .allowlist import Selection
    from .settings import Target

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
CONFLICT: Final = re.compile(r'conflicts? with "(?P<manager>[^"]+)"[^:]*:(?: (?P<field>\.\S+))?')
Values = Mapping[str, Mapping[str, bytes]]  # by object and name
Fingerprint = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it would be rendered.

    `what` is one of added, removed, changed, moved (apply brings it about); drifted (another client manages it too,
    with another value: apply refuses without --adopt), foreign (set by another client, not listed: apply leaves
    it), pending (pods run with older values), absent (a workload that does not exist).
    """

    what: str
    name: str
    object: str
    live: str = ""  # fingerprint of the value in the cluster
    wanted: str = ""  # fingerprint of the value in the env files
    by: str = ""  # who set it, for drifted and foreign
    source: str = ""  # where it moves from, for moved


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the cluster differs: what would change, and notes on what it holds besides."""

    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare(
    target: Target,
    selection: Selection,
    *,
    workloads: Sequence[str],
    live: LiveObjects,
    adopt: bool = False,
) -> Comparison:
    """The comparison with the objects and workloads that exist, `live`; `adopt` if they are about to be adopted."""
    key = rollout.key_of(live.get(target.objects[0]))
    secret, config = (live.get(name) for name in target.objects)
    content = rollout.digest(key, rollout.values_of(secret, config)) if key else None
    missing = [Difference("added", "", name) for name in target.objects if name not in live]
    fingerprint = partial(rollout.fingerprint, key or rollout.new_key())
    names = of_names(target, selection, live=live, fingerprint=fingerprint)
    pods = tuple(of_workloads(workloads, live, content=content))
    notes = [
        f"{name} keeps a copy of older values in kubectl's last-applied-configuration; --adopt removes it."
        for name in target.objects
        if has_last_applied(live.get(name, {})) and not adopt
    ]
    notes += [f"{each.object} is not in the cluster yet." for each in pods if each.what == "absent"]
    if selection.from_process:
        notes.append(
            f"From the process environment, not from the env files: {', '.join(selection.from_process)}."
        )
    pending = [each for each in pods if each.what == "pending"]
    return Comparison((*missing, *names, *pending), tuple(notes))


def of_names(
    target: Target, selection: Selection, *, live: LiveObjects, fingerprint: Fingerprint
) -> tuple[Difference, ...]:
    """The differences of all names, in order of name."""
    secret, config = target.objects
    wanted = {secret: _encoded(selection.secret), config: _encoded(selection.config)}
    present = {
        secret: rollout.values_of(live.get(secret), None),
        config: rollout.values_of(None, live.get(config)),
    }
    names = sorted({name for values in (*wanted.values(), *present.values()) for name in values})
    return tuple(each for name in names for each in _of_name(name, wanted, present, live, fingerprint))


def _of_name(
    name: str, wanted: Values, present: Values, live: LiveObjects, fingerprint: Fingerprint
) -> Iterator[Difference]:
    home = next((where for where, values in wanted.items() if name in values), None)
    elsewhere = [where for where, values in present.items() if name in values and where != home]
    if home is not None:
        new = wanted[home][name]
        old = present[home].get(name)
        source = next((where for where in elsewhere if remaining_manager(live[where], name) is None), None)
        if old is None and source is not None:
            prints = fingerprint(present[source][name]), fingerprint(new)
            yield Difference("moved", name, home, *prints, source=source)
            elsewhere.remove(source)
        elif old is None:
            yield Difference("added", name, home, wanted=fingerprint(new))
        elif old != new:
            by = conflicting_manager(live[home], name)
            what = "drifted" if by else "changed"
            yield Difference(what, name, home, fingerprint(old), fingerprint(new), by=by or "")
    for where in elsewhere:
        by = remaining_manager(live[where], name)
        what = "foreign" if by else "removed"
        yield Difference(what, name, where, fingerprint(present[where][name]), by=by or "")


def of_workloads(workloads: Sequence[str], live: LiveObjects, *, content: str | None) -> Iterator[Difference]:
    """The workloads that are absent, or whose pods were not started for what the cluster holds now."""
    for name in workloads:
        if name not in live:
            yield Difference("absent", "", name)
        elif content is None or rollout.content_of(live[name]) != content:
            yield Difference("pending", "", name)


def conflicting_manager(live: LiveObject, name: str) -> str | None:
    """The other manager of a key of `data`, with whom changing its value is a conflict; None if there is none."""
    entries = live["metadata"].get("managedFields") or []
    if not entries:
        return "before-first-apply"  # the server's name for all writes from before it recorded managers
    others = [entry for entry in entries if _has_key(entry, name) and not _is_ours(entry)]
    return _owner(others[-1]) if others else None


def remaining_manager(live: LiveObject, name: str) -> str | None:
    """The manager due to whom a key of `data` stays when envtasks no longer applies it; None if it is removed."""
    entries = [entry for entry in live["metadata"].get("managedFields") or [] if _has_key(entry, name)]
    others = [entry for entry in entries if not _is_ours(entry) and not _is_migrated(entry)]
    if others or not entries:
        return _owner(others[-1]) if others else "an unknown manager"
    return None


def has_last_applied(live: LiveObject) -> bool:
    """Whether kubectl's client-side apply left a copy of the values in an annotation."""
    return LAST_APPLIED in (live.get("metadata", {}).get("annotations") or {})


def conflicts(message: str) -> Iterator[tuple[str, str]]:
    """Manager and field of the conflicts that an apply's error names, in its form for one as in that for several."""
    manager = ""
    for line in message.splitlines():
        found = CONFLICT.search(line)
        if found:
            manager = found["manager"]
            if found["field"]:
                yield manager, found["field"]
        elif manager and line.startswith("- ."):
            yield manager, line.removeprefix("- ").strip()


def _encoded(values: Mapping[str, str]) -> dict[str, bytes]:
    return {name: value.encode("utf-8") for name, value in values.items()}


def _has_key(entry: LiveObject, name: str) -> bool:
    return f"f:{name}" in entry.get("fieldsV1", {}).get("f:data", {})


def _is_ours(entry: LiveObject) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply"


def _is_migrated(entry: LiveObject) -> bool:
    """Whether this entry is of a client-side apply: kubectl passes its fields to the manager that applies next.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#upgrading-from-client-side-apply-to-server-side-apply
    """
    annotations = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
    return entry.get("operation") == "Update" and f"f:{LAST_APPLIED}" in annotations


def _owner(entry: LiveObject) -> str:
    """A manager and the time of its last change."""
    manager, time = entry.get("manager", "unknown"), entry.get("time", "")
    return f"{manager} at {time}" if time else manager
