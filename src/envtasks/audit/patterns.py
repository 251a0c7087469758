"""What is looked for: the forms of secret values, private keys of env files, and paths that may not be there."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..envfiles import PRIVATE_KEY, PUBLIC_KEY, public_key
from ..redaction import SHORTEST_LINE, TOKEN, base64_of, encodings_of, secret_parts
from .report import NotChecked

SHORTEST: Final = 8
"""Characters: anything shorter is somewhere in every image by chance."""
SHORTEST_WORD: Final = 16
"""Characters, for letters alone (or with - _ . : / and spaces between) and for digits alone: they are everywhere."""
LONGEST: Final = 3000
"""Characters: of a longer value the middle is looked for."""
NEAR: Final = 160
"""Bytes before 64 hexadecimal digits within which the name of a private key marks them as one."""
BASE64_KEY: Final = 512
"""Bytes of base64 text that are decoded where the name of a private key stands in them."""

_FEWEST_DIFFERENT: Final = 5
_ANCHOR: Final = 32
_WORDS: Final = re.compile(r"[^\W\d]+(?:[-_.:/ ]+[^\W\d]+)*|\d+")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]+=*")
_LINE_BREAKS: Final = re.compile(rb"\\[nr]|\s+")

_NUMBER: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9a-fA-F]{64}(?![0-9A-Za-z])")
_KEY_NAME: Final = re.compile(rb"DOTENV_PRIVATE_KEY[A-Za-z0-9_.-]{0,60}")
_CHECKSUM_BEFORE: Final = re.compile(
    rb"(?:(?:sha-?256|sha|hash|digest|checksum)[\"'\\]*[:=@\s-]{1,3}[\"'\\]*|/|file:|dir:|multi:)\Z",
    re.IGNORECASE,
)
_CHECKSUM_AFTER: Final = re.compile(rb"[ \t]+\*?[./\w]|/")

_EXAMPLE: Final = ".env.example"
_DOTENVX: Final = re.compile(
    r"(?:^|/)(?:"
    r"dotenvx(?:\.(?:exe|cmd|ps1|sh))?"  # the command, or the script that npm puts in front of it
    r"|@dotenvx/[^/]+/package\.json"
    r"|python_dotenvx-[^/]+\.dist-info/METADATA"
    r"|dotenvx/(?:__init__\.py|_native[^/]*)"
    r"|(?:python[_-])?dotenvx-\d[^/]*\.(?:whl|tar\.gz|tgz|zip)"
    r")\Z"
)
_USER_NAME: Final = re.compile(r"\w+_USERNAME|HATCH_INDEX_USER")


@dataclass(frozen=True, slots=True)
class SecretForm:
    """One form of one value: `anchor` is searched for, and stands at `offset` of `whole`, which then must be there.

    A `folded` form (base64) counts as well with line breaks in it.
    """

    anchor: bytes = field(repr=False)
    offset: int
    whole: bytes = field(repr=False)
    folded: bool
    variable: str
    part: str
    kind: str

    @property
    def reach(self) -> int:
        """How many bytes before and after the anchor decide whether the whole form is there, percent-encoded too."""
        return 5 * len(self.whole) + 64

    def description(self, *, percent_encoded: bool) -> str:
        """Which part of the value it is, if not all, and how it is written."""
        kind = "URL-encoded" if percent_encoded and not self.folded else self.kind
        return f"{self.part}, {kind}" if self.part else kind

    def matches(self, data: bytes, start: int) -> bool:
        """Whether the whole form is in `data`, where its anchor stands at `start`."""
        begin = start - self.offset
        if begin >= 0 and data.startswith(self.whole, begin):
            return True
        if not self.folded:
            return False
        around = data[max(0, start - 2 * len(self.whole) - 64) : start + 2 * len(self.whole) + 64]
        return self.whole in _LINE_BREAKS.sub(b"", around)


@dataclass(frozen=True, slots=True)
class SecretForms:
    """The forms to look for, the texts that they are forms of, and the variables that cannot be looked for."""

    forms: tuple[SecretForm, ...]
    texts: frozenset[str] = field(repr=False)
    skipped: tuple[NotChecked, ...]


def secret_forms(secrets: Mapping[str, str], credentials: Mapping[str, str]) -> SecretForms:
    """The forms of values, by their variables; `credentials` are secret by their names alone."""
    forms: list[SecretForm] = []
    texts: set[str] = set()
    skipped: list[NotChecked] = []
    for name, value in {**credentials, **secrets}.items():
        if is_user_name(name) and name not in secrets:
            skipped.append(NotChecked(name, "a user name, and not declared secret"))
        elif value.strip():
            reasons = []
            parts = list(secret_parts(value.strip(), too_common=too_common))
            for part, text in parts:
                if reason := too_common(text):
                    reasons.append(f"{part}: {reason}" if part else reason)
                else:
                    texts.add(text)
                    forms += _forms(name, part, text)
            if reasons or not parts:
                skipped.append(NotChecked(name, "; ".join(reasons) or "a URL without user name and password"))
    return SecretForms(tuple(forms), frozenset(texts), tuple(skipped))


def too_common(text: str) -> str:
    """Why a text cannot be told from what is in an image by chance; empty if it can."""
    if len(text) < SHORTEST:
        return f"shorter than {SHORTEST} characters"
    if len(text) < SHORTEST_WORD and _WORDS.fullmatch(text):
        return f"only letters, or only digits, and shorter than {SHORTEST_WORD} characters"
    if len(set(text)) < _FEWEST_DIFFERENT:
        return f"fewer than {_FEWEST_DIFFERENT} different characters"
    return ""


def is_user_name(name: str) -> bool:
    """Whether the variable holds a user name, which is no secret unless it is declared one."""
    return bool(_USER_NAME.fullmatch(name))


def forbidden(path: str) -> str:
    """`env file`, `key file` or `dotenvx` for the path of a file that is one, else empty."""
    name = path.rsplit("/", 1)[-1]
    if name == ".env.keys" or (name.startswith(".env.") and name.endswith(".keys")):
        return "key file"
    if name == ".env" or (name.startswith(".env.") and name != _EXAMPLE):
        return "env file"
    return "dotenvx" if "dotenvx" in path and _DOTENVX.search(path) else ""


def _forms(name: str, part: str, text: str) -> Iterator[SecretForm]:
    middle = max(0, len(text) - LONGEST) // 2
    text = text[middle : middle + LONGEST]
    base64 = base64_of(text)
    for form in sorted(_texts(text) - base64):
        offset = max(0, len(form) - _ANCHOR) // 2
        yield SecretForm(form[offset : offset + _ANCHOR], offset, form, False, name, part, _kind(form, text))
    for form in sorted(base64):
        # a line break may be in one half of what fits into the shortest line, not in both
        half = min(len(form), SHORTEST_LINE) // 2
        for offset in (0, half) if len(form) >= SHORTEST else ():
            yield SecretForm(form[offset : offset + half], offset, form, True, name, part, "base64")


def _texts(text: str) -> frozenset[bytes]:
    """The forms of a text but for base64; of one with several lines also those of the lines that look like a token."""
    forms = encodings_of(text)
    lines = {line.strip() for line in text.splitlines()}
    if len(lines) > 1:
        forms |= {
            ending.join(text.splitlines()).encode("utf-8", "surrogatepass") for ending in ("\n", "\r\n")
        }
        for line in lines:
            if not TOKEN.search(line) or " " in line or too_common(line):
                forms -= encodings_of(line)
    return frozenset(form for form in forms if len(form) >= SHORTEST)


def _kind(form: bytes, text: str) -> str:
    if form.decode("utf-8", "replace").replace("\r\n", "\n") in text:
        return "plain"
    return "base64" if _BASE64.fullmatch(form) else "escaped"


class PrivateKeys:
    """Finds private keys without having them: 64 hexadecimal digits whose public key is a tracked one.

    Deriving a public key costs half a millisecond: `most` bounds how many numbers are tried. A number that is a
    checksum by what stands around it is left out. Where the name of a private key stands before it, it is one.
    """

    def __init__(self, public_keys: Mapping[str, str], *, most: int) -> None:
        self.left_out = 0
        self._names = {
            key.lower(): name.replace(PUBLIC_KEY, PRIVATE_KEY, 1) for name, key in public_keys.items()
        }
        self._owners: dict[bytes, str | None] = {}
        self._left = most

    def found(self, data: bytes, starts: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Offset and variable of each private key that begins at one of `starts`."""
        for start in starts:
            number = _NUMBER.match(data, start)
            name = self._variable(number, data) if number else None
            if name:
                yield start, name

    def in_base64(self, data: bytes, start: int) -> Iterator[str]:
        """The variables of the keys in the base64 text around `start`, where the name of one stands encoded."""
        context = _LINE_BREAKS.sub(b"", data[max(0, start - 8) : start + BASE64_KEY])
        text = b"".join(_BASE64.findall(context)[:1]).translate(bytes.maketrans(b"-_", b"+/"), b"=")
        for shift in range(4):
            try:
                decoded = a2b_base64(text[shift : shift + (len(text) - shift) // 4 * 4])
            except Error:
                continue
            yield from (name for _, name in self.found(decoded, numbers(decoded)))

    def _variable(self, number: re.Match[bytes], data: bytes) -> str | None:
        digits = number.group().lower()
        before = data[max(0, number.start() - NEAR) : number.start()]
        named = _KEY_NAME.findall(before)
        if not named and not self._plausible(digits, before, data[number.end() : number.end() + 8]):
            return None
        stated = named[-1].decode() if named else None
        if digits not in self._owners:
            if self._left <= 0:
                self.left_out += not named
                return stated
            self._left -= 1
            self._owners[digits] = self._owner(digits)
        return self._owners[digits] or stated

    def _plausible(self, digits: bytes, before: bytes, after: bytes) -> bool:
        checksum = _CHECKSUM_BEFORE.search(before) or _CHECKSUM_AFTER.match(after)
        return bool(self._names) and not checksum and not digits.isdigit()

    def _owner(self, digits: bytes) -> str | None:
        try:
            return self._names.get(public_key(digits.decode()).lower())
        except ValueError:  # zero, or beyond the order of the curve
            return None


def numbers(data: bytes) -> Iterator[int]:
    """Where numbers of 64 hexadecimal digits begin, that may be private keys."""
    return (match.start() for match in _NUMBER.finditer(data))
