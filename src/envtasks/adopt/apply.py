"""Apply a plan, all of it or nothing, and say how it is taken back.

New content is written beside the files, then renamed; an error restores all.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from .. import git
from ..envfiles import KEY_FILE, TEMPORARY_SUFFIX, beside, put_in_place, write_beside, writing
from ..errors import EnvtasksError, Refused
from ..process import shell_quoted
from .dependency import add_packages
from .plan import FileChange, Plan

_RECORD: Final = "envtasks-init.json"
Say = Callable[[str], None]


def apply_plan(plan: Plan, say: Say) -> None:
    """Write every file of a plan, take files out of git's index and add the packages.

    After an error or Ctrl-C all of it is as it was before. Raises EnvFileInvalid where a file cannot be written,
    Refused where one was changed meanwhile, ToolMissing and EnvtasksError where the package manager fails.
    """
    root = plan.survey.root
    _refuse_changed(root, plan.changes)
    undo: list[Callable[[], None]] = []
    try:
        for change in plan.changes:
            _prepare(root, change, undo)
        for change in plan.changes:
            _replace(root / change.file, undo)
        _change_index(plan, undo)
        if plan.packages:
            add_packages(plan, undo, say)
            _track_lock(plan, undo)
    except BaseException:
        _restore(undo)
        raise
    for change in plan.changes:
        _old(root / change.file).unlink(missing_ok=True)
    _record(plan)


def _restore(undo: list[Callable[[], None]]) -> None:
    """Undo the steps that were made, the last one first; a further Ctrl-C does not stop it half-way."""
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
    try:
        for step in reversed(undo):
            with suppress(OSError):
                step()
    finally:
        if in_main:
            signal.signal(signal.SIGINT, before)


def _refuse_changed(root: Path, changes: tuple[FileChange, ...]) -> None:
    for change in changes:
        path = root / change.file
        now = path.read_bytes() if path.is_file() else None
        if now != change.before:
            raise Refused(f"{change.file} was changed meanwhile; nothing was written.", hint="envtasks init")


def _prepare(root: Path, change: FileChange, undo: list[Callable[[], None]]) -> None:
    """Write the new content beside the file."""
    path = root / change.file
    with writing(path):
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir()
                undo.append(folder.rmdir)
        undo.append(partial(beside(path).unlink, missing_ok=True))
        write_beside(path, change.after, mode=change.mode)


def _replace(path: Path, undo: list[Callable[[], None]]) -> None:
    """Put the new content in the file's place; the old file is kept beside it until all is done."""
    new, old = beside(path), _old(path)
    target = Path(os.path.realpath(path))
    with writing(path):
        if target.exists():
            old.unlink(missing_ok=True)
            undo.append(partial(_bring_back, old, target))
            try:
                os.link(target, old)  # no moment without the file, and no space for a copy
            except OSError:  # not on every file system
                os.replace(target, old)  # noqa: PTH105
        else:
            undo.append(partial(target.unlink, missing_ok=True))
        put_in_place(new)


def _bring_back(old: Path, target: Path) -> None:
    if old.exists():
        os.replace(old, target)  # noqa: PTH105
        old.unlink(missing_ok=True)  # a rename onto another name of the same file does nothing


def _old(path: Path) -> Path:
    """Where the old file is kept."""
    target = Path(os.path.realpath(path))
    return target.with_name(f"{target.name}.before{TEMPORARY_SUFFIX}")


def _change_index(plan: Plan, undo: list[Callable[[], None]]) -> None:
    """Take plain env files out of git's index, and let git know of the new files without adding their content."""
    if plan.survey.top is None:
        return
    root, env = plan.survey.root, plan.survey.process_env
    ignored = git.ignored(root, [root / each.file for each in plan.changes], env)
    new = [each.file for each in plan.changes if each.before is None and root / each.file not in ignored]
    new += [
        each.file for each in plan.changes if each.before is not None and _is_new_to_git(plan, each, ignored)
    ]
    for words, files, reverse in (
        (("rm", "--cached", "--quiet", "--"), plan.untrack, ("add", "--force", "--")),
        (("add", "--intent-to-add", "--"), tuple(new), ("rm", "--cached", "--quiet", "--")),
    ):
        if not files:
            continue
        undo.append(partial(_git, plan, *reverse, *files))
        if git.output(root, env, *words, *files) is None:
            raise EnvtasksError(
                f"git {words[0]} failed for {', '.join(files)}; all is as it was.", hint="git status"
            )


def _track_lock(plan: Plan, undo: list[Callable[[], None]]) -> None:
    """Let git know of a lock file that the package manager has made, unless git ignores it."""
    lock = plan.survey.installation.manager.lock
    if plan.survey.top and lock and lock not in plan.survey.tracked and (plan.survey.root / lock).is_file():
        undo.append(lambda: _git(plan, "rm", "--cached", "--quiet", "--", lock))
        _git(plan, "add", "--intent-to-add", "--", lock)  # refuses one that is ignored


def _is_new_to_git(plan: Plan, change: FileChange, ignored: frozenset[Path]) -> bool:
    """Whether an env file that was there has to be known to git from now on."""
    name = change.file.rpartition("/")[2]
    unknown = change.file not in plan.survey.tracked and plan.survey.root / change.file not in ignored
    return unknown and name.startswith(".env.")


def _git(plan: Plan, *words: str) -> None:
    git.output(plan.survey.root, plan.survey.process_env, *words)


def _record(plan: Plan) -> None:
    """Keep in git's own folder which files were created and changed, for `--undo`; no content."""
    if plan.survey.top is None:
        return
    root, env = plan.survey.root, plan.survey.process_env
    folder = git.output(root, env, "rev-parse", "--absolute-git-dir")
    if folder is None:
        return
    record = {
        "root": str(root),
        "commit": git.output(root, env, "rev-parse", "--verify", "--quiet", "HEAD"),
        "created": [each.file for each in plan.changes if each.before is None],
        "changed": [each.file for each in plan.changes if each.before is not None],
        "tracked": [each.file for each in plan.changes if each.file in plan.survey.tracked],
        "untracked": list(plan.untrack),
        "packages": list(plan.packages),
        "swapped": any(each.file == ".env" for each in plan.changes),
    }
    with suppress(OSError):
        (Path(folder) / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


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
        record: dict[str, Any] = json.loads((Path(folder or "") / _RECORD).read_text(encoding="utf-8"))
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
