"""The context a task body gets: an Invoke Context whose commands run in the task's environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from invoke.context import Context as InvokeContext

from .bytecode import writing_bytecode
from .errors import ConfigInvalid, VariableMissing

if TYPE_CHECKING:
    from invoke.config import Config
    from invoke.runners import Result

    from .config import Environment
    from .hydration import Hydrated
    from .redaction import Redactor


class CallOptions(NamedTuple):
    """How one task is called: its environment (or none), whether `--yes` confirmed it, whether output is redacted."""

    environment: Environment | None
    yes: bool = False
    mask: bool = True
    check: bool = True  # that what the settings class requires is set

    @property
    def environment_name(self) -> str | None:
        """The name of the environment; None without one."""
        return None if self.environment is None else self.environment.name


class Context(InvokeContext):
    """Runs commands in a declared environment.

    `c.run(line)` takes a shell line, as in plain Invoke. `c.exec(*argv)` takes arguments and no shell. `c.env` holds
    the hydrated values (`c.env.origin(NAME)` tells where one came from), `c.environment` the environment's name.
    Outside an environment (a task with no default, called without `--env`) `c.env` is empty, `c.environment` None.
    """

    def __init__(
        self,
        config: Config | None = None,
        remainder: str = "",
        *,
        options: CallOptions | None = None,
        hydrated: Hydrated | None = None,
        child_env: Mapping[str, str] | None = None,
        redacted_values: Collection[str] = (),
    ) -> None:
        super().__init__(config, remainder)
        # a DataProxy: plain assignment would write into the configuration, which repr() prints whole
        self._set(_options=options or CallOptions(None), _hydrated=hydrated)
        self._set(_child_env=child_env, _redacted_values=redacted_values, _redactor=None)

    def share_folder_and_prefix(self, caller: InvokeContext) -> None:
        """Run commands where those of `caller` run: within its `cd()` and behind its `prefix()`, also later ones."""
        self._set(command_cwds=caller.command_cwds, command_prefixes=caller.command_prefixes)

    @property
    def env(self) -> Hydrated | NoEnvironment:
        """The hydrated values, by name; empty outside an environment. A name that is not there is VariableMissing."""
        hydrated: Hydrated | None = self._hydrated
        return _NONE if hydrated is None else hydrated

    @property
    def environment(self) -> str | None:
        """The name of the environment that this task runs in."""
        return self.call_options.environment_name

    @property
    def call_options(self) -> CallOptions:
        """The options that this task was called with, those inherited from the task that called it included."""
        options: CallOptions = self._options
        return options

    @property
    def hydrated(self) -> Hydrated:
        """The hydrated environment, the same object as `env`. Raises ConfigInvalid outside an environment."""
        hydrated: Hydrated | None = self._hydrated
        if hydrated is None:
            raise ConfigInvalid(
                "This task runs in no environment.", hint="declare it with @task(requires_environment=True)"
            )
        return hydrated

    @property
    def redacted_values(self) -> Collection[str]:
        """The values to redact in output; none where it is shown as it is."""
        values: Collection[str] = self._redacted_values
        return values

    @property
    def redactor(self) -> Redactor | None:
        """The redactor for the output of commands; None where nothing is redacted."""
        if self._redactor is None and self._redacted_values:
            with writing_bytecode():
                from .redaction import Redactor

            self._set(_redactor=Redactor(self._redacted_values))
        redactor: Redactor | None = self._redactor
        return redactor

    def run(self, command: str, **kwargs: Any) -> Result:
        """Run a shell line in the environment. Takes and returns what Invoke's `run` does."""
        self._print_dotenvx_line(self._in_shell(command, kwargs), kwargs)
        return self._run(self._runner(), command, **self._with_variables(kwargs))

    def sudo(self, command: str, **kwargs: Any) -> Result:
        """Run a shell line through sudo. Takes and returns what Invoke's `sudo` does."""
        return self._sudo(self._runner(), command, **self._with_variables(kwargs))

    def exec(self, *argv: str | Path, **kwargs: Any) -> Result:
        """Run one program with these arguments and no shell, in the environment; `python` is this interpreter.

        Takes `warn`, `hide`, `echo`, `dry`, `timeout`, `encoding`, `in_stream` and `env` as `run` does. Returns an
        Invoke Result; raises UnexpectedExit (the program's own exit code, 128+N for a signal N) and ToolMissing.
        """
        words = [str(word) for word in argv]
        self._print_dotenvx_line(words, kwargs, folder=bool(self.command_cwds))
        result: Result = self._runner().run_argv(words, **self._with_variables(kwargs))
        return result

    def _runner(self) -> Any:
        from .process import Runner

        return Runner(self, child_env=self._child_env, redactor=self.redactor, real_streams=True)

    def _with_variables(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a command whose `env` is not that of Invoke's configuration: hydration has taken that in."""
        if kwargs.get("env") is None:
            kwargs["env"] = configured_variables(self.config) if self._child_env is None else {}
        return kwargs

    def _in_shell(self, command: str, kwargs: Mapping[str, Any]) -> list[str]:
        """The arguments that run a line in the shell, in the folder of `c.cd()`."""
        shell = str(kwargs.get("shell", self.config.run.shell))
        option = "/c" if shell.lower().endswith("cmd.exe") else "-c"
        return [shell, option, self._prefix_commands(command)]

    def _print_dotenvx_line(
        self, argv: Sequence[str], kwargs: Mapping[str, Any], *, folder: bool = False
    ) -> None:
        """With `--echo` or `--dry`, print the dotenvx command line that gives a process the same values.

        `folder`: the arguments have to be run in the folder of `c.cd()`.
        """
        shown = kwargs.get("echo", self.config.run.echo) or kwargs.get("dry", self.config.run.dry)
        environment = self.call_options.environment
        if shown and environment is not None and not kwargs.get("disown"):
            if folder:
                from .process import shell_quoted

                argv = self._in_shell(shell_quoted(argv), kwargs)
            line = _dotenvx_line(environment, argv, app_env=environment.variable not in self.env)
            print(self.redactor.text(line) if self.redactor else line, file=sys.stdout, flush=True)


class NoEnvironment(Mapping[str, str]):
    """The values of no environment: none."""

    def __getitem__(self, name: str) -> NoReturn:
        raise VariableMissing(
            f"{name} is not set here: this task runs in no environment.",
            hint="declare one, @task(env=…), or name one by --env; c.env.get() gives None",
        )

    origin = __getitem__

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_NONE: Final = NoEnvironment()


def configured_variables(config: Config) -> dict[str, str | None]:
    """The variables that Invoke's configuration files give to commands (`run: {env: …}`); one that is None is removed.

    Private keys and what steers envtasks belong to the process environment itself, so they are left out here. Raises
    ConfigInvalid for a value that is no text.
    """
    given: dict[str, Any] = dict(config.run.env)
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise ConfigInvalid(
                f"run.env of Invoke's configuration: {name} is a {type(value).__name__}; variables are text.",
                hint="put its value in quotes",
            )
    return {
        name: value
        for name, value in given.items()
        if not name.upper().startswith(("DOTENV_PRIVATE_KEY", "ENVTASKS_"))
    }


def _dotenvx_line(environment: Environment, argv: Sequence[str], *, app_env: bool = False) -> str:
    """The `dotenvx run` line that gives a command the values of this environment, for sh, on Windows for cmd.

    Paths are relative to the current folder. `app_env`: set APP_ENV (`environment-variable`) too, because no file does.
    """
    from .process import shell_quoted

    variable = f"{environment.variable}={environment.name}"
    setting = f'set "{variable}" && ' if sys.platform == "win32" else f"{shell_quoted(['env', variable])} "
    words = ["dotenvx", "run", "--strict"]
    for path in environment.files:
        if path.exists() or not environment.optional(path):
            words += ["-f", _from_here(path)]
    for path in _key_files(environment):
        words += ["-fk", _from_here(path)]
    return (setting if app_env else "") + shell_quoted([*words, "--", *argv])


def _from_here(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _key_files(environment: Environment) -> tuple[Path, ...]:
    """The key files that dotenvx would not find by itself: those declared, or `.env.<name>.keys` where it exists."""
    if environment.keys:
        return tuple(path for path in environment.keys if path.exists())
    own = environment.root / f".env.{environment.name}.keys"
    return (own,) if own.exists() else ()
