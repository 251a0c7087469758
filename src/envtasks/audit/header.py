"""One 512-byte header of a tar archive (POSIX ustar, GNU, old V7), as far as an audit needs it."""

from __future__ import annotations

import struct
from typing import Final

BLOCK: Final = 512
PAX, LONG_PATH, LONG_LINK, SPARSE, FOLDER = b"xLKS5"
"""Kinds of members, the byte at 156 of a header."""
ORDINARY: Final = frozenset(b"07\0")
LINKS: Final = frozenset(b"12")
LONG: Final = frozenset((LONG_PATH, LONG_LINK))
EXTENDED: Final = frozenset(b"xgLK")
WITHOUT_DATA: Final = frozenset(b"123456")
"""Links, devices, folders, pipes: a size in their header counts for nothing."""

GLANCE: Final = struct.Struct("100s24x11s21xB100x5s83xB166x2s")
"""Of a header: name, size, kind, magic, first byte of the prefix; and the first two bytes after it."""

_ZEROS: Final = bytes(BLOCK)


class Damaged(ValueError):
    """These are not the 512 bytes of a header."""


def size_of(header: memoryview) -> int:
    """The size of the member's data. Raises Damaged if this is no header."""
    if not _is_header(header):
        raise Damaged
    field = header[124:136].tobytes()
    if field[0] & 0x80:  # GNU: a binary number, for more than 8 GiB
        return int.from_bytes(bytes((field[0] & 0x7F,)) + field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        raise Damaged from None


def _is_header(header: memoryview) -> bool:
    # V7 has no other sign than the sum of its bytes
    if header[257:262].tobytes() == b"ustar":
        return True
    text = header[148:156].tobytes().strip(b" \0")
    try:
        return bool(text) and int(text, 8) == sum(header) - sum(header[148:156]) + 8 * 32
    except ValueError:
        return False


def begins_archive(data: memoryview) -> bool:
    """Whether bytes are the beginning of an archive, be it an empty one."""
    return len(data) >= BLOCK and (_is_header(data[:BLOCK]) or is_end(data[:BLOCK]))


def is_end(header: memoryview) -> bool:
    """Whether it is a block of zeros, with which an archive ends."""
    return header == _ZEROS


def path_of(header: memoryview) -> str:
    """The path as the header has it."""
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:263].tobytes() == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def link_of(header: memoryview) -> str:
    """What a link points to."""
    return _text(header[157:257])


def field_at(offset: int) -> str:
    """Which part of a header an offset lies in, as a finding says it."""
    if offset < 100 or 345 <= offset < 500:
        return "file name"
    return "link" if 157 <= offset < 257 else "file owner" if 265 <= offset < 329 else "file header"


def records(data: bytes) -> dict[str, tuple[str, int]]:
    """The records of a PAX header: name to value and the offset at which the record ends."""
    found: dict[str, tuple[str, int]] = {}
    at = 0
    while at < len(data):
        size, space, _ = data[at : at + 24].partition(b" ")
        if not space or not size.isdigit() or int(size) <= len(size):
            break
        name, _, value = data[at + len(size) + 1 : at + int(size)].rstrip(b"\n").partition(b"=")
        at += int(size)
        found[name.decode("utf-8", "replace")] = (value.decode("utf-8", "replace"), at)
    return found


def _text(field: memoryview) -> str:
    return field.tobytes().split(b"\0", 1)[0].decode("utf-8", "replace")
