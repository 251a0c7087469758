"""Objects that other managers made or changed: why ours would be refused, and how to take theirs over."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ClusterFailed
from . import Plan, ownership
from .cluster import MANAGER, Cluster


def only_ours(message: str) -> bool:
    """Whether every conflict is with an earlier patch of envtasks itself: the digest and the image."""
    found = ownership.conflicts(message)
    return bool(found) and all(conflict.manager == MANAGER for conflict in found)


def explained(plan: Plan, live: Mapping[str, Any], message: str) -> ClusterFailed:
    """A refused dry run in plain words: conflicts by name, with who set what when; else kubectl's message."""
    found = ownership.conflicts(message)
    if not found:
        namespace = plan.target.namespace
        return ClusterFailed(
            f"The cluster would not take it, and nothing was changed: {message}",
            hint=f"kubectl create namespace {namespace}"
            if f'namespaces "{namespace}" not found' in message
            else "",
        )
    lines = sorted({_line(plan, live, conflict) for conflict in found})
    return ClusterFailed(
        "Another hand holds these with other values, and nothing was changed:\n  " + "\n  ".join(lines),
        hint=f"inv deploy.diff --env {plan.target.environment} shows them; --adopt takes them over",
    )


def _line(plan: Plan, live: Mapping[str, Any], conflict: ownership.Conflict) -> str:
    kind = plan.selection.kind_of(conflict.name) if conflict.field.startswith(".data.") else None
    if kind is None:
        return f"{conflict.field}: set by {conflict.manager}"
    where = plan.target.objects[kind == "config"]
    owners = ownership.owners(live.get(where, {}), conflict.name)
    owner = next((str(each) for each in owners if each.manager == conflict.manager), conflict.manager)
    return f"{conflict.name} in {where}: set by {owner}"


def adopt(cluster: Cluster, live: Mapping[str, Any]) -> bool:
    """Make every key of one object ours, its values as they are; whether anything had to change."""
    patch = ownership.adoption(live)
    if patch is None:
        return False
    name = f"{live['kind'].lower()}/{live['metadata']['name']}"
    # a file, since 500 names are longer than a Windows command line takes; it holds no value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patch.json"
        path.write_text(ownership.patch_text(patch), encoding="utf-8")
        cluster.ask("patch", name, "--type=json", f"--field-manager={MANAGER}", f"--patch-file={path}")
    return True
