"""Parse the text of an env file into assignments, each with its line, its quotes and its offsets.

The grammar is what the dotenvx command accepts: a value may begin on the line after its name, a quote that is not
closed is text, and white space is what JavaScript defines as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

ENCRYPTED: Final = "encrypted:"  # the beginning of an encrypted value
PRIVATE_KEY: Final = "DOTENV_PRIVATE_KEY"  # the beginning of the names of the variables that hold keys
PUBLIC_KEY: Final = "DOTENV_PUBLIC_KEY"
REFERENCES: Final = ("op://", "bw://")  # for which the dotenvx command asks a password manager
QUOTES: Final = "\"'`"
# JavaScript's white space: Python's without U+001C to U+001F and U+0085, and with U+FEFF
SPACES: Final = (
    "\t\n\x0b\x0c\r \xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_LINE_ENDS: Final = "\n\u2028\u2029"
_DOUBLE_ESCAPES: Final = (("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"))
_REST: Final = (
    "what follows the ciphertext may be the rest of the value in plain text; put a blank before a comment"
)
_QUOTED_LINES: Final = "(?<![^\u2028\u2029])([\"'`])((?s:.*))\\1(?![^\u2028\u2029])"


class Entry(NamedTuple):
    """One assignment.

    Offsets are into the file's text: `start` to `end` is all of its lines without the last line break,
    `value_start` to `value_end` the value with its quotes, an empty span where there is none.
    """

    name: str
    raw: str  # inside the quotes, as written, line breaks as \n
    quote: str  # one of " ' ` or nothing
    line: int
    start: int
    end: int
    value_start: int
    value_end: int
    exported: bool

    @property
    def literal(self) -> bool:
        """Whether `$` means nothing in this value: it begins with a single quote."""
        return (self.quote or self.raw[:1]) == "'"

    @property
    def encrypted(self) -> bool:
        """Whether the value is encrypted."""
        return self.raw.startswith(ENCRYPTED)

    @property
    def is_key(self) -> bool:
        """Whether it holds a key, public or private, and is no variable of the application."""
        return self.name.startswith((PUBLIC_KEY, PRIVATE_KEY))

    @property
    def value(self) -> str:
        """The value before decryption and expansion: escapes resolved, bytes that are not UTF-8 as U+FFFD."""
        text = self.raw
        kind = self.quote or text[:1]
        if not self.quote and ("\u2028" in text or "\u2029" in text):
            # such a value has several lines, and dotenvx removes the quotes of each
            text = re.sub(_QUOTED_LINES, r"\2", text)
        if "\\" in text:
            if kind == '"':
                for escape, character in _DOUBLE_ESCAPES:
                    text = text.replace(escape, character)
            elif kind == "'":
                text = text.replace("\\'", "'")
        return text if text.isascii() else _printable(text)


def _printable(text: str) -> str:
    """The text with U+FFFD in place of undecodable bytes, one for each maximal invalid sequence."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        except UnicodeEncodeError:
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def scan(source: str) -> tuple[tuple[Entry, ...], tuple[tuple[int, str], ...]]:
    """The assignments in the text of an env file, in order, and warnings (line, sentence) about likely mistakes."""
    text = source.replace("\r\n", "\n").replace("\r", "\n") if "\r" in source else source
    original = _original_offsets(source)
    scanner = _Scanner(text)
    entries: list[Entry] = []
    warnings: list[tuple[int, str]] = []
    line, counted = 1, 0
    for head, begin, start, end, closed in scanner.assignments():
        at = head.start()
        line += text.count("\n", counted, at)
        counted = at
        value = text[start:end]
        enclosed = len(value) > 1 and value[0] == value[-1] and value[0] in QUOTES
        if sentence := _text_warning(value, closed=closed, enclosed=enclosed, after=text[end : end + 1]):
            warnings.append((line, f"{head[2]}: {sentence}"))
        entries.append(
            Entry(
                name=head[2],
                raw=value[1:-1] if enclosed else value,
                quote=value[0] if enclosed else "",
                line=line,
                start=original(begin),
                end=original(scanner.line_end(end)),
                value_start=original(start),
                value_end=original(end),
                exported=head[1] is not None,
            )
        )
    warnings += duplicates(entries)
    warnings += _ignored(text, scanner.ignored)
    return tuple(entries), tuple(sorted(warnings))


class _Scanner:
    """Find the assignments in a text whose line breaks are newlines."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.ignored: list[int] = []  # offsets of lines that are neither assignments nor comments
        # for ASCII both languages agree, and a pattern without the long list compiles much faster
        space = r"\s" if text.isascii() else f"[{SPACES}]"
        self._spaces = re.compile(f"{space}*", re.ASCII)
        self._head = re.compile(rf"(export{space}+)?([\w.-]+)(?:{space}*=|:{space})", re.ASCII)
        self._bare = re.compile(r"[^#\n]*")
        self._line_end = re.compile("\n" if text.isascii() else f"[{_LINE_ENDS}]")

    def assignments(self) -> Iterator[tuple[re.Match[str], int, int, int, bool]]:
        """Each head, the start of its line, the span of its value, and whether that ends with a closing quote."""
        text = self._text
        position = 0
        while (at := self._skip(position)) < len(text):
            head = self._head.match(text, at)
            if head:
                begin = max(text.rfind(mark, position, at) + 1 for mark in _LINE_ENDS) or position
                start, after, closed = self._value(head.end())
                yield head, begin, start, after, closed
            else:
                after = at
                if text[at] != "#":
                    self.ignored.append(at)
            position = self.line_end(after) + 1

    def line_end(self, position: int) -> int:
        """The offset of the next line break, or of the end of the text."""
        match = self._line_end.search(self._text, position)
        return match.start() if match else len(self._text)

    def _skip(self, position: int) -> int:
        match = self._spaces.match(self._text, position)
        return match.end() if match else position

    def _value(self, position: int) -> tuple[int, int, bool]:
        """The span of the value after a head, quotes included, and whether it ends with a closing quote."""
        text = self._text
        quote = self._skip(position)
        if quote < len(text) and text[quote] in QUOTES:
            close = self._closing(quote)
            if close:
                return quote, close + 1, True
        match = self._bare.match(text, position)
        bare = match[0] if match else ""
        inner = bare.lstrip(SPACES)
        if not inner:
            return position, position, False
        start = position + len(bare) - len(inner)
        return start, start + len(inner.rstrip(SPACES)), False

    def _closing(self, opening: int) -> int:
        """The offset of the quote that closes the one at `opening`, or 0.

        It is the first one without a backslash before it, else the last one before that; each only if nothing but a
        comment follows on its line.
        """
        text = self._text
        quote = text[opening]
        escaped: list[int] = []
        at = opening
        while (at := text.find(quote, at + 1)) > 0:
            if text[at - 1] != "\\":
                if self._ends(at + 1):
                    return at
                break
            escaped.append(at)
        return next((at for at in reversed(escaped) if self._ends(at + 1)), 0)

    def _ends(self, position: int) -> bool:
        """Whether nothing but white space or a comment follows on this line."""
        after = self._skip(position)
        return (
            after == len(self._text)
            or self._text[after] == "#"
            or self._line_end.search(self._text, position, after) is not None
        )


def _text_warning(value: str, *, closed: bool, enclosed: bool, after: str) -> str:
    """What is likely to be a mistake in the spelling of a value, `after` being the character behind it; or nothing."""
    if not closed and value and value[0] in QUOTES:
        if value[0] in value[1:]:
            return "text follows the closing quote, so the quotes are part of the value"
        return "the quote is not closed, so the value ends with its line and the quote is part of it"
    if after != "#":
        return ""
    if value.lstrip(QUOTES).startswith(ENCRYPTED):
        return _REST
    return "" if enclosed else "# without a blank before it starts a comment; put the value in quotes"


def duplicates(entries: Iterable[Entry]) -> Iterator[tuple[int, str]]:
    """The warning (line, sentence) about each name that is set again."""
    seen: dict[str, int] = {}
    for entry in entries:
        # a line such as A="$A more" continues the earlier one
        if entry.name in seen and not re.search(rf"\$\{{?{re.escape(entry.name)}\b", entry.raw):
            yield (
                entry.line,
                f"{entry.name} is set again (first in line {seen[entry.name]}): the last one counts",
            )
        seen.setdefault(entry.name, entry.line)


def _ignored(text: str, offsets: list[int]) -> Iterator[tuple[int, str]]:
    if offsets:
        further = len(offsets) - 1
        lines = "is 1 more line" if further == 1 else f"are {further} more lines"
        more = f", and so {lines}" if further else ""
        yield text.count("\n", 0, offsets[0]) + 1, f"this line is not an assignment and is ignored{more}"


def _original_offsets(source: str) -> Callable[[int], int]:
    """A function from offsets into the text with newlines only to offsets into the original text."""
    if "\r\n" not in source:
        return int
    from bisect import bisect_left

    removed = [match.start() - index for index, match in enumerate(re.finditer("\r\n", source))]
    return lambda offset: offset + bisect_left(removed, offset)
