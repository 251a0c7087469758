"""The ways in which one secret value may be written in what a program prints: as it is, escaped, in base64.

Percent-encoding is not among them: the search decodes what is percent-encoded.
"""

from __future__ import annotations

import re
import sys
from binascii import b2a_base64
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from .percent import percent_decoded
from .values import SHORTEST, is_frame, is_worth_redacting

_WRAPPED_AT: Final = (64, 76)
"""Columns: PEM and `openssl base64`, then MIME and `base64`."""
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")

_JSON: Final = {code: f"\\u{code:04x}" for code in range(0x20)} | {
    ord(character): "\\" + letter for character, letter in zip('"\\\b\f\n\r\t', '"\\bfnrt', strict=True)
}
_JSON_FOR_HTML: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_XML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_HTML: Final = _XML | {ord('"'): "&quot;", ord("'"): "&#x27;"}
_HTML_DECIMAL: Final = _XML | {ord('"'): "&#34;", ord("'"): "&#39;"}
_PLAIN: Final = re.compile(r"[A-Za-z0-9_@%+=:.~#-]*")
"""What is written as it is everywhere but in percent-encoding."""


def encodings_of(value: str) -> frozenset[bytes]:
    """A value as it is, escaped, and in base64; of several lines also each. None of one that is too short."""
    whole = value.strip()
    if len(whole) < SHORTEST:
        return frozenset()
    found = set(_escaped(whole))
    raw = _bytes(whole)
    exact = b2a_base64(raw, newline=False)
    for encoded in {exact, exact.translate(_URL_SAFE)}:
        found.update((encoded, encoded.rstrip(b"="), *_rows(encoded)))
    if b"\n" in raw or b"\r" in raw:
        lines = {line.strip() for line in re.split(r"[\r\n]+", whole)}
        pieces = {line for line in lines if is_worth_redacting(line)}
        found.update(text for piece in pieces for text in _escaped(piece))
        if all(line in pieces or is_frame(line) for line in lines):
            # every line is redacted by itself: the whole need not be waited for
            return frozenset(text for text in found if b"\n" not in text)
        found.add(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    return frozenset(found)


def base64_of(value: str) -> frozenset[bytes]:
    """The part of base64 text around a value that depends on the value alone, for each place it may have in there."""
    data = _bytes(value.strip())
    found: set[bytes] = set()
    for offset in range(3):
        encoded = b2a_base64(bytes(offset) + data, newline=False)
        certain = encoded[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        if len(certain) >= SHORTEST:
            found |= {certain, certain.translate(_URL_SAFE)}
    return frozenset(found)


def as_utf8(text: str) -> tuple[bytes, str]:
    """The text in UTF-8, and the error handler that makes the same text of it again."""
    try:
        return text.encode("utf-8", "surrogateescape"), "surrogateescape"
    except UnicodeEncodeError:  # half of a character, which no environment can hold
        return text.encode("utf-8", "surrogatepass"), "surrogatepass"


def _bytes(text: str) -> bytes:
    return as_utf8(text)[0]


def _escaped(text: str) -> Iterator[bytes]:
    """The text as it is, and as JSON, Python, HTML, SQL, web forms and shells write it."""
    raw = _bytes(text)
    yield raw
    if b"%" in raw and len(decoded := percent_decoded(raw)) >= SHORTEST:
        yield decoded  # encoders that leave escapes alone take a value with `%41` for encoded already
    if _PLAIN.fullmatch(text):
        return
    json = text.translate(_JSON)
    written = {json, json.replace("/", "\\/"), json.translate(_JSON), json.translate(_JSON_FOR_HTML)}
    written |= {text.translate(table) for table in (_XML, _HTML, _HTML_DECIMAL)}
    written |= {repr(text)[1:-1], text.replace(" ", "+")}
    written |= {text.replace("'", quote) for quote in ("''", "'\\''", "'\"'\"'")}  # SQL, `set -x`, shlex
    # `export -p` and `printf %q`
    written |= {re.sub(r'(["$`\\])', r"\\\1", text), re.sub(r"([^\w@%+=:./~#-])", r"\\\1", text)}
    yield from map(_bytes, written)
    if not text.isascii():
        yield from _not_ascii(text, json)


def _not_ascii(text: str, json: str) -> Iterator[bytes]:
    once, outside = (re.sub(r"[^\x00-\x7f]", _utf16_escape, one) for one in (json, json.translate(_JSON)))
    for ascii_json in (once, outside, once.translate(_JSON)):  # of JSON in JSON either may be in ASCII
        yield _bytes(ascii_json)
        yield _bytes(re.sub(r"\\u[0-9a-f]{4}", lambda m: "\\u" + m[0][2:].upper(), ascii_json))
    yield _bytes(ascii(text)[1:-1])
    yield _bytes(repr(_bytes(text))[2:-1])
    # Latin-1 programs, and the bytes that JavaScript's `escape` encodes
    yield re.sub(r"[^\x00-\xff]", _javascript_escape, text).encode("latin-1")
    if sys.platform == "win32":
        from .. import console

        for encoding in ("mbcs", "oem", console.code_page()):
            with suppress(LookupError):
                yield text.encode(encoding, "replace")


def _utf16_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join("\\u" + units[i : i + 4] for i in range(0, len(units), 4))


def _javascript_escape(match: re.Match[str]) -> str:
    return _utf16_escape(match).upper().replace("\\U", "%u")


def _rows(encoded: bytes) -> Iterator[bytes]:
    """The lines of base64 text that stands alone: something may be put before each line of output."""
    for columns in _WRAPPED_AT:
        if len(encoded) > columns:
            rows = (encoded[i : i + columns] for i in range(0, len(encoded), columns))
            yield from (row for row in rows if len(row) >= 2 * SHORTEST)  # a few letters are too common
