"""Image archives made in memory, as docker and OCI tools write them, with whatever a test wants in their layers."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Files = Mapping[str, bytes]
Pack = Callable[[bytes], bytes]


def layer(
    files: Files, *, variant: int = tarfile.PAX_FORMAT, members: Sequence[tarfile.TarInfo] = ()
) -> bytes:
    """A layer with these files, and members that have no content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=variant) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return stream.getvalue()


def link(name: str, target: str, *, hard: bool = False) -> tarfile.TarInfo:
    """A member that is a link."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target
    return member


def config(layers: int = 1, **config: Any) -> dict[str, Any]:
    """An image's config whose layers were made by `COPY step 1`, `COPY step 2`, …"""
    steps = [{"created_by": f"COPY step {number} # buildkit"} for number in range(1, layers + 1)]
    return {"architecture": "amd64", "os": "linux", "config": config, "history": steps}


def docker_archive(*layers: bytes, made: Mapping[str, Any] | None = None) -> bytes:
    """The archive that `docker save` writes: blobs, then manifest.json."""
    document = json.dumps(made or config(len(layers))).encode()
    blobs = {blob_path(content): content for content in (*layers, document)}
    entry = {
        "Config": blob_path(document),
        "RepoTags": ["app:test"],
        "Layers": [blob_path(part) for part in layers],
    }
    return archive({**blobs, "manifest.json": json.dumps([entry]).encode()})


def oci_archive(*layers: bytes, made: Mapping[str, Any] | None = None, pack: Pack = gzip.compress) -> bytes:
    """The archive that `docker buildx build --output type=oci` writes: packed layers, index.json, no manifest.json."""
    document = json.dumps(made or config(len(layers))).encode()
    packed = [pack(content) for content in layers]
    manifest = json.dumps(
        {"config": {"digest": digest(document)}, "layers": [{"digest": digest(part)} for part in packed]}
    ).encode()
    index = {
        "manifests": [{"digest": digest(manifest), "platform": {"os": "linux", "architecture": "amd64"}}]
    }
    blobs = {blob_path(content): content for content in (*packed, document, manifest)}
    return archive({**blobs, "index.json": json.dumps(index).encode(), "oci-layout": b"{}"})


def archive(files: Files, *links: tarfile.TarInfo) -> bytes:
    """The outer archive."""
    return layer(files, variant=tarfile.USTAR_FORMAT, members=links)


def digest(content: bytes) -> str:
    """How OCI documents call a blob."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob_path(content: bytes) -> str:
    """Where a blob stands in the archive."""
    return f"blobs/{digest(content).replace(':', '/')}"
