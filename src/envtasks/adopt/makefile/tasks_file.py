"""A tasks.py that is there already, extended by inserted lines; what it has stays as it is."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ...envfiles import appended, newline_of
from ..insertion import parse_python, require_kept, top_level_names, with_imports
from .rendering import Source

TASKS_FILE: Final = "tasks.py"


@dataclass(frozen=True, slots=True)
class TasksFile:
    """What an existing tasks.py defines."""

    text: str
    tree: ast.Module
    names: frozenset[str]
    tasks: Mapping[str, str]  # functions by the name that inv knows
    decorator: str = ""  # the name of our `task` there; empty where it is not imported
    context: str = ""  # the name of our Context there, likewise
    namespace: ast.Assign | None = None  # `ns = …`

    @property
    def has_our_namespace(self) -> bool:
        """Whether `ns` is `namespace(__name__)`, which finds all tasks of the module."""
        value = self.namespace.value if self.namespace else None
        return isinstance(value, ast.Call) and ast.unparse(value.func).endswith("namespace")


def read(text: str) -> TasksFile:
    """What a tasks.py defines. Raises ConfigInvalid where it is no Python."""
    tree = parse_python(text, TASKS_FILE)
    tasks: dict[str, str] = {}
    decorator, context, namespace = "", "", None
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            decorator = _imported(node, "task", "envtasks", "envtasks.declare") or decorator
            context = _imported(node, "Context", "envtasks.context") or context
        elif isinstance(node, ast.FunctionDef) and (name := _task_name(node)):
            tasks[name] = node.name
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ns":
            namespace = node
    return TasksFile(text, tree, top_level_names(text), tasks, decorator, context, namespace)


def _imported(node: ast.Import | ast.ImportFrom, name: str, *modules: str) -> str:
    """What a name of one of these modules is imported as; empty where it is not."""
    if isinstance(node, ast.ImportFrom) and node.module in modules:
        return next((alias.asname or alias.name for alias in node.names if alias.name == name), "")
    return ""


def _task_name(node: ast.FunctionDef) -> str:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not ast.unparse(called).endswith("task"):
            continue
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                return str(keyword.value.value)
        return node.name.strip("_").replace("_", "-")
    return ""


def names_for(file: TasksFile) -> tuple[str, str]:
    """What our `task` and `Context` are called in this file: other names where it has its own."""
    decorator = file.decorator or ("env_task" if "task" in file.names else "task")
    return decorator, file.context or ("EnvContext" if "Context" in file.names else "Context")


def extended(file: TasksFile, source: Source) -> str:
    """The text with the new tasks before `ns = …`, or at its end; unchanged where there is nothing new.

    Raises ConfigInvalid where what is there would not stay as it is.
    """
    if not source.tasks:
        return file.text
    newline = newline_of(file.text)
    constants, functions = source.defined(file.names)
    body = "\n\n".join(filter(None, [constants, *functions]))
    lines = file.text.splitlines(keepends=True)
    if file.namespace is None:
        text = appended(file.text, body, gap=2)
    else:
        start, end = file.namespace.lineno - 1, file.namespace.end_lineno or file.namespace.lineno
        gap = "\n" if start and (start < 2 or lines[start - 2].strip()) else ""
        inserted = [*lines[:start], f"{gap}{body}\n\n".replace("\n", newline), *lines[start:end]]
        text = appended("".join(inserted), _after_namespace(file, source)) + "".join(lines[end:])
    after = with_imports(text.splitlines(keepends=True), file.tree, _imports(file, source, newline))
    require_kept(file.tree, after, TASKS_FILE)
    return after


def _after_namespace(file: TasksFile, source: Source) -> str:
    if file.has_our_namespace:
        return source.configuration
    return "".join(f"ns.add_task({function})\n" for function, _ in source.tasks)


def _imports(file: TasksFile, source: Source, newline: str) -> str:
    decorator, context = names_for(file)
    found = source.import_lines(file.names)
    if not file.decorator:
        found.append(f"from envtasks import task{'' if decorator == 'task' else f' as {decorator}'}")
    if not file.context:
        found.append(
            f"from envtasks.context import Context{'' if context == 'Context' else f' as {context}'}"
        )
    return "".join(f"{line}{newline}" for line in found)
