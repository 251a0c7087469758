"""Proof that an image holds no secret, no private key, no env file and no dotenvx: in any layer, also deleted ones."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO, Final

from ..console import counted
from ..errors import BuildFailed, ToolMissing
from ..redaction import Redactor
from .archives import Damaged, LibraryMissing, Unreadable
from .image import Blobs, Role, Structure, read_blobs, shown_step, texts
from .patterns import PrivateKeys, is_user_name, secret_forms
from .report import Finding, Findings, Location, NotChecked, Report
from .search import Hit, Search
from .unpack import Limits, Unpacker

__all__ = ["Finding", "Limits", "NotChecked", "Report", "audit", "is_user_name"]

_AGAIN: Final = "it is cut off, or not an image: save it again, with docker save or buildx --output type=oci"
_SHOWN: Final = 10
_UNKNOWN: Final = Role("another blob")


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
    wanted = secret_forms(secrets, credentials or {})
    keys = PrivateKeys(public_keys or {}, most=limits.keys)
    search, findings = Search(wanted.forms, keys, fast=fast), Findings()
    blobs = _read(stream, image, Unpacker(search, findings, limits))
    structure = _structure(blobs, image)
    _search_documents(blobs, structure, search, findings)
    for blob in sorted(structure.layers - blobs.tar_archives):
        findings.skip(Location(blob), "it is no tar archive; it was searched as it stands")
    redactor = Redactor(wanted.texts)
    return Report(
        image=image,
        findings=_findings(findings, structure, redactor),
        not_checked=(*wanted.skipped, *_numbers(keys, limits), *_skipped(findings, structure, redactor)),
        bytes=blobs.size,
        layers=len(structure.layers),
        secrets=len({form.variable for form in wanted.forms}),
        engine=search.engine,
    )


def _read(stream: BinaryIO, image: str, unpacker: Unpacker) -> Blobs:
    """The blobs of the archive; all but the JSON documents are searched. Raises BuildFailed, ToolMissing."""
    failed = f"{image} could not be audited"
    try:
        return read_blobs(stream, unpacker.search_blob)
    except Damaged as error:
        raise BuildFailed(f"{failed}: {error}.", hint=_AGAIN) from None
    except LibraryMissing as error:
        raise ToolMissing(f"{failed}: {error}.", hint="uv add --dev 'envtasks[docker]'") from None
    except Unreadable as error:
        raise BuildFailed(f"{failed}: {error}.") from None
    except OSError as error:
        hint = f"a layer at a time is unpacked in {tempfile.gettempdir()}; TMPDIR names another folder"
        raise BuildFailed(f"{failed}: {error.strerror or type(error).__name__}.", hint=hint) from None


def _structure(blobs: Blobs, image: str) -> Structure:
    """The structure of the image. Raises BuildFailed if there is none, or a layer is missing."""
    found = Structure(blobs)
    if not found.images:
        raise BuildFailed(
            f"{image} could not be audited: no manifest.json or index.json in the archive names an image.",
            hint=_AGAIN,
        )
    if found.missing:
        missing = ", ".join(found.missing[:_SHOWN]) + (", …" if len(found.missing) > _SHOWN else "")
        raise BuildFailed(f"{image} could not be audited: not in the archive: {missing}.")
    return found


def _search_documents(blobs: Blobs, structure: Structure, search: Search, findings: Findings) -> None:
    """Search the JSON documents. Those that repeat findings for older versions of docker come last, and add nothing."""
    reported: set[tuple[str, str]] = set()
    for path in sorted(blobs.documents, key=lambda path: path not in structure.roles):
        role, at = structure.roles.get(path), Location(path)
        hits, readable = _in_document(blobs.documents[path], search, config=role is not None and role.config)
        if role is not None and not readable:
            findings.skip(at, "it cannot be read as JSON; it was searched as it stands")
        for where, hit in hits:
            if role is not None or (hit.kind, hit.variable) not in reported:
                findings.add(at, where, hit.kind, hit.variable, hit.form)
        reported |= {(hit.kind, hit.variable) for _, hit in hits}


def _in_document(content: bytes, search: Search, *, config: bool) -> tuple[list[tuple[str, Hit]], bool]:
    """What is found in each text, then what is found only in the document as a whole; and whether it is valid JSON."""
    found: list[tuple[str, Hit]] = []
    readable = True
    try:
        for where, text in texts(json.loads(content), config=config):
            found += ((where, hit) for hit in search.in_text(text))
    except (ValueError, RecursionError):  # the latter if it is nested too deeply
        readable = False
    seen = {(hit.kind, hit.variable) for _, hit in found}
    found += (("document", hit) for hit in search.in_bytes(content) if (hit.kind, hit.variable) not in seen)
    return found, readable


def _findings(findings: Findings, structure: Structure, redactor: Redactor) -> tuple[Finding, ...]:
    """The findings with their layers, values in paths hidden, in the order of layers and paths."""
    shown = []
    for found in findings:
        role = structure.roles.get(found.blob, _UNKNOWN)
        step = shown_step(role.step, redactor)
        shown.append(replace(found, layer=role.label, path=redactor.text(found.path), step=step))
    return tuple(sorted(shown, key=_order))


def _order(found: Finding) -> tuple[object, ...]:
    # layer 10 comes after layer 9
    layer = [(len(word), word) if word.isdigit() else (0, word) for word in found.layer.split()]
    return layer, found.path, found.where, found.kind, found.variable


def _numbers(keys: PrivateKeys, limits: Limits) -> Iterator[NotChecked]:
    if keys.left_out:
        what = f"{counted(keys.left_out, 'number')} of 64 hexadecimal digits"
        yield NotChecked(what, f"not tried as private keys: {limits.keys} others were")


def _skipped(findings: Findings, structure: Structure, redactor: Redactor) -> Iterator[NotChecked]:
    for platform in structure.absent_platforms:
        yield NotChecked(platform, "the index names it, but it is not in the archive")
    for blob, skipped in findings.skipped():
        layer = structure.roles.get(blob, _UNKNOWN).label if blob else ""
        yield NotChecked(", ".join(filter(None, (layer, redactor.text(skipped.what)))), skipped.reason)
