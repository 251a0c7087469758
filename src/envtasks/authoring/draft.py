"""An env file while it is changed: read under its lock, proven to read back, then replaced at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..config import Environment
from ..envfiles import (
    Entry,
    EnvFile,
    KeyRing,
    Keys,
    decode_env_file,
    decrypt,
    encrypt,
    locked,
    parse_env_file,
    public_key,
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
from ..hydration import values_of
from .file_key import FileKey, find_file_key, key_file_for, store_private_key


@dataclass(frozen=True, slots=True)
class Target:
    """The env file that a command changes, and how: `dry` writes nothing."""

    environment: Environment
    path: Path
    process_env: Mapping[str, str] = field(repr=False)
    dry: bool = False

    @property
    def label(self) -> str:
        """The file as messages show it."""
        return self.environment.label(self.path)


def find_target(
    environment: Environment, process_env: Mapping[str, str], *, file: str | None = None, dry: bool = False
) -> Target:
    """The env file of an environment that is to be changed: `file`, else its first baseline.

    Raises ConfigInvalid for a file that is not one of the environment's.
    """
    labels = {environment.label(path): path for path in environment.files}
    if file is not None and file not in labels:
        raise ConfigInvalid(
            f"{file} is not an env file of {environment.name}{did_you_mean(file, labels)}",
            hint=f"its files: {', '.join(labels)}",
        )
    path = labels[file] if file is not None else [*environment.baselines, *environment.files][0]
    environment.refuse_outside_link(path)
    return Target(environment, path, process_env, dry)


class Draft:
    """One env file, as it is and as it will be.

    `file` is what is on disk. `encrypted` and `plaintext` go through the file's keys, `save` proves and writes.
    """

    def __init__(self, target: Target, file: EnvFile) -> None:
        self.target, self.file = target, file
        self.notes: list[str] = []
        self._plaintexts: dict[str, str] = {}  # of each ciphertext that was made or opened here

    @cached_property
    def _keys(self) -> Keys:
        return Keys(self.target.environment, self.target.process_env, [self.file])

    @property
    def ring(self) -> KeyRing:
        """The private keys at hand."""
        return self._keys.ring

    @cached_property
    def key(self) -> FileKey:
        """The key that values are encrypted for."""
        return find_file_key(self.target.environment, self.file, self.ring)

    @property
    def _own_keys(self) -> list[str]:
        """The private keys at hand of the public key that values are encrypted for."""
        keys = [key for key in (*self.ring.hexes, self.key.private) if key]
        return [key for key in keys if public_key(key) == self.key.public]

    def encrypted(self, value: str) -> str:
        """A new ciphertext of a value. Raises EnvFileInvalid where a key at hand does not open it again."""
        ciphertext = encrypt(value, self.key.public)
        own = self._own_keys
        if own and decrypt([ciphertext], own) != [value]:
            raise EnvFileInvalid(f"{self.target.label}: a value does not decrypt again; nothing was written.")
        self._plaintexts[ciphertext] = value
        return ciphertext

    def plaintexts(self, entries: Iterable[Entry]) -> dict[str, str]:
        """The plaintext of each ciphertext among these entries that a key at hand opens."""
        wanted = {entry.value for entry in entries if entry.encrypted}
        new = sorted(wanted - self._plaintexts.keys())
        if new:
            found = zip(new, self._keys.decrypt(new), strict=True)
            self._plaintexts.update((text, plain) for text, plain in found if plain is not None)
        return {text: self._plaintexts[text] for text in wanted & self._plaintexts.keys()}

    def plaintext(self, entry: Entry) -> str:
        """The decrypted value of an entry. Raises DecryptionFailed."""
        found = self.plaintexts([entry]).get(entry.value)
        if found is None:
            raise DecryptionFailed(
                f"{self.target.label}:{entry.line}: no key at hand opens {entry.name}.",
                hint=f"searched: {'; '.join(self.ring.searched)}",
            )
        return found

    def opens_with_own_key(self, entry: Entry) -> bool:
        """Whether an encrypted value is under the key in the header; taken for granted where no key at hand tells."""
        opened = self.plaintexts([entry])  # first, as it may find a further key
        if self._own_keys:
            return decrypt([entry.value], self._own_keys)[0] is not None
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
        key = self.__dict__.get("key")
        if key is not None:
            after = key.add_header(after)
        data = after.encode(after.text)
        written = decode_env_file(data, after.path, label=self.target.label)
        try:
            refuse_conflict(written, self.target.label)
            values = self.values(written)
        except EnvtasksError as error:
            raise EnvFileInvalid(f"{error.message} Nothing was written.", hint=error.hint) from None
        different = sorted(name for name, value in expected.items() if values.get(name) != value)
        if different:
            raise EnvFileInvalid(
                f"{self.target.label}: {', '.join(different)} would not read back as given; nothing was written.",
                hint=f"store it encrypted: inv env.set {different[0]} --env {self.target.environment.name}",
            )
        if not self.target.dry and written.text != self.file.text:
            self._write(data, key)
        return written

    def _write(self, data: bytes, key: FileKey | None) -> None:
        environment, path = self.target.environment, self.target.path
        if key is not None and key.private:
            self.notes += store_private_key(environment, self.file, key.private, self.target.process_env)
        # overrides are a developer's own; a baseline is for everybody
        new = 0o600 if environment.optional(path) else None
        replace_file(path, data, mode=None if path.exists() else new)


@contextmanager
def changing(target: Target) -> Iterator[Draft]:
    """The env file of a target, to be changed under its lock; overrides that are not there yet are empty.

    Raises EnvFileMissing for a missing baseline, EnvFileInvalid.
    """
    keys = key_file_for(target.environment, target.path)
    with nullcontext() if target.dry else locked(target.path, keys):
        yield Draft(target, read_target(target))


def read_target(target: Target) -> EnvFile:
    """The env file of a target; overrides that are not there are empty. Raises EnvFileMissing, EnvFileInvalid."""
    try:
        return read_env_file(target.path, label=target.label)
    except EnvFileMissing:
        if target.environment.optional(target.path):
            return parse_env_file("", path=target.path)
        raise EnvFileMissing(
            f"{target.label} is not there.", hint=f"make it: inv env.new {target.environment.name}"
        ) from None
