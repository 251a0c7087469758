"""One search for everything at once: the forms of the secrets, and private keys, in bytes and their surroundings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..envfiles import PRIVATE_KEY
from ..redaction import encodings_of
from .engine import finder
from .needles import Needle
from .private_keys import NEAR, REACH, PrivateKeys

_FOLD: Final = re.compile(rb"\\[nr]|\s+")
_SHORTEST_REACH: Final = 2048


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found: at which offset, and what."""

    offset: int
    kind: str
    variable: str
    form: str


class Search:
    """Finds needles and private keys. `reach` is how many bytes before and after a place it may have to see."""

    def __init__(self, needles: Sequence[Needle], keys: PrivateKeys, *, fast: bool = True) -> None:
        marks = [
            form for form in encodings_of(PRIVATE_KEY) if form != PRIVATE_KEY.encode()
        ]  # base64, that is
        anchors = list(dict.fromkeys([needle.anchor for needle in needles] + marks))
        self._meant: list[list[Needle]] = [[] for _ in anchors]
        index = {anchor: i for i, anchor in enumerate(anchors)}
        for needle in needles:
            self._meant[index[needle.anchor]].append(needle)
        self._marks = {index[mark] for mark in marks}
        self._sizes = [len(anchor) for anchor in anchors]
        self._keys = keys
        self._find, self._find_hex, self.engine = finder(anchors, fast=fast)
        self.reach = max([_SHORTEST_REACH, NEAR + REACH, *(2 * len(needle.whole) + 64 for needle in needles)])

    def hits(self, data: memoryview, low: int, high: int) -> Iterator[Hit]:
        """What is found at an offset in [low, high); the rest of `data` is its surroundings."""
        for index, end in self._find(data):
            start = end - self._sizes[index]
            if not low <= start < high:
                continue
            for needle in self._meant[index]:
                if _is_there(needle, data, start):
                    yield Hit(max(0, start - needle.offset), "secret", needle.variable, needle.form)
            if index in self._marks:
                yield from (Hit(at, "private key", *key) for at, *key in self._keys.in_base64(data, start))
        ends = self._find_hex(data)
        if ends is None or ends:
            yield from (Hit(at, "private key", *key) for at, *key in self._keys.found(data, low, high, ends))

    def text(self, text: str) -> Iterator[Hit]:
        """What is found in a text that is short enough to be seen at once."""
        data = memoryview(text.encode("utf-8", "surrogatepass"))
        yield from self.hits(data, 0, len(data))


def _is_there(needle: Needle, data: memoryview, start: int) -> bool:
    begin = start - needle.offset
    if begin >= 0 and data[begin : begin + len(needle.whole)] == needle.whole:
        return True
    if not needle.folded:
        return False
    size = 2 * len(needle.whole) + 64
    return needle.whole in _FOLD.sub(b"", data[max(0, start - size) : start + size].tobytes())
