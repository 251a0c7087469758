"""An image as `docker save` and OCI tools write it: which blob is which layer, and what its JSON documents say."""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO, Final

from ..redaction import Redactor
from .archives import BLOCK, CHUNK, Damaged, Part, Unreadable, content_end, is_tar, tar_members

_DOCUMENT: Final = 1 << 22
_DOCUMENTS: Final = 1 << 24
"""Bytes of one JSON document, and of all of them, that are kept; others are searched as files."""
_INDEXES: Final = 3
"""How many indexes of an OCI layout may lie in one another."""
_STEP: Final = 60
_ATTESTATION: Final = "vnd.docker.reference.type"
_ARGUMENTS: Final = re.compile(r"^RUN \|\d+ .*?(?=/bin/sh -c |/bin/bash -|cmd /S |powershell )", re.DOTALL)
_NOISE: Final = re.compile(r"/bin/sh -c (?:#\(nop\) +)?|# buildkit$")
_HEX: Final = re.compile(r"\b[0-9a-fA-F]{64}\b")

SearchBlob = Callable[[str, bytes, Iterable[bytes]], bool]
"""Searches a blob, given its path in the archive, its first bytes and all of it in chunks. True for a tar archive."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a blob is for: `layer 2 of 5`, `config`, …; for a layer also the step that made it, as history has it."""

    label: str
    step: str = ""
    config: bool = False


@dataclass(slots=True)
class Blobs:
    """What stands in an image archive: JSON documents, other blobs, links from one to another."""

    documents: dict[str, bytes] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    tar_archives: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    size: int = 0
    _contents: dict[str, Any] = field(default_factory=dict)

    def document(self, path: str) -> Any:
        """The content of a JSON document; None if there is none, or none that can be read."""
        if path not in self._contents:
            try:
                self._contents[path] = json.loads(self.documents[path])
            except (KeyError, ValueError, RecursionError):  # the last if it is nested too deeply
                self._contents[path] = None
        return self._contents[path]


class _Stream:
    """A stream as a file that can only be moved forward; `offset` is that of the next byte."""

    def __init__(self, stream: BinaryIO) -> None:
        self.offset = 0
        self._stream = stream

    def read(self, size: int) -> bytes:
        """The next bytes; fewer only at the end."""
        parts = []
        while size and (part := self._stream.read(size)):  # a pipe gives what it has
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        self.offset += len(data)
        return data

    def seek(self, offset: int) -> int:
        """Skip what lies before an offset."""
        if offset < self.offset:
            raise OSError("a stream cannot be moved back")
        while self.offset < offset and self.read(min(CHUNK, offset - self.offset)):
            pass
        return self.offset


def read_blobs(stream: BinaryIO, search: SearchBlob) -> Blobs:
    """What stands in an image archive. JSON documents are kept, all other blobs searched.

    Raises Damaged if the archive cannot be read to its end, Unreadable if a blob cannot be unpacked.
    """
    blobs, file, path, kept = Blobs(), _Stream(stream), "", 0
    try:
        for member, end in tar_members(file, math.inf):
            path = member.name.removeprefix("./")
            if member.issym() or member.islnk():
                target = posixpath.join(posixpath.dirname(path) if member.issym() else "", member.linkname)
                blobs.links[path] = posixpath.normpath(target)
            elif end > member.offset_data:
                blobs.paths.add(path)
                size = content_end(member, end) - member.offset_data
                chunks = Part(file, member.offset_data, size).chunks()
                first = next(chunks)
                if _is_document(first, size) and kept + size <= _DOCUMENTS:
                    kept += size
                    blobs.documents[path] = b"".join((first, *chunks))
                elif search(path, first[:BLOCK], chain((first,), chunks)):
                    blobs.tar_archives.add(path)
        file.seek(1 << 62)  # docker waits until all is read
    except Damaged as damage:
        raise Damaged(f"{damage} ({path or 'nothing could be read'})") from None
    except Unreadable as error:
        raise type(error)(f"{path} cannot be unpacked: {error}") from None
    blobs.size = file.offset
    return blobs


def _is_document(first: bytes, size: int) -> bool:
    return first[:1] in (b"{", b"[") and size <= _DOCUMENT and not is_tar(first[:BLOCK])


class Structure:
    """What the image is made of: the roles of its blobs, its layers, and what is not in the archive."""

    def __init__(self, blobs: Blobs) -> None:
        self.roles: dict[str, Role] = {}
        self.layers: set[str] = set()
        self.missing: list[str] = []
        self.absent_platforms: list[str] = []
        self.images: list[tuple[str, str, list[str]]] = []
        self._blobs = blobs
        self._configs: set[str] = set()
        self._followed: set[str] = set()
        self._docker_archive()
        self._oci_layout()
        for name, config, layers in self.images:
            self._assign(f"{name}: " if len(self.images) > 1 else "", config, layers)

    def _docker_archive(self) -> None:
        """The images that manifest.json names."""
        for entry in _mappings(self._blobs.document("manifest.json")):
            config, layers = _text(entry.get("Config")), _texts(entry.get("Layers"))
            name = next(iter(_texts(entry.get("RepoTags"))), config.rsplit("/", 1)[-1][:12])
            self._add_image(name, config, layers)

    def _oci_layout(self) -> None:
        """The images that index.json names."""
        for descriptor in _mappings(_mapping(self._blobs.document("index.json")).get("manifests")):
            self._descriptor(descriptor, depth=0)

    def _descriptor(self, descriptor: Mapping[str, Any], *, depth: int) -> None:
        """Follow an OCI descriptor to an index or a manifest, and that to its config and layers."""
        path = _blob_path(descriptor)
        if path in self._followed or depth > _INDEXES:
            return
        self._followed.add(path)
        document = self._blobs.document(path)
        parts = _mapping(descriptor.get("platform"))
        platform = "/".join(
            filter(None, (_text(parts.get(key)) for key in ("os", "architecture", "variant")))
        )
        if not isinstance(document, dict):
            self.absent_platforms.append(platform or path)
            return
        annotations = _mapping(descriptor.get("annotations"))
        attestation = bool(annotations.get(_ATTESTATION))
        self.roles.setdefault(path, Role("manifest of an attestation" if attestation else "manifest"))
        for inner in _mappings(document.get("manifests")):
            self._descriptor(inner, depth=depth + 1)
        layers = [_blob_path(layer) for layer in _mappings(document.get("layers"))]
        if attestation:
            self.roles |= {layer: Role("attestation") for layer in layers if layer not in self.roles}
        elif document.get("config"):
            config = _blob_path(_mapping(document["config"]))
            name = (
                _text(annotations.get("io.containerd.image.name")) or platform or path.rsplit("/", 1)[-1][:12]
            )
            if config not in self._configs:
                self._add_image(name, config, layers)

    def _add_image(self, name: str, config: str, layers: list[str]) -> None:
        self.images.append((name, config, layers))
        self._configs.add(config)

    def _assign(self, prefix: str, config: str, layers: list[str]) -> None:
        """Give the config and the layers of an image their roles."""
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
        history = _mappings(_mapping(self._blobs.document(config)).get("history"))
        return [_text(entry.get("created_by")) for entry in history if not entry.get("empty_layer")]


def shown_step(text: str, redactor: Redactor) -> str:
    """A step of the history, short, without its build args, values and keys."""
    text = _NOISE.sub("", _ARGUMENTS.sub("RUN ", text)).strip()
    text = " ".join(_HEX.sub("…", redactor.text(text)).split())
    return text if len(text) <= _STEP else text[: _STEP - 1] + "…"


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
    return "blobs/" + _text(descriptor.get("digest")).replace(":", "/")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [_text(entry) for entry in value] if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
