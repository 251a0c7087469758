"""The text of an env file with its values decrypted, and the env file that an edit of that text makes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ..config import PLACEHOLDER
from ..envfiles import (
    ENCRYPTED,
    Entry,
    EnvFile,
    by_occurrence,
    check_name,
    decode_env_file,
    is_ciphertext,
    newline_of,
    parse_env_file,
    public_keys_in,
    refuse_conflict,
    replace_values,
)
from ..errors import EnvFileInvalid
from .draft import Draft
from .values import ciphertext_of, plain_text_of, why_not_encrypted

_MARK: Final = "#| "
_BREAK: Final = re.compile("\r\n|[\r\n\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Result:
    """The env file that an edit makes, the values that a process has to get of it, and what changed, by name."""

    file: EnvFile
    expected: dict[str, str]
    changed: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


class DecryptedView:
    """An env file as a person edits it: its values in plain text, but for those that no plain text carries.

    Raises DecryptionFailed where the file has encrypted values and no key opens any. A damaged one can be mended.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._ours: list[str] = []  # the lines of ours in the text that the editor has
        ciphertexts = draft.file.ciphertexts
        whole = [entry for entry in ciphertexts if is_ciphertext(entry.value)]
        if whole and not draft.plaintexts(whole, ask=True):
            draft.plaintext(whole[0])
        try:
            self._shown = replace_values(draft.file, dict(self._decrypted(ciphertexts)))
        except (
            EnvFileInvalid
        ):  # a quote that is not closed would change its meaning: as it is, it can be mended
            self._shown = draft.file

    def _decrypted(self, ciphertexts: list[Entry]) -> Iterator[tuple[Entry, str]]:
        opened = self._draft.plaintexts(ciphertexts)
        for entry in ciphertexts:
            if entry.value in opened:
                try:
                    yield entry, plain_text_of(self._draft, entry)
                except EnvFileInvalid:
                    continue

    def text(self, edited: EnvFile | None = None, *, problem: str = "") -> bytes:
        """What the editor gets: lines that explain, and the text, or an edit of it that has a problem."""
        file = self._shown if edited is None else self._without_ours(edited)
        newline = newline_of(file.text)
        secret = [old.name for old, new in self._pairs() if old.encrypted and not new.encrypted]
        what = f"{self._draft.target.label}, decrypted; lines like this one are removed"
        self._ours = [
            _MARK + (f"error: {problem}" if problem else what),
            f"{_MARK}encrypted when you save: {', '.join(dict.fromkeys(secret)) or 'nothing yet'}, and new secrets",
        ]
        # not at the end, where a new line would become part of the comment in some editors
        mark = "\ufeff" if file.text.startswith("\ufeff") else ""
        ours = "".join(line + newline for line in self._ours)
        return file.encode(mark + ours + file.text.removeprefix(mark))

    def read(self, data: bytes) -> EnvFile:
        """The edited text, our lines included. Raises EnvFileInvalid where it cannot be an env file."""
        return decode_env_file(data, self._draft.file.path, label=self._draft.target.label)

    def is_unchanged(self, edited: EnvFile) -> bool:
        """Whether the text is what it was, but for line breaks at its end, which many editors add."""
        return self._without_ours(edited).text.rstrip("\r\n") == self._shown.text.rstrip("\r\n")

    def result(self, edited: EnvFile, *, encrypts: Callable[[str], bool]) -> Result:
        """The env file that the edited text makes, without our lines; a value that is as it was keeps its ciphertext.

        `encrypts` tells whether a variable that is new, or had a placeholder, is encrypted. Raises EnvFileInvalid with
        the line of what is wrong.
        """
        label = self._draft.target.label
        refuse_conflict(edited, label)
        self._refuse_mistakes(edited)
        known = self._known()
        spelled: dict[Entry, str] = {}
        changed, added = [], []
        for key, entry in by_occurrence(edited.entries).items():
            old, shown = known.pop(key, (None, None))
            if old is None or shown is None:
                check_name(entry.name)
                added.append(entry.name)
                encrypt = not entry.is_key and encrypts(entry.name)
            else:
                encrypt = old.encrypted
                if self._is_same(entry, old, shown):
                    if encrypt:
                        spelled[entry] = self._draft.file.text[old.value_start : old.value_end]
                    continue
                changed.append(entry.name)
                if old.value == PLACEHOLDER:  # of a variable that has had no value so far
                    encrypt = encrypts(entry.name)
            if encrypt or entry.encrypted:
                spelled[entry] = self._ciphertext_of(entry, edited)
        after = self._without_ours(replace_values(edited, spelled))
        self._refuse_other_key(after)
        return Result(
            after,
            self._draft.values(edited),
            tuple(dict.fromkeys(changed)),
            tuple(dict.fromkeys(added)),
            tuple(dict.fromkeys(name for name, _ in known)),
        )

    def _ciphertext_of(self, entry: Entry, edited: EnvFile) -> str:
        """An edited value encrypted, with its quotes; as it is if it is a ciphertext. Raises EnvFileInvalid."""
        why = why_not_encrypted(entry, edited)
        if entry.encrypted:
            if is_ciphertext(entry.value):
                return edited.text[entry.value_start : entry.value_end]
            why = f"{entry.name}: the value begins with {ENCRYPTED}, but is no whole ciphertext"
        if why:
            raise EnvFileInvalid(f"{self._draft.target.label}:{entry.line}: {why}.")
        return ciphertext_of(self._draft, entry)

    def _without_ours(self, file: EnvFile) -> EnvFile:
        ours = "|".join(map(re.escape, self._ours))
        text = re.sub(rf"^(\ufeff?)(?:{ours})(?:\r?\n|\Z)", r"\1", file.text, flags=re.MULTILINE)
        # before all else also those that a replacement in the whole text has changed, unless the file has its own
        if not self._draft.file.text.removeprefix("\ufeff").startswith(_MARK):
            text = re.sub(rf"\A(\ufeff?)(?:{re.escape(_MARK)}.*(?:\r?\n|\Z))+", r"\1", text)
        return parse_env_file(text, path=file.path, encoding=file.encoding)

    def _pairs(self) -> Iterator[tuple[Entry, Entry]]:
        yield from zip(self._draft.file.entries, self._shown.entries, strict=True)

    def _known(self) -> dict[tuple[str, int], tuple[Entry, Entry]]:
        """Each assignment as the file has it and as it is shown."""
        old, shown = by_occurrence(self._draft.file.entries), by_occurrence(self._shown.entries)
        return {key: (entry, shown[key]) for key, entry in old.items()}

    def _is_same(self, entry: Entry, old: Entry, shown: Entry) -> bool:
        """Whether an edited assignment means what it did: then the file keeps its bytes."""
        if (entry.raw, entry.quote) == (shown.raw, shown.quote):
            return True
        if not old.encrypted or entry.encrypted or "$" in entry.value:
            return False
        return self._draft.plaintexts([old]).get(old.value) == entry.value

    def _refuse_other_key(self, after: EnvFile) -> None:
        """Raise EnvFileInvalid where encrypted values would be left without their public key."""
        before = public_keys_in(self._draft.file)[:1]
        if before and after.ciphertexts and public_keys_in(after)[:1] != before:
            target, header = self._draft.target, self._draft.file.headers[0].name
            raise EnvFileInvalid(
                f"{target.label}: encrypted values need the line {header}=…, which was changed or removed.",
                hint=f"for a new key: inv env.rotate {target.flags} --prepare",
            )

    def _refuse_mistakes(self, edited: EnvFile) -> None:
        """Raise EnvFileInvalid for an open quote, or a line that is no assignment, where there was none before, and for
        a text that is empty now: an editor that fails may leave that behind."""
        label, before = self._draft.target.label, {sentence for _, sentence in self._shown.warnings}
        if self._shown.entries and not self._without_ours(edited).text.strip("\ufeff \t\r\n"):
            raise EnvFileInvalid(
                f"{label}: the edited text is empty, so nothing was written.",
                hint=f"if all variables are to go: inv env.unset '*' {self._draft.target.flags}",
            )
        for line, sentence in edited.warnings:
            if sentence not in before and "quote" in sentence:
                raise EnvFileInvalid(f"{label}:{line}: {sentence}.")
        known = Counter(text for _, text in _ignored(self._shown))
        for line, text in _ignored(edited):
            known[text] -= 1
            if known[text] < 0:
                raise EnvFileInvalid(f"{label}:{line}: this line is not an assignment and is ignored.")


def _ignored(file: EnvFile) -> Iterator[tuple[int, str]]:
    """The number and the text of each line that is neither part of an assignment, nor a comment, nor blank."""
    starts = [0, *(found.end() for found in _BREAK.finditer(file.text))]
    covered = {
        number
        for entry in file.entries
        for number in range(bisect_right(starts, entry.start), bisect_right(starts, entry.end) + 1)
    }
    for number, line in enumerate(_BREAK.split(file.text), 1):
        text = line.strip().removeprefix("\ufeff")
        if number not in covered and text and not text.startswith("#"):
            yield number, text
