"""What a real release's schemas say about a field: how its lists merge, whether it is replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import kubernetes_validate.utils as schemas  # type: ignore[import-untyped]

RELEASE = "1.32"
Schema = Mapping[str, Any]


@cache
def definitions(release: str = RELEASE) -> Mapping[str, Schema]:
    """The named definitions of a release such as 1.32."""
    full = next(version for version in schemas.all_versions() if version.startswith(release + "."))
    path = f"kubernetes-json-schema/v{full}-local-strict/_definitions.json"
    found: Mapping[str, Schema] = schemas.schema_contents(path, full)["$defs"]
    return found


@cache
def of_kind(group: str, version: str, kind: str) -> Schema:
    """The schema of a kind, {} for one that the release does not know."""
    wanted = {"group": group, "version": version, "kind": kind}
    return next(
        (
            schema
            for schema in definitions().values()
            if wanted in schema.get("x-kubernetes-group-version-kind", [])
        ),
        {},
    )


def field(schema: Schema, name: str) -> Schema:
    """The schema of a field, its reference followed, with the hints that stand beside the reference."""
    found = (_follow(schema).get("properties") or {}).get(name)
    if found is None:
        found = schema.get("additionalProperties")
    return _follow(found) if isinstance(found, Mapping) else {}


def items(schema: Schema) -> Schema:
    """The schema of a list's items."""
    return _follow(schema.get("items") or {})


def list_keys(schema: Schema) -> list[str]:
    """The fields that tell one item of a list from another; [] for a list that is no map."""
    return (
        list(schema.get("x-kubernetes-list-map-keys", []))
        if schema.get("x-kubernetes-list-type") == "map"
        else []
    )


def merge_key(schema: Schema) -> str | None:
    """The field by which a strategic merge patch matches the items of a list."""
    key: str | None = schema.get("x-kubernetes-patch-merge-key")
    return key


def atomic(schema: Schema) -> bool:
    """Whether a map is owned and replaced as a whole, as label selectors are."""
    return schema.get("x-kubernetes-map-type") == "atomic"


def item_key(item: Mapping[str, Any], keys: list[str], schema: Schema) -> dict[str, Any]:
    """What identifies an item of a list, defaults filled in (a port's protocol is TCP if nothing is said)."""
    properties = items(schema).get("properties", {})
    return {
        key: item.get(key, properties.get(key, {}).get("default", "TCP" if key == "protocol" else None))
        for key in keys
    }


def _follow(schema: Schema) -> Schema:
    beside: dict[str, Any] = {}
    while "$ref" in schema:
        beside = {**{name: value for name, value in schema.items() if name != "$ref"}, **beside}
        schema = definitions()[schema["$ref"].rsplit("/", 1)[1]]
    return {**schema, **beside} if beside else schema
