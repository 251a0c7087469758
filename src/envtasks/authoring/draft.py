"""An env file while it is changed: read under its lock, proven to read back, then replaced at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..config import OVERRIDES, Environment
from ..envfiles import (
    Entry,
    EnvFile,
    Keys,
    by_public_key,
    decode_env_file,
    decrypt,
    encrypt,
    how_to_get_key,
    key_variables,
    locked,
    parse_env_file,
    read_env_file,
    refuse_conflict,
    replace_file,
)
from ..errors import (
    ConfigInvalid,
    DecryptionFailed,
    EnvFileInvalid,
    EnvFileMissing,
    EnvtasksError,
    did_you_mean,
)
from ..hydration import check_allowed_names, values_of
from .file_key import FileKey, find_file_key, key_file_for, store_private_key
from .ignored_files import keep_out_of_git


@dataclass(frozen=True, slots=True)
class TargetFile:
    """The env file that a command changes, and how: with `dry` nothing is written."""

    environment: Environment
    path: Path
    process_env: Mapping[str, str] = field(repr=False)
    dry: bool = False

    @property
    def label(self) -> str:
        """The file as messages show it."""
        return self.environment.label(self.path)

    @property
    def flags(self) -> str:
        """The flags of a command that changes this file."""
        return self.environment.flags(self.label)

    def how_to_get_key(self, variable: str) -> str:
        """What to do where its private key is missing."""
        return how_to_get_key(variable, self.environment, self.process_env, file=self.label)


def find_target(
    environment: Environment, process_env: Mapping[str, str], *, file: str | None = None, dry: bool = False
) -> TargetFile:
    """The env file of an environment that is to be changed: `file`, else its first baseline.

    Raises ConfigInvalid for a file that is not one of the environment's.
    """
    labels = {environment.label(path): path for path in environment.files}
    if file is not None and file not in labels:
        raise ConfigInvalid(
            f"{file} is not an env file of {environment.name}{did_you_mean(file, labels)}",
            hint=f"its files: {', '.join(labels)}",
        )
    path = labels[file] if file is not None else environment.main_file
    environment.refuse_outside_link(path)
    return TargetFile(environment, path, process_env, dry)


class Draft:
    """One env file, as it is and as it will be.

    `file` is what is on disk. `encrypted` and `plaintext` go through the file's keys, `save` proves and writes.
    `key` is one to encrypt for in place of the file's own, `further` are private keys besides those at hand.
    """

    def __init__(
        self, target: TargetFile, file: EnvFile, *, key: FileKey | None = None, further: Sequence[str] = ()
    ) -> None:
        self.target, self.file = target, file
        self._given_key, self._further = key, further
        self.notes: list[str] = []
        self._keys = Keys(target.environment, target.process_env, [file])
        self._own: dict[tuple[str, ...], list[str]] = {}  # of the keys at hand those of `key`
        self._made: dict[str, str] = {}  # the plaintext of each ciphertext that was made here

    @cached_property
    def key(self) -> FileKey:
        """The key that values are encrypted for."""
        return self._given_key or find_file_key(self.target.environment, self.file, self._keys.ring)

    @property
    def search_report(self) -> str:
        """Where private keys were looked for and what was found there, as the end of a hint."""
        return self._keys.ring.search_report

    def _own_keys(self) -> list[str]:
        """The private keys at hand of the public key that values are encrypted for."""
        keys = (*self._keys.ring.hexes, *filter(None, [self.key.private]))
        if keys not in self._own:
            self._own[keys] = [
                key for public, key in by_public_key(keys).items() if public == self.key.public
            ]
        return self._own[keys]

    def encrypted(self, value: str) -> str:
        """A new ciphertext of a value. Raises EnvFileInvalid where a key at hand does not open it again."""
        ciphertext = encrypt(value, self.key.public)
        if (own := self._own_keys()) and decrypt([ciphertext], own) != [value]:
            raise EnvFileInvalid(f"{self.target.label}: a value does not decrypt again; nothing was written.")
        self._made[ciphertext] = value
        return ciphertext

    def plaintexts(self, entries: Iterable[Entry], *, ask: bool = False) -> dict[str, str]:
        """The plaintext of each of these ciphertexts that a key at hand opens, with `ask` also one of `key-command`."""
        wanted = {entry.value for entry in entries if entry.encrypted}
        rest = sorted(wanted - self._made.keys())
        decrypt_rest = self._keys.decrypt if ask else self._keys.decrypt_at_hand
        found = zip(rest, decrypt_rest(rest, self._further), strict=True)
        opened = {text: plain for text, plain in found if plain is not None}
        return {text: self._made[text] for text in wanted & self._made.keys()} | opened

    def plaintext(self, entry: Entry) -> str:
        """The decrypted value of an entry. Raises DecryptionFailed."""
        found = self.plaintexts([entry], ask=True).get(entry.value)
        if found is None:
            variable = key_variables(self.file.path, self.file.text).private
            raise DecryptionFailed(
                f"{self.target.label}:{entry.line}: no key at hand opens {entry.name}.",
                hint=f"{self.target.how_to_get_key(variable)}; {self.search_report}",
            )
        return found

    def opens_with_own_key(self, entry: Entry) -> bool:
        """Whether an encrypted value is under the key in the header; taken for granted where no key at hand tells."""
        opened = self.plaintexts([entry], ask=True)  # first, as it may find a further key
        if own := self._own_keys():
            return decrypt([entry.value], own)[0] is not None
        return not opened

    def values(self, file: EnvFile | None = None) -> dict[str, str]:
        """The values that a process would get of this file alone; what no key opens stays a ciphertext."""
        file = self.file if file is None else file
        return values_of(self.target.environment, file, self.plaintexts(file.entries))

    def save(self, after: EnvFile, *, expected: Mapping[str, str]) -> EnvFile:
        """Write the changed file, with its header, and return it as it reads back; a dry run only returns it.

        `expected` are values that a process has to get of it. Raises EnvFileInvalid, and writes nothing, where a value
        would read back otherwise.
        """
        # what only changes plain values needs no key
        key = self.__dict__.get("key", self._given_key)
        if key is not None:
            after = key.add_header(after)
        data = after.encode(after.text)
        written = decode_env_file(data, after.path, label=self.target.label)
        try:
            refuse_conflict(written, self.target.label)
            check_allowed_names(self.target.environment, written, _names(written) - _names(self.file))
            values = self.values(written)
        except EnvtasksError as error:
            raise EnvFileInvalid(f"{error.message} Nothing was written.", hint=error.hint) from None
        different = sorted(name for name, value in expected.items() if values.get(name) != value)
        if different:
            raise EnvFileInvalid(
                f"{self.target.label}: {', '.join(different)} would not read back as given; nothing was written.",
                hint=f"store it encrypted: inv env.set {different[0]} {self.target.flags}",
            )
        if not self.target.dry and written.text != self.file.text:
            self._write(data, key)
        return written

    def _write(self, data: bytes, key: FileKey | None) -> None:
        environment, path = self.target.environment, self.target.path
        if key is not None and key.private:
            self.notes += store_private_key(environment, self.file, key.private, self.target.process_env)
        if key is not None and key.found:
            there = f"no key was made for {self.target.label}: {key.found} is there already"
            self.notes.append(f"{there}, and who has it for other files reads this one too")
        # overrides are a developer's own; a baseline is for everybody
        new = environment.optional(path) and not path.exists()
        if new and path.name == OVERRIDES:
            self.notes += keep_out_of_git(environment, path, self.target.process_env)
        replace_file(path, data, mode=0o600 if new else None)


def _names(file: EnvFile) -> set[str]:
    return {entry.name for entry in file.entries}


@contextmanager
def changing(target: TargetFile) -> Iterator[Draft]:
    """The env file of a target, to be changed under its lock; overrides that are not there yet are empty.

    Raises EnvFileMissing for a missing baseline, EnvFileInvalid.
    """
    keys = key_file_for(target.environment, target.path)
    with nullcontext() if target.dry else locked(target.path, keys):
        yield Draft(target, read_target(target))


def read_target(target: TargetFile) -> EnvFile:
    """The env file of a target; overrides that are not there are empty. Raises EnvFileMissing, EnvFileInvalid."""
    try:
        file = read_env_file(target.path, label=target.label)
        if file.unreadable:  # what is added would be in another encoding than the rest
            raise EnvFileInvalid(f"{target.label}: {file.warnings[0][1]}; nothing was written.")
        return file
    except EnvFileMissing:
        if target.environment.optional(target.path):
            return parse_env_file("", path=target.path)
        raise EnvFileMissing(
            f"{target.label} is not there.", hint=f"make it: inv env.new {target.environment.name}"
        ) from None
