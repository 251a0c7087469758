"""Env files and values as people and accidents write them, drawn from a seed."""

from __future__ import annotations

from random import Random
from typing import Final

from tests.dotenv_files import PUBLIC, encrypted

NAMES: Final = ("A", "B", "DB_URL", "C", "X1")
PIECES: Final = (
    *(
        "a",
        "1",
        "x y",
        "'",
        '"',
        "`",
        "$",
        "$$",
        "${A}",
        "$B",
        "\\",
        "\\n",
        "\\'",
        "#",
        " # ",
        "=",
        ":",
        "{",
        "}",
    ),
    *(
        "\n",
        "\t",
        " ",
        "é",
        "☃",
        "\u2028",
        "\xa0",
        "%",
        "&",
        "!",
        "p@ss",
        "http://h/?a=b",
        "encrypted",
        "op:/",
    ),
)
RARE: Final = ("\r", "\r\n", "\0", "encrypted:", "op://v/i", "bw://i", "\ud800", "<<<<<<< x", "$(x)")
_CIPHERTEXTS: Final = [encrypted(value) for value in ("", "x", "pa$$word", "two\nlines", "it's")]
_NOISE: Final = (
    "",
    "# a comment",
    "# caf\udce9 A=1",
    "garbage",
    "#!/bin/sh",
    "=x",
    "export",
    "É=1",
    "# it's",
)


def value(random: Random) -> str:
    """A value that somebody may want to store."""
    pieces = random.choices(PIECES, k=random.randrange(6))
    if random.random() < 0.08:
        pieces.insert(random.randrange(len(pieces) + 1), random.choice(RARE))
    return "".join(pieces)


def text(random: Random) -> str:
    """The text of an env file, with a header; undecodable bytes as surrogates."""
    lines = [_line(random) for _ in range(random.randrange(6))]
    lines.insert(random.randrange(len(lines) + 1), f'DOTENV_PUBLIC_KEY_STAGING="{PUBLIC}"')
    ends = random.choice(["\n", "\n", "\r\n", "\r\n", "\r"])
    found = "".join(line + (random.choice("\n\r") if random.random() < 0.03 else ends) for line in lines)
    if random.random() < 0.3:
        found = found.rstrip("\r\n")
    return "\ufeff" + found if random.random() < 0.1 else found


def _line(random: Random) -> str:
    if random.random() < 0.2:
        return random.choice(_NOISE)
    head = random.choice(["", "", "", "export ", "  ", "\t"]) + random.choice(NAMES)
    sign = random.choice(["=", "=", "=", " = ", "= ", ": "])
    return head + sign + _written(random) + random.choice(["", "", "", " # note", " # it's", "\t"])


def _written(random: Random) -> str:
    """A value with its quotes, sometimes not closed, sometimes with something behind them."""
    quote = random.choice(["", "", "'", '"', "`"])
    if random.random() < 0.25:
        return quote + random.choice(_CIPHERTEXTS) + quote
    inner = "".join(random.choices(PIECES, k=random.randrange(4)))
    if not quote:
        inner = inner.replace("\n", "")
    closing = "" if quote and random.random() < 0.04 else quote
    return quote + inner + closing + ("x" if random.random() < 0.02 else "")
