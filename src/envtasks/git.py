"""Questions to git about a repository: by argument list, in the environment that is passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

# a CI's checkout may belong to another user; fsmonitor would run a program that the repository names
_OPTIONS: Final = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false")
_LITERAL: Final = ":(literal)"  # a path in which `*` and `[` are characters
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


def _run(root: Path, env: Mapping[str, str], words: Sequence[str]) -> tuple[int, bytes] | None:
    import subprocess

    try:
        done = subprocess.run(
            ["git", *_OPTIONS, "-C", str(root), *words],
            # a hook's GIT_DIR would make git answer for another repository, GIT_CONFIG* run other programs;
            # no private key is for git
            env={name: env[name] for name in env if not name.upper().startswith(_NOT_FOR_GIT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    return done.returncode, done.stdout
