"""The key that an env file is encrypted for: the one its header names, else one at hand, else a new one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .. import git
from ..config import Environment
from ..envfiles import (
    KEY_FILE,
    PUBLIC_KEY,
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
)
from ..errors import EnvFileInvalid, EnvFileMissing, KeyMissing, LeakFound
from .ignored_files import ignore

_PUBLIC: Final = re.compile(r"0[23][0-9a-fA-F]{64}")
_HEADER: Final = "# encrypted values open with the private key of this public key, which is not in git"
_KEY_FILE_HEADER: Final = "# private keys of env files: this file stays out of git\n"


@dataclass(frozen=True, slots=True)
class FileKey:
    """The public key of an env file. `header`: the variable under which the file does not name it yet.

    `private`: the private key, where it is new and has to be stored before the file is written.
    """

    public: str
    header: str = ""
    private: str = field(default="", repr=False)

    def add_header(self, file: EnvFile) -> EnvFile:
        """The file with its header, if it has none."""
        if any(entry.name.startswith(PUBLIC_KEY) for entry in file.entries):
            return file
        return insert_header(file, self.header, f'"{self.public}"', comment=_HEADER)


def find_file_key(environment: Environment, file: EnvFile, ring: KeyRing) -> FileKey:
    """The key that values of this file are encrypted for; a new pair where it has none.

    A header that is lost is made anew from a private key at hand which opens the file. Raises EnvFileInvalid for a
    header that is no public key, and KeyMissing where nothing tells the key.
    """
    label = environment.label(file.path)
    for entry in file.entries:
        if entry.name.startswith(PUBLIC_KEY):
            if _PUBLIC.fullmatch(entry.value):
                return FileKey(entry.value.lower())
            raise EnvFileInvalid(
                f"{label}:{entry.line}: {entry.name} is not a public key: expected 66 hexadecimal digits.",
                hint="restore the line from git; or remove it, if a private key that opens the file is here",
            )
    private_name, public_name = key_variables(file.path, file.text)
    sample = next((entry.raw for entry in file.entries if entry.encrypted), None)
    if sample is not None:
        known = next((key for key in ring.hexes if decrypt([sample], [key])[0] is not None), None)
        if known is None:
            raise KeyMissing(
                f"{label} has encrypted values but no public key, and no private key at hand opens them.",
                hint=f"restore the line {public_name}=… from git; searched: {'; '.join(ring.searched)}",
            )
    else:
        known = next((key.hex for key in ring.keys if key.variable == private_name), None)
    if known is not None:
        return FileKey(public_key(known), public_name)
    private, public = generate_keys()
    return FileKey(public, public_name, private)


def key_file_for(environment: Environment, path: Path) -> Path:
    """The key file that a new private key of an env file goes to."""
    if environment.keys:
        return environment.keys[0]
    own = path.parent / f".env.{environment.name}.keys"
    return own if own.exists() else path.parent / KEY_FILE


def store_private_key(
    environment: Environment, file: EnvFile, private: str, process_env: Mapping[str, str]
) -> list[str]:
    """Write the new private key of an env file into its key file (whose lock is held); notes about what was done.

    It is proven to open what its public key encrypts, and to be found where keys are looked for. A key file that git
    would add is ignored from now on; raises LeakFound where git tracks it already.
    """
    if decrypt([encrypt("proof", public_key(private))], [private]) != ["proof"]:
        raise EnvFileInvalid("The new key does not open what it encrypts; nothing was written.")
    path = key_file_for(environment, file.path)
    label = environment.label(path)
    notes = []
    if not environment.public:
        if git.is_tracked(environment.root, path, process_env):
            raise LeakFound(
                f"{label} is tracked by git, so a private key in it would be published.",
                hint=f"git rm --cached {label}",
            )
        if git.is_ignored(environment.root, path, process_env) is False:
            ignore(environment.root, [path.name])
            notes.append(f"{label} is ignored by git from now on (.gitignore)")
    variable = key_variables(file.path, file.text)[0]
    try:
        before = read_env_file(path, label=label)
    except EnvFileMissing:
        before = parse_env_file(_KEY_FILE_HEADER, path=path)
    after = append_variable(before, variable, private, comment=f"# {environment.label(file.path)}")
    replace_file(path, after.encode(after.text), mode=None if path.exists() else 0o600)
    if private not in find_keys(environment, {}, needed_for=[file.path]).hexes:
        raise EnvFileInvalid(f"{label}: the new key is not found there again; the env file was not written.")
    return [f"made a key pair: {variable} is in {label}, give it to those who may read the values", *notes]
