"""What git runs: `envtasks git-textconv FILE` and `envtasks git-merge BASE OURS THEIRS SIZE PATH`, without Invoke."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..console import say
from ..envfiles import ENCRYPTED, EnvFile, decode_env_file, refuse_conflict
from ..errors import EnvtasksError

if TYPE_CHECKING:
    from ..config import Environment
    from .merge import Merged

# git takes every code below 128 but 0 for a conflict; Python's own are 1 and 2, which must not pass for one
CONFLICT: Final = 100
UNUSABLE: Final = 101
_OVERHEAD: Final = 97  # bytes that a ciphertext has more than its plaintext


def run_git_command(argv: Sequence[str], process_env: Mapping[str, str]) -> int:
    """Run one of the two commands; its exit code. What ends in UNUSABLE is left to git's own diff or merge."""
    try:
        if argv[0] == "git-textconv" and len(argv) == 2:
            sys.stdout.buffer.write(textconv(Path(argv[1])))
            return 0
        if argv[0] == "git-merge" and len(argv) == 6:
            return _merge([Path(word) for word in argv[1:4]], int(argv[4]), argv[5], process_env)
        say("error", "git runs this: git-textconv FILE, or git-merge %O %A %B %L %P")
    except (EnvtasksError, OSError, ValueError) as error:
        say("error", str(error))
    return UNUSABLE


def textconv(path: Path) -> bytes:
    """An env file for `git diff`: a checksum and the length of the value in place of each ciphertext."""
    file = _read(path)
    text = file.text
    for entry in reversed(file.entries):
        if entry.encrypted:
            at = text.index(entry.raw, entry.value_start)
            text = text[:at] + _description(entry.raw) + text[at + len(entry.raw) :]
    return text.encode("utf-8", "surrogateescape")


def _description(ciphertext: str) -> str:
    from zlib import crc32

    base64 = ciphertext.removeprefix(ENCRYPTED)
    size = len(base64) * 3 // 4 - base64.count("=") - _OVERHEAD
    length = f"{size} bytes" if size >= 0 else "damaged"
    return f"encrypted {crc32(ciphertext.encode('utf-8', 'replace')):08x}, {length}"


def _read(path: Path) -> EnvFile:
    return decode_env_file(path.read_bytes(), path, label=path.name)


def _merge(paths: Sequence[Path], marker_size: int, name: str, process_env: Mapping[str, str]) -> int:
    """Write the merged file over the second path, as git wants it; the exit code."""
    from .merge import merge_env_files

    versions = [_read(path) for path in paths]
    for version in versions:
        refuse_conflict(version, name)
    path = Path(name).resolve()
    merged = merge_env_files(
        *versions,
        decrypt=lambda ciphertexts: _decrypt(path, ciphertexts, process_env),
        marker_size=marker_size,
    )
    if merged is None or len({version.encoding for version in versions}) > 1:
        say("note", f"{name} is merged line by line, as it cannot be merged by variables")
        return UNUSABLE
    paths[1].write_bytes(versions[1].encode(merged.text))
    for line in _report(merged, path):
        say("error", f"{name}: {line}")
    return CONFLICT if merged.conflicts or merged.foreign else 0


def _report(merged: Merged, path: Path) -> list[str]:
    lines = []
    if merged.conflicts:
        lines.append(f"both sides changed {', '.join(merged.conflicts)}")
    if merged.foreign:
        names = merged.foreign[0] if len(merged.foreign) == 1 else "'*'"
        lines.append(
            f"{', '.join(merged.foreign)}: encrypted for another key than the one that the file names now"
        )
        lines.append(f"inv env.encrypt --rekey {names} --env {_environment(path).name}, then git add")
    return lines


def _decrypt(path: Path, ciphertexts: Sequence[str], process_env: Mapping[str, str]) -> Sequence[str | None]:
    """The plaintexts that the keys at hand give; `key-command` is not run while git merges."""
    from ..envfiles import decrypt, find_keys

    return decrypt(ciphertexts, find_keys(_environment(path), process_env, needed_for=[path]).hexes)


def _environment(path: Path) -> Environment:
    """The environment that has this env file; where none is declared, one of its name."""
    from ..config import Environment, Project

    try:
        environments = tuple(Project.load(path.parent).environments.values())
    except EnvtasksError:  # pyproject.toml may be in conflict itself
        environments = ()
    named = Environment(path.name.removeprefix(".env."), path.parent, (path,))
    return next((each for each in environments if path in each.files), named)
