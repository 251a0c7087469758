"""`@task`: an Invoke task that declares its environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, overload

from invoke import tasks
from invoke.context import Context as InvokeContext
from invoke.exceptions import UnexpectedExit
from invoke.parser.argument import Argument
from invoke.tasks import Call

from .activation import guard, only_for, output_is_terminal
from .context import Context, Door
from .error_translation import exits
from .errors import ConfigInvalid
from .invocation import Run, project

BARE: Final = "\0bare"  # no default environment: the caller's, or the one that --env names
FLAGS: Final = ("env", "yes", "no_mask")
SHORT: Final = {"e", "y"}


@overload
def task(body: Callable[..., Any], /) -> Task: ...


@overload
def task(
    *pre: tasks.Task[Any] | Call,
    env: str | None = ...,
    only: Sequence[str] | None = ...,
    needs: Sequence[str] | None = ...,
    confirm: bool | str | None = ...,
    **kwargs: Any,
) -> Callable[[Callable[..., Any]], Task]: ...


def task(
    *args: Any,
    env: str | None = BARE,
    only: Sequence[str] | None = None,
    needs: Sequence[str] | None = None,
    confirm: bool | str | None = None,
    **kwargs: Any,
) -> Any:
    """An Invoke task whose commands run in a declared environment. Takes everything that Invoke's own `@task` takes.

    Args:
        env: the environment it runs in unless `--env` names another. Left out: the caller's environment, or none.
            None: a plain Invoke task.
        only: the environments it may run in; another one is Refused.
        needs: names that must be set (VariableMissing) and patterns such as `DB_*`; other variables of the env files
            stay out of its commands.
        confirm: True, or the question to ask: confirm in every environment. False: never, not even in a protected one.
            Left out: in protected environments.
    """
    with exits():
        if env is None:
            if only is not None or needs is not None or confirm is not None:
                raise ConfigInvalid(
                    "@task(env=None) is a plain task: only, needs and confirm do not go with it."
                )
            return tasks.task(*args, **kwargs)
        if not isinstance(env, str):
            raise ConfigInvalid(f"@task(env={env!r}): expected the name of an environment, such as 'local'.")
        if isinstance(only, str) or isinstance(needs, str):
            raise ConfigInvalid("@task: only and needs are lists of names, such as ['staging'].")
    kwargs.setdefault("klass", Task)
    return tasks.task(*args, env=env, only=only, needs=needs, confirm=confirm, **kwargs)


class Task(tasks.Task[Callable[..., Any]]):
    """An Invoke Task that adds `--env`, `--yes` and `--no-mask` and runs its body in an environment."""

    def __init__(
        self,
        body: Callable[..., Any],
        *args: Any,
        env: str = BARE,
        only: Sequence[str] | None = None,
        needs: Sequence[str] | None = None,
        confirm: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(body, *args, **kwargs)
        self.default_env, self.only, self.needs, self.confirm = env, only, needs, confirm
        with exits():
            for name in self.argspec(body).parameters:
                if name in FLAGS or name in SHORT:
                    raise ConfigInvalid(
                        f"Task {self.name!r} has a parameter named {name!r}, which every task of envtasks has already.",
                        hint="rename it; c.environment is the environment's name and c.env holds its values",
                    )
        # Invoke's executor would run these without an environment, so it gets to see them only when all are plain
        self.before, self.after = _calls(self.pre), _calls(self.post)
        self.pre = [] if any(map(_ours, self.before)) else self.pre
        self.post = [] if any(map(_ours, self.after)) else self.post

    def __deepcopy__(self, memo: object) -> Task:
        return self  # Collection.from_module copies every task; nothing here changes after definition

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        """As Invoke's, but `-e` and `-y` are taken."""
        return super().arg_opts(name, default, taken_names | SHORT)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The body's own arguments and then those that every task of envtasks has."""
        with exits():
            known = ", ".join(self.only or project(Path.cwd()).environments)
        default = "" if self.default_env == BARE else f" (default: {self.default_env})"
        texts = dict(self.help)  # Invoke takes out what it uses, so a second parser would have no help
        own = super().get_arguments(ignore_unknown_help)
        self.help = texts
        return [
            *own,
            Argument(
                names=("env", "e"),
                kind=str,
                help=f"Environment to run in{': ' if known else ''}{known}{default}",
            ),
            Argument(
                names=("yes", "y"),
                kind=bool,
                default=False,
                help="Run in a protected environment without asking",
            ),
            Argument(
                names=("no-mask",),
                attr_name="no_mask",
                kind=bool,
                default=False,
                help="Do not hide secrets in output",
            ),
        ]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the pre tasks, the body and the post tasks in the environment, once per environment and arguments."""
        if not args or not isinstance(args[0], InvokeContext):
            return super().__call__(*args, **kwargs)  # its message says what is wrong
        if isinstance(args[0], Context):
            with exits():
                return self._call(args[0], args[1:], kwargs)
        from .process.signals import signals

        with exits(failures=True), signals.held():
            return self._call(args[0], args[1:], kwargs)

    def _call(self, caller: InvokeContext, arguments: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        flags = {name: kwargs.pop(name, None) for name in FLAGS}
        run = Run.of(caller)
        door = self._door(run, caller, flags)
        entry = (self, door.environment and door.environment.name, self._bound(arguments, kwargs))
        if run.dedupe and entry in run.done:
            return None
        run.done.append(entry)
        context = self._context(run, caller, door)
        for call in self.before if self._mine(caller, self.pre) else ():
            _follow(call, context, run)
        try:
            result = super().__call__(context, *arguments, **kwargs)
        except UnexpectedExit as failure:
            self._hide_in(failure, run, door)
            raise
        for call in self.after if self._mine(caller, self.post) else ():
            _follow(call, context, run)
        return result

    def _hide_in(self, failure: UnexpectedExit, run: Run, door: Door) -> None:
        """Hide secrets in what Invoke prints of a command whose output was captured, on a terminal too."""
        if redactor := run.redactor(door, is_terminal=lambda: False):
            failure.result.stdout = redactor.text(failure.result.stdout)
            failure.result.stderr = redactor.text(failure.result.stderr)
            failure.result.command = redactor.text(failure.result.command)

    def _bound(self, arguments: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, defaults filled in: the command line gives all of them, a pre task none."""
        bound = self.argspec(self.body).bind(*arguments, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def _mine(self, caller: InvokeContext, seen_by_invoke: Sequence[Any]) -> bool:
        """Whether these pre or post tasks are ours to run: Invoke's executor has run those that it saw."""
        return isinstance(caller, Context) or not seen_by_invoke

    def _door(self, run: Run, caller: InvokeContext, flags: Mapping[str, Any]) -> Door:
        """Which environment this call is for, allowed and confirmed."""
        from_caller: Door | None = caller._door if isinstance(caller, Context) else None
        inherited = from_caller.environment.name if from_caller and from_caller.environment else None
        own = None if self.default_env == BARE else self.default_env
        name = flags["env"] if flags["env"] is not None else inherited or own
        yes = bool(flags["yes"] or (from_caller and from_caller.yes))
        mask = not (flags["no_mask"] or (from_caller and not from_caller.mask))
        if name is None:
            return Door(None, yes=yes, mask=mask)
        environment = run.project.environment(name)
        only_for(name, self.only, what=self.name)
        consent = (name, self.confirm)  # a task's own question is not answered by another task's consent
        if consent not in run.confirmed and guard(
            environment, os.environ, what=self.name, confirm=self.confirm, yes=yes
        ):
            run.confirmed.add(consent)
        return Door(environment, yes=yes, mask=mask)

    def _context(self, run: Run, caller: InvokeContext, door: Door) -> Context:
        if door.environment is None:
            return Context(caller.config, caller.remainder, door=door)
        hydrated = run.hydrate(door.environment)
        return Context(
            caller.config,
            caller.remainder,
            door=door,
            hydrated=hydrated,
            child_env=hydrated.child_env(self.needs),
            redactor=run.redactor(door, is_terminal=output_is_terminal),
        )


def _calls(listed: Sequence[Any]) -> list[Call]:
    return [item if isinstance(item, Call) else Call(item) for item in listed]


def _ours(call: Call) -> bool:
    return isinstance(call.task, Task)


def _follow(call: Call, context: Context, run: Run) -> None:
    """Run a pre or post task of ours in the environment of `context`, a plain one without any, each once."""
    if isinstance(call.task, Task):
        call.task(context, *call.args, **call.kwargs)
        return
    entry = (call.task, None, call.args, call.kwargs)
    known_to_invoke = not call.args and not call.kwargs and call.task.called
    if run.dedupe and (entry in run.done or known_to_invoke):
        return
    run.done.append(entry)
    plain = InvokeContext(context.config, context.remainder)
    for inner in _calls(call.task.pre):
        _follow(inner, context, run)
    call.task(plain, *call.args, **call.kwargs)
    for inner in _calls(call.task.post):
        _follow(inner, context, run)
