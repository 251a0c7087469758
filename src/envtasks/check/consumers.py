"""Who uses a variable: tasks, the Dockerfile, compose files, the allowlist, manifests, pipelines, and the code."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .. import git, kubernetes
from ..ci import pipeline_lines
from ..compose import read_compose_files
from ..config import Project
from ..declare import BARE, Task
from ..docker import image_settings, instructions, secret_mounts
from ..errors import EnvtasksError

_MOST_LINES = 10  # of code


@dataclass(frozen=True, slots=True)
class Consumer:
    """One place that uses a variable, and how."""

    kind: str  # task, Dockerfile, compose, allowlist, manifest, pipeline, code
    file: str
    line: int
    how: str


def find_consumers(
    project: Project, name: str, process_env: Mapping[str, str], *, environments: Mapping[str, str]
) -> tuple[tuple[Consumer, ...], tuple[str, ...]]:
    """The places that use a variable, and which kinds of places could not be read.

    `environments` are those that have the variable, each with the variable of its private key.
    """
    found: list[Consumer] = [*_tasks(project, name, environments)]
    unread = [] if _has_read_tasks(project.root) else ["tasks.py: inv env.explain reads it"]
    for reader in (_image, _stack, _cluster, _pipelines, _code):
        try:
            found += reader(project, name, process_env, environments)
        except EnvtasksError as error:
            unread.append(error.message)
    return tuple(dict.fromkeys(found)), tuple(dict.fromkeys(unread))


def _tasks(project: Project, name: str, environments: Mapping[str, str]) -> Iterator[Consumer]:
    """The project's own tasks that are loaded: those that need the variable, or run in one of the environments."""
    for task in _loaded_tasks(project.root):
        needs = [need for need in task.needs or () if fnmatchcase(name, need)]
        allowed = [each for each in environments if task.only is None or each in task.only]
        runs_in = task.default_env if task.default_env != BARE else ""
        if not allowed or (task.needs is not None and not needs):
            continue
        if needs:
            how = f"task {task.name} needs {needs[0]}"
        elif runs_in in environments:
            how = f"task {task.name} gets every variable of {runs_in}"
        else:
            continue
        code = inspect.unwrap(task.body).__code__
        yield Consumer("task", project.label(Path(code.co_filename)), code.co_firstlineno, how)


def _has_read_tasks(root: Path) -> bool:
    """Whether tasks.py was imported, as inv does and the `envtasks` command does not; true where there is none."""
    path = str(root / "tasks.py")
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return path in files or not (root / "tasks.py").is_file()


def _loaded_tasks(root: Path) -> list[Task]:
    """The tasks of the project's own modules that this process has imported, each once."""
    found: dict[int, Task] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(root) and "site-packages" not in file:
            values: list[Any] = list(vars(module).values())
            found |= {id(each): each for each in values if isinstance(each, Task) and not each.built_in}
    return list(found.values())


def _image(
    project: Project, name: str, _env: Mapping[str, str], _environments: Mapping[str, str]
) -> Iterator[Consumer]:
    settings = image_settings(project)
    if not settings.file.is_file():
        return
    for instruction in instructions(settings.dockerfile_text()):
        if instruction.keyword in ("ARG", "ENV") and name in dict(instruction.pairs()):
            what = "a build argument" if instruction.keyword == "ARG" else "set in the image"
            yield Consumer("Dockerfile", settings.label, instruction.line, f"{instruction.keyword}: {what}")
        elif instruction.keyword == "RUN" and name in secret_mounts(instruction.text):
            yield Consumer("Dockerfile", settings.label, instruction.line, "a secret mount of a RUN")


def _stack(
    project: Project, name: str, _env: Mapping[str, str], _environments: Mapping[str, str]
) -> Iterator[Consumer]:
    files = read_compose_files(project, {})
    if files is None:
        return
    for file, line in files.references(name):
        yield Consumer("compose", file, line, "the stack refers to it")
    for service in files.inject:
        yield Consumer("compose", "pyproject.toml", 1, f"service {service} gets every variable (inject)")


def _cluster(
    project: Project, name: str, _env: Mapping[str, str], environments: Mapping[str, str]
) -> Iterator[Consumer]:
    for environment in environments:
        for kind, file, line, how in kubernetes.uses(project, environment, name):
            yield Consumer(kind, file, line, how)


def _pipelines(
    project: Project, name: str, _env: Mapping[str, str], environments: Mapping[str, str]
) -> Iterator[Consumer]:
    for file, line, how in pipeline_lines(project, name, environments):
        yield Consumer("pipeline", file, line, how)


def _code(
    project: Project, name: str, process_env: Mapping[str, str], _environments: Mapping[str, str]
) -> Iterator[Consumer]:
    for file, line in git.lines_with(project.root, name, process_env, names="*.py")[:_MOST_LINES]:
        yield Consumer("code", file, line, "names it")
