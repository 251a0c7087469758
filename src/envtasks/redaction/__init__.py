"""Find known secret values, also encoded ones, in any text or byte stream, and put a mask in their place.

`Redactor` is what redacts. `Patterns` and `encodings_of` are what it is made of: what to look for, and the search.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import NoReturn

from .encodings import as_utf8, base64_of, encodings_of
from .patterns import Patterns
from .percent import Decoded
from .values import SHORTEST, TOKEN, is_worth_redacting, redacted_texts, secret_parts
from .wrapped import SHORTEST_LINE

__all__ = [
    "SHORTEST",
    "SHORTEST_LINE",
    "TOKEN",
    "Decoded",
    "Patterns",
    "Redactor",
    "StreamRedactor",
    "base64_of",
    "encodings_of",
    "is_worth_redacting",
    "redacted_texts",
    "secret_parts",
]


class Redactor:
    """Replaces secret values in text by a mask. False if there is nothing to redact.

    A value of 4 characters or more is found as it is, line by line if it has several, in base64 (wherever it
    stands in what was encoded), URL-encoded, and escaped as JSON, Python and shells do. Values that overlap
    get one mask. The search for them is made when the first text comes, and shared by all streams.
    """

    __slots__ = ("_lock", "_mask", "_patterns", "_values")

    def __init__(self, values: Iterable[str], *, mask: str = "***") -> None:
        self._values = frozenset(filter(is_worth_redacting, values))
        self._mask = mask.encode()
        self._patterns: Patterns | None = None
        self._lock = threading.Lock()

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
        data, errors = as_utf8(text)
        stream = self.stream()
        redacted = stream.feed(data) + stream.flush()
        return text if redacted == data else redacted.decode("utf-8", errors)

    def add(self, values: Iterable[str]) -> None:
        """Redact these values too, also in the streams there are already, from what comes next on."""
        added = set(filter(is_worth_redacting, values))
        with self._lock:
            if not added <= self._values:
                self._values, self._patterns = self._values | added, None

    def stream(self) -> StreamRedactor:
        """A redactor for one stream of bytes that comes in chunks."""
        return StreamRedactor(self._search, self._mask)

    def _search(self) -> Patterns:
        """The search for all values in all encodings, made once though stdout and stderr come in two threads."""
        with self._lock:
            if self._patterns is None:
                texts: frozenset[str] = frozenset().union(*map(redacted_texts, self._values))
                base64: frozenset[bytes] = frozenset().union(*map(base64_of, texts))
                self._patterns = Patterns(frozenset().union(*map(encodings_of, texts)), base64=base64)
            return self._patterns


class StreamRedactor:
    """Redacts a stream: `feed` returns what is decided so far, `flush` the rest at the end.

    Only an ending that could be the beginning of a secret is held back. After a silence `settle` returns as much
    of it as may be seen: a prompt that ends with a secret's first letters must appear, or its reader would
    wait forever. So up to 3 bytes come out as they are (no more than a value too short to be redacted shows),
    and a complete secret comes out as its mask; a longer beginning stays held. If the secret does go on after
    that, the rest of it is still redacted.
    """

    __slots__ = ("_held", "_mask", "_masked", "_search", "_shown", "redacted")

    def __init__(self, search: Callable[[], Patterns], mask: bytes) -> None:
        self._search = search
        self._mask = mask
        self._held = b""
        self._shown = 0  # how much of what is held has been returned already,
        self._masked = False  # and whether that ended with the mask
        self.redacted = False
        """Whether anything was."""

    @property
    def waiting(self) -> bool:
        """Whether a silence would let something out."""
        return self._shown < len(self._held)

    def feed(self, data: bytes) -> bytes:
        """What can be shown now."""
        data = self._held + data if self._held else data
        return self._redacted(data, self._search().undecided(data))

    def flush(self) -> bytes:
        """What was held back, at the end of the stream."""
        return self._redacted(self._held, len(self._held))

    def settle(self, *, everything: bool = False) -> bytes:
        """What may be seen of what is held back, after a silence; `everything` if it may never go on."""
        if not self.waiting:
            return b""
        held = self._held
        readable = len(held) - sum(end - start for start, end in self._search().spans(held))
        if readable >= SHORTEST and not everything:
            return b""
        shown = self._redacted(held, len(held))
        self._held, self._shown, self._masked = held, len(held), shown.endswith(self._mask)
        return shown

    def _redacted(self, data: bytes, end: int) -> bytes:
        """The data up to `end`, redacted, without what was returned before; the rest is held."""
        if not data:
            return b""
        at, masked, parts = self._shown, self._masked, []
        for first, last in self._search().spans(data):
            if first >= end:
                break
            if last <= at:
                continue
            if first >= at:
                parts.append(data[at:first])
            if first >= at or not masked:
                parts.append(self._mask)
            at, masked, self.redacted = last, True, True
        if at < end:
            parts.append(data[at:end])
        self._held, self._shown = data[end:], max(0, at - end)
        self._masked = masked and self._shown > 0
        return b"".join(parts)
