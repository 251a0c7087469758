"""Search files and what is packed in them: tar and zip archives and compressed files are unpacked, within limits."""

from __future__ import annotations

import math
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Final, cast

from .archives import (
    BLOCK,
    CHUNK,
    COMPRESSED,
    File,
    Part,
    Unreadable,
    content_end,
    damage_as_unreadable,
    decompressed,
    is_tar,
    is_tar_header,
    signature,
    tar_members,
)
from .patterns import forbidden
from .report import Findings, Location
from .search import Hit, Search

_IN_MEMORY: Final = 1 << 22
"""Bytes of an unpacked file that are kept in memory; a larger one goes to the folder for temporary files."""
_DIRECTORY: Final = 1 << 24
"""Bytes that the directory of a zip archive may have."""
_GIB: Final = 1 << 30

_NAME_FIELDS: Final = frozenset({"path", "linkpath", "uname", "gname", "GNU.sparse.name"})
"""Extended headers of a tar archive that tarfile puts into the fields of the member."""
_NOT_UNPACKED: Final = frozenset({"7z", "rar", "lz4"})


@dataclass(frozen=True, slots=True)
class Limits:
    """How far packed files are unpacked, and how many unnamed numbers are tried as private keys.

    `file`, `files` and `layer` are bytes that come out of one packed file of a layer (with all that is packed in
    it), of all packed files together, and of one compressed layer; `members` counts those of all archives together.
    """

    file: int = _GIB
    files: int = 16 * _GIB
    layer: int = 64 * _GIB
    members: int = 5_000_000
    depth: int = 4
    keys: int = 1000


@dataclass(slots=True)
class Budget:
    """How much may still be unpacked, and the reason to give when it is used up; `whole` is what it is part of."""

    left: int
    reason: str
    whole: Budget | None = None

    def take(self, amount: int) -> None:
        """Use some of it. Raises Unreadable when it is used up."""
        self.left -= amount
        if self.left < 0:
            raise Unreadable(self.reason)
        if self.whole is not None:
            self.whole.take(amount)


class Unpacker:
    """Searches the blobs of an image, each file in them, and what is packed in those."""

    def __init__(self, search: Search, findings: Findings, limits: Limits) -> None:
        self._search = search
        self._findings = findings
        self._limits = limits
        self._files = Budget(limits.files, f"more than {_amount(limits.files)} in all packed files together")
        self._members = Budget(
            limits.members, f"more than {limits.members:,} members in all archives together"
        )

    def search_blob(self, blob: str, head: bytes, chunks: Iterable[bytes]) -> bool:
        """Search a layer or another blob, compressed or not, that begins with `head`; whether it is a tar archive.

        Raises Unreadable if it cannot be unpacked.
        """
        name = signature(head)
        if name in COMPRESSED:
            chunks = decompressed(chunks, name)
        budget = self._budget(self._limits.layer)
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            for chunk in chunks:
                budget.take(len(chunk))
                file.write(chunk)
            return self._search_file(file, Location(blob), budget)

    def _search_file(self, file: IO[bytes], at: Location, budget: Budget, *, searched: bool = False) -> bool:
        """Search a file and what is packed in it; whether it is a tar archive.

        With `searched` the file is searched already, and only what is packed in it is left to do.
        """
        size = file.seek(0, 2)
        file.seek(0)
        hits = iter(()) if searched else self._search.in_file(file, size)
        if is_tar(file.read(BLOCK)):
            self._search_tar(file, size, at, budget, hits)
            return True
        for hit in hits:
            self._findings.add(at, "file content", hit.kind, hit.variable, hit.form)
        self._search_packed(file, 0, size, at, budget)
        return False

    def _search_tar(self, file: File, size: int, at: Location, budget: Budget, hits: Iterator[Hit]) -> None:
        """Search the members of a tar archive, in which `hits` are found already, and what is packed in them."""
        unread = _HitReader(hits)
        inside, rest = at, "file content"
        try:
            for member, end in tar_members(file, size):
                self._members.take(1)
                inside, rest = at.member(member.name), "after the file's end"
                content, size_of_content = member.offset_data, content_end(member, end) - member.offset_data
                self._add_hits(member, content + size_of_content, inside, unread.before(end))
                if not member.isdir():
                    self._check_path(inside)
                if size_of_content:
                    self._search_packed(file, content, size_of_content, inside, budget)
        except Unreadable as error:
            self._findings.skip(inside, f"{error}; what follows was searched, but not unpacked")
        for hit in unread.before(size):
            self._findings.add(inside, rest, hit.kind, hit.variable, hit.form)

    def _add_hits(self, member: tarfile.TarInfo, end: int, at: Location, hits: Iterator[Hit]) -> None:
        """Add what was found in a member of a tar archive whose content ends at `end`."""
        in_headers = []
        for hit in hits:
            if hit.offset < member.offset_data:
                in_headers.append(hit)
            else:
                where = "file content" if hit.offset < end else "after the file's end"
                self._findings.add(at, where, hit.kind, hit.variable, hit.form)
        # ustar splits a long name over two fields
        if in_headers or len(member.name) > 100 or not member.name.isascii():
            self._add_header_hits(member, at, in_headers)

    def _add_header_hits(self, member: tarfile.TarInfo, at: Location, hits: list[Hit]) -> None:
        attributes = (value for name, value in member.pax_headers.items() if name not in _NAME_FIELDS)
        fields = {
            "file name": member.name,
            "link": member.linkname,
            "file owner": f"{member.uname}\n{member.gname}",
            "extended attribute": "\n".join(attributes),
        }
        seen = set()
        for where, text in fields.items():
            for hit in self._search.in_text(text):
                seen.add((hit.kind, hit.variable))
                self._findings.add(at, where, hit.kind, hit.variable, hit.form)
        for hit in hits:
            if (hit.kind, hit.variable) not in seen:
                self._findings.add(at, "file header", hit.kind, hit.variable, hit.form)

    def _check_path(self, at: Location) -> None:
        kind = forbidden(at.path)
        if kind:
            self._findings.add(at, "file", kind)

    def _search_packed(self, file: File, start: int, size: int, at: Location, budget: Budget) -> None:
        """Search what is packed in a file, if it is an archive or compressed. The file itself is searched already."""
        file.seek(start)
        head = file.read(min(BLOCK, size))
        name = signature(head)
        if not name:
            return
        part = Part(file, start, size)
        if (name == "script" and not zipfile.is_zipfile(cast(IO[bytes], part))) or (
            name == "tar" and not is_tar_header(head)
        ):
            return
        if name in _NOT_UNPACKED:
            self._findings.skip(at, f"packed as {name}, which is not unpacked")
            return
        if at.depth >= self._limits.depth:
            self._findings.skip(at, f"packed more than {self._limits.depth} times")
            return
        if at.depth == 0:
            budget = self._budget(self._limits.file, self._files)
        if name in COMPRESSED:
            self._search_unpacked(decompressed(part.chunks(), name), at.unpacked(name), budget)
        elif name == "tar":
            self._search_tar(part, size, at.unpacked(), budget, iter(()))
        else:
            self._search_zip(part, at.unpacked("zip"), budget)

    def _search_unpacked(
        self, chunks: Iterable[bytes], at: Location, budget: Budget, *, searched: bool = False
    ) -> None:
        """Search what comes out of a packed file, as far as it does."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            try:
                for chunk in chunks:
                    budget.take(len(chunk))
                    file.write(chunk)
            except Unreadable as error:
                self._findings.skip(at, str(error))
            self._search_file(file, at, budget, searched=searched)

    def _search_zip(self, part: Part, at: Location, budget: Budget) -> None:
        try:
            part.allowed = _DIRECTORY
            with damage_as_unreadable():
                archive = zipfile.ZipFile(cast(IO[bytes], part))
            part.allowed = math.inf
            for member in archive.infolist():
                self._members.take(1)
                if not member.is_dir():
                    self._search_zip_member(archive, member, at.member(member.filename), budget)
                if budget.left < 0:
                    break
        except Unreadable as error:
            self._findings.skip(at, str(error))

    def _search_zip_member(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, at: Location, budget: Budget
    ) -> None:
        self._check_path(at)
        stored = member.compress_type == zipfile.ZIP_STORED
        if member.flag_bits & 1:
            self._findings.skip(at, "encrypted")
        elif not stored and member.compress_type != zipfile.ZIP_DEFLATED:
            # zipfile unpacks others without a limit to the memory that it takes
            self._findings.skip(at, f"compression method {member.compress_type} of zip")
        else:
            self._search_unpacked(_zip_chunks(archive, member), at, budget, searched=stored)

    def _budget(self, size: int, whole: Budget | None = None) -> Budget:
        return Budget(size, f"it unpacks to more than {_amount(size)}", whole)


class _HitReader:
    """Reads hits, which are in the order of their offsets, up to an offset."""

    def __init__(self, hits: Iterator[Hit]) -> None:
        self._hits = hits
        self._next = next(hits, None)

    def before(self, offset: int) -> Iterator[Hit]:
        """The next hits, those before an offset."""
        while self._next is not None and self._next.offset < offset:
            yield self._next
            self._next = next(self._hits, None)


def _zip_chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with damage_as_unreadable(), archive.open(member) as source:
        while data := source.read(CHUNK):
            yield data


def _amount(size: int) -> str:
    return f"{size / _GIB:g} GiB" if size >= _GIB else f"{size:,} bytes"
