"""What is looked for: the secret values, or the part of them that is secret, in every form they may be written in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, unquote_plus

from ..redaction import encodings_of
from .patterns import is_user_name
from .report import NotChecked

SHORTEST: Final = 8
"""Characters: anything shorter is somewhere in every image by chance."""
SHORTEST_WORD: Final = 16
"""Characters, for letters alone (or with - _ . : / and spaces between) and for digits alone: they are everywhere."""
LONGEST: Final = 3000
"""Characters: of a longer value the middle is looked for."""

_FEWEST_DIFFERENT: Final = 5
_ANCHOR: Final = 32
_WORDS: Final = re.compile(r"[^\W\d]+(?:[-_.:/ ]+[^\W\d]+)*|\d+")
_TOKEN: Final = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{20,}")
_URL: Final = re.compile(r"(?:[\w-]+=)?[A-Za-z][\w+.:-]*?://(?:(?P<userinfo>[^/?#\s]*)@)?(?P<rest>\S*)")
_SECRET_PARAMETER: Final = re.compile(
    r"[?&;][\w-]*(?:pass|pwd|token|secret|key|sig)[\w-]*=([^&;#\s]+)", re.IGNORECASE
)
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]+=*")


@dataclass(frozen=True, slots=True)
class Needle:
    """One form of one value: `anchor` is searched for, and stands at `offset` of `whole`, which then must be there.

    A `folded` form (base64) counts as well with line breaks in it.
    """

    anchor: bytes = field(repr=False)
    offset: int
    whole: bytes = field(repr=False)
    folded: bool
    variable: str
    form: str


def why_not(text: str) -> str:
    """Why a text cannot be told from what is in an image by chance; empty if it can."""
    if len(text) < SHORTEST:
        return f"shorter than {SHORTEST} characters"
    if len(text) < SHORTEST_WORD and _WORDS.fullmatch(text):
        return f"only letters, or only digits, and shorter than {SHORTEST_WORD} characters"
    if len(set(text)) < _FEWEST_DIFFERENT:
        return f"fewer than {_FEWEST_DIFFERENT} different characters"
    return ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The forms to look for, the texts that they are forms of, and the variables that cannot be looked for."""

    needles: tuple[Needle, ...]
    texts: frozenset[str] = field(repr=False)
    skipped: tuple[NotChecked, ...]


def wanted(secrets: Mapping[str, str], credentials: Mapping[str, str]) -> Wanted:
    """What to look for. `credentials` are secret by their names alone."""
    found: list[Needle] = []
    texts: set[str] = set()
    skipped: list[NotChecked] = []
    for name, value in {**credentials, **secrets}.items():
        if is_user_name(name) and name not in secrets:
            skipped.append(NotChecked(name, "a user name, and not declared secret"))
        elif value.strip():
            parts = list(_parts(value.strip()))
            reasons = [
                f"{part}: {why_not(text)}" if part else why_not(text) for part, text in parts if why_not(text)
            ]
            if reasons or not parts:
                skipped.append(NotChecked(name, "; ".join(reasons) or "a URL without user name and password"))
            for part, text in parts:
                if not why_not(text):
                    texts.add(text)
                    found += _forms(name, part, text)
    return Wanted(tuple(found), frozenset(texts), tuple(skipped))


def _parts(value: str) -> Iterator[tuple[str, str]]:
    """What of a value is secret: all of it, or of a URL (or several) the password and whatever looks like a token."""
    urls = [_URL.fullmatch(word) for word in value.split()]
    if not urls or None in urls:
        yield "", value
        return
    for url in urls:
        assert url is not None
        yield from _of_userinfo(url["userinfo"] or "")
        for parameter in _SECRET_PARAMETER.findall(url["rest"]):
            yield from (("parameter", text) for text in dict.fromkeys((parameter, unquote(parameter))))
        _, slash, path = url["rest"].partition("/")
        yield from (("token", token) for token in _TOKEN.findall(_SECRET_PARAMETER.sub("", slash + path)))


def _of_userinfo(userinfo: str) -> Iterator[tuple[str, str]]:
    user, colon, password = userinfo.partition(":")
    if not userinfo:
        return
    if not colon:
        yield "user name", user
    elif why_not(password) and not why_not(userinfo):
        yield "user name and password", userinfo
    elif password:
        yield from (("password", text) for text in dict.fromkeys((password, unquote(password))))


def _forms(name: str, part: str, text: str) -> Iterator[Needle]:
    middle = max(0, len(text) - LONGEST) // 2
    text = text[middle : middle + LONGEST]
    for form in sorted(_spelled(text)):
        kind = _kind(form, text)
        label = f"{part}, {kind}" if part else kind
        if kind != "base64":
            offset = max(0, len(form) - _ANCHOR) // 2
            yield Needle(form[offset : offset + _ANCHOR], offset, form, False, name, label)
            continue
        # a line break may be in one half of what fits into a line, not in both
        half = min(len(form) // 2, _ANCHOR)
        for offset in (0, half):
            yield Needle(form[offset : offset + half], offset, form, True, name, label)


def _spelled(text: str) -> frozenset[bytes]:
    """The forms of a text; of one with several lines also those of the lines that look like a token."""
    forms = encodings_of(text)
    lines = {line.strip() for line in text.splitlines()}
    if len(lines) > 1:
        forms |= {
            ending.join(text.splitlines()).encode("utf-8", "surrogatepass") for ending in ("\n", "\r\n")
        }
        for line in lines:
            if not _TOKEN.search(line) or " " in line or why_not(line):
                forms -= encodings_of(line)
    return frozenset(form for form in forms if len(form) >= SHORTEST)


def _kind(form: bytes, text: str) -> str:
    written = form.decode("utf-8", "surrogatepass")
    if written.replace("\r\n", "\n") in text:
        return "plain"
    if text in (unquote(written), unquote_plus(written)):
        return "URL-encoded"
    return "base64" if _BASE64.fullmatch(form) else "escaped"
