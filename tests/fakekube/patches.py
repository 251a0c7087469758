"""The patch formats of the API other than server-side apply."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from . import schema as schemas
from .schema import Schema


def merge(current: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(current) if isinstance(current, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def operations(current: Any, patch: list[Mapping[str, Any]]) -> Any:
    """A JSON patch (RFC 6902): add, replace, remove, test. Raises ValueError when a test does not hold."""
    document = copy.deepcopy(current)
    for operation in patch:
        *path, last = [
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        ]
        at = document
        for part in path:
            at = at[int(part)] if isinstance(at, list) else at.setdefault(part, {})
        place: Any = (len(at) if last == "-" else int(last)) if isinstance(at, list) else last
        if operation["op"] == "remove":
            del at[place]
        elif operation["op"] == "test":
            if at[place] != operation["value"]:
                raise ValueError(f"testing value {operation['path']} failed: test failed")
        elif operation["op"] == "add" and isinstance(at, list):
            at.insert(place, operation["value"])
        else:
            at[place] = operation["value"]
    return document


def strategic(current: Mapping[str, Any], patch: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """A strategic merge patch: lists merge by the key that the schema names."""
    if patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    result = dict(current)
    for name, value in patch.items():
        if name.startswith("$"):
            continue
        inner = schemas.field(schema, name)
        key = schemas.merge_key(inner)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = strategic(result.get(name) or {}, value, inner)
        elif isinstance(value, list) and key and all(isinstance(item, Mapping) for item in value):
            order = [item.get(key) for item in patch.get(f"$setElementOrder/{name}", [])]
            result[name] = _list(result.get(name) or [], value, key, schemas.items(inner), order)
        else:
            result[name] = value
    return result


def _list(current: list[Any], patch: list[Any], key: str, schema: Schema, order: list[Any]) -> list[Any]:
    found = {item[key]: item for item in current}
    for item in patch:
        if item.get("$patch") == "delete":
            found.pop(item.get(key), None)
        else:
            found[item[key]] = strategic(found.get(item[key], {}), item, schema)
    return sorted(
        found.values(), key=lambda item: order.index(item[key]) if item[key] in order else len(order)
    )
