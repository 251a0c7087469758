"""Let git show env files readably and merge them by variables: .gitattributes and the repository's configuration."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from .. import git
from ..config import Project
from ..envfiles import appended, write_atomic
from ..errors import ConfigInvalid
from .git_commands import CONFLICT
from .ignored_files import text_of

GITATTRIBUTES: Final = ".gitattributes"
_USUAL: Final = ".env.*"
_ATTRIBUTES: Final = "-text diff=envtasks merge=envtasks"
_NOT_THESE: Final = (".env.example", ".env.keys", ".env.*.keys")
_SECTIONS: Final = ("diff.envtasks", "merge.envtasks")


def set_up_git(
    project: Project, process_env: Mapping[str, str], *, remove: bool = False, dry: bool = False
) -> list[str]:
    """Configure git for this project's env files, or with `remove` undo that; what was done, a sentence each.

    Raises ConfigInvalid where there is no repository or git refuses, EnvFileInvalid where a file cannot be written.
    """
    if git.output(project.root, process_env, "rev-parse", "--git-dir") is None:
        raise ConfigInvalid(
            f"{project.root} is in no git repository, or git is not installed.", hint="git init"
        )
    done = _write_attributes(project.root, attribute_lines(project), remove=remove, dry=dry)
    change = _remove_configuration if remove else _configure
    return [*done, *change(project.root, process_env, dry=dry)]


def _configure(root: Path, process_env: Mapping[str, str], *, dry: bool) -> list[str]:
    wanted = _configuration()
    changed = [name for name in wanted if _config(root, process_env, "--get", name) != wanted[name]]
    for name in changed:
        if not dry and _config(root, process_env, name, wanted[name]) is None:
            raise ConfigInvalid(
                f"git did not set {name} in its configuration.", hint="git config --local --list"
            )
    return [f"git's configuration here: {', '.join(changed)}"] if changed else []


def _remove_configuration(root: Path, process_env: Mapping[str, str], *, dry: bool) -> list[str]:
    found = [name for name in _SECTIONS if _config(root, process_env, "--get-regexp", rf"^{name}\.")]
    for name in found:
        if not dry:
            _config(root, process_env, "--remove-section", name)
    return [f"git's configuration here: {', '.join(found)} removed"] if found else []


def _config(root: Path, process_env: Mapping[str, str], *words: str) -> str | None:
    return git.output(root, process_env, "config", "--local", *words)


def _configuration() -> dict[str, str]:
    """git's configuration: this Python runs the two commands; where it has gone, git does what it does without them."""
    # -P: the current folder is the repository's, and no branch may put a module of its own in our place
    command = f"{shlex.quote(Path(sys.executable).as_posix())} -P -m envtasks"
    file_merge = "git merge-file -L ours -L base -L theirs --marker-size=%L %A %O %B"
    return {
        "diff.envtasks.textconv": f'f() {{ {command} git-textconv "$1" 2>/dev/null || cat "$1"; }}; f',
        "merge.envtasks.name": "env files by variable",
        "merge.envtasks.driver": f"{command} git-merge %O %A %B %L %P; r=$?; test $r -eq 0 && exit 0; "
        f"test $r -eq {CONFLICT} && exit 1; {file_merge}",
    }


def attribute_lines(project: Project) -> list[str]:
    """The lines of .gitattributes: for the usual names, and for each other env file that environments declare."""
    baselines = [path for each in project.environments.values() for path in each.baselines]
    unusual = {
        "/" + path.relative_to(project.root).as_posix()
        for path in baselines
        if not fnmatchcase(path.name, _USUAL) and path.is_relative_to(project.root)
    }
    return [
        f"{_USUAL} {_ATTRIBUTES}",
        *(f"{pattern} !text !diff !merge" for pattern in _NOT_THESE),
        *(f"{pattern} {_ATTRIBUTES}" for pattern in sorted(unusual) if " " not in pattern),
    ]


def _write_attributes(root: Path, lines: list[str], *, remove: bool, dry: bool) -> list[str]:
    path = root / GITATTRIBUTES
    before = text_of(path)
    present = before.splitlines()
    if remove:
        kept = [line for line in before.splitlines(keepends=True) if line.rstrip("\r\n") not in lines]
        after = "".join(kept)
    else:
        after = appended(before, "".join(f"{line}\n" for line in lines if line not in present))
    if after == before:
        return []
    if not dry and after:
        write_atomic(path, after)
    elif not dry:
        path.unlink()
    return [f"{GITATTRIBUTES} {'no longer names' if remove else 'names'} the env files; commit it"]
