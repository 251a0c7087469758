"""Find known secret values, also encoded ones, in any text or byte stream, and put a mask in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NoReturn

from .encodings import SHORTEST, spellings

_MANY: Final = 24
"""From so many needles on, one search for rare letters is cheaper than a search for each needle."""

# From common to rare in what programs print; what is not named here is rarer still.
_COMMON: Final = b" etaoinsr/lhd-.cumpf_:=g0,1\nvb2w3y(5)4k68x79TSEAIR'\"CNOPLMDjqzHBFGUWVKYXJQZ"


class Redactor:
    """Hides values in text. It costs nothing until the first text, and is false if there is nothing to hide.

    A value of 4 characters or more is found as it is, line by line if it has several, in base64 (wherever it
    stands in what was encoded), URL-encoded, and escaped as JSON, Python and shells do. Values that overlap
    get one mask.
    """

    __slots__ = ("_mask", "_needles", "_values")

    def __init__(self, values: Iterable[str], *, mask: str = "***") -> None:
        self._values = frozenset(value for value in values if len(value) >= SHORTEST and not value.isspace())
        self._mask = mask.encode()
        self._needles: Needles | None = None

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._values)} values>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Redactor holds secret values and cannot be pickled")

    def text(self, text: str) -> str:
        """The text with every secret value replaced by the mask."""
        if not self._values or not text:
            return text
        try:
            data, errors = text.encode("utf-8", "surrogateescape"), "surrogateescape"
        except UnicodeEncodeError:  # half of a character
            data, errors = text.encode("utf-8", "surrogatepass"), "surrogatepass"
        stream = self.stream()
        hidden = stream.feed(data) + stream.flush()
        return text if hidden == data else hidden.decode("utf-8", errors)

    def stream(self) -> StreamRedactor:
        """A redactor for one stream of bytes that comes in chunks."""
        if self._needles is None:
            self._needles = Needles(frozenset().union(*map(spellings, self._values)))
        return StreamRedactor(self._needles, self._mask)


class StreamRedactor:
    """Hides values in a stream: `feed` gives what is decided so far, `flush` the rest at the end.

    Only an ending that could be the beginning of a secret is held back. After a silence `settle` gives of it
    as much as may be seen: a prompt that ends with a secret's first letters must appear, or its reader would
    wait forever. So up to 3 bytes come out as they are (no more than a value too short to be hidden shows),
    and a complete secret comes out as its mask; a longer beginning stays held. If the secret does go on after
    that, the rest of it is still hidden.
    """

    __slots__ = ("_held", "_mask", "_masked", "_needles", "_shown")

    def __init__(self, needles: Needles, mask: bytes) -> None:
        self._needles = needles
        self._mask = mask
        self._held = b""
        self._shown = 0  # how much of what is held has been given out already,
        self._masked = False  # and whether that ended with the mask

    @property
    def waiting(self) -> bool:
        """Whether a silence would let something out."""
        return self._shown < len(self._held)

    def feed(self, data: bytes) -> bytes:
        """What can be given out now."""
        data = self._held + data if self._held else data
        return self._give(data, self._needles.undecided(data))

    def flush(self) -> bytes:
        """What was held back, at the end of the stream."""
        return self._give(self._held, len(self._held))

    def settle(self, *, everything: bool = False) -> bytes:
        """What may be seen of what is held back, after a silence; `everything` if it may never go on."""
        held, open_to_see = self._held, len(self._held)
        for start, end in self._needles.spans(held):
            open_to_see -= end - start
        if not self.waiting or (open_to_see >= SHORTEST and not everything):
            return b""
        given = self._give(held, len(held))
        self._held, self._shown, self._masked = held, len(held), given.endswith(self._mask)
        return given

    def _give(self, data: bytes, end: int) -> bytes:
        """The data up to `end`, redacted, without what was given before; the rest is held."""
        at, masked, parts = self._shown, self._masked, []
        for first, last in self._needles.spans(data):
            if first >= end:
                break
            if last <= at:
                continue
            if first >= at:
                parts.append(data[at:first])
            if first >= at or not masked:
                parts.append(self._mask)
            at, masked = last, True
        if at < end:
            parts.append(data[at:end])
        self._held, self._shown = data[end:], max(0, at - end)
        self._masked = masked and self._shown > 0
        return b"".join(parts)


class Needles:
    """Where forms occur in bytes: exact, and fast for few and for many of them."""

    __slots__ = ("_beginnings", "_containing", "_hints", "_short_beginnings")

    def __init__(self, forms: frozenset[bytes]) -> None:
        # A form that contains another can only be where the other is: look for the innermost ones.
        innermost: list[bytes] = []
        self._containing: dict[bytes, list[bytes]] = {}
        for form in sorted(forms, key=lambda form: (len(form), form)):
            inner = next((needle for needle in innermost if needle in form), None)
            if inner is None:
                innermost.append(form)
                self._containing[form] = [form]
            else:
                self._containing[inner].append(form)
        self._hints = _each(innermost) if len(innermost) < _MANY else _by_rare_letters(innermost)
        self._beginnings = [(form, form[:SHORTEST], 1 - len(form)) for form in forms]
        self._short_beginnings = {form[:size] for form in forms for size in range(1, SHORTEST)}

    def spans(self, data: bytes) -> Sequence[tuple[int, int]]:
        """Where something is to be hidden, in order; overlapping occurrences are one span."""
        found = [
            (start, start + len(form))
            for needle in self._hints(data)
            for form in self._containing[needle]
            for start in _occurrences(form, data)
        ]
        return _merged(found) if len(found) > 1 else found

    def undecided(self, data: bytes) -> int:
        """Where the longest ending begins that is the beginning, but not the whole, of a form."""
        size = best = len(data)
        for form, beginning, most in self._beginnings:
            at = data.find(beginning, max(0, size + most))
            while 0 <= at < best:
                if form.startswith(data[at:]):
                    best = at
                at = data.find(beginning, at + 1)
        for length in range(1, SHORTEST):
            if size >= length and data[-length:] in self._short_beginnings:
                best = min(best, size - length)
        return best


def _occurrences(form: bytes, data: bytes) -> Iterable[int]:
    at = data.find(form)
    while at >= 0:
        yield at
        at = data.find(form, at + 1)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    spans.sort()
    merged = [spans[0]]
    for start, end in spans:
        if start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _each(needles: list[bytes]) -> Callable[[bytes], list[bytes]]:
    return lambda data: [needle for needle in needles if needle in data]


def _by_rare_letters(needles: list[bytes]) -> Callable[[bytes], list[bytes]]:
    """Look for a few rare letters of which every needle has one, then for the two after it, then for it."""
    letters = _cover(needles)
    anchors: dict[bytes, list[bytes]] = {}
    for needle in needles:
        places = [i for i, letter in enumerate(needle[:-2]) if letter in letters]
        anchors.setdefault(needle[places[0] : places[0] + 3], []).append(needle)
    following: dict[bytes, list[bytes]] = {}
    for anchor in anchors:
        following.setdefault(anchor[:1], []).append(re.escape(anchor[1:]))
    pattern = re.compile(
        b"|".join(re.escape(c) + b"(?=" + b"|".join(ends) + b")" for c, ends in following.items()), re.DOTALL
    )

    def present(data: bytes) -> list[bytes]:
        hits = {data[match.start() : match.start() + 3] for match in pattern.finditer(data)}
        return [needle for hit in hits for needle in anchors[hit] if needle in data]

    return present


def _cover(needles: list[bytes]) -> frozenset[int]:
    """Letters, rare in output, such that every needle has one of them before its last two."""
    cost = {letter: len(_COMMON) - i for i, letter in enumerate(_COMMON)}
    left = [frozenset(needle[:-2]) for needle in needles]
    chosen: set[int] = set()
    while left:
        counts: dict[int, int] = {}
        for letters in left:
            for letter in letters:
                counts[letter] = counts.get(letter, 0) + 1
        best = max(counts, key=lambda letter: (counts[letter] / (1 + cost.get(letter, 0)) ** 2, letter))
        chosen.add(best)
        left = [letters for letters in left if best not in letters]
    return frozenset(chosen)
