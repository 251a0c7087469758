"""Who set which field of an object, as its `managedFields` say, and how an object is taken over.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .cluster import MANAGER

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
CONFLICT: Final = re.compile(r'conflicts? with "(?P<manager>[^"]+)"[^:]*:(?: (?P<field>\.\S+))?')


@dataclass(frozen=True, slots=True)
class Owner:
    """One manager of a field: its name, since when, and whether it is envtasks itself."""

    manager: str
    time: str = ""
    ours: bool = False

    def __str__(self) -> str:
        return f"{self.manager} at {self.time}" if self.time else self.manager


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field that server-side apply would not take from another manager."""

    manager: str
    field: str

    @property
    def name(self) -> str:
        """The variable, for a field under `data`; the field itself otherwise."""
        return self.field.removeprefix(".data.")


def owners(live: Mapping[str, Any], name: str) -> tuple[Owner, ...]:
    """Who manages one key of `data`."""
    return tuple(
        Owner(entry.get("manager", "unknown"), entry.get("time", ""), _is_ours(entry))
        for entry in live.get("metadata", {}).get("managedFields", [])
        if f"f:{name}" in entry.get("fieldsV1", {}).get("f:data", {})
    )


def stranger(live: Mapping[str, Any], name: str) -> Owner | None:
    """Who set a key of `data` that envtasks did not; None for one that is ours."""
    found = owners(live, name)
    if any(owner.ours for owner in found):
        return None
    return found[-1] if found else Owner("an unknown manager")


def conflicts(message: str) -> tuple[Conflict, ...]:
    """The conflicts that an apply's error names, in its form for one as in its form for several."""
    return tuple(_conflicts(message))


def _conflicts(message: str) -> Iterator[Conflict]:
    manager = ""
    for line in message.splitlines():
        found = CONFLICT.search(line)
        if found:
            manager = found["manager"]
            if found["field"]:
                yield Conflict(manager, found["field"])
        elif manager and line.startswith("- ."):
            yield Conflict(manager, line.removeprefix("- ").strip())


def holds_old_values(live: Mapping[str, Any]) -> bool:
    """Whether kubectl's client-side apply left a copy of the values in an annotation."""
    return LAST_APPLIED in (live.get("metadata", {}).get("annotations") or {})


def adoption(live: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The JSON patch that makes every key of `data`, and that annotation, ours; None if they are so already.

    It changes no value: the apply after it changes and removes keys as if envtasks had set them. Names only.
    """
    entries = copy.deepcopy(live["metadata"].get("managedFields", []))
    ours = next((entry for entry in entries if _is_ours(entry)), None)
    data: dict[str, Any] = {f"f:{name}": {} for name in live.get("data") or {}}
    annotation: dict[str, Any] = {f"f:{LAST_APPLIED}": {}} if holds_old_values(live) else {}
    ours_already = ours is not None and data.keys() <= ours["fieldsV1"].get("f:data", {}).keys()
    shared = [entry for entry in entries if entry is not ours and _take(entry["fieldsV1"])]
    if ours_already and not shared and not annotation:
        return None
    if ours is None:
        ours = {
            "manager": MANAGER,
            "operation": "Apply",
            "apiVersion": live["apiVersion"],
            "fieldsType": "FieldsV1",
        }
        ours |= {"time": live["metadata"]["creationTimestamp"], "fieldsV1": {}}
        entries.append(ours)
    ours["fieldsV1"].setdefault("f:data", {}).update(data)
    if annotation:
        ours["fieldsV1"].setdefault("f:metadata", {}).setdefault("f:annotations", {}).update(annotation)
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [e for e in entries if e["fieldsV1"]]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
    ]


def _take(fields: dict[str, Any]) -> bool:
    """Take the data and kubectl's annotation away from another manager; whether there was anything."""
    had = fields.pop("f:data", None) is not None
    annotations = fields.get("f:metadata", {}).get("f:annotations", {})
    had = annotations.pop(f"f:{LAST_APPLIED}", None) is not None or had
    if not annotations.keys() - {"."}:
        fields.get("f:metadata", {}).pop("f:annotations", None)
    if "f:metadata" in fields and not fields["f:metadata"]:
        del fields["f:metadata"]
    return had


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == MANAGER and entry.get("operation") == "Apply"


def patch_text(patch: list[dict[str, Any]]) -> str:
    """A patch as kubectl reads it."""
    return json.dumps(patch, separators=(",", ":"))
