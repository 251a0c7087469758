"""What `inv` shows: the project's own tasks and the built-in collections, thin over the parts below."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Final

from invoke import Collection, Task

from .. import console
from .exec import exec_

COLLECTIONS: Final = ("env", "docker", "compose", "deploy")


def namespace(module: str | ModuleType) -> Collection:
    """The tasks of a module (give `__name__`) together with the built-in collections, for `ns` in tasks.py.

    A task or collection of the module's own wins over a built-in one of its name, with one warning.
    """
    found = sys.modules[module] if isinstance(module, str) else module
    root = Collection()
    root.__doc__ = found.__doc__
    for value in vars(found).values():
        if isinstance(value, Task):
            root.add_task(value)
        elif isinstance(value, Collection) and value.name:
            root.add_collection(value)
    return _with_built_in(root)


def built_in() -> Collection:
    """The built-in tasks alone, for the `envtasks` command."""
    return _with_built_in(Collection())


def _with_built_in(root: Collection) -> Collection:
    if _free(root, exec_.name):
        root.add_task(exec_)
    for name in COLLECTIONS:
        if _free(root, name):
            root.add_collection(Collection.from_module(import_module(f".{name}", __name__)), name)
    return root


def _free(root: Collection, name: str) -> bool:
    taken = name in root.tasks or name in root.collections
    if taken:
        console.say("warning", f"tasks.py has its own {name!r}, so the built-in {name!r} of envtasks is not shown.")
    return not taken
