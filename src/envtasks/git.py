"""Questions to git about a repository: by argument list, in the environment that is passed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

# a CI's checkout may belong to another user; fsmonitor would run a program that the repository names
_OPTIONS: Final = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false")
_LITERAL: Final = ":(literal)"  # a path in which `*` and `[` are characters
INDEX: Final = "ENVTASKS_GIT_INDEX_FILE"  # the index that git answers from, in place of the repository's own
_NOT_FOR_GIT: Final = ("GIT_", "DOTENV_PRIVATE_KEY")


def output(root: Path, env: Mapping[str, str], *words: str) -> str | None:
    """What a git command prints, without the last line's end; None where it fails or git is not installed."""
    done = _run(root, env, words)
    return None if done is None or done[0] != 0 else done[1].decode("utf-8", "replace").rstrip("\r\n")


def is_tracked(root: Path, path: Path, env: Mapping[str, str]) -> bool:
    """Whether git has this file in its index."""
    return output(root, env, "ls-files", "--error-unmatch", "--", f"{_LITERAL}{path}") is not None


def not_tracked(root: Path, paths: Iterable[Path], env: Mapping[str, str]) -> tuple[Path, ...]:
    """Those of the paths that git does not have in its index; none where there is no repository or no git."""
    wanted = tuple(dict.fromkeys(paths))
    listed = (
        output(root, env, "ls-files", "-z", "--", *(f"{_LITERAL}{path}" for path in wanted))
        if wanted
        else None
    )
    if listed is None:
        return ()
    tracked = {root / name for name in listed.split("\0")}
    return tuple(path for path in wanted if path not in tracked)


def is_ignored(root: Path, path: Path, env: Mapping[str, str]) -> bool | None:
    """Whether git ignores this path; None where there is no repository or no git."""
    done = _run(root, env, ("check-ignore", "-q", "--", str(path)))
    return {0: True, 1: False}.get(done[0]) if done else None


def tracked(root: Path, paths: Iterable[Path], env: Mapping[str, str]) -> frozenset[Path] | None:
    """Those of the paths that git has in its index; None where there is no repository or no git."""
    wanted = tuple(dict.fromkeys(paths))
    if output(root, env, "rev-parse", "--git-dir") is None:
        return None
    return frozenset(wanted).difference(not_tracked(root, wanted, env))


def ignored(root: Path, paths: Iterable[Path], env: Mapping[str, str]) -> frozenset[Path]:
    """Those of the paths that patterns of git's ignore files match, tracked or not; none without a repository."""
    wanted = {os.fsencode(path): path for path in paths}
    words = ("check-ignore", "--no-index", "-z", "--stdin")
    done = _run(root, env, words, stdin=b"\0".join(wanted)) if wanted else None
    return frozenset(wanted[name] for name in done[1].split(b"\0") if name in wanted) if done else frozenset()


def words_found(root: Path, words: Iterable[str], env: Mapping[str, str]) -> frozenset[str] | None:
    """Those of the words that stand in a tracked file, whatever their case, upper-cased; None without a repository.

    Env files do not count, nor does what git takes for binary.
    """
    sought = "\n".join(words).encode()
    if not sought:
        return frozenset()
    options = (
        "grep",
        "--fixed-strings",
        "--word-regexp",
        "--ignore-case",
        "--only-matching",
        "-h",
        "-I",
        "-f",
        "-",
    )
    done = _run(root, env, (*options, "--", ":(top)", ":(exclude,top,glob)**/.env*"), stdin=sought)
    if done is None or done[0] > 1:  # 1: nothing found
        return None
    return frozenset(done[1].decode("utf-8", "replace").upper().split())


def commit(root: Path, revision: str, env: Mapping[str, str]) -> str | None:
    """The commit that a revision names; None where there is none."""
    return output(root, env, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


def content_at(root: Path, commit: str, path: Path, env: Mapping[str, str]) -> bytes | None:
    """What a file below `root` holds in a commit; None where it is not there."""
    relative = path.relative_to(root).as_posix()
    done = _run(root, env, ("cat-file", "blob", f"{commit}:./{relative}"))
    return done[1] if done and done[0] == 0 else None


def files_with(root: Path, words: Iterable[str], env: Mapping[str, str], *, names: str) -> tuple[str, ...]:
    """The tracked files below `root`, relative to it, that have one of the words; `names` is a pattern: `*.py`."""
    sought = [option for word in words for option in ("-e", word)]
    options = ("grep", "--files-with-matches", "--fixed-strings", "--word-regexp", "-I", "-z")
    return tuple(filter(None, (output(root, env, *options, *sought, "--", names) or "").split("\0")))


def lines_with(root: Path, word: str, env: Mapping[str, str], *, names: str) -> tuple[tuple[str, int], ...]:
    """File, relative to `root`, and line of each line of tracked files that has the word."""
    options = ("grep", "--line-number", "--fixed-strings", "--word-regexp", "-I", "-z", "-e", word)
    rows = (row.split("\0") for row in (output(root, env, *options, "--", names) or "").split("\n"))
    return tuple((row[0], int(row[1])) for row in rows if len(row) > 2)


def _run(
    root: Path, env: Mapping[str, str], words: Sequence[str], *, stdin: bytes = b""
) -> tuple[int, bytes] | None:
    import subprocess

    try:
        done = subprocess.run(
            ["git", *_OPTIONS, "-C", str(root), *words],
            env=_environment(env),
            input=stdin,
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    return done.returncode, done.stdout


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    """What git gets of a process environment."""
    # a hook's GIT_DIR would make git answer for another repository, GIT_CONFIG* run other programs;
    # no private key is for git
    found = {name: env[name] for name in env if not name.upper().startswith(_NOT_FOR_GIT)}
    if INDEX in env:
        found["GIT_INDEX_FILE"] = env[INDEX]
    return found
