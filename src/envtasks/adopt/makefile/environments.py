"""The environments that a Makefile's env files stand for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ...config import LAYERED, OVERRIDES, Project


def environment_of(project: Project, files: Sequence[str]) -> str:
    """The name of the environment that has these env files; `local` for `.env` alone."""
    names = [name.removeprefix("./") for name in files]
    for environment in project.environments.values():
        if [environment.label(path) for path in environment.files] == names:
            return environment.name
    for name in reversed(names):
        file = PurePosixPath(name).name
        if file.startswith(f"{OVERRIDES}."):
            return file.removeprefix(f"{OVERRIDES}.")
        if file != OVERRIDES:
            return file.removesuffix(".env")
    return LAYERED[0]


def declaration(project: Project, name: str, files: Sequence[str]) -> str:
    """The line of pyproject.toml that gives an environment these files; empty where it has them already."""
    wanted = [file.removeprefix("./") for file in files]
    environment = project.environments.get(name)
    known = [environment.label(path) for path in environment.files] if environment else []
    usual = [OVERRIDES, f"{OVERRIDES}.{name}"] if name in LAYERED else [f"{OVERRIDES}.{name}"]
    if known == wanted or [file for file in known if file != OVERRIDES] == wanted:
        return ""
    if not environment and wanted in (usual, usual[-1:]) and not project.environments:
        return ""
    return f"{name} = {{ files = [{', '.join(f'{chr(34)}{file}{chr(34)}' for file in wanted)}] }}"
