"""The collection that `inv` shows: the project's own tasks and the built-in ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from invoke.collection import Collection
from invoke.tasks import Task

from .. import console
from ..bytecode import writing_bytecode
from ..config import COLLECTIONS
from ..error_translation import translate_errors
from ..invocation import project_at
from . import command_line
from .exec import exec_

ALL: Final = ("doctor", *COLLECTIONS)  # what is imported only where a command line can mean it
LISTING: Final = ("-l", "--list", "-h", "--help", "--complete")


def namespace(module: str | ModuleType) -> Collection:
    """The tasks of a module (give `__name__`) together with the built-in collections, for `ns` in tasks.py.

    A task of the module's own that is called like a built-in collection stays, and so does the collection: `deploy` is
    its own, `deploy.apply` built in. Else what is its own wins over what is built in, as `inv --list` says.
    """
    console.ensure_standard_streams()  # for what `inv --list` prints, before any task is called
    found = sys.modules[module] if isinstance(module, str) else module
    root = Collection()
    root.__doc__ = found.__doc__
    for value in vars(found).values():
        if isinstance(value, Task):
            root.add_task(value)
        elif isinstance(value, Collection) and value.name:
            root.add_collection(value)
    add_built_in(root, wanted_by(sys.argv[1:]), hidden=_say_hidden)
    return _prepared(root)


def built_in(wanted: Sequence[str] = ALL) -> Collection:
    """The built-in tasks alone, for the `envtasks` command, and those that only it has."""
    from .completion import completion
    from .init import init
    from .migrate import migrate

    root = Collection(completion, init, migrate)
    add_built_in(root, wanted)
    migrate.positional = ["makefile"] if _has_argument(migrate.name) else []
    return _prepared(root)


def _has_argument(task: str) -> bool:
    """Whether a word follows a task on the command line: Invoke knows no optional positional argument."""
    following = sys.argv[sys.argv.index(task) + 1 :] if task in sys.argv else []
    return bool(following) and not following[0].startswith("-")


def wanted_by(words: Sequence[str]) -> tuple[str, ...]:
    """The built-in tasks and collections, besides exec, that a command line can mean.

    `inv run` is typed hundreds of times a day and does not import the modules of tasks that it does not name. What
    lists or completes tasks gets those that the project wants to see.
    """
    heads = {word.partition(".")[0] for word in words}
    listed: Sequence[str] = ()
    if not heads or any(word.startswith(LISTING) for word in words):
        with translate_errors():
            listed = ("doctor", *project_at(Path.cwd()).collections)
    return tuple(name for name in ALL if name in heads or name in listed)


@writing_bytecode()
def add_built_in(
    root: Collection, wanted: Sequence[str] = ALL, *, hidden: Callable[[str], None] | None = None
) -> None:
    """Add `exec` and the built-in ones that are wanted; `hidden` gets the names that `root` has taken."""
    for name in (exec_.name, *ALL):
        if name in COLLECTIONS and name in root.tasks and not root.tasks[name].aliases:
            if name in wanted:
                _put_into_collection(root, name)
        elif name in root.tasks or name in root.collections:
            if hidden is not None:
                hidden(name)
        elif name == exec_.name:
            root.add_task(exec_)
        elif name == "doctor" and name in wanted:
            root.add_task(import_module(".doctor", __name__).doctor)
        elif name in wanted:
            root.add_collection(_built_in_collection(name), name)


def _built_in_collection(name: str) -> Collection:
    return Collection.from_module(import_module(f".{name}", __name__))


def _put_into_collection(root: Collection, name: str) -> None:
    """Make a task of the project's own the default of the built-in collection of its name: both can be called."""
    own = root.tasks.pop(name)
    collection = _built_in_collection(name)
    free = next(each for each in (name, f"own-{name}") if each not in collection.tasks)
    collection.add_task(own, name=free, default=True)
    root.add_collection(collection, name)


def _prepared(root: Collection) -> Collection:
    """The tasks, with the command line made ready for them."""
    command_line.prepare(root)
    # Invoke knows no optional positional argument, so the command line decides
    exec_.positional = [] if "--" in sys.argv else ["line"]
    return root


def _say_hidden(name: str) -> None:
    if command_line.lists_tasks():
        console.say(
            "warning", f"The project has its own {name!r}, so the built-in {name!r} of envtasks is not shown."
        )
