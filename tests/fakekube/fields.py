"""Field ownership: who set which leaf of an object, as `metadata.managedFields` records it.

Rules: https://kubernetes.io/docs/reference/using-api/server-side-apply/ (Field management, Conflicts, Merge
strategy).
A path is a tuple of FieldsV1 elements: `f:data`, `k:{"name":"app"}`, `v:"x"`; a map itself is its path (`.`).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import schema as schemas
from .schema import Schema

Path = tuple[str, ...]
Json = dict[str, Any]
OWNED_METADATA = ("labels", "annotations", "finalizers", "ownerReferences")


@dataclass(frozen=True, slots=True, order=True)
class Manager:
    """Whoever writes: the same name applying and updating are two managers, as on a real server."""

    name: str
    operation: str
    api_version: str = ""  # left out for Apply, so that an applier stays the same through API versions
    subresource: str = ""

    @property
    def shown(self) -> str:
        """As the conflict messages name it (apimachinery, managedfields/internal/conflict.go)."""
        name = f'"{self.name}"' + (f' with subresource "{self.subresource}"' if self.subresource else "")
        return f"{name} using {self.api_version}" if self.operation == "Update" else name


Ownership = dict[Manager, set[Path]]


def leaves(body: Mapping[str, Any], schema: Schema, *, maps: bool = False) -> dict[Path, Any]:
    """Every owned leaf of an object and its value; with `maps`, the maps too (Update managers own those)."""
    shown = {
        name: value
        for name, value in body.items()
        if name not in ("apiVersion", "kind", "metadata", "status")
    }
    found = dict(_walk(shown, schema, (), maps=maps, top=True))
    metadata = {name: body["metadata"][name] for name in OWNED_METADATA if body.get("metadata", {}).get(name)}
    found.update(_walk(metadata, schemas.field(schema, "metadata"), ("f:metadata",), maps=maps, top=True))
    return found


def _walk(
    value: Any, schema: Schema, path: Path, *, maps: bool, top: bool = False
) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and not schemas.atomic(schema):
        if not top and (maps or not value):
            yield path, {}
        for name, inner in value.items():
            yield from _walk(inner, schemas.field(schema, name), (*path, f"f:{name}"), maps=maps)
    elif isinstance(value, list) and (keys := schemas.list_keys(schema)):
        for item in value:
            element = "k:" + json.dumps(
                schemas.item_key(item, keys, schema), separators=(",", ":"), sort_keys=True
            )
            yield (*path, element), {}
            for name, inner in item.items():
                inner_schema = schemas.field(schemas.items(schema), name)
                yield from _walk(inner, inner_schema, (*path, element, f"f:{name}"), maps=maps)
    elif isinstance(value, list) and schema.get("x-kubernetes-list-type") == "set":
        for item in value:
            yield (*path, "v:" + json.dumps(item)), item
    else:
        yield path, value


def update(old: Json | None, new: Json, schema: Schema, owners: Ownership, manager: Manager) -> Ownership:
    """After an ordinary write: the writer owns what it changed, nobody what is gone."""
    before = leaves(old, schema, maps=True) if old else {}
    after = leaves(new, schema, maps=True)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = before.keys() - after.keys()
    result = {
        other: fields - gone - (set() if other == manager else changed) for other, fields in owners.items()
    }
    result[manager] = result.get(manager, set()) | changed
    return {other: fields for other, fields in result.items() if fields}


def apply(
    old: Json | None, body: Json, schema: Schema, owners: Ownership, manager: Manager, *, force: bool
) -> tuple[Json, Ownership, dict[Manager, list[Path]]]:
    """Server-side apply: the object after it, who owns what, and the conflicts (then nothing is written)."""
    if old is not None and not owners:
        # "before-first-apply" stands for everybody who wrote before ownership was recorded
        everything = set(leaves(old, schema, maps=True))
        owners = {Manager("before-first-apply", "Update", body["apiVersion"]): everything}
    new = merged(old or {}, body, schema)
    before, after, mine = leaves(old or {}, schema), leaves(new, schema), leaves(body, schema)
    conflicts: dict[Manager, list[Path]] = {}
    for other, fields in owners.items():
        clash = sorted(path for path in fields & mine.keys() if before.get(path) != after.get(path))
        if other != manager and clash:
            conflicts[other] = clash
    if conflicts and not force:
        return new, owners, conflicts
    result = {
        other: fields - set(conflicts.get(other, ())) for other, fields in owners.items() if other != manager
    }
    for path in sorted(owners.get(manager, set()) - mine.keys(), key=len, reverse=True):
        if not any(_holds(fields, path) for fields in result.values()):
            remove(new, path)
    result[manager] = set(mine)
    return new, {other: fields for other, fields in result.items() if fields}, {}


def _holds(fields: set[Path], path: Path) -> bool:
    return any(field[: len(path)] == path for field in fields)


def merged(old: Json, body: Json, schema: Schema) -> Json:
    """The live object with an applied configuration laid over it."""
    result = copy.deepcopy(old)
    for name, value in body.items():
        if name in ("status",) and not old:
            continue
        result[name] = _merged(result.get(name), value, schemas.field(schema, name))
    return result


def _merged(old: Any, new: Any, schema: Schema) -> Any:
    if isinstance(new, Mapping) and isinstance(old, Mapping) and not schemas.atomic(schema):
        return {
            **old,
            **{
                name: _merged(old.get(name), value, schemas.field(schema, name))
                for name, value in new.items()
            },
        }
    if isinstance(new, list) and isinstance(old, list) and (keys := schemas.list_keys(schema)):
        by_key = {str(schemas.item_key(item, keys, schema)): item for item in old}
        for item in new:
            key = str(schemas.item_key(item, keys, schema))
            by_key[key] = _merged(by_key.get(key, {}), item, schemas.items(schema))
        return list(by_key.values())
    return copy.deepcopy(new)


def remove(body: Json, path: Path) -> None:
    """Take one owned path out of an object, if it is there."""
    at: Any = body
    for element in path[:-1]:
        at = _step(at, element)
        if at is None:
            return
    kind, name = path[-1][0], path[-1][2:]
    if kind == "f" and isinstance(at, dict):
        if isinstance(at.get(name), dict) and at[name]:
            return  # a map goes with its last entry, not before
        at.pop(name, None)
    elif kind == "k" and isinstance(at, list):
        at[:] = [item for item in at if not _matches(item, json.loads(name))]
    elif kind == "v" and isinstance(at, list):
        at[:] = [item for item in at if item != json.loads(name)]


def _step(at: Any, element: str) -> Any:
    if element.startswith("f:"):
        return at.get(element[2:]) if isinstance(at, dict) else None
    return next((item for item in at or [] if _matches(item, json.loads(element[2:]))), None)


def _matches(item: Mapping[str, Any], key: Mapping[str, Any]) -> bool:
    return all(item.get(name, "TCP" if name == "protocol" else None) == value for name, value in key.items())


def shown(path: Path) -> str:
    """A path as conflict messages write it: `.data.A`, `.spec.template.spec.containers[name="app"].image`."""
    text = ""
    for element in path:
        if element.startswith("k:"):
            text += (
                "["
                + ",".join(f"{name}={json.dumps(value)}" for name, value in json.loads(element[2:]).items())
                + "]"
            )
        else:
            text += "." + element[2:]
    return text


def read(entries: list[Json] | None) -> Ownership:
    """Ownership from `managedFields`; an empty entry, `[{}]`, resets it, as the documentation says."""
    owners: Ownership = {}
    for entry in entries or []:
        if entry:
            version = entry["apiVersion"] if entry["operation"] == "Update" else ""
            manager = Manager(entry["manager"], entry["operation"], version, entry.get("subresource", ""))
            owners[manager] = owners.get(manager, set()) | set(_paths(entry.get("fieldsV1", {}), ()))
    return owners


def _paths(tree: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for element, inner in tree.items():
        if element == ".":
            yield path
        elif not inner:
            yield (*path, element)
        else:
            yield from _paths(inner, (*path, element))


def write(owners: Ownership, api_version: str, before: list[Json] | None, now: str) -> list[Json]:
    """`managedFields` of an object; an entry whose fields did not change keeps its time."""
    old = {
        (entry.get("manager"), entry.get("operation"), entry.get("subresource", "")): entry
        for entry in before or []
    }
    entries = []
    for manager, fields in sorted(owners.items()):
        tree: Json = {}
        for path in sorted(fields):
            at = tree
            for element in path:
                at = at.setdefault(element, {})
            if any(len(other) > len(path) and other[: len(path)] == path for other in fields):
                at["."] = {}
        known = old.get((manager.name, manager.operation, manager.subresource))
        time = known["time"] if known and known.get("fieldsV1") == tree and "time" in known else now
        entry: Json = {"manager": manager.name, "operation": manager.operation}
        entry |= {"apiVersion": manager.api_version or api_version, "time": time}
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": tree}
        entries.append({**entry, **({"subresource": manager.subresource} if manager.subresource else {})})
    return entries
