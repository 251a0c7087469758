"""The HTTP side: requests in, objects out, and the ways in which a test makes the network fail."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import yaml

from .discovery import BY_PATH, KINDS, OPENAPI_V2, Kind, answer
from .fields import Json
from .store import Fail, Key, Store, Write, not_found


class Request(NamedTuple):
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes

    @property
    def dry(self) -> bool:
        return "dryRun" in self.query


DROP = "drop"  # the connection ends before anything is done
LOSE = "lose"  # it is done, and the answer never arrives
Interfere = Callable[[Request], "str | Fail | None"]


@dataclass(slots=True)
class FakeCluster:
    """A running server: where it is, what it holds, and what to do to requests."""

    url: str
    store: Store
    requests: list[Request] = field(default_factory=list)
    interfere: Interfere = field(default=lambda _request: None)

    def get(self, kind: str, name: str, namespace: str = "default") -> Json:
        """An object as it is stored. Raises KeyError."""
        return self.store.objects[_key(kind, namespace, name)]

    def holds(self, kind: str, name: str, namespace: str = "default") -> bool:
        """Whether there is such an object."""
        return _key(kind, namespace, name) in self.store.objects

    def add_namespace(self, name: str) -> None:
        """Make a namespace."""
        body: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        self.store.put(_key("Namespace", None, name), body, "ADDED")

    def kubeconfig(self, path: Path, *, contexts: Sequence[str]) -> Path:
        """Write a kubeconfig whose contexts are all this server; the first is the current one."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": "a-throwaway-token"}}],
            "contexts": [{"name": each, "context": {"cluster": "fake", "user": "fake"}} for each in contexts],
            "current-context": contexts[0],
        }
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    @property
    def writes(self) -> list[str]:
        """Everything that changed something, as `PATCH /api/v1/…`, dry runs left out."""
        return [f"{r.method} {r.path}" for r in self.requests if r.method != "GET" and not r.dry]


@contextmanager
def serve(port: int = 0) -> Iterator[FakeCluster]:
    """A server on loopback for as long as the block lasts, with the namespaces default and kube-system."""
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    cluster = FakeCluster(f"http://127.0.0.1:{server.server_address[1]}", Store())
    server.cluster = cluster  # type: ignore[attr-defined]
    for namespace in ("default", "kube-system"):
        cluster.add_namespace(namespace)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Nothing: a test's output is its own."""

    @property
    def cluster(self) -> FakeCluster:
        cluster: FakeCluster = self.server.cluster  # type: ignore[attr-defined]
        return cluster

    def handle_any(self) -> None:
        """Read one request, do it, answer it."""
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        request = Request(self.command, url.path, query, body)
        self.cluster.requests.append(request)
        what = self.cluster.interfere(request)
        try:
            if what == DROP:
                self.close_connection = True
                return
            if isinstance(what, Fail):
                raise what
            document = self._answer(request)
            if what == LOSE:
                self.close_connection = True
                return
            if document is not None:
                self._send(*document)
        except Fail as fail:
            self._send(fail.status, fail.code)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server's names

    def _answer(self, request: Request) -> tuple[Any, int] | None:
        if request.path == "/openapi/v2":
            self._send_bytes(OPENAPI_V2, 200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
            return None
        found = answer(request.path) if request.method == "GET" else None
        return (found, 200) if found is not None else self._resource(request)

    def _resource(self, request: Request) -> tuple[Any, int] | None:
        kind, namespace, name = _place(request.path)
        if request.method == "GET":
            return self._read(request, kind, namespace, name)
        content_type = (self.headers.get("Content-Type") or "").split(";")[0]
        if "protobuf" in content_type:
            raise Fail(415, "UnsupportedMediaType", "this server reads JSON and YAML, not protobuf")
        if request.method == "DELETE":
            return self._delete(request, Key(kind, namespace, name))
        body = yaml.load(request.body, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        key = Key(kind, namespace, name or body["metadata"]["name"])
        agent = self.headers.get("User-Agent") or ""
        return self.cluster.store.write(Write(key, request.method, content_type, body, request.query, agent))

    def _read(self, request: Request, kind: Kind, namespace: str | None, name: str) -> tuple[Any, int] | None:
        store, query = self.cluster.store, request.query
        if name:
            key = Key(kind, namespace, name)
            if key not in store.objects:
                raise not_found(key)
            return store.objects[key], 200
        only = query.get("fieldSelector", "").partition("metadata.name=")[2]

        def wanted(key: Key) -> bool:
            return key.kind == kind and namespace in (None, key.namespace) and only in ("", key.name)

        if query.get("watch") in ("1", "true"):
            self._watch(wanted, query, kind)
            return None
        items = [body for key, body in sorted(store.objects.items(), key=str) if wanted(key)]
        metadata = {"resourceVersion": str(store.version)}
        return {
            "kind": f"{kind.kind}List",
            "apiVersion": kind.api_version,
            "metadata": metadata,
            "items": items,
        }, 200

    def _delete(self, request: Request, key: Key) -> tuple[Any, int]:
        store = self.cluster.store
        if key not in store.objects:
            raise not_found(key)
        if not request.dry:
            store.put(key, dict(store.objects[key]), "DELETED")
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, 200

    def _watch(self, wanted: Callable[[Key], bool], query: Mapping[str, str], kind: Kind) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        store, seen = self.cluster.store, int(query.get("resourceVersion") or 0)
        if query.get("sendInitialEvents") == "true":
            seen = self._stream_list(wanted, kind)
        end = time.monotonic() + float(query.get("timeoutSeconds") or 60)
        while time.monotonic() < end:
            with store.changed:
                news = [event for event in store.events if event[0] > seen]
                if not news:
                    store.changed.wait(0.1)
            for version, key, event, body in news:
                seen = version
                if wanted(key):
                    self._event(event, body)

    def _stream_list(self, wanted: Callable[[Key], bool], kind: Kind) -> int:
        """What newer clients ask for in place of a list: every object, then a bookmark that says so.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
        """
        store = self.cluster.store
        with store.changed:
            version, bodies = (
                store.version,
                [body for key, body in sorted(store.objects.items(), key=str) if wanted(key)],
            )
        for body in bodies:
            self._event("ADDED", body)
        end = {"resourceVersion": str(version), "annotations": {"k8s.io/initial-events-end": "true"}}
        self._event("BOOKMARK", {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": end})
        return version

    def _event(self, kind: str, body: Json) -> None:
        self.wfile.write(json.dumps({"type": kind, "object": body}).encode() + b"\n")
        self.wfile.flush()

    def _send(self, document: Any, code: int) -> None:
        self._send_bytes(json.dumps(document).encode(), code, "application/json")

    def _send_bytes(self, data: bytes, code: int, content_type: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _place(path: str) -> tuple[Kind, str | None, str]:
    match = re.fullmatch(
        r"/(?:api|apis/([^/]+))/(v\w+)(?:/namespaces/([^/]+)(?=/))?/([^/]+)(?:/([^/]+))?", path
    )
    kind = BY_PATH.get((match[1] or "", match[2], match[4])) if match else None
    if match is None or kind is None:
        raise Fail(404, "NotFound", "the server could not find the requested resource")
    return kind, match[3] if kind.namespaced else None, match[5] or ""


def _key(kind: str, namespace: str | None, name: str) -> Key:
    return Key(next(found for found in KINDS if found.kind == kind), namespace, name)
