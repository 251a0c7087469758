"""The audit of one image: read once from a stream, search it all, then say where each thing that was found lies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from ..errors import BuildFailed, ToolMissing
from ..redaction import Redactor
from .image import Blobs, Role, Structure, shown_step, structure, texts
from .ledger import Ledger, Place
from .members import Members, Sink
from .needles import wanted
from .opening import Limits, Opening
from .private_keys import PrivateKeys
from .report import Finding, NotChecked, Report
from .search import Hit, Search

_WINDOW: Final = 1 << 20
_OVERLAP: Final = 1 << 10
_AGAIN: Final = "it is cut off, or no image's: save it again, with docker save or buildx --output type=oci"
_DOCUMENT: Final = 1 << 22
_DOCUMENTS: Final = 1 << 24


def audit(
    stream: BinaryIO,
    *,
    secrets: Mapping[str, str],
    credentials: Mapping[str, str] | None = None,
    public_keys: Mapping[str, str] | None = None,
    image: str = "The image",
    limits: Limits | None = None,
    fast: bool = True,
) -> Report:
    """What an image holds that it may not, from an archive of it (`docker save`, or an OCI layout in a tar file).

    `secrets` are the values declared secret, `credentials` those that are so by their names alone (an index's
    user name is then not looked for), `public_keys` the tracked DOTENV_PUBLIC_KEY_* of all env files. With
    `fast=False` hyperscan is not used even if it is there. Raises BuildFailed if the archive is cut off, damaged
    or of no image, ToolMissing if a layer needs a library to be unpacked.
    """
    limits = limits or Limits()
    looked_for = wanted(secrets, credentials or {})
    ledger = Ledger(Redactor(looked_for.texts))
    keys = PrivateKeys(public_keys or {}, most=limits.keys)
    search = Search(looked_for.needles, keys, fast=fast)
    archive = _Archive(Opening(search, ledger, limits), image)
    size = archive.read(stream)
    made_of = archive.made_of()
    archive.search_documents(made_of)
    return Report(
        image=image,
        findings=tuple(sorted(_findings(ledger, made_of), key=_order)),
        not_checked=(*looked_for.skipped, *_numbers(keys, limits), *_gaps(ledger, made_of)),
        bytes=size,
        layers=made_of.layers,
        secrets=len({needle.variable for needle in looked_for.needles}),
        engine=search.engine,
    )


class _Archive:
    """The outer archive: a visitor that hands each blob on, and what is left to do when all of them have passed."""

    beginnings = None

    def __init__(self, opening: Opening, image: str) -> None:
        self._opening = opening
        self._image = image
        self._blobs = Blobs()
        self._kept = 0

    def read(self, stream: BinaryIO) -> int:
        """Read all of it; gives the number of bytes."""
        members = Members(self)
        window = bytearray(_WINDOW + _OVERLAP)
        base = used = 0
        with memoryview(window) as view:
            while True:
                size: int = stream.readinto(view[used:])  # type: ignore[attr-defined]
                used += size
                if size and used < len(view):
                    continue
                members.walk(view[:used], base, final=not size)
                if not size:
                    break
                keep = used - _OVERLAP
                members.slide(base + keep)
                view[:_OVERLAP] = view[keep:used]
                base, used = base + keep, _OVERLAP
            members.close(base + used)
        return base + used

    def opened(self, path: str, size: int, head: bytes) -> Sink | None:
        """JSON documents are kept for later, everything else is searched at once."""
        self._blobs.paths.add(path)
        if head[:1] in (b"{", b"[") and size <= _DOCUMENT and self._kept + size <= _DOCUMENTS:
            self._kept += size
            return _Document(path, self._blobs)
        return self._opening.blob(path, lambda reason: self._unreadable(path, reason))

    def named(self, path: str, *, whole: bool) -> None:
        """The names of blobs say nothing."""

    def linked(self, path: str, target: str) -> None:
        """A layer that is there already may be a link to it."""
        folder = path.rpartition("/")[0]
        parts: list[str] = []
        for part in f"{folder}/{target}".split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        self._blobs.links[path] = "/".join(parts)

    def damaged(self, path: str, reason: str) -> None:
        """Then nothing can be said of the image."""
        raise BuildFailed(
            f"{self._image} could not be audited: {reason} ({path or 'nothing could be read'}).",
            hint=_AGAIN,
        )

    def made_of(self) -> Structure:
        """What the image is made of. Raises BuildFailed."""
        found = structure(self._blobs)
        if found is None:
            raise BuildFailed(
                f"{self._image} could not be audited: no manifest.json or index.json in the archive names an image.",
                hint=_AGAIN,
            )
        if found.missing:
            raise BuildFailed(
                f"{self._image} could not be audited: not in the archive: {', '.join(found.missing)}."
            )
        return found

    def search_documents(self, made_of: Structure) -> None:
        """Search the JSON documents, those of the image first: others repeat them, for older versions of docker."""
        told: set[tuple[str, str]] = set()
        for path in sorted(self._blobs.documents, key=lambda path: path not in made_of.roles):
            role = made_of.roles.get(path)
            hits = list(self._in_document(path, config=role is not None and role.config))
            for where, hit in hits:
                if role is not None or (hit.kind, hit.variable) not in told:
                    self._opening.ledger.add(path, Place("", where), hit.kind, hit.variable, hit.form)
            told |= {(hit.kind, hit.variable) for _, hit in hits}

    def _in_document(self, path: str, *, config: bool) -> Iterator[tuple[str, Hit]]:
        """What is found text by text, then what is seen only in the document as it stands."""
        content, seen = self._blobs.documents[path], set()
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        for where, text in texts(document, config=config):
            for hit in self._opening.search.text(text):
                seen.add((hit.kind, hit.variable))
                yield where, hit
        for hit in self._opening.search.hits(memoryview(content), 0, len(content)):
            if (hit.kind, hit.variable) not in seen:
                yield "document", hit

    def _unreadable(self, path: str, reason: str) -> None:
        message = f"{self._image} could not be audited: {path} cannot be unpacked: {reason}."
        if "envtasks[docker]" in reason:
            raise ToolMissing(message, hint="uv add --dev 'envtasks[docker]'")
        raise BuildFailed(message)


class _Document:
    def __init__(self, path: str, blobs: Blobs) -> None:
        self._path, self._blobs, self._content = path, blobs, bytearray()

    def feed(self, data: memoryview) -> None:
        self._content += data

    def close(self) -> None:
        self._blobs.documents[self._path] = bytes(self._content)


_UNKNOWN: Final = Role("another blob")


def _findings(ledger: Ledger, made_of: Structure) -> Iterator[Finding]:
    for note in ledger.notes():
        role = made_of.roles.get(note.blob, _UNKNOWN)
        yield Finding(
            kind=note.kind,
            layer=role.label,
            path=note.place.path,
            where=note.place.where,
            variable=note.variable,
            form=note.form,
            step=shown_step(role.step, ledger.hide),
            blob=note.blob,
        )


def _order(found: Finding) -> tuple[object, ...]:
    # layer 10 comes after layer 9
    layer = [(len(word), word) if word.isdigit() else (0, word) for word in found.layer.split()]
    return layer, found.path, found.where, found.kind, found.variable


def _numbers(keys: PrivateKeys, limits: Limits) -> Iterator[NotChecked]:
    if keys.left_out:
        what = f"{keys.left_out} numbers of 64 hexadecimal digits"
        yield NotChecked(what, f"not tried as private keys: {limits.keys} others were")


def _gaps(ledger: Ledger, made_of: Structure) -> Iterator[NotChecked]:
    for platform in made_of.absent_platforms:
        yield NotChecked(platform, "the index names it, but it is not in the archive")
    for blob, gap in ledger.gaps():
        layer = made_of.roles.get(blob, _UNKNOWN).label if blob else ""
        yield NotChecked(", ".join(filter(None, (layer, gap.what))), gap.reason)
