"""What git ignores: key files, overrides and temporary files; never the env file of an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from .. import git
from ..config import OVERRIDES, Environment
from ..envfiles import TEMPORARY_SUFFIX, appended, write_atomic
from ..errors import EnvFileInvalid

GITIGNORE: Final = ".gitignore"
DOCKERIGNORE: Final = ".dockerignore"


def ignore(root: Path, patterns: Sequence[str], *, file: str = GITIGNORE) -> None:
    """Add lines to the project's .gitignore, with its own line ends. Raises EnvFileInvalid."""
    before = text_of(root / file)
    if patterns:
        write_atomic(root / file, appended(before, "".join(f"{pattern}\n" for pattern in patterns)))


def keep_out_of_git(environment: Environment, path: Path, process_env: Mapping[str, str]) -> list[str]:
    """See that git ignores a file that is one developer's own; notes about what was done. Raises EnvFileInvalid."""
    if is_ignored(environment.root, path, process_env, pattern=path.name):
        return []
    ignore(environment.root, [path.name])
    return [f"{environment.label(path)} is ignored by git from now on (.gitignore)"]


def text_of(path: Path) -> str:
    """The text of one of git's files, every byte kept; empty where it is not there. Raises EnvFileInvalid."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
    except OSError as error:
        raise EnvFileInvalid(f"{path.name} cannot be read: {error.strerror}.") from None


def missing_patterns(
    environment: Environment, path: Path, key_file: Path, process_env: Mapping[str, str]
) -> list[str]:
    """The lines that .gitignore needs for an env file and its key file, and does not have.

    Git itself is asked what it ignores; where there is no repository yet, the lines are compared.
    """
    root = environment.root
    wanted = {
        OVERRIDES: root / OVERRIDES,
        f"*{TEMPORARY_SUFFIX}": path.with_name(path.name + TEMPORARY_SUFFIX),
    }
    if not environment.public:
        wanted[key_file.name] = key_file
    patterns = [
        pattern
        for pattern, example in wanted.items()
        if not is_ignored(root, example, process_env, pattern=pattern)
    ]
    if git.is_ignored(root, path, process_env):
        patterns.append(f"!/{environment.label(path)}")
    return patterns


def is_ignored(root: Path, path: Path, process_env: Mapping[str, str], *, pattern: str) -> bool:
    """Whether git ignores a path, or will once there is a repository: its .gitignore has this line."""
    ignored = git.is_ignored(root, path, process_env)
    return pattern in _lines(root / GITIGNORE) if ignored is None else ignored


def missing_docker_patterns(root: Path) -> list[str]:
    """The line that keeps a temporary file out of images, where there is a .dockerignore that does not."""
    if not (root / DOCKERIGNORE).exists() or _lines(root / DOCKERIGNORE) & {"*", "**", ".env*", "**/.env*"}:
        return []
    pattern = f"**/*{TEMPORARY_SUFFIX}"
    return [] if pattern in _lines(root / DOCKERIGNORE) else [pattern]


def _lines(path: Path) -> set[str]:
    try:
        return {line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()}
    except OSError:
        return set()
