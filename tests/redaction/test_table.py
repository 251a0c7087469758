"""docs/redaction.md says what is redacted: each row of its table and each value of its list is tried."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from envtasks.redaction import Redactor, is_worth_redacting
from envtasks.redaction.ci_log import masks_of
from envtasks.redaction.values import COMMON
from tests.guides import REPOSITORY

PAGE = (REPOSITORY / "docs" / "redaction.md").read_text(encoding="utf-8")
VALUE = "pä ss'w+rd?&=\"<y>\\z/%$ it is long enough to be wrapped in lines of 64"
LINES = "first line of 3\n" + VALUE + "\nlast line of 3"
URL = "postgres://app:S3cr3t-pw@db.example.com/app"
SETTING = "Server=db;Password=S3cr3t-pw"


def _base64(value: str, before: str = "", encode: Callable[[bytes], bytes] = base64.b64encode) -> str:
    return encode((before + value).encode()).decode()


def _in_lines(text: str, width: int, before: str) -> str:
    return before.join(text[at : at + width] for at in range(0, len(text), width))


def _escape(value: str) -> str:
    """As JavaScript's `escape` does."""
    return re.sub(
        r"[^A-Za-z0-9@*_+./-]",
        lambda m: f"%{ord(m[0]):02X}" if ord(m[0]) < 256 else f"%u{ord(m[0]):04X}",
        value,
    )


def _go_json(value: str) -> str:
    text = json.dumps(value, ensure_ascii=False)[1:-1]
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _printf_q(value: str) -> str:
    return re.sub(r"([^\w@%+=:./~#-])", r"\\\1", value)


ROWS: dict[str, tuple[str, list[str]]] = {
    "as it is": (VALUE, [VALUE]),
    "a value with several lines, each of them by itself": (LINES, LINES.splitlines()),
    "a value with several lines, on one line in JSON": (LINES, [json.dumps(LINES)[1:-1]]),
    "in JSON, also as JavaScript, Go and PHP write it": (
        VALUE,
        [
            json.dumps(VALUE)[1:-1],
            json.dumps(VALUE, ensure_ascii=False)[1:-1],
            _go_json(VALUE),
            json.dumps(VALUE, ensure_ascii=False)[1:-1].replace("/", "\\/"),
        ],
    ),
    "in JSON within JSON": (
        VALUE,
        [
            json.dumps(json.dumps(VALUE, ensure_ascii=inner)[1:-1], ensure_ascii=outer)[1:-1]
            for inner in (False, True)
            for outer in (False, True)
        ],
    ),
    "as Python's `repr`, of its bytes too": (
        VALUE,
        [repr(VALUE)[1:-1], ascii(VALUE)[1:-1], repr(VALUE.encode())[2:-1]],
    ),
    "in shell quotes (`set -x`, `export -p`, `printf %q`)": (
        VALUE,
        [
            VALUE.replace("'", "'\\''"),
            VALUE.replace("'", "'\"'\"'"),
            re.sub(r'(["$`\\])', r"\\\1", VALUE),
            _printf_q(VALUE),
        ],
    ),
    "in SQL quotes": (VALUE, [VALUE.replace("'", "''")]),
    "in HTML and XML": (VALUE, [html.escape(VALUE), html.escape(VALUE, quote=False)]),
    "in Latin-1": (VALUE, [VALUE.encode("latin-1").decode("utf-8", "surrogateescape")]),
    "percent-encoded, whichever characters are, in upper or lower case": (
        VALUE,
        [
            quote(VALUE),
            quote(VALUE, safe=""),
            quote(VALUE, safe=" +"),
            re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quote(VALUE, safe="!'()*")),
            "".join(f"%{byte:02x}" for byte in VALUE.encode()),
        ],
    ),
    "percent-encoded twice": (VALUE, [quote(quote(VALUE, safe=""), safe="")]),
    "in a form, with `+` for a blank": (VALUE, [quote_plus(VALUE)]),
    "by JavaScript's `escape`": (VALUE + "€", [_escape(VALUE + "€")]),
    "in base64, alone": (VALUE, [_base64(VALUE), _base64(VALUE).rstrip("=")]),
    "in base64, anywhere in what was encoded (`user:password`)": (
        VALUE,
        [_base64(VALUE, before) for before in ("user", "user:", "x-user:")],
    ),
    "in URL-safe base64": (VALUE, [_base64(VALUE, encode=base64.urlsafe_b64encode)]),
    "in base64, percent-encoded": (VALUE, [quote(_base64(VALUE), safe="")]),
    "in base64, in lines of 16 letters or more, indented or with `\\n` written out": (
        VALUE,
        [
            _in_lines(_base64(VALUE, "user:"), width, ending)
            for width in (16, 60, 64, 70, 76)
            for ending in ("\n", "\r\n    ", "\\n")
        ],
    ),
    "in base64, in lines with something before each line": (
        VALUE,
        [_in_lines(_base64(VALUE, "user:"), 64, "\nweb-1 | ")],
    ),
    "password, user name without one, tokens of a URL, by themselves": (URL, ["S3cr3t-pw"]),
    "password of a connection string (`Server=db;Password=…`), by itself": (SETTING, ["S3cr3t-pw"]),
    "in pieces, as a program writes them without a line end": (VALUE, [VALUE]),
    "in hexadecimal": (VALUE, [VALUE.encode().hex()]),
    "in base32": (VALUE, [base64.b32encode(VALUE.encode()).decode()]),
    "in base64 of base64": (VALUE, [_base64(_base64(VALUE))]),
    "compressed": (VALUE, [gzip.compress(VALUE.encode()).decode("utf-8", "surrogateescape")]),
    "reversed": (VALUE, [VALUE[::-1]]),
    "in UTF-16": (VALUE, [VALUE.encode("utf-16-le").decode("utf-8", "surrogateescape")]),
    "in upper or lower case": (VALUE, [VALUE.upper()]),
    "split by ANSI codes, as colour does": (VALUE, [f"\033[1m{VALUE[:9]}\033[0m{VALUE[9:]}"]),
    "only a part of it": (VALUE, [VALUE[1:]]),
    "hashed or encrypted": (VALUE, [hashlib.sha256(VALUE.encode()).hexdigest()]),
}
LEFT = {  # letters that may be left before and after
    "in base64, anywhere in what was encoded (`user:password`)": (11, 3),
    "in base64, in lines of 16 letters or more, indented or with `\\n` written out": (8, 4),
}


def table(heading: str) -> dict[str, str]:
    """The rows of the table below a heading: the first cell, and the second."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", section, re.MULTILINE)[2:]
    return dict(rows)


WRITTEN = table("How a value is written")


def test_the_table_is_complete() -> None:
    """Every row is tried, and everything that is tried has its row."""
    assert list(WRITTEN) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str) -> None:
    """What the table calls redacted is, whole, in any chunks; what it does not call so is not."""
    value, written = ROWS[row]
    redactor = Redactor([value])
    size = 3 if "pieces" in row else 10_000
    for text in written:
        data = f"see {text}.".encode("utf-8", "surrogateescape")
        stream = redactor.stream()
        shown = (
            b"".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size)) + stream.flush()
        )
        left = re.fullmatch(rb"see (.*)\*\*\*(.*)\.", shown, re.DOTALL)
        before, after = LEFT.get(row, (0, 0))
        redacted = left is not None and len(left[1]) <= before and len(left[2]) <= after

        assert redacted is WRITTEN[row].startswith("yes"), shown


def test_values_that_are_left_alone() -> None:
    """The page lists the words that are not redacted; they are in no mask of GitHub either."""
    section = PAGE.partition("## Values that are not redacted\n")[2].partition("\n`inv env.show")[0]
    items = re.findall(r"^- .*:((?:\s+`[^`]+`)+)$", section, re.MULTILINE)
    words = {word for item in items for word in re.findall(r"`([^`]+)`", item)}

    assert words == COMMON
    for value in (*words, "abc", "    ", "5432", "-12345.5", "-----BEGIN RSA PRIVATE KEY-----"):
        assert (is_worth_redacting(value), masks_of(value)) == (False, frozenset()), value
    for value in ("abcd", "123456", "localhost:5432", "prod-1"):
        assert is_worth_redacting(value), value
