"""`init --undo`: the git commands that take back what `init` did, and what they cannot take back."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import git
from ..envfiles import KEY_FILE
from ..errors import Refused
from ..process import shell_quoted
from .apply import RECORD


def undo_commands(root: Path, process_env: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The commands, and a sentence for each thing that they do not take back. Raises Refused without a record."""
    record = _read(root, process_env)
    tracked = set(record["tracked"])
    changed = [name for name in record["changed"] if name in tracked]
    copy = "copy" if sys.platform == "win32" else "cp"
    commands = [f"{copy} .env .env.local"] if record.get("swapped") else []
    if changed or record["untracked"]:
        names = [*changed, *record["untracked"]]
        if record["commit"]:
            source = f"--source={record['commit'][:12]}"
            commands.append(shell_quoted(["git", "restore", source, "--staged", "--", *names]))
            if changed:
                commands.append(shell_quoted(["git", "restore", source, "--worktree", "--", *changed]))
    created = [name for name in record["created"] if (root / name).exists()]
    keys = [name for name in created if name.endswith((KEY_FILE, ".keys"))]
    others = [name for name in created if name not in keys]
    if others:
        commands.append(shell_quoted(["git", "rm", "--quiet", "--force", "--", *others]))
    return tuple(commands), tuple(_remaining(record, keys, tracked))


def _read(root: Path, process_env: Mapping[str, str]) -> dict[str, Any]:
    folder = git.output(root, process_env, "rev-parse", "--absolute-git-dir")
    try:
        record: dict[str, Any] = json.loads((Path(folder or "") / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Refused(
            "git has no record of a run of init here.", hint="git status shows what changed"
        ) from None
    if record["root"] != str(root.resolve()):
        raise Refused(f"The last run of init was in {record['root']}.", hint=f"cd {record['root']}")
    return record


def _remaining(record: Mapping[str, Any], keys: list[str], tracked: set[str]) -> list[str]:
    lines = []
    if keys:
        lines.append(f"{', '.join(keys)} stays: without these keys nobody opens what was encrypted for them")
    swapped = (".env", ".env.local") if record.get("swapped") else ()
    foreign = [name for name in record["changed"] if name not in tracked and name not in swapped]
    if foreign:
        lines.append(f"git did not have {', '.join(foreign)} before, so it cannot restore them")
    if record["packages"]:
        lines.append(f"what your package manager installed stays: {', '.join(record['packages'])}")
    if record["untracked"]:
        lines.append("a plain value that was ever committed is in git's history, with or without init")
    return lines
