"""Env files as people and accidents write them, for hypothesis to draw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from envtasks.envfiles import encrypt, public_key

KEY: Final = "1f" * 32  # a throwaway key, for tests only
STRANGER: Final = "2e" * 32

NAMES: Final = ("A", "B", "C", "DB_URL", "P", "Q", "X1", "a.b", "k-e", "_u")
WORDS: Final = (
    *(
        "",
        "x",
        "1",
        "0",
        "hello world",
        "p@ss",
        "http://h:80/?a=b&c=d",
        "a#b",
        "é☃",
        "a=b",
        "true",
        " ",
        "x,y;z",
    ),
)
MARKS: Final = (
    *(
        "$",
        "$$",
        "\\$",
        "\\",
        "\\n",
        "\\r\\t",
        "'",
        '"',
        "`",
        "#",
        " # ",
        "{",
        "}",
        "!",
        "%",
        "$1",
        "$&",
        "\xa0",
    ),
    "\u2028",
)
LINE_BREAKS: Final = ("\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n \t\n")
HEADS: Final = ("", "", "", "", "export ", "  ", "\t", "export\t", " export  ")
SIGNS: Final = ("=", "=", "=", "=", " = ", "= ", " =", ": ", "\t=\t", ":")
COMMENTS: Final = ("", "", "", " ", " # a comment", " # 'x'", "\t", ' # "a" $A')
NOISE: Final = (
    *(
        "",
        "# A=1",
        "export A",
        "garbage",
        "=x",
        "A",
        "'",
        '"',
        "#!/bin/sh",
        "export",
        "É=1",
        "A B=1",
        "-",
        "{}",
    ),
)
SECRETS: Final = (
    *(
        "",
        "x",
        "pa$$word",
        "p$w0rd",
        "$A",
        "${B:-d}",
        "\\$A",
        "a b#c",
        "two\nlines",
        "it's",
        '"q"',
        "\\n",
        "é☃",
    ),
    *("encrypted:foo", "a`b`", "$", "x" * 300),
)
_SOUP: Final = (
    *"AB=:'\"`#${}\\\n\r \t-+.x",
    *("export ", "A=", "B='", 'A="', "${A", "${A:-", "$A", "${B}", "\\'", "\ufeff", "\u2029"),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The bytes of some env files in layering order, and a process environment."""

    files: tuple[bytes, ...]
    env: Mapping[str, str]


def _ciphertexts() -> list[str]:
    ours, others = public_key(KEY), public_key(STRANGER)
    made = [encrypt(secret, ours) for secret in SECRETS] * 3
    return [*made, encrypt("x", others), made[1][:-8]]


CIPHERTEXTS: Final = _ciphertexts()


def loose(sources: Sources) -> bool:
    """Whether some ciphertext is not one of ours from end to end: dotenvx's base64 overlooks what does not belong."""
    text = "\n".join(
        data.decode("utf-16" if data[:2] == b"\xff\xfe" else "utf-8", "replace") for data in sources.files
    )
    found = re.findall(r"encrypted:[^\n\r\"'`#]*", text)
    return any(ciphertext.strip() not in CIPHERTEXTS for ciphertext in found)


_names = st.sampled_from(NAMES)
_words = st.sampled_from(WORDS)


def _reference(draw: st.DrawFn) -> str:
    name, other, word = draw(_names), draw(_names), draw(_words)
    forms = [
        *(f"${name}", f"${{{name}}}", f"${{{name}}}", f"${{{name}:-{word}}}", f"${{{name}-{word}}}"),
        *(
            f"${{{name}:+{word}}}",
            f"${{{name}+{word}}}",
            f"${{{name}:-${{{other}}}}}",
            f"${{{name}:-${other}}}",
        ),
        *(f"${{{name}:+${{{other}:-{word}}}}}", f"${{ {name} }}", f"${{{name}:1:2}}", f"${{{name}:?{word}}}"),
        f"${{{name}",
    ]
    return draw(st.sampled_from(forms))


@st.composite
def _plain(draw: st.DrawFn) -> str:
    """What stands between quotes: mostly words and references."""
    kinds = draw(st.lists(st.sampled_from("wwrrm"), max_size=4))
    parts = {
        "w": lambda: draw(_words),
        "r": lambda: _reference(draw),
        "m": lambda: draw(st.sampled_from(MARKS)),
    }
    return "".join(parts[kind]() for kind in kinds)


@st.composite
def _value(draw: st.DrawFn) -> str:
    """A value with its quotes and what follows on its line."""
    quote = draw(st.sampled_from(["", "", "'", '"', '"', "`"]))
    comment = draw(st.sampled_from(COMMENTS))
    if draw(st.integers(0, 5)) == 0:
        return quote + draw(st.sampled_from(CIPHERTEXTS)) + quote + comment
    lines = draw(st.lists(_plain(), min_size=1, max_size=3 if quote else 1))
    closing = quote if draw(st.integers(0, 14)) else ""
    slip = "x" if draw(st.integers(0, 14)) == 0 else ""
    return quote + "\n".join(lines) + closing + slip + comment


@st.composite
def _line(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from(NOISE))
    return draw(st.sampled_from(HEADS)) + draw(_names) + draw(st.sampled_from(SIGNS)) + draw(_value())


@st.composite
def _file(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(_line(), max_size=6))
    text = "".join(line + draw(st.sampled_from(LINE_BREAKS)) for line in lines)
    if draw(st.integers(0, 1)):
        text = text.rstrip("\r\n")
    return _saved(draw, text)


def _saved(draw: st.DrawFn, text: str) -> bytes:
    """The text as editors save it: mostly UTF-8, some with a byte-order mark, in UTF-16, or damaged."""
    way = draw(st.integers(0, 30))
    if way == 0:
        return b"\xff\xfe" + text.encode("utf-16-le")
    if way == 1:
        return b"\xef\xbb\xbf" + text.encode()
    data = text.encode()
    if way == 2:
        at = draw(st.integers(0, len(data)))
        return (
            data[:at]
            + draw(st.sampled_from([b"\xe9", b"\xf0\x9f", b"\xed\xa0\x80", b"\xc0\xaf"]))
            + data[at:]
        )
    return data


_processes = st.dictionaries(_names, st.one_of(_plain(), _words), max_size=3)


@st.composite
def plausible(draw: st.DrawFn) -> Sources:
    """What a user may have written, in one to three layers."""
    files = draw(st.lists(_file(), min_size=1, max_size=3))
    return Sources(tuple(files), draw(_processes))


@st.composite
def hostile(draw: st.DrawFn) -> Sources:
    """What nobody would write; without parentheses, as dotenvx would run a $(command)."""
    tokens = st.lists(st.sampled_from(_SOUP), max_size=12).map("".join)
    anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="(\0"), max_size=12)
    heads = st.sampled_from(["", "\n", "A=", "\nB=", "\nA='", '\nexport A="', "\rC: `", "\nA\n="])
    texts = st.lists(st.tuples(heads, st.one_of(tokens, tokens, anything)).map("".join), max_size=6).map(
        "".join
    )
    files = draw(st.lists(texts, min_size=1, max_size=2))
    return Sources(tuple(text.encode() for text in files), draw(_processes))
