"""Tasks that declare their environment.

`task` and `namespace` are for tasks.py, `session` (in `envtasks.sessions`) for noxfile.py, `hydrate` and `Project`
for programs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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

    with _bytecode():
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)


@contextmanager
def _bytecode() -> Iterator[None]:
    """Let Python write the bytecode of this package: `inv` switches that off before it loads tasks.py, and modules that
    only tasks.py imports would be compiled on every call (3.7 ms per 1,000 lines)."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
