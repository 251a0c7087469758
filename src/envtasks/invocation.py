"""One `inv` call: its project, what is hydrated already, who was asked, what ran."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context as InvokeContext

from .activation import activate, to_hide
from .config import Environment, Project
from .context import Door

if TYPE_CHECKING:
    from .hydration.result import Hydrated
    from .redaction import Redactor


@dataclass(slots=True)
class Run:
    """One `inv` call: its project, what is hydrated already, what ran."""

    project: Project
    dedupe: bool
    hydrated: dict[str, Hydrated] = field(default_factory=dict)
    confirmed: set[tuple[str, bool | str | None]] = field(default_factory=set)
    done: list[tuple[Any, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, context: InvokeContext) -> Run:
        """The run that this context belongs to: Invoke hands the same configuration to every task of one call."""
        config = context.config
        run: Run | None = config.__dict__.get("_envtasks_run")
        if run is None:
            run = cls(project(_start(config)), dedupe=bool(config.tasks.dedupe))
            object.__setattr__(config, "_envtasks_run", run)
        return run

    def hydrate(self, environment: Environment) -> Hydrated:
        """The values of an environment, read once per call."""
        if environment.name not in self.hydrated:
            self.hydrated[environment.name] = activate(self.project, environment, os.environ)
        return self.hydrated[environment.name]

    def redactor(self, door: Door, *, is_terminal: Callable[[], bool]) -> Redactor | None:
        """What hides the secrets of a call's environment; None where nothing is to be hidden."""
        if door.environment is None:
            return None
        hidden = to_hide(
            self.project, self.hydrate(door.environment), mask=door.mask, is_terminal=is_terminal
        )
        if not hidden:
            return None
        from .redaction import Redactor

        return Redactor(hidden)


@functools.cache
def project(start: Path) -> Project:
    """The project, read once: every task of a tasks.py names its environments in its help."""
    return Project.load(start)


def _start(config: Any) -> Path:
    """Where to look for the project: the current folder, unless tasks.py is from somewhere else (`--search-root`)."""
    here, origin = Path.cwd(), config.__dict__.get("_project_prefix")
    if origin and not here.is_relative_to(Path(origin)):
        return Path(origin)
    return here
