"""A process of its own that loads a tasks.py and records what its tasks would run; it needs no key.

It reads a request as JSON from stdin (source, path, tasks) and writes the answer as JSON to stdout. No command is
started but those that a task runs with `dry=False`, for their output.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from invoke.collection import Collection
from invoke.config import Config
from invoke.context import Context as InvokeContext
from invoke.exceptions import Exit
from invoke.executor import Executor
from invoke.runners import Result

from ...config import Environment, Project
from ...context import Context, NoEnvironment
from ...declare import Task

Record = dict[str, Any]


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    records: list[Record] = []
    sys.path.insert(0, ".")
    with contextlib.redirect_stdout(sys.stderr):
        _record(records)
        root = _load(request["source"], request["path"], records)
        answer = {name: _run(root, name, records) for name in request["tasks"]}
    json.dump(answer, sys.stdout)


def _load(source: str, path: str, records: list[Record]) -> Collection:
    module = ModuleType("tasks")
    module.__file__ = path
    vars(module)["print"] = lambda *words, **_: records.append({"print": " ".join(map(str, words))})
    sys.modules["tasks"] = module
    exec(compile(source, path, "exec"), vars(module))  # noqa: S102 - the tasks.py that is about to be written
    root = getattr(module, "ns", None) or getattr(module, "namespace", None)
    if not isinstance(root, Collection):
        root = Collection.from_module(module)
    for name in root.task_names:
        if isinstance(root[name], Task):
            root[name].hydrate = False
    return root


def _run(root: Collection, name: str, records: list[Record]) -> Record:
    """What a task would run, or why it does not."""
    records.clear()
    try:
        Executor(root, Config(overrides={"run": {"dry": True}})).execute(name)
    except Exit as end:
        return {"error": str(end.message or end)}
    except SystemExit as end:
        return {"error": f"it ends with {end.code}"}
    except Exception as error:  # whatever a task raises is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    return {"steps": list(records)}


def _record(records: list[Record]) -> None:
    """Let every command of a context be recorded, and every environment be there."""

    def environment(project: Project, name: str) -> Environment:
        return Environment(name, project.root, ())

    setattr(Project, "environment", environment)  # noqa: B010 - mypy compares the names of parameters
    setattr(NoEnvironment, "__getitem__", lambda _, name: f"{{{name}}}")  # noqa: B010
    for kind in (InvokeContext, Context):
        setattr(kind, "run", _recording(kind.run, records))  # noqa: B010

    def run_argv(context: Context, *argv: object, **kwargs: Any) -> Result:
        records.append({"words": [str(word) for word in argv], **_details(context, kwargs)})
        return Result(command="", exited=0)

    setattr(Context, "exec", run_argv)  # noqa: B010


def _recording(run: Callable[..., Any], records: list[Record]) -> Callable[..., Any]:
    def recorded(context: InvokeContext, command: str, **kwargs: Any) -> Any:
        if kwargs.get("dry") is False:
            return run(context, command, **kwargs)
        records.append({"line": command, **_details(context, kwargs)})
        return Result(command=command, exited=0)

    return recorded


def _details(context: InvokeContext, kwargs: dict[str, Any]) -> Record:
    return {
        "folder": "/".join(map(str, context.command_cwds)),
        "variables": {name: str(value) for name, value in (kwargs.get("env") or {}).items()},
        "environment": getattr(context, "environment", None) if isinstance(context, Context) else None,
    }


if __name__ == "__main__":
    main()
