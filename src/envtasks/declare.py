"""`@task`: an Invoke task that declares its environment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, overload

from invoke import tasks
from invoke.context import Context as InvokeContext
from invoke.exceptions import UnexpectedExit
from invoke.parser.argument import Argument
from invoke.tasks import Call

from .activation import output_is_terminal, require_allowed
from .context import CallOptions, Context
from .error_translation import translate_errors
from .errors import ConfigInvalid
from .invocation import Invocation, current_invocation, project_at

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
    requires_environment: bool = ...,
    **kwargs: Any,
) -> Callable[[Callable[..., Any]], Task]: ...


def task(
    *args: Any,
    env: str | None = BARE,
    only: Sequence[str] | None = None,
    needs: Sequence[str] | None = None,
    confirm: bool | str | None = None,
    requires_environment: bool = False,
    **kwargs: Any,
) -> Any:
    """An Invoke task whose commands run in a declared environment. Takes everything that Invoke's own `@task` takes.

    Args:
        env: the environment it runs in unless `--env` names another. Left out: the caller's environment, or none.
            None: a plain Invoke task.
        requires_environment: without a default environment, refuse to run in none (ConfigInvalid).
        only: the environments it may run in; another one is Refused.
        needs: names that must be set (VariableMissing) and patterns such as `DB_*`; other variables of the env files
            stay out of its commands.
        confirm: True, or the question to ask: confirm in every environment. False: never, not even in a protected one.
            Left out: in protected environments.
    """
    with translate_errors():
        if env is None:
            if only is not None or needs is not None or confirm is not None or requires_environment:
                raise ConfigInvalid(
                    "@task(env=None) is a plain Invoke task: only, needs, confirm and requires_environment "
                    "do not go with it."
                )
            return tasks.task(*args, **kwargs)
        if not isinstance(env, str):
            raise ConfigInvalid(f"@task(env={env!r}): expected the name of an environment, such as 'local'.")
        if env != BARE and requires_environment:
            raise ConfigInvalid(
                f"@task(env={env!r}) has an environment: requires_environment goes without one."
            )
        if isinstance(only, str) or isinstance(needs, str):
            raise ConfigInvalid("@task: only and needs are lists of names, such as ['staging'].")
    kwargs.setdefault("klass", Task)
    declared = {"env": env, "only": only, "needs": needs, "confirm": confirm}
    return tasks.task(*args, **declared, requires_environment=requires_environment, **kwargs)


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
        requires_environment: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(body, *args, **kwargs)
        self.default_env, self.only, self.needs, self.confirm = env, only, needs, confirm
        self.requires_environment = requires_environment
        with translate_errors():
            for name in self.argspec(body).parameters:
                if name in FLAGS or name in SHORT:
                    raise ConfigInvalid(
                        f"Task {self.name!r} has a parameter named {name!r}, which every task of envtasks has already.",
                        hint="rename it; c.environment is the environment's name and c.env holds its values",
                    )
        # Invoke's executor would run these without an environment, so it gets to see them only when all are plain
        self.before, self.after = _as_calls(self.pre), _as_calls(self.post)
        self.pre = [] if any(isinstance(call.task, Task) for call in self.before) else self.pre
        self.post = [] if any(isinstance(call.task, Task) for call in self.after) else self.post

    def __deepcopy__(self, memo: object) -> Task:
        return self  # Collection.from_module copies every task; nothing here changes after definition

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        """As Invoke's, but `-e` and `-y` are taken."""
        return super().arg_opts(name, default, taken_names | SHORT)

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The body's own arguments and then those that every task of envtasks has."""
        with translate_errors():
            known = ", ".join(self.only or project_at(Path.cwd()).environments)
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
            return super().__call__(*args, **kwargs)  # Invoke says that the context is missing
        if isinstance(args[0], Context):
            # called by the body of another task, which may catch its errors; that task's own call translates them
            return self._call(args[0], args[1:], kwargs)
        from .process import forwarding

        with translate_errors(failures=True), forwarding.active():
            return self._call(args[0], args[1:], kwargs)

    def _call(self, caller: InvokeContext, arguments: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        flags = {name: kwargs.pop(name, None) for name in FLAGS}
        invocation = current_invocation(caller)
        options = self._options(invocation, caller, flags)
        entry = (self, options.environment and options.environment.name, self._by_name(arguments, kwargs))
        if invocation.dedupe and entry in invocation.done:
            return None
        invocation.done.append(entry)
        context = self._context(invocation, caller, options)
        for call in self._left_by_invoke(caller, self.pre, self.before):
            _run_once(call, context, invocation)
        try:
            result = super().__call__(context, *arguments, **kwargs)
        except UnexpectedExit as failure:
            _redact(failure, invocation.redacted_values(options, is_terminal=lambda: False))
            raise
        for call in self._left_by_invoke(caller, self.post, self.after):
            _run_once(call, context, invocation)
        return result

    def _by_name(self, arguments: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, defaults filled in: the command line gives all of them, a pre task none."""
        bound = self.argspec(self.body).bind(*arguments, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def _left_by_invoke(
        self, caller: InvokeContext, seen_by_invoke: Sequence[Any], listed: Sequence[Call]
    ) -> Sequence[Call]:
        """The listed pre or post tasks that are left to run: Invoke's executor has run those that it could see."""
        return listed if isinstance(caller, Context) or not seen_by_invoke else ()

    def _options(
        self, invocation: Invocation, caller: InvokeContext, flags: Mapping[str, Any]
    ) -> CallOptions:
        """The options of this call; its environment is allowed and confirmed. Raises Refused, ConfigInvalid."""
        inherited = caller.call_options if isinstance(caller, Context) else CallOptions(None)
        default = None if self.default_env == BARE else self.default_env
        name = flags["env"]
        if name is None:
            name = inherited.environment.name if inherited.environment else default
        options = CallOptions(
            environment=None if name is None else invocation.project.environment(name),
            yes=bool(flags["yes"]) or inherited.yes,
            mask=inherited.mask and not flags["no_mask"],
        )
        if name is not None:
            require_allowed(name, self.only, what=self.name)
            invocation.confirm(options, what=self.name, confirm=self.confirm)
        elif self.requires_environment:
            raise ConfigInvalid(
                f"{self.name} needs an environment.",
                hint=f"add --env NAME, one of: {', '.join(self.only or invocation.project.environments)}",
            )
        return options

    def _context(self, invocation: Invocation, caller: InvokeContext, options: CallOptions) -> Context:
        if options.environment is None:
            return Context(caller.config, caller.remainder, options=options)
        hydrated = invocation.hydrate(options.environment)
        return Context(
            caller.config,
            caller.remainder,
            options=options,
            hydrated=hydrated,
            child_env=hydrated.child_env(self.needs),
            redacted_values=invocation.redacted_values(options, is_terminal=output_is_terminal),
        )


def _redact(failure: UnexpectedExit, values: Collection[str]) -> None:
    """Redact what Invoke prints of a command whose output was captured, on a terminal too."""
    if values:
        from .redaction import Redactor

        redactor = Redactor(values)
        failure.result.stdout = redactor.text(failure.result.stdout)
        failure.result.stderr = redactor.text(failure.result.stderr)
        failure.result.command = redactor.text(failure.result.command)


def _as_calls(listed: Sequence[Any]) -> list[Call]:
    return [item if isinstance(item, Call) else Call(item) for item in listed]


def _run_once(call: Call, context: Context, invocation: Invocation) -> None:
    """Run a pre or post task, unless it has run: one of ours in the environment of `context`, a plain one in none."""
    if isinstance(call.task, Task):
        call.task(context, *call.args, **call.kwargs)
        return
    entry = (call.task, None, call.args, call.kwargs)
    known_to_invoke = not call.args and not call.kwargs and call.task.called
    if invocation.dedupe and (entry in invocation.done or known_to_invoke):
        return
    invocation.done.append(entry)
    plain = InvokeContext(context.config, context.remainder)
    for inner in _as_calls(call.task.pre):
        _run_once(inner, context, invocation)
    call.task(plain, *call.args, **call.kwargs)
    for inner in _as_calls(call.task.post):
        _run_once(inner, context, invocation)
