"""One search for all patterns at once, in a text or a file: by hyperscan if it is installed, else in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

from ..envfiles import PRIVATE_KEY
from ..redaction import Decoded, Patterns, base64_of
from .patterns import BASE64_KEY, NEAR, PrivateKeys, SecretForm, numbers

_FARTHEST: Final = 512
"""Bytes around something percent-encoded that are searched once more, decoded."""
_TWICE: Final = 2
"""It is decoded so often."""
WINDOW: Final = 1 << 20
"""Bytes of a file that are searched at a time; each window also sees what the patterns need around it."""

Literals = Callable[[bytes], list[tuple[bytes, int]]]
"""Gives the byte string, and where it begins, for every occurrence in the data, also overlapping ones."""
Numbers = Callable[[bytes], list[int]]
"""Gives where 64 hexadecimal digits may begin that are no part of a longer word."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found: at which offset, and what."""

    offset: int
    kind: str
    variable: str
    form: str


class Search:
    """Finds patterns and private keys."""

    def __init__(self, forms: Sequence[SecretForm], keys: PrivateKeys, *, fast: bool = True) -> None:
        # where the name of a private key stands in base64, what follows is decoded
        self._marks = base64_of(PRIVATE_KEY)
        self._forms: dict[bytes, list[SecretForm]] = {mark: [] for mark in sorted(self._marks)}
        for form in forms:
            self._forms.setdefault(form.anchor, []).append(form)
        self._keys = keys
        self._literals, self._numbers, self.engine = _functions(list(self._forms), fast=fast)
        self._farthest = min(_FARTHEST, max((len(form.whole) for form in forms), default=64))
        # how many bytes before and after a place may decide what it is
        self._reach = max([NEAR + BASE64_KEY, *(form.reach for form in forms)])

    def in_text(self, text: str) -> list[Hit]:
        """What is found in a text."""
        return self.in_bytes(text.encode("utf-8", "surrogatepass"))

    def in_bytes(self, data: bytes) -> list[Hit]:
        """What is found in bytes, in their order."""
        return self._hits(data, 0, len(data))

    def in_file(self, file: IO[bytes], size: int) -> Iterator[Hit]:
        """What is found in a file, in its order. The file may be moved between two hits."""
        for low in range(0, size, WINDOW):
            begin = max(0, low - self._reach)
            file.seek(begin)
            data = file.read(low + WINDOW + self._reach - begin)
            for hit in self._hits(data, low - begin, min(low + WINDOW, size) - begin):
                yield Hit(begin + hit.offset, hit.kind, hit.variable, hit.form)

    def _hits(self, data: bytes, low: int, high: int) -> list[Hit]:
        """What is found at an offset in [low, high); the rest of `data` is its surroundings."""
        found = [hit for hit in self._secrets(data) if low <= hit.offset < high]
        starts = (start for start in self._numbers(data) if low <= start < high)
        found += (Hit(start, "private key", name, "plain") for start, name in self._keys.found(data, starts))
        return sorted(found, key=lambda hit: hit.offset)

    def _secrets(self, data: bytes, levels: int = _TWICE) -> list[Hit]:
        """Secrets, and private keys in base64, also in what is percent-encoded up to so many times."""
        found = [
            hit
            for anchor, start in self._literals(data)
            for hit in self._at_anchor(anchor, data, start, levels)
        ]
        if levels and b"%" in data:
            seen = {(hit.offset, hit.variable) for hit in found}
            decoded = Decoded(data, reach=self._farthest)
            for hit in self._secrets(decoded.text, levels - 1):
                offset = decoded.place(hit.offset)
                if (offset, hit.variable) not in seen:
                    found.append(Hit(offset, hit.kind, hit.variable, hit.form))
        return found

    def _at_anchor(self, anchor: bytes, data: bytes, start: int, levels: int) -> Iterator[Hit]:
        for form in self._forms[anchor]:
            if form.matches(data, start):
                description = form.description(percent_encoded=levels < _TWICE)
                yield Hit(max(0, start - form.offset), "secret", form.variable, description)
        if anchor in self._marks:
            for name in self._keys.in_base64(data, start):
                yield Hit(start, "private key", name, "base64")


def _functions(strings: Sequence[bytes], *, fast: bool) -> tuple[Literals, Numbers, str]:
    if fast:
        try:
            return (*_with_hyperscan(strings), "hyperscan")
        except ImportError:
            pass
    occurrences = Patterns(strings).occurrences
    return (
        lambda data: [(data[start:end], start) for start, end in occurrences(data)],
        lambda data: list(numbers(data)),
        "python",
    )


def _with_hyperscan(strings: Sequence[bytes]) -> tuple[Literals, Numbers]:
    import hyperscan

    def database(
        expressions: Sequence[bytes], *, literal: bool = False, flags: int = 0
    ) -> hyperscan.Database:
        made = hyperscan.Database()
        count = len(expressions)
        made.compile(expressions, ids=range(count), elements=count, flags=[flags] * count, literal=literal)
        return made

    literals = database(strings, literal=True)
    # ten times as fast as the second one, which is needed only where there are so many digits at all
    digits = database([rb"[0-9a-fA-F]{64}"], flags=hyperscan.HS_FLAG_SINGLEMATCH)
    number = database([rb"[^0-9A-Za-z][0-9a-fA-F]{64}[^0-9A-Za-z]"])

    def find(data: bytes) -> list[tuple[bytes, int]]:
        found: list[tuple[bytes, int]] = []

        def matched(index: int, _start: int, end: int, *_rest: object) -> None:
            found.append((strings[index], end - len(strings[index])))

        literals.scan(data, matched)
        return found

    def find_numbers(data: bytes) -> list[int]:
        found: list[int] = []
        digits.scan(data, lambda _index, _start, end, *_rest: found.append(end - 64))
        if found:
            found.append(len(data) - 64)  # like the first one, it may have no byte on one side
            number.scan(data, lambda _index, _start, end, *_rest: found.append(end - 65))
        return sorted(set(found))

    return find, find_numbers
