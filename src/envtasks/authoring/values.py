"""Change the values of an env file: set, unset, encrypt, decrypt, repair quotes, encrypt for another key."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from .. import inventory
from ..envfiles import (
    ENCRYPTED,
    PRIVATE_KEY,
    PUBLIC_KEY,
    EndlessExpansion,
    Entry,
    EnvFile,
    check_name,
    check_value,
    duplicates,
    expand,
    quote_ciphertext,
    read_env_file,
    remove_variable,
    replace_values,
    set_spelled,
    spell,
)
from ..errors import EnvFileInvalid, EnvtasksError, Refused, VariableMissing, did_you_mean
from .draft import Draft, TargetFile, changing, read_target

_LONGEST: Final = 131_071  # bytes of NAME=value that Linux hands to a process
_SHORTEST: Final = 5  # characters of a name that another one can be near to
_SPECIAL: Final = frozenset('"\\\r')  # what double quotes do not hold as it is


@dataclass(frozen=True, slots=True)
class Change:
    """What was done with the variables of one env file; in a dry run, what would be done.

    `places` has each variable with the line of its assignment: after the change, or before it where that is removed.
    """

    action: str  # set, unset, encrypted, decrypted, repaired, rekeyed, unchanged
    file: str
    places: tuple[tuple[str, int], ...]
    encrypted: bool
    dry: bool
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, each once."""
        return tuple(dict.fromkeys(name for name, _ in self.places))


def is_encrypted(target: TargetFile, name: str) -> bool:
    """Whether the env file has this variable encrypted already.

    Raises EnvFileInvalid and Refused for a name that no variable can have, EnvFileMissing.
    """
    _check_variable(name)
    file = read_target(target)
    return any(entry.name == name and entry.encrypted for entry in file.entries)


def set_value(target: TargetFile, name: str, value: str, *, encrypted: bool) -> Change:
    """Give a variable a value: its last assignment changes, or a new one goes to the end of the file.

    An encrypted value that is the same keeps its ciphertext. Raises EnvFileInvalid, EnvFileMissing, KeyMissing.
    """
    _check_variable(name)
    check_value(name, value)
    spelled = "" if encrypted else spell(name, value)
    with changing(target) as draft:
        old = [entry for entry in draft.file.entries if entry.name == name]
        if encrypted and old and _holds(draft, old[-1], value):
            after = draft.file
        else:
            spelled = quote_ciphertext(draft.encrypted(value)) if encrypted else spelled
            after = draft.save(set_spelled(draft.file, name, spelled), expected={name: value})
        draft.notes += _notes(target, name, value)
        if not old:
            draft.notes += [*_hidden(target, name), *_near(draft, name)]
        if len(old) > 1:
            draft.notes.append(f"{name} is set {len(old)} times in {target.label}; the last one counts")
        last = [entry for entry in after.entries if entry.name == name][-1:]
        again = set(duplicates(after.entries))  # said already
        draft.notes += _likely_mistakes(target, after, last, besides=again)
        action = "unchanged" if after.text == draft.file.text else "set"
        return _change(draft, action, last, encrypted=encrypted)


def unset_value(target: TargetFile, name: str) -> Change:
    """Remove every assignment of a variable, or of those that match a pattern.

    Raises VariableMissing, Refused, EnvFileInvalid, EnvFileMissing.
    """
    with changing(target) as draft:
        if name.startswith(PUBLIC_KEY) and draft.file.ciphertexts:
            raise Refused(f"{name} is the public key of {target.label}: without it nothing can be encrypted.")
        old = _matching(draft, [name], keys=name.startswith((PUBLIC_KEY, PRIVATE_KEY)))
        after = draft.file
        for each in dict.fromkeys(entry.name for entry in old):
            after = remove_variable(after, each)
        draft.save(after, expected={})
        return _change(draft, "unset", old, encrypted=False)


def encrypt_values(target: TargetFile, only: Sequence[str]) -> Change:
    """Encrypt every plain value, or those of the names and patterns in `only`; all assignments of a name.

    Those that `not-secret` lists stay plain. References in a value stay references. Raises EnvFileInvalid, naming every
    value that cannot be encrypted, and then writes nothing; VariableMissing, EnvFileMissing, KeyMissing.
    """
    with changing(target) as draft:
        plain = [entry for entry in _matching(draft, only) if not entry.encrypted]
        plain = [entry for entry in plain if not target.environment.is_not_secret(entry.name)]
        problems = [
            f"{target.label}:{entry.line}: {why}"
            for entry in plain
            if (why := why_not_encrypted(entry, draft.file))
        ]
        if problems:
            raise EnvFileInvalid(
                "; ".join(problems),
                hint="nothing was written; correct these lines, or encrypt others alone: --only NAME",
            )
        draft.notes += _likely_mistakes(target, draft.file, plain)
        return _replace(draft, "encrypted", {entry: ciphertext_of(draft, entry) for entry in plain})


def decrypt_value(target: TargetFile, name: str) -> Change:
    """Store the values of a variable, or of those that match a pattern, in plain text.

    Raises DecryptionFailed, VariableMissing, EnvFileMissing, and EnvFileInvalid where no plain text carries the value.
    """
    with changing(target) as draft:
        ciphertexts = [entry for entry in _matching(draft, [name]) if entry.encrypted]
        spelled = {entry: plain_text_of(draft, entry) for entry in ciphertexts}
        return _replace(draft, "decrypted", spelled, encrypted=False)


def repair_values(target: TargetFile, only: Sequence[str]) -> Change:
    """Put ciphertexts into single quotes where a `$` in the value is expanded: the value becomes what was encrypted.

    What refers to variables that the environment sets stays as it is. Raises DecryptionFailed, EnvFileInvalid,
    VariableMissing, EnvFileMissing.
    """
    known = set(inventory.read(target.environment).variables)
    with changing(target) as draft:
        ciphertexts = [entry for entry in _matching(draft, only) if entry.encrypted and not entry.literal]
        changed = [entry for entry in ciphertexts if _is_mangled(draft.plaintext(entry), known)]
        spelled = {entry: quote_ciphertext(entry.value) for entry in changed}
        values = {entry.name: draft.plaintext(entry) for entry in changed}
        return _replace(draft, "repaired", spelled, expected=values)


def rekey_values(target: TargetFile, only: Sequence[str]) -> Change:
    """Encrypt values that another key at hand opens for the key in the file's header.

    Raises DecryptionFailed where no key at hand opens one, VariableMissing, EnvFileInvalid, EnvFileMissing.
    """
    with changing(target) as draft:
        ciphertexts = [entry for entry in _matching(draft, only) if entry.encrypted]
        spelled = {}
        for entry in ciphertexts:
            if not draft.opens_with_own_key(entry):
                value = draft.plaintext(entry)
                expands = "$" in value and not entry.literal
                spelled[entry] = quote_ciphertext(draft.encrypted(value), expand=expands)
        return _replace(draft, "rekeyed", spelled)


def _replace(
    draft: Draft,
    action: str,
    spelled: Mapping[Entry, str],
    *,
    expected: Mapping[str, str] | None = None,
    encrypted: bool = True,
) -> Change:
    """Save the file with these values; those that a process gets stay the same, or are the expected ones."""
    after = draft.file
    if spelled:
        expected = draft.values() if expected is None else expected
        after = draft.save(replace_values(draft.file, spelled), expected=expected)
    new = len(after.entries) - len(draft.file.entries)  # the header, if there was none
    changed = [
        after.entries[number + new] for number, each in enumerate(draft.file.entries) if each in spelled
    ]
    return _change(draft, action, changed, encrypted=encrypted)


def _change(draft: Draft, action: str, entries: Iterable[Entry], *, encrypted: bool) -> Change:
    places = tuple((entry.name, entry.line) for entry in entries)
    return Change(action, draft.target.label, places, encrypted, draft.target.dry, tuple(draft.notes))


def _check_variable(name: str) -> None:
    """Raise EnvFileInvalid where the name cannot be that of a variable, Refused where it is that of a key."""
    check_name(name)
    if name.startswith((PUBLIC_KEY, PRIVATE_KEY)):
        raise Refused(f"{name} is the name of a key, not of a variable.", hint="inv env.keys --env NAME")


def _matching(draft: Draft, patterns: Sequence[str], *, keys: bool = False) -> list[Entry]:
    """The assignments of these names and patterns, or all without any; those of keys only with `keys`.

    Raises VariableMissing for a pattern that matches none.
    """
    entries = [each for each in draft.file.entries if keys or not each.is_key]
    for pattern in patterns:
        if not any(fnmatchcase(entry.name, pattern) for entry in entries):
            target, environment = draft.target, draft.target.environment
            others = [path for path in environment.files if path != target.path and _sets(path, pattern)]
            label = environment.label(others[0]) if others else ""
            raise VariableMissing(
                f"{pattern} is not in {target.label}"
                + (did_you_mean(pattern, [entry.name for entry in entries]) if not others else "."),
                hint=f"it is in {label}: --file {label}"
                if others
                else f"inv env.show --env {environment.name} lists what is there",
            )
    return [each for each in entries if not patterns or any(fnmatchcase(each.name, one) for one in patterns)]


def _holds(draft: Draft, entry: Entry, value: str) -> bool:
    """Whether an encrypted value is this one, after hydration, and under the file's own key."""
    if draft.plaintexts([entry]).get(entry.value) != value:
        return False
    return (entry.literal or "$" not in value) and draft.opens_with_own_key(entry)


def _references(value: str) -> tuple[str, set[str]]:
    """The value as it expands where nothing is set, and the names that it refers to. Raises EndlessExpansion."""
    names: set[str] = set()
    return expand(value, names.add)[0], names


def why_not_encrypted(entry: Entry, file: EnvFile) -> str:
    """Why a plain value of a file cannot be encrypted; empty if it can."""
    if not entry.quote and file.text.startswith("#", entry.value_end):
        return (
            f"{entry.name}: # without a blank before it starts a comment, and what follows would stay in plain text; "
            "put the value in quotes, or a blank before the #"
        )
    if entry.raw != entry.raw.encode("utf-8", "replace").decode():
        return f"{entry.name}: its bytes are not UTF-8, and would be lost: save the file as UTF-8, or set it anew"
    if not entry.literal and "$(" in entry.value:
        return f"{entry.name}: `$(…)` is a command, which encrypted text is not"
    if ENCRYPTED in entry.value:
        return f"{entry.name}: there is text around a ciphertext"
    try:
        check_value(entry.name, entry.value)
        _references(entry.value)
    except EnvFileInvalid as error:
        return error.message.removesuffix(".")
    except EndlessExpansion:
        return f"{entry.name}: the `$` expansion of this value does not end"
    return ""


def ciphertext_of(draft: Draft, entry: Entry) -> str:
    """The plain value of an entry, encrypted and in quotes; what it refers to is expanded as before."""
    value = entry.value
    if entry.literal or "$" not in value:
        return quote_ciphertext(draft.encrypted(value))
    constant, names = _references(value)
    return quote_ciphertext(draft.encrypted(value if names else constant), expand=bool(names))


def plain_text_of(draft: Draft, entry: Entry) -> str:
    """The encrypted value of an entry in plain text; what it refers to is expanded as before."""
    value = draft.plaintext(entry)
    constant, names = (value, set()) if entry.literal or "$" not in value else _references(value)
    if names and not _SPECIAL.intersection(value):
        return f'"{value}"'
    try:
        if names:
            raise EnvFileInvalid(
                f"{entry.name}: quotes or backslashes beside a reference cannot be plain text."
            )
        return spell(entry.name, constant)
    except EnvFileInvalid as error:
        raise EnvFileInvalid(f"{error.message} It stays encrypted.") from None


def _is_mangled(value: str, known: set[str]) -> bool:
    """Whether `$` in a decrypted value is expanded, and not in order to refer to variables that are set."""
    if "$" not in value:
        return False
    try:
        constant, names = _references(value)
    except EndlessExpansion:
        return True
    return constant != value and not (names and names <= known)


def _likely_mistakes(
    target: TargetFile, file: EnvFile, entries: Iterable[Entry], *, besides: Collection[tuple[int, str]] = ()
) -> list[str]:
    """What is odd about the lines of these entries."""
    lines = {entry.line for entry in entries}
    found = [each for each in file.warnings if each[0] in lines and each not in besides]
    return [f"{target.label}:{line}: {sentence}" for line, sentence in found]


def _notes(target: TargetFile, name: str, value: str) -> list[str]:
    notes = []
    if value.endswith("\n"):
        without = "a file without one (--from-file)" if sys.platform == "win32" else "`printf %s`"
        notes.append(f"the value of {name} ends with a line break, as `echo` adds one; {without} does not")
    if len(f"{name}={value}".encode()) > _LONGEST:
        notes.append(f"{name} is longer than a process can be given on Linux ({_LONGEST:,} bytes)")
    above = target.environment.files[: target.environment.files.index(target.path)]
    labels = [target.environment.label(path) for path in above if _sets(path, name)]
    return [*notes, *(f"{label} sets {name} too, and wins over {target.label}" for label in labels)]


def _hidden(target: TargetFile, name: str) -> list[str]:
    """A note about each file whose value a new variable of a baseline hides."""
    environment = target.environment
    if environment.optional(target.path):  # of which hydrating says it
        return []
    below = environment.files[environment.files.index(target.path) + 1 :]
    labels = [environment.label(path) for path in below if _sets(path, name)]
    return [
        f"{target.label} wins over {label}, which sets {name} too; to change it there: --file {label}"
        for label in labels
    ]


def _near(draft: Draft, name: str) -> list[str]:
    """A note where a new variable may be the misspelt name of one that is there: by one letter, or in case alone."""
    from difflib import SequenceMatcher

    for other in dict.fromkeys(entry.name for entry in draft.file.entries):
        same = sum(
            block.size for block in SequenceMatcher(None, name, other, autojunk=False).get_matching_blocks()
        )
        letters = {re.sub(r"\d", "", each) for each in (name, other)}  # A_1 and A_2 are meant
        misspelt = max(len(name), len(other)) - same == 1 and len(letters) > 1 and len(name) >= _SHORTEST
        if misspelt or name.upper() == other.upper():
            back = f"inv env.unset {name} {draft.target.flags}"
            return [f"{name} is new, and {other} is as it was; to take it back: {back}"]
    return []


def _sets(path: Path, pattern: str) -> bool:
    """Whether an env file sets a variable of this name, or one that matches the pattern."""
    try:
        return any(fnmatchcase(entry.name, pattern) for entry in read_env_file(path).entries)
    except EnvtasksError:  # not there, or not readable, which whatever hydrates it says
        return False
