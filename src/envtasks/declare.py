"""`@task`: an Invoke task that declares its environment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import Signature
from pathlib import Path
from types import FrameType
from typing import Any, Final, overload

from invoke import tasks
from invoke.context import Context as InvokeContext
from invoke.executor import Executor
from invoke.parser.argument import Argument
from invoke.tasks import Call

from .activation import (
    require_allowed,
    require_declarable,
    require_result,
    require_settings,
    require_synchronous,
)
from .bytecode import writing_bytecode
from .console import ensure_standard_streams
from .context import CallOptions, Context
from .error_translation import translate_errors
from .errors import ConfigInvalid
from .invocation import Done, Invocation, current_invocation, ending_output, project_at, redacted_text

BARE: Final = "\0bare"  # no default environment: the caller's, or the one that --env names
_BODY: Final = tasks.Task.__call__.__code__  # what runs a body
FLAGS: Final = ("env", "yes", "no_mask", "no_check")
SHORT: Final = {"e", "y"}
UNDECLARED: Final = {
    "env": BARE,
    "only": None,
    "needs": None,
    "confirm": None,
    "requires_environment": False,
    "hydrate": True,
    "check": None,
}


@overload
def task(  # type: ignore[overload-overlap]  # a task, which is a callable too, is a pre task
    first: tasks.Task[Any] | Call = ...,
    /,
    *pre: tasks.Task[Any] | Call,
    env: str | None = ...,
    only: Sequence[str] | None = ...,
    needs: Sequence[str] | None = ...,
    confirm: bool | str | None = ...,
    requires_environment: bool = ...,
    hydrate: bool = ...,
    check: bool | None = ...,
    **kwargs: Any,
) -> Callable[[Callable[..., Any]], Task]: ...


@overload
def task(body: Callable[..., Any], /) -> Task: ...


def task(
    *args: Any,
    env: str | None = BARE,
    only: Sequence[str] | None = None,
    needs: Sequence[str] | None = None,
    confirm: bool | str | None = None,
    requires_environment: bool = False,
    hydrate: bool = True,
    check: bool | None = None,
    **kwargs: Any,
) -> Any:
    """An Invoke task whose commands run in a declared environment. Takes everything that Invoke's own `@task` takes.

    Args:
        env: the environment it runs in unless `--env` names another. Left out: the caller's environment, or none.
            None: a plain Invoke task, as is one of a foreign `klass` that declares nothing of ours.
        requires_environment: without a default environment, refuse to run in none (ConfigInvalid).
        only: the environments it may run in; another one is Refused, and so is none (ConfigInvalid).
        needs: names that must be set (VariableMissing) and patterns such as `DB_*`; other variables of the env files
            stay out of its commands.
        confirm: True, or the question to ask: confirm in every environment. False: never, not even in a protected one.
            Left out: in protected environments.
        hydrate: False: read no env file and look for no key; `c.environment` is the name, `c.env` is empty. For a task
            that works on the env files themselves.
        check: False: run although a required field of the settings class is not set. Left out: such a task ends with
            SettingsInvalid, unless it declares `needs` (or is built in and starts no command of the project).
    """
    declared = {
        "env": env,
        "only": only,
        "needs": needs,
        "confirm": confirm,
        "requires_environment": requires_environment,
        "hydrate": hydrate,
        "check": check,
    }
    with translate_errors():
        if name := next((each for each in args if isinstance(each, str)), None):
            raise ConfigInvalid(
                f"@task({name!r}): expected tasks that run before it.", hint=f"an environment is env={name!r}"
            )
        _check_declared(declared)
        if env is None:
            return tasks.task(*args, **kwargs)
        if not _is_ours(kwargs.setdefault("klass", Task)):
            if declared != UNDECLARED:
                raise ConfigInvalid(
                    "@task: its klass is no subclass of envtasks.declare.Task, so it can declare nothing of envtasks "
                    f"({', '.join(UNDECLARED)})."
                )
            return tasks.task(*args, **kwargs)
    return tasks.task(*args, **declared, **kwargs)


def _check_declared(declared: Mapping[str, Any]) -> None:
    """Raise ConfigInvalid for what a task cannot declare, or not together."""
    env = declared["env"]
    if env is None:
        if {**declared, "env": BARE} != UNDECLARED:
            others = ", ".join(name for name in UNDECLARED if name != "env")
            raise ConfigInvalid(f"@task(env=None) is a plain Invoke task: {others} do not go with it.")
        return
    require_declarable("@task", **declared)
    if env != BARE and declared["requires_environment"]:
        raise ConfigInvalid(f"@task(env={env!r}) has an environment: requires_environment goes without one.")


class Task(tasks.Task[Callable[..., Any]]):
    """An Invoke Task that adds `--env`, `--yes`, `--no-mask` and `--no-check` and runs its body in an environment."""

    _signature: Signature | None = None

    def __init__(
        self,
        body: Callable[..., Any],
        *args: Any,
        env: str = BARE,
        only: Sequence[str] | None = None,
        needs: Sequence[str] | None = None,
        confirm: bool | str | None = None,
        requires_environment: bool = False,
        hydrate: bool = True,
        check: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(body, *args, **kwargs)
        self.default_env, self.only, self.needs, self.confirm = env, only, needs, confirm
        self.requires_environment, self.hydrate = requires_environment, hydrate
        # one that decides for each value whether it shows it (env.get prints a secret), and honours --dry itself
        self.built_in = str(self.__module__).startswith(f"{__package__}.tasks.")
        self.check = needs is None and (not self.built_in if check is None else check)
        with translate_errors():
            require_synchronous(body, what=f"Task {self.name!r}")
            for name in self.argspec(body).parameters:
                if name in FLAGS or name in SHORT:
                    raise ConfigInvalid(
                        f"Task {self.name!r} has a parameter named {name!r}, which every task of envtasks has already.",
                        hint="rename it; c.environment is the environment's name and c.env holds its values",
                    )

    @property
    def full_name(self) -> str:
        """Its name in messages: a built-in one's with its collection, which is its module's name up to a `_`."""
        package, _, module = self.__module__.rpartition(".")
        collection = module.partition("_")[0]
        return (
            f"{collection}.{self.name}"
            if package == f"{__package__}.tasks" and module != self.name
            else self.name
        )

    @property
    def pre(self) -> Any:
        """The pre tasks, as declared; for Invoke's executor none of them if one is ours."""
        return [] if _any_is_ours(self._pre) and _is_expanded() else self._pre

    @pre.setter
    def pre(self, listed: Any) -> None:
        self._pre = listed

    @property
    def post(self) -> Any:
        """The post tasks, as declared; for Invoke's executor none of them if one is ours."""
        return [] if _any_is_ours(self._post) and _is_expanded() else self._post

    @post.setter
    def post(self, listed: Any) -> None:
        self._post = listed

    def __deepcopy__(self, memo: object) -> Task:
        return self  # Collection.from_module copies every task; nothing here changes after definition

    def argspec(self, body: Callable[..., Any]) -> Signature:
        """The body's signature without the context. Invoke asks for it several times, of every task at every start."""
        if self._signature is None:
            self._signature = super().argspec(body)
        return self._signature

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
        about_env = f"Environment to run in{': ' if known else ''}{known}{default}"
        return [
            *own,
            Argument(names=("env", "e"), kind=str, help=about_env),
            _flag("yes", "y", about="Run in a protected environment without asking"),
            _flag("no-mask", about="Do not hide secrets in output"),
            _flag("no-check", about="Do not check that what the settings class requires is set"),
        ]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body in the environment. Called by Invoke or from a list: with its pre and post tasks, and only once
        per environment and arguments; called by another body: the body alone, each time, as in Invoke."""
        if not args or not isinstance(args[0], InvokeContext):
            return super().__call__(*args, **kwargs)  # Invoke says that the context is missing
        listed = _is_listed()
        if isinstance(args[0], Context):
            # called by the body of another task, which may catch its errors; that task's own call translates them
            return self._call(args[0], args[1:], kwargs, listed=listed)
        with writing_bytecode():
            from .process import forwarding

        ensure_standard_streams()
        redacted = partial(redacted_text, args[0])
        with translate_errors(failures=True, redacted=redacted), forwarding.active(), ending_output(args[0]):
            return self._call(args[0], args[1:], kwargs, listed=listed)

    def _call(
        self, caller: InvokeContext, arguments: tuple[Any, ...], kwargs: dict[str, Any], *, listed: bool
    ) -> Any:
        flags = {name: kwargs.pop(name, None) for name in FLAGS}
        invocation = current_invocation(caller)
        options = self._options(invocation, caller, flags)
        if not listed:
            context = self._context(invocation, caller, options)
            context.share_folder_and_prefix(caller)
            return self._run_body(invocation, context, arguments, kwargs)
        entry = (self, options.environment and options.environment.name, self._by_name(arguments, kwargs))
        if done := invocation.find_done(entry):
            return done.result
        context = self._context(invocation, caller, options)
        _run_list(self._pre, context, invocation)
        result = require_result(
            self._run_body(invocation, context, arguments, kwargs), what=f"Task {self.name!r}"
        )
        if self.autoprint and context.redacted_values and not self.built_in:
            result = invocation.printable(result)
        invocation.done.append(Done(entry, result))
        _run_list(self._post, context, invocation)
        return result

    def _run_body(
        self, invocation: Invocation, context: Context, arguments: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self.built_in:
            with writing_bytecode():
                return super().__call__(context, *arguments, **kwargs)
        invocation.redact_output(context.redacted_values)
        return super().__call__(context, *arguments, **kwargs)

    def _by_name(self, arguments: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, defaults filled in: the command line gives all of them, a pre task none."""
        bound = self.argspec(self.body).bind(*arguments, **kwargs)
        bound.apply_defaults()
        return bound.arguments

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
            # consent is for the environment that was named, not for others that a body calls
            yes=bool(flags["yes"]) or (inherited.yes and inherited.environment_name == name),
            mask=inherited.mask and not flags["no_mask"],
            check=inherited.check and not flags["no_check"],
        )
        if name is not None:
            require_allowed(name, self.only, what=self.full_name)
            if not (self.built_in and caller.config.run.dry):  # a body of the project's runs in a dry run too
                invocation.confirm(options, what=self.full_name, confirm=self.confirm)
        elif self.requires_environment or self.only is not None:
            known = ", ".join(self.only or invocation.project.environments)
            raise ConfigInvalid(
                f"{self.full_name} needs an environment.",
                hint=f"add --env NAME, one of: {known}"
                if known
                else "there is none yet: write a .env.<name> file beside pyproject.toml",
            )
        return options

    @writing_bytecode()
    def _context(self, invocation: Invocation, caller: InvokeContext, options: CallOptions) -> Context:
        if options.environment is None or not self.hydrate:
            return Context(caller.config, caller.remainder, options=options)
        hydrated = invocation.hydrate(options.environment)
        child_env = hydrated.child_env(self.needs)
        if self.check and options.check:
            require_settings(invocation.project, child_env, environment=hydrated.environment)
        return Context(
            caller.config,
            caller.remainder,
            options=options,
            hydrated=hydrated,
            child_env=child_env,
            redacted_values=invocation.redacted_values(hydrated, child_env, mask=options.mask),
        )


def _flag(*names: str, about: str) -> Argument:
    """A flag that takes no value."""
    attribute = names[0].replace("-", "_")
    return Argument(
        names=names,
        attr_name=None if attribute in names else attribute,
        kind=bool,
        default=False,
        help=about,
    )


def _is_ours(klass: object) -> bool:
    return isinstance(klass, type) and issubclass(klass, Task)


def _any_is_ours(listed: Sequence[Any]) -> bool:
    return any(isinstance(call.task, Task) for call in _as_calls(listed))


def _as_calls(listed: Sequence[Any]) -> list[Call]:
    return [item if isinstance(item, Call) else Call(item) for item in listed]


def _run_list(listed: Sequence[Any], context: Context, invocation: Invocation) -> None:
    """Run pre or post tasks, unless they are plain and Invoke's executor has run them."""
    for call in _as_calls(listed) if _any_is_ours(listed) else ():
        _run_listed(call, context, invocation)


def _run_listed(call: Call, context: Context, invocation: Invocation) -> None:
    """Run a pre or post task, unless it has run: one of ours in the environment of `context`, a plain one in none."""
    if isinstance(call.task, Task):
        call.task(context, *call.args, **call.kwargs)
        return
    entry = (call.task, None, call.args, call.kwargs)
    known_to_invoke = not call.args and not call.kwargs and call.task.called
    if invocation.dedupe and (known_to_invoke or invocation.find_done(entry)):
        return
    plain = InvokeContext(context.config, context.remainder)
    for inner in _as_calls(call.task.pre):
        _run_listed(inner, context, invocation)
    invocation.done.append(Done(entry, call.task(plain, *call.args, **call.kwargs)))
    for inner in _as_calls(call.task.post):
        _run_listed(inner, context, invocation)


def _is_listed() -> bool:
    """Whether the call of a task comes from Invoke's executor or from one of the lists above, and not from a body.

    All give it the same arguments, so the nearest of their frames decides.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not _BODY:
        if frame.f_code is _run_listed.__code__ or _is_executor(frame, "execute"):
            return True
        frame = frame.f_back
    return False


def _is_expanded() -> bool:
    """Whether it is Invoke's executor that reads the lists of a task, by a Call, to run what they hold on its own."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and isinstance(frame.f_locals.get("self"), Call):
        frame = frame.f_back
    return frame is not None and _is_executor(frame, "expand_calls")


def _is_executor(frame: FrameType, method: str) -> bool:
    return frame.f_code.co_name == method and isinstance(frame.f_locals.get("self"), Executor)
