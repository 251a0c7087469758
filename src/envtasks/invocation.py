"""One `inv` call: its project, the environments it has hydrated, what was confirmed and redacted, what has run."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from invoke.context import Context as InvokeContext

from . import console
from .activation import hydrate_and_report, redacts_output, require_confirmation, values_to_redact
from .bytecode import writing_bytecode
from .config import Environment, Project
from .context import CallOptions, configured_variables

if TYPE_CHECKING:
    from invoke.config import Config

    from .hydration.result import Hydrated
    from .redaction import Redactor, StreamRedactor

Confirm = bool | str | None


class Done(NamedTuple):
    """A task that has run from a list or the command line: the task, its environment and arguments, and its result."""

    entry: tuple[Any, ...]
    result: Any


class Invocation:
    """The state that all tasks of one `inv` call share."""

    def __init__(self, project: Project, config: Config) -> None:
        self.project = project
        self.config = config
        self.dedupe = bool(config.tasks.dedupe)
        self.done: list[Done] = []
        self.secrets = Secrets()
        self._hydrated: dict[tuple[Any, ...], Hydrated] = {}
        self._said: set[str] = set()
        self._confirmed: set[tuple[str, Confirm]] = set()
        self._lock = threading.Lock()
        self._output = ExitStack()
        self._output_is_redacted = False

    def find_done(self, entry: tuple[Any, ...]) -> Done | None:
        """What has run already with these arguments in this environment; None with `--no-dedupe`."""
        return next((done for done in self.done if done.entry == entry), None) if self.dedupe else None

    def hydrate(self, environment: Environment) -> Hydrated:
        """The hydrated environment, which is the same object each time.

        What Invoke's configuration gives to commands counts as process environment; a collection can configure that, so
        it may differ from task to task.
        """
        variables = configured_variables(self.config)
        key = (environment.name, *variables.items())
        if key not in self._hydrated:
            if variables:
                self._hydrated[key] = self._hydrate_with(variables, environment)
            else:
                self._hydrated[key] = hydrate_and_report(
                    self.project, environment, os.environ, said=self._said
                )
        return self._hydrated[key]

    def _hydrate_with(self, variables: Mapping[str, str | None], environment: Environment) -> Hydrated:
        from .process import merge_variables

        wins: Collection[str] = variables
        try:
            hydrated = hydrate_and_report(
                self.project, environment, merge_variables(os.environ, variables), said=self._said
            )
            wins = [name for name in variables if name in hydrated and hydrated.origin(name).process]
        finally:  # refused or not, the process environment that is named shows none of them
            if wins:
                console.say("note", f"run.env of Invoke's configuration sets {', '.join(wins)}")
        return hydrated

    def confirm(self, options: CallOptions, *, what: str, confirm: Confirm) -> None:
        """Ask for confirmation where it is needed, once for each environment and question. Raises Refused.

        `confirm` is that of `@task`: a task's own question is not answered by the confirmation of another task.
        """
        environment = options.environment
        if environment is None or (environment.name, confirm) in self._confirmed:
            return
        if require_confirmation(environment, os.environ, what=what, confirm=confirm, yes=options.yes):
            self._confirmed.add((environment.name, confirm))

    def redacted_values(
        self, hydrated: Hydrated, child_env: Mapping[str, str], *, mask: bool
    ) -> Collection[str]:
        """The values to redact in the output of a call; those to redact in messages are remembered."""
        values = values_to_redact(self.project, hydrated, child_env, mask=mask)
        self.secrets.add(values)
        return values if redacts_output(self.project, os.environ) else ()

    def redact_output(self, values: Collection[str]) -> None:
        """Redact these values in what this process prints, until `end_output`. Threads may call it as well."""
        with self._lock:
            if values and not self._output_is_redacted:
                from .process import redact_file_descriptors

                self._output_is_redacted = True
                self._output.enter_context(redact_file_descriptors(self.secrets))

    def printable(self, result: Any) -> Any:
        """The result of a task as Invoke may print it (`autoprint`): a text where it shows a secret."""
        text = self.secrets.text(f"{result}")
        return result if text == f"{result}" else text

    def end_output(self) -> None:
        """Print without redaction again. Raises OSError if what was printed could not be written."""
        self._output_is_redacted = False
        self._output.close()
        if self.secrets:
            _say_what_was_redacted()


def _say_what_was_redacted() -> None:
    """Say once that output which is kept, a dump for example, is not what the command printed."""
    from .process import redacted_in_stdout, stdout_is_kept

    if redacted_in_stdout.is_set() and stdout_is_kept():
        redacted_in_stdout.clear()
        console.say("note", "secrets in the output were replaced by ***; --no-mask writes them as they are")


class Secrets:
    """The values to redact in one `inv` call, of all environments so far; the redactor is made when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # stdout and stderr are copied by a thread each
        self._values: set[str] = set()
        self._redactor: Redactor | None = None

    def __bool__(self) -> bool:
        return bool(self._values)

    def add(self, values: Collection[str]) -> None:
        """Redact these values too, also in streams that are open."""
        with self._lock:
            self._values.update(values)
            if self._redactor is not None:
                self._redactor.add(values)

    def stream(self) -> StreamRedactor:
        """A redactor for one stream of bytes that comes in chunks."""
        return self._made().stream()

    def text(self, text: str) -> str:
        """The text with every value replaced by the mask."""
        return self._made().text(text) if self._values else text

    def _made(self) -> Redactor:
        with writing_bytecode():
            from .redaction import Redactor

        with self._lock:
            if self._redactor is None:
                self._redactor = Redactor(self._values)
            return self._redactor


def redacted_text(context: InvokeContext, text: str) -> str:
    """A message about a call without the secrets of the environments that the `inv` call has hydrated."""
    found = _found(context)
    return text if found is None else found.secrets.text(text)


@contextmanager
def ending_output(context: InvokeContext) -> Iterator[None]:
    """End the redaction of output, if any began within."""
    try:
        yield
    finally:
        found = _found(context)
        if found is not None:
            found.end_output()


def _found(context: InvokeContext) -> Invocation | None:
    found: Invocation | None = context.config.__dict__.get("_envtasks_invocation")
    return found


def current_invocation(context: InvokeContext) -> Invocation:
    """The `inv` call that a context belongs to: Invoke gives one configuration to all tasks of a call."""
    config, found = context.config, _found(context)
    if found is None:
        found = Invocation(project_at(_start(config)), config)
        object.__setattr__(config, "_envtasks_invocation", found)
    return found


@functools.cache
def project_at(start: Path) -> Project:
    """The project, read once: every task of a tasks.py names its environments in its help."""
    return Project.load(start)


def _start(config: Any) -> Path:
    """Where to look for the project: the current folder, unless tasks.py is from somewhere else (`--search-root`).

    Without any pyproject.toml it is the folder of tasks.py.
    """
    here, origin = Path.cwd(), config.__dict__.get("_project_prefix")
    if origin and not (
        here.is_relative_to(Path(origin))
        and any((folder / "pyproject.toml").is_file() for folder in (here, *here.parents))
    ):
        return Path(origin)
    return here
