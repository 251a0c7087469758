"""Merge env files variable by variable: two changes conflict only where both change the same part of one variable.

A version is a row of blocks, one for each assignment: the comments above it, `NAME=`, the value, the rest of its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from ..envfiles import ENCRYPTED, PUBLIC_KEY, EnvFile, by_occurrence, newline_of, parse_env_file

T = TypeVar("T")
Decrypt = Callable[[Sequence[str]], Sequence[str | None]]
_Key = tuple[str, int]  # the name, and which of its assignments
_QUOTES: Final = "\"'`"


class _Block(NamedTuple):
    """One assignment, line breaks as newlines; each block begins with the line break before it."""

    above: str
    head: str
    value: str
    rest: str

    @property
    def text(self) -> str:
        return self.above + self.head + self.value + self.rest

    @property
    def ciphertext(self) -> str:
        """The value without its quotes if it is encrypted, else empty."""
        inner = self.value[1:-1] if self.value[:1] in _QUOTES else self.value
        return inner if inner.startswith(ENCRYPTED) else ""


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of an env file, split into blocks."""

    blocks: Mapping[_Key, _Block]
    end: str  # after the last assignment
    mark: str  # a byte-order mark, or nothing
    newline: str
    public: str  # the public key that the file names first

    def order(self, among: Iterable[_Key]) -> list[_Key]:
        """The keys that are among others, in the order of this version."""
        wanted = set(among)
        return [key for key in self.blocks if key in wanted]


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged text, the names with conflict markers in it, and those whose value is under another key."""

    text: str
    conflicts: tuple[str, ...]
    foreign: tuple[str, ...]


class _ConflictError(Exception):
    """Both versions changed the same part in different ways."""


def merge_env_files(
    base: EnvFile, ours: EnvFile, theirs: EnvFile, *, decrypt: Decrypt, marker_size: int = 7
) -> Merged | None:
    """Our version with what theirs changed since the base; None where that would not read back as it should.

    `decrypt` tells whether two ciphertexts, which always differ, hold the same value. Markers enclose whole blocks.
    """
    return _Merge(_split(base), _split(ours), _split(theirs), decrypt).result(marker_size)


def _split(file: EnvFile) -> _Version:
    text = file.text.removeprefix("\ufeff")
    newline = newline_of(text)
    text = "\n" + text.replace("\r\n", "\n")
    parsed = parse_env_file(text)
    blocks, end = {}, 0
    for key, entry in by_occurrence(parsed.entries).items():
        spans = (end, entry.start, entry.value_start, entry.value_end, entry.end)
        blocks[key] = _Block(*(text[spans[n] : spans[n + 1]] for n in range(4)))
        end = entry.end
    public = next((each.value.lower() for each in parsed.entries if each.name.startswith(PUBLIC_KEY)), "")
    mark = "\ufeff" if file.text.startswith("\ufeff") else ""
    return _Version(blocks, text[end:], mark, newline, public)


class _Merge:
    """The merge of three versions."""

    def __init__(self, base: _Version, ours: _Version, theirs: _Version, decrypt: Decrypt) -> None:
        self.base, self.ours, self.theirs = base, ours, theirs
        self._decrypt = decrypt
        self._blocks: dict[_Key, _Block | None] = {}  # None: conflict

    def result(self, marker_size: int) -> Merged | None:
        """The merged file, unless it would not read back as it should."""
        try:
            self._refuse_repeated()
            order = self._order()
            end = _merged(self.base.end, self.ours.end, self.theirs.end)
            newline = _merged(self.base.newline, self.ours.newline, self.theirs.newline)
            mark = _merged(self.base.mark, self.ours.mark, self.theirs.mark)
        except _ConflictError:
            return None
        for key in order:
            self._add(key)
        text = "".join(self._texts(marker_size)) + end
        if not self._reads_back(text):
            return None
        conflicts = dict.fromkeys(name for (name, _), block in self._blocks.items() if block is None)
        return Merged(
            mark + text.removeprefix("\n").replace("\n", newline), tuple(conflicts), tuple(self._foreign())
        )

    def _refuse_repeated(self) -> None:
        """Raise _ConflictError where both changed a name and one how often it is set: which belong together?"""
        versions = (self.base, self.ours, self.theirs)
        for name in {name for version in versions for name, number in version.blocks if number}:
            base, ours, theirs = (
                [block.value for (each, _), block in version.blocks.items() if each == name]
                for version in versions
            )
            if not len(base) == len(ours) == len(theirs):
                _merged(base, ours, theirs)

    def _order(self) -> list[_Key]:
        """The order of all blocks: that of the version that moved some, else ours; new ones of the other after what
        they follow there. Raises _ConflictError where both moved some."""
        ours, theirs = self.ours, self.theirs
        common = [key for key in self.base.blocks if key in ours.blocks and key in theirs.blocks]
        first, second = ours, theirs
        if _merged(common, ours.order(common), theirs.order(common)) != ours.order(common):
            first, second = theirs, ours
        order = list(first.blocks)
        before: _Key | None = None
        for key in second.blocks:
            if key not in first.blocks:
                at = order.index(before) + 1 if before in order else 0
                while (
                    at < len(order) and order[at] not in second.blocks and order[at] not in self.base.blocks
                ):
                    at += 1  # after what the first version adds at the same place
                order.insert(at, key)
            before = key
        return order

    def _add(self, key: _Key) -> None:
        base, ours, theirs = (version.blocks.get(key) for version in (self.base, self.ours, self.theirs))
        if ours == theirs or theirs == base:
            merged = ours
        elif ours == base:
            merged = theirs
        elif ours is None or theirs is None:
            self._blocks[key] = None  # removed here, changed there
            return
        else:
            try:
                merged = self._merge_parts(base, ours, theirs)
            except _ConflictError:
                self._blocks[key] = None
                return
        if merged is None:
            return
        last = next(reversed(self._blocks), None)
        if (
            last
            and self._are_of_both(last, key)
            and merged.above == getattr(self._blocks[last], "above", None)
        ):
            merged = merged._replace(above="\n")  # both added below the same comment
        self._blocks[key] = merged

    def _are_of_both(self, *keys: _Key) -> bool:
        """Whether these blocks are new, and no version has all of them."""
        return not any(key in self.base.blocks for key in keys) and not any(
            all(key in version.blocks for key in keys) for version in (self.ours, self.theirs)
        )

    def _merge_parts(self, base: _Block | None, ours: _Block, theirs: _Block) -> _Block:
        """A block that both changed or added, merged part by part. Raises _ConflictError."""
        parts = []
        for number, name in enumerate(_Block._fields):
            before = base[number] if base is not None else None
            if name == "value":
                parts.append(self._merge_value(before, ours, theirs))
            else:
                parts.append(_merged(before, ours[number], theirs[number]))
        return _Block(*parts)

    def _merge_value(self, base: str | None, ours: _Block, theirs: _Block) -> str:
        """The value of a block, ciphertexts compared by what is encrypted. Raises _ConflictError."""
        try:
            return _merged(base, ours.value, theirs.value)
        except _ConflictError:
            before = _Block("", "", base, "") if base is not None else None
            meanings = self._meanings([each for each in (ours, theirs, before) if each is not None])
        our, their = meanings[0], meanings[1]
        if our is None or their is None:
            raise _ConflictError
        if our == their:
            # the one under the file's key, and what is encrypted rather than what is plain
            prefer_theirs = not ours.ciphertext or self._public() == self.theirs.public != self.ours.public
            return theirs.value if theirs.ciphertext and prefer_theirs else ours.value
        if len(meanings) > 2 and meanings[2] == our:
            return theirs.value
        if len(meanings) > 2 and meanings[2] == their:
            return ours.value
        raise _ConflictError

    def _meanings(self, blocks: Sequence[_Block]) -> list[tuple[str, bool] | None]:
        """What each value holds and whether `$` in it is expanded; None where no key opens it."""
        plaintexts = iter(self._decrypt([block.ciphertext for block in blocks if block.ciphertext]))
        meanings: list[tuple[str, bool] | None] = []
        for block in blocks:
            entry = parse_env_file(f"X={block.value}").entries[0]
            value = next(plaintexts) if block.ciphertext else entry.value
            meanings.append(None if value is None else (value, "$" in value and not entry.literal))
        return meanings

    def _public(self) -> str:
        """The public key of the merged file, empty where both versions have another one."""
        try:
            return _merged(self.base.public, self.ours.public, self.theirs.public)
        except _ConflictError:
            return ""

    def _foreign(self) -> Iterator[str]:
        """The variables with a ciphertext that only a version with another public key has."""
        public = self._public()
        for key, block in self._blocks.items():
            if block is None or not block.ciphertext or not public:
                continue
            having = [
                version
                for version in (self.ours, self.theirs)
                if key in version.blocks and version.blocks[key].ciphertext == block.ciphertext
            ]
            if all(version.public not in ("", public) for version in having):
                yield key[0]

    def _texts(self, marker_size: int) -> Iterator[str]:
        for key, block in self._blocks.items():
            if block is not None:
                yield block.text
                continue
            ours, theirs = (
                version.blocks[key].text if key in version.blocks else ""
                for version in (self.ours, self.theirs)
            )
            markers = "<=>"
            first, middle, last = (sign * marker_size for sign in markers)
            yield f"\n{first} ours{ours}\n{middle}{theirs}\n{last} theirs"

    def _reads_back(self, text: str) -> bool:
        """Whether a merged text without conflicts has the assignments that it was made of, repeated ones in order."""
        if None in self._blocks.values():
            return True
        entries = by_occurrence(parse_env_file(text).entries)
        found = [(key, text[entry.value_start : entry.value_end]) for key, entry in entries.items()]
        return found == [(key, block and block.value) for key, block in self._blocks.items()]


def _merged(base: object, ours: T, theirs: T) -> T:
    """What one of two versions changed, or both in the same way. Raises _ConflictError."""
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    raise _ConflictError
