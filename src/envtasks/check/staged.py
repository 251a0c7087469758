"""What is staged in git, as a project of its own in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .. import git
from ..config import Project
from ..envfiles import PRIVATE_KEY, find_keys
from ..errors import EnvtasksError, Refused


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
        words = ("checkout-index", "--all", "--quiet", f"--prefix={copy.as_posix()}/")
        # a filter such as Git LFS would fetch what no check reads
        env = {**process_env, "GIT_LFS_SKIP_SMUDGE": "1"}
        if git.output(Path(top), env, *words) is None:
            raise Refused("git cannot write the staged files.", hint="git status")
        (copy / ".git").write_text(f"gitdir: {folder}\n", encoding="utf-8")
        root = copy / project.root.relative_to(Path(top).resolve())
        yield Project.load(root), {**process_env, **_keys(project, process_env)}


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
