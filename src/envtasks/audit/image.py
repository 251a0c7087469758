"""An image as `docker save` and OCI tools write it: which blob is which layer, and what its JSON documents say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..redaction import Redactor

_ATTESTATION: Final = "vnd.docker.reference.type"
_STEP: Final = 60
_ARGUMENTS: Final = re.compile(r"^RUN \|\d+ .*?(?=/bin/sh -c |/bin/bash -|cmd /S |powershell )", re.DOTALL)
_NOISE: Final = re.compile(r"/bin/sh -c (?:#\(nop\) +)?|# buildkit$")
_HEX: Final = re.compile(r"\b[0-9a-fA-F]{64}\b")


@dataclass(frozen=True, slots=True)
class Role:
    """What a blob is for: `layer 2 of 5`, `config`, …; for a layer also the step that made it, as history has it."""

    label: str
    step: str = ""
    config: bool = False


@dataclass(slots=True)
class Blobs:
    """What stands in an image archive: the JSON documents, the paths of all blobs, links from one to another."""

    documents: dict[str, bytes] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Structure:
    """What the image is made of: the roles of its blobs, how many layers, and what is not in the archive."""

    roles: Mapping[str, Role]
    layers: int
    missing: tuple[str, ...]
    absent_platforms: tuple[str, ...]


class _Reader:
    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.roles: dict[str, Role] = {}
        self.layers: set[str] = set()
        self.missing: list[str] = []
        self.absent: list[str] = []
        self.images: list[tuple[str, str, list[str]]] = []

    def document(self, path: str) -> Any:
        try:
            return json.loads(self._blobs.documents[path])
        except (KeyError, ValueError):
            return None

    def docker_archive(self) -> None:
        for entry in _list(self.document("manifest.json")):
            config, layers = str(entry.get("Config")), [str(layer) for layer in entry.get("Layers") or ()]
            name = next(iter(entry.get("RepoTags") or ()), config.rsplit("/", 1)[-1][:12])
            self.images.append((str(name), config, layers))

    def descriptor(self, descriptor: Mapping[str, Any], *, depth: int = 0) -> None:
        """Follow an OCI descriptor to an index or a manifest, and that to its config and layers."""
        path = _blob_path(descriptor)
        document = self.document(path)
        parts = descriptor.get("platform") or {}
        platform = "/".join(parts[key] for key in ("os", "architecture", "variant") if parts.get(key))
        if not isinstance(document, dict):
            self.absent.append(platform or path)
            return
        annotations = descriptor.get("annotations") or {}
        attestation = annotations.get(_ATTESTATION)
        self.roles.setdefault(path, Role("manifest of an attestation" if attestation else "manifest"))
        for inner in _list(document.get("manifests")):
            if depth < 3:
                self.descriptor(inner, depth=depth + 1)
        layers = [_blob_path(layer) for layer in _list(document.get("layers"))]
        if attestation:
            self.roles |= {layer: Role("attestation") for layer in layers if layer not in self.roles}
        elif document.get("config"):
            config = _blob_path(document["config"])
            name = annotations.get("io.containerd.image.name") or platform or path.rsplit("/", 1)[-1][:12]
            if config not in {known for _, known, _ in self.images}:
                self.images.append((str(name), config, layers))

    def assign(self) -> None:
        for name, config, layers in self.images:
            prefix = f"{name}: " if len(self.images) > 1 else ""
            self.roles.setdefault(config, Role(f"{prefix}config", config=True))
            steps = self._steps(config)
            for number, layer in enumerate(layers, 1):
                blob = self._blobs.links.get(layer, layer)
                step = steps[number - 1] if len(steps) == len(layers) else ""
                self.roles.setdefault(blob, Role(f"{prefix}layer {number} of {len(layers)}", step))
                self.layers.add(blob)
                if blob not in self._blobs.paths:
                    self.missing.append(f"{prefix}layer {number} of {len(layers)}")

    def _steps(self, config: str) -> list[str]:
        document = self.document(config)
        history = _list(document.get("history")) if isinstance(document, dict) else []
        return [str(entry.get("created_by", "")) for entry in history if not entry.get("empty_layer")]


def shown_step(text: str, hide: Redactor) -> str:
    """A step of the history, short, without its build args, values and keys."""
    text = _NOISE.sub("", _ARGUMENTS.sub("RUN ", text)).strip()
    text = " ".join(_HEX.sub("…", hide.text(text)).split())
    return text if len(text) <= _STEP else text[: _STEP - 1] + "…"


def structure(blobs: Blobs) -> Structure | None:
    """What the image is made of; None if the archive is no image."""
    reader = _Reader(blobs)
    reader.docker_archive()
    index = reader.document("index.json")
    for descriptor in _list(index.get("manifests")) if isinstance(index, dict) else ():
        reader.descriptor(descriptor)
    if not reader.images:
        return None
    reader.assign()
    return Structure(reader.roles, len(reader.layers), tuple(reader.missing), tuple(reader.absent))


def texts(document: Any, *, config: bool) -> Iterator[tuple[str, str]]:
    """Every text of a JSON document, keys too, and where it stands (in a config: Env NAME, history step N, …)."""
    for path, text in _walk(document, ()):
        yield _where(path, text) if config else ".".join(map(str, path)) or "document", text


def _walk(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield path, key
            yield from _walk(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _walk(inner, (*path, index))
    elif isinstance(value, str):
        yield path, value


def _where(path: tuple[str | int, ...], text: str) -> str:
    match path:
        case ("config" | "container_config", "Env", *_):
            return f"Env {text.partition('=')[0]}"
        case ("config" | "container_config", "Labels", name, *_):
            return f"Label {name}"
        case ("history", int(index), *_):
            return f"history step {index + 1}"
        case ("config" | "container_config", str(name), *_):
            return name
    return ".".join(map(str, path)) or "document"


def _blob_path(descriptor: Mapping[str, Any]) -> str:
    return "blobs/" + str(descriptor.get("digest", "")).replace(":", "/")


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
