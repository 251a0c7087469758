"""Private keys, recognised without having them: 64 hexadecimal digits whose public key is a tracked one."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ..envfiles import PRIVATE_KEY, PUBLIC_KEY, public_key

NEAR: Final = 160
"""Bytes before the digits within which the name of a private key marks them as one."""
REACH: Final = 512

_CANDIDATE: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9a-fA-F]{64}(?![0-9A-Za-z])")
_NAME: Final = re.compile(rb"DOTENV_PRIVATE_KEY[A-Za-z0-9_.-]{0,60}")
_DIGEST_BEFORE: Final = re.compile(
    rb"(?:(?:sha-?256|sha|hash|digest|checksum)[\"'\\]*[:=@\s-]{1,3}[\"'\\]*|/|file:|dir:|multi:)\Z",
    re.IGNORECASE,
)
_DIGEST_AFTER: Final = re.compile(rb"[ \t]+\*?[./\w]|/")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]+")


class PrivateKeys:
    """Tells private keys among hexadecimal numbers. Deriving a public key costs half a millisecond: `most` bounds them.

    A number that is a checksum by what stands around it is left out, unless the name of a private key stands before it.
    """

    def __init__(self, public_keys: Mapping[str, str], *, most: int) -> None:
        self._names = {
            key.lower(): name.replace(PUBLIC_KEY, PRIVATE_KEY, 1) for name, key in public_keys.items()
        }
        self._known: dict[bytes, str | None] = {}
        self._left = most
        self.left_out = 0

    def found(
        self, data: memoryview, low: int, high: int, ends: Sequence[int] | None = None
    ) -> Iterator[tuple[int, str, str]]:
        """Offset, variable and form of each private key that begins in [low, high); `ends` are where one may end."""
        for match in _candidates(data, low, high, ends):
            name = self._judged(match, data)
            if name:
                yield match.start(), name, "plain"

    def in_base64(self, data: memoryview, start: int) -> Iterator[tuple[int, str, str]]:
        """The keys in the base64 text around `start`, where the name of a private key stands encoded."""
        context = re.sub(rb"\\[nr]|\s", b"", data[max(0, start - 8) : start + REACH].tobytes())
        text = b"".join(_BASE64.findall(context)[:1]).translate(bytes.maketrans(b"-_", b"+/"))
        for shift in range(4):
            piece = text[shift : shift + (len(text) - shift) // 4 * 4]
            try:
                decoded = a2b_base64(piece)
            except Error:
                continue
            for _, name, _ in self.found(memoryview(decoded), 0, len(decoded)):
                yield start, name, "base64"

    def _judged(self, match: re.Match[bytes], data: memoryview) -> str | None:
        digits = match.group().lower()
        before = data[max(0, match.start() - NEAR) : match.start()].tobytes()
        named = _NAME.findall(before)
        if not named and not self._plausible(digits, before, data[match.end() : match.end() + 8].tobytes()):
            return None
        if digits not in self._known:
            if not named and self._left <= 0:
                self.left_out += 1
                return None
            self._left -= not named
            self._known[digits] = self._owner(digits)
        return self._known[digits] or (named[-1].decode() if named else None)

    def _plausible(self, digits: bytes, before: bytes, after: bytes) -> bool:
        checksum = _DIGEST_BEFORE.search(before) or _DIGEST_AFTER.match(after)
        return bool(self._names) and not checksum and not digits.isdigit()

    def _owner(self, digits: bytes) -> str | None:
        try:
            return self._names.get(public_key(digits.decode()).lower())
        except ValueError:  # zero, or beyond the order of the curve
            return None


def _candidates(
    data: memoryview, low: int, high: int, ends: Sequence[int] | None
) -> Iterator[re.Match[bytes]]:
    if ends is None:
        yield from _CANDIDATE.finditer(data[: high + 128], low)
        return
    for end in ends:
        if low <= end - 64 < high:
            match = _CANDIDATE.match(data, end - 64)
            if match:
                yield match
