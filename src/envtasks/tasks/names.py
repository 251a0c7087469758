"""The names that a shell can complete: tasks and flags as Invoke has them, environments, variables, services."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from invoke.collection import Collection
from invoke.exceptions import CollectionNotFound
from invoke.loader import FilesystemLoader
from invoke.program import Program

from .. import __file__ as package
from .. import compose, inventory
from ..completion import SHELLS, Names
from ..config import Project
from ..declare import BARE, Task
from ..errors import EnvtasksError
from .command_line import is_built_in

if TYPE_CHECKING:
    from invoke.parser.argument import Argument
    from invoke.parser.context import ParserContext

    from ..completion.cache import Flag, TaskNames

# what the arguments of built-in tasks take, where their name does not say it
VALUES: Final = {
    ("ci.render", "platform"): "one of github gitlab",
    ("completion", "shell"): f"one of {' '.join(SHELLS)}",
    ("compose.exec", "line"): "command",
    ("compose.exec", "service"): "service",
    ("deploy.render", "format"): "one of manifests kustomize",
    ("env.decrypt", "name"): "variable",
    ("env.diff", "environments"): "environment",
    ("env.encrypt", "only"): "variable",
    ("env.explain", "name"): "variable",
    ("env.get", "name"): "variable",
    ("env.new", "from"): "environment",
    ("env.set", "name"): "variable",
    ("env.unset", "name"): "variable",
    ("exec", "line"): "command",
}
# and those of Invoke's own flags
CORE_VALUES: Final = {
    "help": "task",
    "list": "collection",
    "list-format": "one of flat nested json",
    "print-completion-script": "one of bash fish zsh",
}
_CONFIGS: Final = tuple(f"invoke.{end}" for end in ("yaml", "yml", "json", "py"))
_COMPOSE_FILES: Final = tuple(
    f"{folder}{name}.{end}"
    for folder in ("", "docker/")
    for name in ("compose", "docker-compose")
    for end in ("yaml", "yml")
)
_FOREIGN: Final = {"site-packages", ".venv", "venv", "node_modules"}  # changed by installing, not by editing
_LONGEST: Final = 100  # characters of help


def collect(program: str, core: Sequence[str]) -> Names:
    """The names of `inv` or `envtasks` in the current folder; `core` are flags that choose the tasks.

    Raises what loading tasks.py raises.
    """
    with _silent():
        invoke = _load(program, core)
        root = invoke.collection
        contexts = {str(context.name): context for context in root.to_contexts()}
        tasks: dict[str, TaskNames] = {}
        for name in sorted(contexts, key=lambda name: (is_built_in(root[name]), name.count("."), name)):
            tasks[name] = _task(root[name], name, contexts[name])
            tasks |= {str(alias): tasks[name] for alias in contexts[name].aliases}
        environments, services, files, folders = _project_names()
        return Names(
            core=[
                _flag(each, CORE_VALUES.get(each.names[0], ""))
                for each in invoke.initial_context.flags.values()
            ],
            tasks=tasks,
            environments=environments,
            services=services,
            files=list(dict.fromkeys([*_sources(root), *files])),
            folders=folders,
        )


def _load(program: str, core: Sequence[str]) -> Program:
    """Invoke's program with the tasks that it would run; none where there is no tasks.py."""
    sys.argv[1:] = ["--complete"]  # lists what the project wants to see
    if program == "envtasks":
        from . import built_in, wanted_by

        loaded = Program(namespace=built_in(wanted_by(sys.argv[1:])))
    else:
        loaded = Program()
    loaded.create_config()
    loaded.parse_core([program, *core])
    try:
        if loaded.namespace is None:
            start = loaded.args["search-root"].value
            name = loaded.args.collection.value or loaded.config.tasks.collection_name
            FilesystemLoader(config=loaded.config, start=start).find(name)
        loaded.parse_collection()
    except CollectionNotFound:
        loaded.collection = Collection()
    return loaded


def _project_names() -> tuple[dict[str, list[str]], list[str], list[str], list[str]]:
    """Environments with their variables, services, and the files and folders that these come from."""
    here = Path.cwd()
    files = [str(folder / "pyproject.toml") for folder in (here, *here.parents)]
    try:
        project = Project.load(here)
    except EnvtasksError:
        return {}, [], files, [str(here)]
    environments: dict[str, list[str]] = {}
    for environment in project.environments.values():
        files += map(str, environment.files)
        try:
            environments[environment.name] = sorted(inventory.read(environment).variables)
        except EnvtasksError:
            environments[environment.name] = []
    files += [str(project.root / name) for name in _COMPOSE_FILES]
    try:
        found = compose.read_compose_files(project, {})
        files += map(str, found.files if found else ())
        services = sorted(compose.service_names(project))
    except EnvtasksError:
        services = []
    return environments, services, files, [str(project.root)]


def _sources(root: Collection) -> Iterator[str]:
    """What the tasks come from: the modules of the project and of tasks, Invoke's configuration, and this package."""
    yield package
    here = Path.cwd()
    for folder in (here, *here.parents):
        yield from (str(folder / name) for name in ("tasks.py", "tasks/__init__.py", *_CONFIGS))
    prefix = str(Path(root.loaded_from or here)) + os.sep
    of_tasks = {getattr(root[name].body, "__module__", "") for name in root.task_names}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and (
            name in of_tasks or (path.startswith(prefix) and not _FOREIGN & {*Path(path).parts})
        ):
            yield path


def _task(task: Any, name: str, context: ParserContext) -> TaskNames:
    arguments = [
        (each, _kind(task, name, each)) for each in context.args.values() if isinstance(each.names, tuple)
    ]
    default = getattr(task, "default_env", BARE)
    only = getattr(task, "only", None)
    positional = [kind for each, kind in arguments if each.positional or kind == "services"]
    return {
        "help": _line(task.__doc__),
        "flags": [_flag(each, kind) for each, kind in arguments] + _inverse(context),
        "positionals": positional,
        "environment": "" if default == BARE else str(default),
        "only": None if only is None else [*only],
    }


def _kind(task: Any, name: str, argument: Argument) -> str:
    main = argument.names[0]
    if main == "env" and (isinstance(task, Task) or is_built_in(task)):
        return "environment"
    if not is_built_in(task):
        return ""
    return "services" if main == "services" else VALUES.get((name, main), "")


def _flag(argument: Argument, kind: str) -> Flag:
    return {
        "names": [f"--{name}" if len(name) > 1 else f"-{name}" for name in argument.names],
        "value": argument.takes_value,
        "kind": kind,
        "help": _line(argument.help),
        "many": argument.kind is list or argument.incrementable,
    }


def _inverse(context: ParserContext) -> list[Flag]:
    return [
        {"names": [name], "value": False, "kind": "", "help": f"Not {flag}", "many": False}
        for name, flag in context.inverse_flags.items()
    ]


def _line(text: str | None) -> str:
    """The first line of a help text, without what a terminal would not show as it is."""
    first = (text or "").strip().partition("\n")[0]
    line = "".join(sign if sign.isprintable() else " " for sign in first)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


@contextmanager
def _silent() -> Iterator[None]:
    """Within, let nothing that tasks.py prints become part of the answer, and give it nothing to read."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (0, 1, 2)]
    null = os.open(os.devnull, os.O_RDWR)
    try:
        for number in (0, 1, 2):
            os.dup2(null, number)
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, before in enumerate(kept):
            os.dup2(before, number)
            os.close(before)
        os.close(null)
