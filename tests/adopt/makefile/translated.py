"""A Makefile written, read and translated: what tests look at."""

from __future__ import annotations

import os
from pathlib import Path

from envtasks.adopt.makefile import Migration, migrate
from envtasks.config import Project

PYPROJECT = '[project]\nname = "shop"\nversion = "1"\n[tool.envtasks]\n'


def translated(folder: Path, makefile: str, *, with_make: bool = False, tasks: str = "") -> Migration:
    """What this Makefile becomes; nothing is written but the Makefile, pyproject.toml and a tasks.py that is given."""
    (folder / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    path = folder / "Makefile"
    path.write_text(makefile, encoding="utf-8", newline="\n")
    if tasks:
        (folder / "tasks.py").write_text(tasks, encoding="utf-8", newline="")
    return migrate(path, Project.load(folder), os.environ, with_make=with_make)


def body(migration: Migration, function: str) -> list[str]:
    """The lines of a task's body, without its docstring."""
    lines = migration.after.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"def {function}("))
    start = next(number for number in range(start, len(lines)) if lines[number].endswith(" -> None:"))
    inside = []
    for line in lines[start + 1 :]:
        if line and not line.startswith(" "):
            break
        inside.append(line.strip())
    return [line for line in inside if line and not line.startswith('"""')]
