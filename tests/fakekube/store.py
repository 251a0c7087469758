"""The objects, every write to them, and the rollouts that follow a write."""

from __future__ import annotations

import base64
import binascii
import copy
import datetime
import threading
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import kubernetes_validate  # type: ignore[import-untyped]
from kubernetes_validate.utils import ValidationError  # type: ignore[import-untyped]

from . import fields, patches, rollouts
from . import schema as schemas
from .discovery import Kind
from .fields import Json, Manager

SIZE = 1024 * 1024  # validation.MaxSecretSize and its twin for ConfigMaps: the values in sum


class Fail(Exception):
    """An answer of the API that is no success."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"} | {
            "message": message,
            "reason": reason,
            "code": code,
            "details": details,
        }


class Key(NamedTuple):
    """Where an object lives."""

    kind: Kind
    namespace: str | None
    name: str


class Write(NamedTuple):
    """One request that changes an object."""

    key: Key
    method: str
    content_type: str
    body: Any
    query: Mapping[str, str]
    agent: str

    @property
    def dry(self) -> bool:
        return self.query.get("dryRun") == "All"

    @property
    def manager(self) -> Manager:
        # without fieldManager it is the user agent up to its slash (server-side apply, Field management)
        name = self.query.get("fieldManager") or self.agent.split("/")[0] or "unknown"
        if self.content_type == "application/apply-patch+yaml":
            return Manager(name, "Apply")
        return Manager(name, "Update", self.key.kind.api_version)


class Store:
    """Objects by key, with a log of events for those who watch."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.objects: dict[Key, Json] = {}
        self.events: list[tuple[int, Key, str, Json]] = []
        self.version = 1
        self.rollouts = "ready"  # or "stuck" (never done) or "deadline" (gives up at once)

    def put(self, key: Key, body: Json, event: str) -> Json:
        """Keep an object (or drop it, for DELETED) and tell the watchers."""
        with self.changed:
            self.version += 1
            body["metadata"]["resourceVersion"] = str(self.version)
            if event == "DELETED":
                self.objects.pop(key, None)
            else:
                self.objects[key] = body
            self.events.append((self.version, key, event, copy.deepcopy(body)))
            self.changed.notify_all()
        return body

    def write(self, write: Write) -> tuple[Json, int]:
        """Carry out a POST, PUT or PATCH. Returns the object and the status code."""
        with self.changed:
            old = self.objects.get(write.key)
            new = self._changed(write, old)
            self._complete(write, old, new)
            _check(new, write)
            if old is not None and _same(old, new):
                return old, 200
            if not write.dry:
                self.put(write.key, new, "MODIFIED" if old else "ADDED")
                status = rollouts.status(write.key.kind.kind, new, self.rollouts)
                if status is not None:
                    self.put(write.key, {**copy.deepcopy(new), "status": status}, "MODIFIED")
            return new, 200 if old else 201

    def _changed(self, write: Write, old: Json | None) -> Json:
        """The object as this request makes it, its managedFields brought up to date."""
        kind = write.key.kind
        schema = schemas.of_kind(kind.group, kind.version, kind.kind)
        owners = fields.read((old or {}).get("metadata", {}).get("managedFields"))
        if write.manager.operation == "Apply":
            body = {name: value for name, value in write.body.items() if name != "status"}
            new, after, conflicts = fields.apply(
                old, body, schema, owners, write.manager, force=write.query.get("force") == "true"
            )
            if conflicts:
                raise _conflict(conflicts, write)
            _fold_string_data(new)
        else:
            new = _ordinary(write, old, schema)
            _fold_string_data(new)
            asked = new.get("metadata", {}).get("managedFields")
            if old is not None and asked is not None and asked != old["metadata"].get("managedFields"):
                owners = fields.read(asked)
            after = fields.update(old, new, schema, owners, write.manager)
        _keep_status(old, new)
        metadata = new.setdefault("metadata", {})
        metadata["managedFields"] = fields.write(
            after, kind.api_version, (old or {}).get("metadata", {}).get("managedFields"), _now()
        )
        return new

    def _complete(self, write: Write, old: Json | None, new: Json) -> None:
        kind, namespace, name = write.key
        before = (old or {}).get("metadata", {})
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        metadata = new["metadata"]
        metadata["name"] = name
        if namespace is not None:
            metadata["namespace"] = namespace
            if not any(key.kind.kind == "Namespace" and key.name == namespace for key in self.objects):
                raise Fail(
                    404, "NotFound", f'namespaces "{namespace}" not found', name=namespace, kind="namespaces"
                )
        if kind.kind == "Secret":
            new.setdefault("type", "Opaque")
        metadata["uid"] = before.get("uid") or str(uuid.uuid4())
        metadata["creationTimestamp"] = before.get("creationTimestamp") or _now()
        metadata["resourceVersion"] = before.get("resourceVersion", "")
        if "spec" in new:
            metadata["generation"] = before.get("generation", 0) + (
                old is None or old.get("spec") != new["spec"]
            )


def _ordinary(write: Write, old: Json | None, schema: Mapping[str, Any]) -> Json:
    """POST, PUT and the patches other than apply."""
    if write.method == "POST":
        if old is not None:
            message = f'{write.key.kind.plural} "{write.key.name}" already exists'
            raise Fail(409, "AlreadyExists", message, name=write.key.name, kind=write.key.kind.plural)
        return copy.deepcopy(dict(write.body))
    if old is None:
        raise not_found(write.key)
    base = copy.deepcopy(old)
    match write.content_type:
        case "application/json-patch+json":
            try:
                new = patches.operations(base, write.body)
            except ValueError as error:
                raise Fail(422, "Invalid", str(error)) from None
        case "application/merge-patch+json":
            new = patches.merge(base, write.body)
        case "application/strategic-merge-patch+json":
            new = patches.strategic(base, write.body, schema)
        case _ if write.method == "PUT":
            new = copy.deepcopy(dict(write.body))
        case _:
            raise Fail(415, "UnsupportedMediaType", f"unsupported media type {write.content_type}")
    wanted = new["metadata"].get("resourceVersion")
    if wanted and wanted != old["metadata"]["resourceVersion"]:
        resource = write.key.kind.plural
        message = (
            f'Operation cannot be fulfilled on {resource} "{write.key.name}": the object has been modified'
        )
        raise Fail(
            409, "Conflict", message + "; please apply your changes to the latest version and try again"
        )
    return dict(new)


def _fold_string_data(body: Json) -> None:
    """stringData is write-only: it lands in data, and whoever applied it owns the stringData path alone.

    So a key that is no longer applied stays in data for good (kubernetes/kubernetes#108008).
    """
    text = body.pop("stringData", None)
    if text:
        encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in text.items()}
        body["data"] = {**(body.get("data") or {}), **encoded}


def _keep_status(old: Json | None, new: Json) -> None:
    """Writes to the object leave status alone: it is a subresource (API conventions, Spec and Status)."""
    new.pop("status", None)
    if old and "status" in old:
        new["status"] = copy.deepcopy(old["status"])


def _conflict(conflicts: Mapping[Manager, list[fields.Path]], write: Write) -> Fail:
    """The message as apimachinery's managedfields/internal/conflict.go (getConflictMessage) words it."""
    count = sum(map(len, conflicts.values()))
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {manager.shown}",
            "field": fields.shown(path),
        }
        for manager, paths in conflicts.items()
        for path in paths
    ]
    if count == 1:
        text = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        lines = []
        for manager, paths in sorted(conflicts.items()):
            lines += [f"conflicts with {manager.shown}:", *(f"- {fields.shown(path)}" for path in paths)]
        text = f"Apply failed with {count} conflicts: " + "\n".join(lines)
    kind = write.key.kind
    return Fail(409, "Conflict", text, name=write.key.name, group=kind.group, kind=kind.plural, causes=causes)


def _check(body: Json, write: Write) -> None:
    kind, name = write.key.kind.kind, write.key.name
    shown = {**body, "metadata": {k: v for k, v in body["metadata"].items() if k != "managedFields"}}
    try:
        strict = write.query.get("fieldValidation", "Strict") == "Strict"
        kubernetes_validate.validate(shown, schemas.RELEASE, strict=strict)
    except ValidationError as error:
        at = ".".join(map(str, error.path)) or "object"
        code, reason = (400, "BadRequest") if "unexpected" in error.message else (422, "Invalid")
        raise Fail(code, reason, f'{kind} "{name}" is invalid: {at}: {error.message}', name=name) from None
    if kind in ("Secret", "ConfigMap"):
        _check_data(body, kind, name)


def _check_data(body: Json, kind: str, name: str) -> None:
    size = 0
    for key, value in (body.get("data") or {}).items():
        try:
            size += len(base64.b64decode(value or "", validate=True) if kind == "Secret" else value.encode())
        except binascii.Error:
            raise Fail(
                400, "BadRequest", f'Secret "{name}" in version "v1" cannot be handled: data.{key}'
            ) from None
    if size > SIZE:
        raise Fail(
            422, "Invalid", f'{kind} "{name}" is invalid: data: Too long: may not be more than {SIZE} bytes'
        )


def _same(old: Json, new: Json) -> bool:
    """A write that changes nothing is none: the version stays."""

    def bare(body: Json) -> Json:
        entries = [
            {k: v for k, v in entry.items() if k != "time"}
            for entry in body["metadata"].get("managedFields", [])
        ]
        return {**body, "metadata": {**body["metadata"], "managedFields": entries}}

    return bare(old) == bare(new)


def not_found(key: Key) -> Fail:
    """The 404 of one object."""
    resource = key.kind.plural + (f".{key.kind.group}" if key.kind.group else "")
    message = f'{resource} "{key.name}" not found'
    return Fail(404, "NotFound", message, name=key.name, group=key.kind.group, kind=key.kind.plural)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
