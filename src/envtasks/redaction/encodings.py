"""The ways in which one secret value may be written in what a program prints: as it is, encoded, escaped."""

from __future__ import annotations

import re
import sys
from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

SHORTEST: Final = 4
"""Characters. A shorter value would turn half of the output into asterisks, and is no secret anyway."""

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
# What encoders leave alone besides: nothing, Python's quote, encodeURIComponent, Java, encodeURI.
_ALSO_SAFE: Final = (b"", b"/", b"!'()*", b"*", b"!'()*;,/?:@&=+$#")
_WRAPPED_AT: Final = (64, 76)
"""Columns: PEM and `openssl base64`, then MIME and `base64`."""

_JSON: Final = {code: f"\\u{code:04x}" for code in range(0x20)} | {
    ord(character): "\\" + letter for character, letter in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)
}
_IN_HTML: Final = tuple((character, f"\\u{ord(character):04x}") for character in "<>&\u2028\u2029")


def encodings_of(value: str) -> frozenset[bytes]:
    """Every way in which a value may be written, itself included; none of a value too short to be redacted."""
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
        # every line is redacted by itself: the whole need not be waited for
        return frozenset(encoded for encoded in found if b"\n" not in encoded)
    return frozenset(found | {_bytes(whole.replace("\r\n", "\n").replace("\n", "\r\n"))})


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a character, which no environment can hold
        return text.encode("utf-8", "surrogatepass")


def _escaped(text: str) -> Iterator[bytes]:
    """The text as it is, and within JSON, a Python repr and a line that a shell prints (`set -x`)."""
    yield _bytes(text)
    if text.isascii() and text.isalnum():
        return
    json = html = text.translate(_JSON)
    for character, escape in _IN_HTML:
        html = html.replace(character, escape)
    yield from map(_bytes, {json, json.replace("/", "\\/"), html, repr(text)[1:-1]})
    yield _bytes(text.replace("'", "'\\''"))
    yield _bytes(text.replace("'", "'\"'\"'"))
    if not text.isascii():
        yield from _not_ascii(text, json)


def _not_ascii(text: str, json: str) -> Iterator[bytes]:
    ascii_json = re.sub(r"[^\x00-\x7f]", _utf16_escape, json)
    yield _bytes(ascii_json)
    yield _bytes(re.sub(r"\\u[0-9a-f]{4}", lambda m: "\\u" + m[0][2:].upper(), ascii_json))
    if sys.platform == "win32":
        from .. import console

        for encoding in ("mbcs", "oem", console.code_page()):
            with suppress(LookupError):
                yield text.encode(encoding, "replace")


def _utf16_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join("\\u" + units[i : i + 4] for i in range(0, len(units), 4))


def _url_encoded(data: bytes) -> Iterator[bytes]:
    reserved = data.translate(None, _UNRESERVED)
    for encode in {reserved.translate(None, safe) for safe in _ALSO_SAFE} - {b""}:
        for digits in ("%%%02X", "%%%02x"):
            encoded = data.replace(b"%", b"%25")  # first, as the rest brings in more
            for byte in set(encode) - {ord("%")}:
                encoded = encoded.replace(bytes((byte,)), (digits % byte).encode())
            yield encoded
            yield encoded.replace(b"%20", b"+")


def _base64(data: bytes) -> Iterable[bytes]:
    """The part of any base64 text around the data that depends on the data alone, and its exact encodings."""
    exact = b2a_base64(data, newline=False)
    encodings = [exact, exact.rstrip(b"="), *_wrapped(exact)]
    for offset in range(3):
        encoded = b2a_base64(bytes(offset) + data, newline=False)
        certain = encoded[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        encodings.append(certain)
        if offset == 0:
            encodings += _wrapped(certain)
    encodings = [encoded for encoded in encodings if len(encoded) >= SHORTEST]
    return {*encodings, *(encoded.replace(b"+", b"-").replace(b"/", b"_") for encoded in encodings)}


def _wrapped(encoded: bytes) -> Iterator[bytes]:
    for columns in _WRAPPED_AT:
        if len(encoded) > columns:
            rows = (encoded[i : i + columns] for i in range(0, len(encoded), columns))
            yield from (row for row in rows if len(row) >= 2 * SHORTEST)  # a few letters are too common
