"""What the server says of itself: kinds, groups, and OpenAPI for strict validation."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .schema import RELEASE


class Kind(NamedTuple):
    """One kind that the server knows."""

    group: str
    version: str
    plural: str
    kind: str
    short: tuple[str, ...]
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


KINDS = (
    Kind("", "v1", "namespaces", "Namespace", ("ns",), namespaced=False),
    Kind("", "v1", "secrets", "Secret", ()),
    Kind("", "v1", "configmaps", "ConfigMap", ("cm",)),
    Kind("", "v1", "services", "Service", ("svc",)),
    Kind("", "v1", "pods", "Pod", ("po",)),
    Kind("", "v1", "serviceaccounts", "ServiceAccount", ("sa",)),
    Kind("apps", "v1", "deployments", "Deployment", ("deploy",)),
    Kind("apps", "v1", "statefulsets", "StatefulSet", ("sts",)),
    Kind("apps", "v1", "daemonsets", "DaemonSet", ("ds",)),
    Kind("batch", "v1", "jobs", "Job", ()),
    Kind("batch", "v1", "cronjobs", "CronJob", ("cj",)),
    Kind("networking.k8s.io", "v1", "ingresses", "Ingress", ("ing",)),
)
BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
GROUPS = {kind.group: kind.version for kind in KINDS if kind.group}
# kubectl checks a `kind: List` on its own side, with OpenAPI v2 in protobuf (kubectl pkg/validation: its
# newer verifier does not know a List). A document with nothing but its version makes it skip that check.
OPENAPI_V2 = b"\x0a\x032.0"


def answer(path: str) -> Any | None:
    """The document at a discovery path, None for any other path."""
    major, minor = RELEASE.split(".")
    if path == "/version":
        return {"major": major, "minor": minor, "gitVersion": f"v{RELEASE}.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in GROUPS]}
    if path == "/openapi/v3":
        paths = ["api/v1", *(f"apis/{group}/{version}" for group, version in GROUPS.items())]
        return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}?hash=0"} for name in paths}}
    match = re.fullmatch(r"(?:/openapi/v3)?/(?:api|apis/([^/]+))/(v\w+)", path)
    mine = [kind for kind in KINDS if match and (kind.group, kind.version) == (match[1] or "", match[2])]
    if not mine:
        return None
    return (
        _openapi(path.removeprefix("/openapi/v3"), mine) if path.startswith("/openapi/") else _resources(mine)
    )


def _group(group: str) -> Any:
    version = {"groupVersion": f"{group}/{GROUPS[group]}", "version": GROUPS[group]}
    return {"name": group, "versions": [version], "preferredVersion": version}


def _resources(kinds: list[Kind]) -> Any:
    resources = [
        {
            "name": kind.plural,
            "singularName": kind.kind.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.kind,
        }
        | {"verbs": VERBS, "shortNames": list(kind.short)}
        for kind in kinds
    ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
        "resources": resources,
    }


def _openapi(base: str, kinds: list[Kind]) -> Any:
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
    paths = {}
    for kind in kinds:
        gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
        patch = {"parameters": parameters, "responses": {}, "x-kubernetes-group-version-kind": gvk}
        path = f"{base}{'/namespaces/{namespace}' if kind.namespaced else ''}/{kind.plural}/{{name}}"
        paths[path] = {"patch": {**patch, "x-kubernetes-action": "patch"}}
    info = {"title": "Kubernetes", "version": RELEASE}
    return {"openapi": "3.0.0", "info": info, "components": {"schemas": {}}, "paths": paths}
