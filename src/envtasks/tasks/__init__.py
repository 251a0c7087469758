"""The collection that `inv` shows: the project's own tasks and the built-in ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Final

from invoke.collection import Collection
from invoke.tasks import Task

from .. import console
from . import command_line
from .exec import exec_

LISTING: Final = ("-l", "--list", "-h", "--help", "--complete")
COLLECTIONS: Final = ("env", "docker", "compose", "deploy", "ci")


def namespace(module: str | ModuleType) -> Collection:
    """The tasks of a module (give `__name__`) together with the built-in collections, for `ns` in tasks.py.

    A task or collection of the module's own wins over a built-in one of its name, as `inv --list` says.
    """
    found = sys.modules[module] if isinstance(module, str) else module
    root = Collection()
    root.__doc__ = found.__doc__
    for value in vars(found).values():
        if isinstance(value, Task):
            root.add_task(value)
        elif isinstance(value, Collection) and value.name:
            root.add_collection(value)
    return _prepared(_with_built_in(root, wanted_by(sys.argv[1:])))


def built_in() -> Collection:
    """The built-in tasks alone, for the `envtasks` command."""
    return _prepared(_with_built_in(Collection(), COLLECTIONS))


def wanted_by(words: Sequence[str]) -> tuple[str, ...]:
    """The built-in collections that a command line can mean.

    `inv run` is typed hundreds of times a day and does not import the modules of tasks that it does not name. What
    lists or completes tasks gets all of them.
    """
    heads = {word.partition(".")[0] for word in words}
    if not heads or any(word.startswith(LISTING) for word in words):
        return COLLECTIONS
    return tuple(name for name in COLLECTIONS if name in heads)


def _prepared(root: Collection) -> Collection:
    """The tasks, with the command line made ready for them."""
    command_line.prepare(root)
    # Invoke knows no optional positional argument, so the command line decides
    exec_.positional = [] if "--" in sys.argv else ["line"]
    return root


def _with_built_in(root: Collection, wanted: Sequence[str]) -> Collection:
    if _free(root, exec_.name):
        root.add_task(exec_)
    for name in COLLECTIONS:
        if _free(root, name) and name in wanted:
            root.add_collection(Collection.from_module(import_module(f".{name}", __name__)), name)
    return root


def _free(root: Collection, name: str) -> bool:
    taken = name in root.tasks or name in root.collections
    if taken and any(word.startswith(("-l", "--list")) for word in sys.argv[1:]):
        console.say(
            "warning", f"tasks.py has its own {name!r}, so the built-in {name!r} of envtasks is not shown."
        )
    return not taken
