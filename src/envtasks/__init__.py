"""Tasks that declare their environment.

`task` and `namespace` are for tasks.py, `session` (in `envtasks.sessions`) for noxfile.py, `hydrate` and `Project`
for programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Environment, Project
    from .declare import task
    from .errors import EnvtasksError
    from .hydration import Hydrated, hydrate
    from .tasks import namespace

__all__ = ["Environment", "EnvtasksError", "Hydrated", "Project", "hydrate", "namespace", "task"]
__version__ = "0.1.0"

_PLACES = {
    "Environment": "config",
    "EnvtasksError": "errors",
    "Hydrated": "hydration",
    "Project": "config",
    "hydrate": "hydration",
    "namespace": "tasks",
    "task": "declare",
}


def __getattr__(name: str) -> Any:
    # nox imports envtasks.sessions and does not need Invoke, so the names are imported when they are used
    if name not in _PLACES:
        raise AttributeError(f"module 'envtasks' has no attribute {name!r}")
    from importlib import import_module

    from .bytecode import writing_bytecode

    with writing_bytecode():
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)
