"""One `inv` call: its project, the environments it has hydrated, what was confirmed, which tasks have run."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context as InvokeContext

from .activation import hydrate_and_report, require_confirmation, values_to_redact
from .config import Environment, Project
from .context import CallOptions

if TYPE_CHECKING:
    from .hydration.result import Hydrated

Confirm = bool | str | None


@dataclass(frozen=True, slots=True)
class Done:
    """A task that has run from a list or the command line: the task, its environment and arguments, and its result."""

    entry: tuple[Any, ...]
    result: Any


@dataclass(slots=True)
class Invocation:
    """The state that all tasks of one `inv` call share."""

    project: Project
    dedupe: bool
    hydrated: dict[str, Hydrated] = field(default_factory=dict)
    confirmed: set[tuple[str, Confirm]] = field(default_factory=set)
    done: list[Done] = field(default_factory=list)

    def find_done(self, entry: tuple[Any, ...]) -> Done | None:
        """What has run already with these arguments in this environment; None with `--no-dedupe`."""
        return next((done for done in self.done if done.entry == entry), None) if self.dedupe else None

    def hydrate(self, environment: Environment) -> Hydrated:
        """The hydrated environment, which is the same object each time."""
        if environment.name not in self.hydrated:
            self.hydrated[environment.name] = hydrate_and_report(self.project, environment, os.environ)
        return self.hydrated[environment.name]

    def confirm(self, options: CallOptions, *, what: str, confirm: Confirm) -> None:
        """Ask for confirmation where it is needed, once for each environment and question. Raises Refused.

        `confirm` is that of `@task`: a task's own question is not answered by the confirmation of another task.
        """
        environment = options.environment
        if environment is None or (environment.name, confirm) in self.confirmed:
            return
        if require_confirmation(environment, os.environ, what=what, confirm=confirm, yes=options.yes):
            self.confirmed.add((environment.name, confirm))

    def redacted_values(self, options: CallOptions, *, is_terminal: Callable[[], bool]) -> Collection[str]:
        """The values to redact in the output of a call."""
        if options.environment is None:
            return ()
        hydrated = self.hydrate(options.environment)
        return values_to_redact(self.project, hydrated, mask=options.mask, is_terminal=is_terminal)


def current_invocation(context: InvokeContext) -> Invocation:
    """The `inv` call that a context belongs to: Invoke gives one configuration to all tasks of a call."""
    config = context.config
    found: Invocation | None = config.__dict__.get("_envtasks_invocation")
    if found is None:
        found = Invocation(project_at(_start(config)), dedupe=bool(config.tasks.dedupe))
        object.__setattr__(config, "_envtasks_invocation", found)
    return found


@functools.cache
def project_at(start: Path) -> Project:
    """The project, read once: every task of a tasks.py names its environments in its help."""
    return Project.load(start)


def _start(config: Any) -> Path:
    """Where to look for the project: the current folder, unless tasks.py is from somewhere else (`--search-root`)."""
    here, origin = Path.cwd(), config.__dict__.get("_project_prefix")
    if origin and not here.is_relative_to(Path(origin)):
        return Path(origin)
    return here
