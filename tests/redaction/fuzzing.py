"""Secret values written in every way that is redacted, in chunks and lines of any length; and what is left of them."""

from __future__ import annotations

import base64
import html
import json
import random
import shlex
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote, quote_plus

from envtasks.redaction import Redactor

LETTERS = string.ascii_letters + string.digits
ALPHABETS = (
    LETTERS,
    LETTERS + "+/=%",
    "+/=%" + string.hexdigits,
    LETTERS + "!$%&/()=?+*#,;:<>|\"'\\ ~`^{}[]@",
    LETTERS + " äöüß€✓😀",
)
SIZES = (6, 7, 8, 12, 20, 32, 40, 85, 200)
SEPARATORS = ("\n", "\r\n", "\n    ", " ", "\\n", "\r\n\t")
AROUND = ("", "log: ", "token=", "{", "https://host.example/?q=", "x\n", "50% ", "\u2713 ")
VALUES = 20
CASES = 200
CHECKED = 5
"""Letters of base64 that may not be seen; fewer say less than a value that is too short to be redacted."""


@dataclass(frozen=True, slots=True)
class Case:
    """A value, how it is written, and what stands around it."""

    value: str
    kind: str
    written: str
    before: str
    after: str

    @property
    def text(self) -> bytes:
        """All of it, between marks."""
        return f"\x01{self.before}{self.written}{self.after}\x02".encode()

    def leak(self, shown: bytes) -> str:
        """What is wrong with what is shown of it; empty if all of the value, and nothing else, is redacted."""
        if "base64" not in self.kind:
            expected = f"\x01{self.before}***{self.after}\x02".encode()
            return "" if shown == expected else f"{shown!r} in place of {expected!r}"
        joined = _joined(shown)
        return next((f"{piece!r} is seen" for piece in _pieces(self.value) if piece in joined), "")


def _joined(shown: bytes) -> bytes:
    """Base64 text without what wraps it, in the standard alphabet."""
    for separator in ("%0A", "\\n", "\r", "\n", "\t", " "):
        shown = shown.replace(separator.encode(), b"")
    for escape, byte in ((b"%2B", b"+"), (b"%2F", b"/"), (b"-", b"+"), (b"_", b"/")):
        shown = shown.replace(escape, byte)
    return shown


def _pieces(value: str) -> Iterator[bytes]:
    """Every few letters of the value's base64 that depend on it alone, in each of the three places it can have."""
    data = value.encode()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + data)
        certain = encoded[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        yield from (certain[at : at + CHECKED] for at in range(len(certain) - CHECKED + 1))


def percent_encoded(value: str, chance: random.Random) -> str:
    """Each byte of the value as it is or encoded, by chance, in either case; those that would be misread always."""
    share = chance.choice((0.1, 0.5, 1.0))
    return "".join(
        chance.choice(("%%%02x", "%%%02X")) % byte
        if byte >= 0x80 or byte in b"%" or chance.random() < share
        else chr(byte)
        for byte in value.encode()
    )


ENCODERS: dict[str, Callable[[str, random.Random], str]] = {
    "plain": lambda value, _: value,
    "quote": lambda value, chance: quote(
        value, safe=chance.choice(("", "/", "!'()*", "*", "!'()*;,/?:@&=+$#", "+/", " +"))
    ),
    "quote_plus": lambda value, _: quote_plus(value),
    "quoted twice": lambda value, _: quote(quote(value, safe=""), safe=""),
    "percent": percent_encoded,
    "JSON": lambda value, _: json.dumps(value)[1:-1],
    "JSON of JavaScript": lambda value, _: json.dumps(value, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda value, _: json.dumps(
        json.dumps(value, ensure_ascii=False)[1:-1], ensure_ascii=False
    )[1:-1],
    "JSON of Python in JSON": lambda value, chance: json.dumps(
        json.dumps(value, ensure_ascii=chance.random() < 0.5)[1:-1]
    )[1:-1],
    "JSON in a URL": lambda value, _: quote(json.dumps(value, ensure_ascii=False)[1:-1], safe=""),
    "repr": lambda value, _: repr(value)[1:-1],
    "ascii": lambda value, _: ascii(value)[1:-1],
    "repr of bytes": lambda value, _: repr(value.encode())[2:-1],
    "shlex": lambda value, _: shlex.quote(value + " ")[1:-2],
    "HTML": lambda value, _: html.escape(value),
    "SQL": lambda value, _: value.replace("'", "''"),
}


def _base64(value: str, chance: random.Random) -> tuple[str, str]:
    before, after = (chance.randbytes(chance.choice((0, 0, 1, 2, 3, 40, 57, 77))) for _ in range(2))
    encode = chance.choice((base64.b64encode, base64.urlsafe_b64encode))
    text = encode(before + value.encode() + after).decode()
    text = chance.choice((text, text.rstrip("=")))
    width = chance.choice((0, 0, 60, 64, 70, 72, 76, chance.randrange(16, 80)))
    if not width:
        return "base64", chance.choice((text, quote(text, safe="")))
    rows = [text[at : at + width] for at in range(0, len(text), width)]
    if chance.random() < 0.2:
        return "wrapped base64 in a URL", quote("\n".join(rows), safe="")
    return "wrapped base64", chance.choice(SEPARATORS).join(rows)


def a_value(chance: random.Random) -> str:
    """A value of 6 characters or more, no white space around it."""
    value = "".join(chance.choices(chance.choice(ALPHABETS), k=chance.choice(SIZES)))
    return value.strip().ljust(6, "x")


def a_case(value: str, chance: random.Random) -> Case:
    """The value in one encoding."""
    kind = chance.choice((*ENCODERS, *["base64"] * len(ENCODERS)))
    kind, written = _base64(value, chance) if kind == "base64" else (kind, ENCODERS[kind](value, chance))
    return Case(value, kind, written, chance.choice(AROUND), chance.choice(AROUND))


def in_chunks(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """The data in chunks of many sizes, some of one byte."""
    cuts = {0, len(data)}
    for average in (3, 100, 5000):
        begin = chance.randrange(len(data))
        end = min(len(data), begin + 40 * average)
        cuts.update(chance.randrange(begin, end) for _ in range(40) if end > begin)
    cuts.update(chance.randrange(len(data)) for _ in range(CASES // 2))
    return (data[begin:end] for begin, end in pairwise(sorted(cuts)))


def leaks(count: int, *, seed: int) -> list[str]:
    """What is wrong in so many cases."""
    chance = random.Random(seed)
    found: list[str] = []
    for _ in range(count // CASES):
        values = [a_value(chance) for _ in range(VALUES)]
        cases = [a_case(chance.choice(values), chance) for _ in range(CASES)]
        found += wrong(values, cases, in_chunks(b"".join(case.text for case in cases), chance))
    return found


def wrong(values: Sequence[str], cases: Sequence[Case], chunks: Iterator[bytes]) -> Iterator[str]:
    """What is wrong where these cases are printed in these chunks."""
    stream = Redactor(values).stream()
    shown = b"".join([*(stream.feed(chunk) for chunk in chunks), stream.flush()])
    parts = [part + b"\x02" for part in shown.split(b"\x02")]
    for case, part in zip(cases, parts, strict=False):
        if leak := case.leak(part):
            yield f"{case}: {leak}"
