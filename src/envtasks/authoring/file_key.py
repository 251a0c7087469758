"""The key that an env file is encrypted for: the one its header names, else one at hand, else a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .. import git
from ..config import Environment
from ..envfiles import (
    KEY_FILE,
    PRIVATE_KEY_DIGITS,
    PUBLIC_KEY_DIGITS,
    Entry,
    EnvFile,
    KeyRing,
    append_variable,
    decrypt,
    encrypt,
    find_keys,
    generate_keys,
    insert_header,
    key_variables,
    parse_env_file,
    public_key,
    read_env_file,
    replace_file,
    replace_values,
    settable_name,
)
from ..errors import EnvFileInvalid, EnvFileMissing, KeyMissing, LeakFound
from .ignored_files import keep_out_of_git

_HEADER: Final = "# encrypted values open with the private key of this public key, which is not in git"
_KEY_FILE_HEADER: Final = "# private keys of env files: this file stays out of git\n"


@dataclass(frozen=True, slots=True)
class FileKey:
    """The public key of an env file. `header`: the variable under which the file does not name it yet.

    `private`: the private key, where it is new and has to be stored before the file is written. `found`: where the
    private key is, which was there before under the name of the file's.
    """

    public: str
    header: str = ""
    private: str = field(default="", repr=False)
    found: str = ""

    def add_header(self, file: EnvFile) -> EnvFile:
        """The file with its header, if it has none."""
        if file.headers:
            return file
        return insert_header(file, self.header, f'"{self.public}"', comment=_HEADER)


def find_file_key(environment: Environment, file: EnvFile, ring: KeyRing) -> FileKey:
    """The key that values of this file are encrypted for; a new pair where it has none.

    A header that is lost is made anew from a private key at hand which opens the file. Raises EnvFileInvalid for a
    header that is no public key, and KeyMissing where nothing tells the key.
    """
    label = environment.label(file.path)
    if header := next(iter(file.headers), None):
        if PUBLIC_KEY_DIGITS.fullmatch(header.value):
            return FileKey(header.value.lower())
        raise EnvFileInvalid(
            f"{label}:{header.line}: {header.name} is not a public key: expected 66 hexadecimal digits.",
            hint="restore the line from git; or remove it, if a private key that opens the file is here",
        )
    private_name, public_name = key_variables(file.path, file.text)
    sample = next((entry.raw for entry in file.ciphertexts), None)
    if sample is not None:
        known = ring.opening(sample)
        if known is None:
            raise KeyMissing(
                f"{label} has encrypted values but no public key, and no private key at hand opens them.",
                hint=f"restore the line {public_name}=… from git; {ring.search_report}",
            )
    else:
        known = next((key for key in ring.keys if key.variable == private_name), None)
    if known is not None:
        found = "" if sample else f"{known.variable} in {known.source}"
        return FileKey(public_key(known.hex), public_name, found=found)
    private, public = generate_keys()
    return FileKey(public, public_name, private)


def key_file_for(environment: Environment, path: Path) -> Path:
    """The key file that a new private key of an env file goes to."""
    if environment.keys:
        return environment.keys[0]
    own = path.parent / f".env.{environment.name}.keys"
    return own if own.exists() else path.parent / KEY_FILE


def listed_keys(environment: Environment, file: EnvFile) -> list[str]:
    """The private keys of an env file in its key file, the one to encrypt for first; none where there are none."""
    entry = _key_entry(_read_key_file(environment, file), file)
    return [] if entry is None else _keys_in(entry)


def store_private_key(
    environment: Environment, file: EnvFile, private: str, process_env: Mapping[str, str]
) -> list[str]:
    """Write a new private key of an env file into its key file, as `list_keys_first`; notes about what was done."""
    if private in listed_keys(environment, file):
        return []
    notes = list_keys_first(environment, file, [private], process_env)
    label = environment.label(key_file_for(environment, file.path))
    variable = key_variables(file.path, file.text).private
    made = f"made a key pair: {variable} is in {label}, give it to those who may read the values"
    if (name := settable_name(variable)) != variable:
        made += f"; a CI or a shell, which take no such name, hold it as {name}"
    return [made, *notes]


def list_keys_first(
    environment: Environment, file: EnvFile, keys: Sequence[str], process_env: Mapping[str, str]
) -> list[str]:
    """Put private keys of an env file before the others in its key file (whose lock is held); notes.

    The first one is proven to open what its public key encrypts, and to be found where keys are looked for. A key file
    that git would add is ignored from now on; raises LeakFound where git tracks it already.
    """
    if decrypt([encrypt("proof", public_key(keys[0]))], [keys[0]]) != ["proof"]:
        raise EnvFileInvalid("The new key does not open what it encrypts; nothing was written.")
    notes = _keep_key_out_of_git(environment, key_file_for(environment, file.path), process_env)
    before = _read_key_file(environment, file)
    entry = _key_entry(before, file)
    wanted = list(dict.fromkeys([*keys, *(_keys_in(entry) if entry else ())]))
    if entry is not None and wanted == _keys_in(entry):
        return notes
    if entry is None:
        variable = key_variables(file.path, file.text).private
        comment = f"# {environment.label(file.path)}"
        after = append_variable(before, variable, ",".join(wanted), comment=comment)
    else:
        after = replace_values(before, {entry: ",".join(wanted)})
    _write_key_file(after)
    if keys[0] not in find_keys(environment, {}, needed_for=[file.path]).hexes:
        label = environment.label(after.path)
        raise EnvFileInvalid(f"{label}: the new key is not found there again; the env file was not written.")
    return notes


def drop_old_keys(environment: Environment, file: EnvFile, *, keep: bool) -> None:
    """Leave only the first key of an env file in its key file (whose lock is held); with `keep` the others move to a
    variable of their own, which ends in `_OLD`."""
    before = _read_key_file(environment, file)
    entry = _key_entry(before, file)
    if entry is None or len(_keys_in(entry)) < 2:
        return
    first, *others = _keys_in(entry)
    after = replace_values(before, {entry: first})
    if keep:
        old = next((each for each in after.entries if each.name == f"{entry.name}_OLD"), None)
        listed = ",".join(dict.fromkeys([*others, *(_keys_in(old) if old else ())]))
        if old is None:
            after = append_variable(after, f"{entry.name}_OLD", listed)
        else:
            after = replace_values(after, {old: listed})
    _write_key_file(after)


def _keep_key_out_of_git(environment: Environment, path: Path, process_env: Mapping[str, str]) -> list[str]:
    """See that git ignores a key file, unless the environment is public; notes. Raises LeakFound if git tracks it."""
    label = environment.label(path)
    if environment.public:
        return []
    if git.is_tracked(environment.root, path, process_env):
        raise LeakFound(
            f"{label} is tracked by git, so a private key in it would be published.",
            hint=f"git rm --cached {label}",
        )
    return keep_out_of_git(environment, path, process_env)


def _read_key_file(environment: Environment, file: EnvFile) -> EnvFile:
    path = key_file_for(environment, file.path)
    try:
        return read_env_file(path, label=environment.label(path))
    except EnvFileMissing:
        return parse_env_file(_KEY_FILE_HEADER, path=path)


def _write_key_file(file: EnvFile) -> None:
    replace_file(file.path, file.encode(file.text), mode=None if file.path.exists() else 0o600)


def _key_entry(key_file: EnvFile, file: EnvFile) -> Entry | None:
    """The line of a key file that holds the private key of an env file; the last one of its name."""
    variable = key_variables(file.path, file.text).private
    return next((entry for entry in reversed(key_file.entries) if entry.name == variable), None)


def _keys_in(entry: Entry) -> list[str]:
    words = entry.value.replace(",", " ").split()
    return [word.lower() for word in words if PRIVATE_KEY_DIGITS.fullmatch(word)]
