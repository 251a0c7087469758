"""What is staged in git, as a project of its own in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .. import git
from ..config import Project
from ..envfiles import PRIVATE_KEY, find_keys
from ..errors import EnvtasksError, Refused

# which would fetch what no check reads
_NO_LFS: Final = tuple(
    word for each in ("smudge=", "process=", "required=false") for word in ("-c", f"filter.lfs.{each}")
)


@contextmanager
def staged_project(
    project: Project, process_env: Mapping[str, str]
) -> Iterator[tuple[Project, Mapping[str, str]]]:
    """The staged files of a project, and the process environment with the keys of its key files, which git has not.

    git answers there for the same index. Raises Refused where there is no repository, or git cannot write the files.
    """
    top = git.output(project.root, process_env, "rev-parse", "--show-toplevel")
    folder = git.output(project.root, process_env, "rev-parse", "--absolute-git-dir")
    if top is None or folder is None:
        raise Refused(
            "Nothing is staged: this is no git repository, or git is not installed.", hint="git init"
        )
    with tempfile.TemporaryDirectory(prefix="envtasks-") as name:
        copy = Path(name).resolve()
        words = (*_NO_LFS, "checkout-index", "--all", "--quiet", f"--prefix={copy.as_posix()}/")
        env = {**process_env, **_index(Path(top), Path(folder), process_env)}
        if git.output(Path(top), env, *words) is None:
            raise Refused("git cannot write the staged files.", hint="git status")
        (copy / ".git").write_text(f"gitdir: {folder}\n", encoding="utf-8")
        root = copy / project.root.relative_to(Path(top).resolve())
        yield Project.load(root), {**env, **_keys(project, process_env)}


def _index(top: Path, folder: Path, process_env: Mapping[str, str]) -> dict[str, str]:
    """The index of a commit that is being made, in its hook: `git commit --all` has one of its own."""
    path = top / process_env.get("GIT_INDEX_FILE", "")
    return {git.INDEX: str(path)} if path.parent.resolve() == folder.resolve() else {}


def _keys(project: Project, process_env: Mapping[str, str]) -> dict[str, str]:
    """The keys of the project's key files, as variables."""
    found: dict[str, str] = {}
    for environment in project.environments.values():
        try:
            for key in find_keys(environment, process_env).keys:
                found.setdefault(key.hex, f"{PRIVATE_KEY}_STAGED_{len(found)}")
        except EnvtasksError:
            continue
    return {variable: key for key, variable in found.items()}
