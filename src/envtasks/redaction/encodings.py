"""The ways in which one secret value may be written in what a program prints: as it is, encoded, escaped."""

from __future__ import annotations

import re
import sys
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

SHORTEST: Final = 4
"""Characters. A shorter value would turn half of the output into asterisks, and is no secret anyway."""

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
# What encoders leave alone besides: nothing, Python's quote, encodeURIComponent, Java, encodeURI.
_ALSO_SAFE: Final = (b"", b"/", b"!'()*", b"*", b"!'()*;,/?:@&=+$#")
_WRAPPED_AT: Final = (64, 76)
"""Columns: PEM and `openssl base64`, then MIME and `base64`."""

_CONTROL: Final = {code: f"\\u{code:04x}" for code in (*range(0x20), 0x7F)}
_JSON: Final = _CONTROL | {ord(c): "\\" + e for c, e in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)}
_JSON.pop(0x7F)
_JSON_IN_HTML: Final = _JSON | {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def spellings(value: str) -> frozenset[bytes]:
    """Every form of a value that is looked for in output; none for a value too short to be hidden."""
    whole = value.strip()
    if len(whole) < SHORTEST:
        # white space around a short value makes it long enough, but only together with that white space
        return frozenset({_bytes(value)} if whole and len(value) >= SHORTEST else ())
    lines = [line.strip() for line in re.split(r"[\r\n]+", whole)]
    pieces = {line for line in lines if len(line) >= SHORTEST}
    found: set[bytes] = set()
    for piece in pieces | {whole}:
        found.update(_escaped(piece))
        found.update(_url_encoded(_bytes(piece)))
    found.update(_base64(_bytes(whole)))
    if pieces.issuperset(lines):
        # every line is hidden by itself: the whole need not be waited for
        return frozenset(form for form in found if b"\n" not in form)
    return frozenset(found | {_bytes(whole.replace("\r\n", "\n").replace("\n", "\r\n"))})


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a character, which no environment can hold
        return text.encode("utf-8", "surrogatepass")


def _escaped(text: str) -> Iterator[bytes]:
    """The text as it is, and within JSON, a Python repr and a line that a shell prints (`set -x`)."""
    yield _bytes(text)
    yield _bytes(text.translate(_JSON))
    yield _bytes(text.translate(_JSON).replace("/", "\\/"))
    yield _bytes(text.translate(_JSON_IN_HTML))
    yield _bytes(repr(text)[1:-1])
    yield _bytes(text.replace("'", "'\\''"))
    yield _bytes(text.replace("'", "'\"'\"'"))
    if not text.isascii():
        yield from _not_ascii(text)


def _not_ascii(text: str) -> Iterator[bytes]:
    ascii_json = re.sub(r"[^\x00-\x7f]", _utf16_escape, text.translate(_JSON))
    yield _bytes(ascii_json)
    yield _bytes(re.sub(r"\\u[0-9a-f]{4}", lambda m: "\\u" + m[0][2:].upper(), ascii_json))
    if sys.platform == "win32":
        for encoding in ("mbcs", "oem"):
            yield text.encode(encoding, "replace")


def _utf16_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join("\\u" + units[i : i + 4] for i in range(0, len(units), 4))


def _url_encoded(data: bytes) -> Iterator[bytes]:
    if not data.translate(None, _UNRESERVED):
        return
    for safe in _ALSO_SAFE:
        for digits in ("%%%02X", "%%%02x"):
            table = _url_table(safe, digits)
            encoded = b"".join(table[b] for b in data)
            yield encoded
            yield encoded.replace(b"%20", b"+")


@cache
def _url_table(safe: bytes, digits: str) -> list[bytes]:
    return [bytes((b,)) if b in _UNRESERVED + safe else (digits % b).encode() for b in range(256)]


def _base64(data: bytes) -> Iterable[bytes]:
    """The part of any base64 text around the data that depends on the data alone, and its exact encodings."""
    exact = b2a_base64(data, newline=False)
    forms = [exact, exact.rstrip(b"="), *_wrapped(exact)]
    for offset in range(3):
        encoded = b2a_base64(bytes(offset) + data, newline=False)
        certain = encoded[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        forms.append(certain)
        if offset == 0:
            forms += _wrapped(certain)
    forms = [form for form in forms if len(form) >= SHORTEST]
    return {*forms, *(form.replace(b"+", b"-").replace(b"/", b"_") for form in forms)}


def _wrapped(encoded: bytes) -> Iterator[bytes]:
    for columns in _WRAPPED_AT:
        if len(encoded) > columns:
            rows = (encoded[i : i + columns] for i in range(0, len(encoded), columns))
            yield from (row for row in rows if len(row) >= 2 * SHORTEST)  # a few letters are too common
