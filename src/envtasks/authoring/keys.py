"""The private keys of an environment's env files: which opens them, handed to others, taken from others."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..config import Environment
from ..envfiles import (
    PUBLIC_KEY,
    EnvFile,
    Keys,
    PrivateKey,
    by_public_key,
    decrypt,
    key_variables,
    locked,
    public_keys_in,
    replace_file,
    replace_values,
)
from ..errors import ConfigInvalid, DecryptionFailed, KeyMissing, Refused
from .draft import Draft, TargetFile, read_target
from .file_key import FileKey, key_file_for, list_keys_first, listed_keys

_DIGITS: Final = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{64}(?![0-9A-Fa-f])")


@dataclass(frozen=True, slots=True)
class FileKeys:
    """What opens one env file. `variable` and `source` are of its private key, empty where none is at hand.

    `closed` are the encrypted variables that this key does not open. `rotation` is "prepared" where a new key is in the
    key file, "rotated" where an old one still is, else empty.
    """

    file: str
    encrypted: int
    public_key: str
    key_variable: str
    variable: str = ""
    source: str = ""
    mode: str = ""
    closed: tuple[str, ...] = ()
    rotation: str = ""
    searched: tuple[str, ...] = ()

    @property
    def opened(self) -> bool:
        """Whether its key is at hand, or nothing is encrypted."""
        return bool(self.variable) or not self.encrypted


def describe_keys(environment: Environment, process_env: Mapping[str, str]) -> list[FileKeys]:
    """What opens each env file of an environment that is there. Raises EnvFileMissing, EnvFileInvalid."""
    targets = [TargetFile(environment, path, process_env) for path in environment.files]
    found = []
    for target in targets:
        environment.refuse_outside_link(target.path)
        if target.path.exists() or not environment.optional(target.path):
            found.append(_describe(environment, read_target(target), process_env))
    return found


def _describe(environment: Environment, file: EnvFile, process_env: Mapping[str, str]) -> FileKeys:
    keys = Keys(environment, process_env, [file])
    own = _own_key(keys, file)
    names = [entry.name for entry in file.ciphertexts]
    opened = decrypt(_ciphertexts(file), [own.hex]) if own else [None] * len(names)
    listed = listed_keys(environment, file)
    place = listed.index(own.hex) if own and own.hex in listed else None
    return FileKeys(
        file=environment.label(file.path),
        encrypted=len(names),
        public_key="".join(public_keys_in(file)[:1]),
        key_variable=key_variables(file.path, file.text).private,
        variable=own.variable if own else "",
        source=own.source if own else "",
        mode=_mode(environment, own.source) if own else "",
        closed=tuple(name for name, plain in zip(names, opened, strict=True) if plain is None) if own else (),
        rotation="prepared" if place else "rotated" if place == 0 and len(listed) > 1 else "",
        searched=keys.ring.searched,
    )


def _ciphertexts(file: EnvFile) -> list[str]:
    return [entry.value for entry in file.ciphertexts]


def _own_key(keys: Keys, file: EnvFile) -> PrivateKey | None:
    """The private key at hand of the public key that a file names; where it names none, one that opens it."""
    ciphertexts = _ciphertexts(file)
    keys.decrypt(ciphertexts)  # which runs key-command where that is needed
    named = public_keys_in(file)[:1]
    for key in keys.ring.keys:
        opens = by_public_key([key.hex]).keys() & set(named) if named else decrypt(ciphertexts[:1], [key.hex])
        if opens and opens != [None]:
            return key
    return None


def _mode(environment: Environment, source: str) -> str:
    """The mode of a key file, as chmod takes it; empty for another source, and on Windows."""
    path = environment.root / source
    if os.name != "posix" or not path.is_file():
        return ""
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def keys_to_hand_over(target: TargetFile) -> list[str]:
    """The private keys that open an env file now, and before and after the rotation that is under way; new ones first.

    Raises KeyMissing where its key is not at hand, EnvFileMissing, EnvFileInvalid.
    """
    file = read_target(target)
    keys = Keys(target.environment, target.process_env, [file])
    own = _own_key(keys, file)
    if own is None and not (file.ciphertexts or file.headers):
        raise KeyMissing(
            f"{target.label} has no key: nothing in it is encrypted.",
            hint=f"inv env.encrypt {target.flags} makes one",
        )
    if own is None:
        variable = key_variables(file.path, file.text).private
        raise KeyMissing(
            f"The private key of {target.label} is not at hand.",
            hint=f"{target.how_to_get_key(variable)}; {keys.ring.search_report}",
        )
    listed = listed_keys(target.environment, file)
    return listed if own.hex in listed else [own.hex]


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Write private keys into a new file that only its owner can read. Raises Refused where it is there already, and
    ConfigInvalid where its folder is not."""
    if path.exists():
        raise Refused(f"{path} is there already, and is not overwritten.", hint="name another file")
    if not path.parent.is_dir():
        raise ConfigInvalid(
            f"{path} cannot be written: there is no folder {path.parent}.", hint=f"mkdir {path.parent}"
        )
    with locked(path):
        replace_file(path, "\n".join(keys), mode=0o600)


@dataclass(frozen=True, slots=True)
class Import:
    """Keys that were stored, or would be in a dry run; none where they were there already."""

    file: str
    key_file: str
    variable: str
    stored: int
    dry: bool
    notes: tuple[str, ...] = ()


def import_keys(target: TargetFile, text: str) -> Import:
    """Store the private keys in a text, one of which is proven to open the env file, in its key file.

    The text is a key, several, or a line of a key file. A file that has lost its public key gets it back. Raises
    ConfigInvalid where the text has no key, DecryptionFailed where none is the file's; LeakFound, EnvFileInvalid.
    """
    keys = list(dict.fromkeys(key.lower() for key in _DIGITS.findall(text)))
    if not keys:
        raise ConfigInvalid(
            "There is no private key in what was given: expected 64 hexadecimal digits; nothing was stored."
        )
    with locked(target.path, key_file_for(target.environment, target.path)):
        file = read_target(target)
        own, notes = _proven(target, file, keys)
        new = [key for key in keys if key not in listed_keys(target.environment, file)]
        if new and not target.dry:
            notes += list_keys_first(target.environment, file, keys, target.process_env)
        if not public_keys_in(file):
            _restore_header(target, file, FileKey(own, private=by_public_key(keys)[own]))
            again = "would be" if target.dry else "is"
            notes.append(f"{target.label} has lost its public key, which {again} there again")
    return Import(
        file=target.label,
        key_file=target.environment.label(key_file_for(target.environment, target.path)),
        variable=key_variables(file.path, file.text).private,
        stored=len(new),
        dry=target.dry,
        notes=tuple(notes),
    )


def _restore_header(target: TargetFile, file: EnvFile, key: FileKey) -> None:
    """Write the public key into a file that has lost it: where its line is, else before everything else."""
    draft = Draft(target, file, key=key)
    line = next(iter(file.headers), None)
    if line is None:
        key = replace(key, header=key_variables(file.path, file.text).public)
        after = key.add_header(file)
    else:
        after = replace_values(file, {line: f'"{key.public}"'})
    kept = {name: value for name, value in draft.values().items() if not name.startswith(PUBLIC_KEY)}
    draft.save(after, expected=kept)


def _proven(target: TargetFile, file: EnvFile, keys: Sequence[str]) -> tuple[str, list[str]]:
    """The public key of the one among these keys that is the file's, and notes about values that it does not open."""
    names = [entry.name for entry in file.ciphertexts]
    named = public_keys_in(file)
    for public, key in by_public_key(keys).items():
        opened = decrypt(_ciphertexts(file), [key])
        if (public in named or not named) and (not names or any(each is not None for each in opened)):
            closed = [name for name, each in zip(names, opened, strict=True) if each is None]
            rekey = f"inv env.encrypt --rekey NAME {target.flags}"
            return public, [f"it does not open {', '.join(closed)}: {rekey}"] if closed else []
    what = "None of the keys opens" if len(keys) > 1 else "The key does not open"
    raise DecryptionFailed(
        f"{what} {target.label}; nothing was stored.",
        hint=f"the key that belongs to {target.label} has the public key {named[0]}" if named else "",
    )
