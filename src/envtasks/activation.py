"""What each entry point (a task, a nox session) does with an environment: confirm, hydrate, report, redact."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from . import console
from .errors import ConfigInvalid, Refused, SettingsInvalid

if TYPE_CHECKING:
    from .config import Environment, Project
    from .hydration.result import Hydrated

CONFIRM: Final = "ENVTASKS_CONFIRM"
MOST_LINES: Final = 5  # of notes and warnings about one environment


def hydrate_and_report(
    project: Project,
    environment: Environment,
    process_env: Mapping[str, str],
    *,
    said: set[str] | None = None,
) -> Hydrated:
    """The hydrated environment; prints its notes and warnings on stderr, and registers its secrets with GitHub.

    `said` are the lines that were printed before and are not repeated; those of this call are added. Raises
    EnvFileMissing, EnvFileInvalid, KeyMissing, DecryptionFailed, Refused, ConfigInvalid.
    """
    from .hydration import hydrate, without_outer

    secret_names: Collection[str] = ()
    if project.settings:
        from .settings_class import secret_names as read_secret_names

        secret_names = read_secret_names(project)
    hydrated = hydrate(
        environment,
        process_env,
        engine=project.engine_for(process_env),
        commands=project.commands,
        secret_names=secret_names,
    )
    _report(hydrated, set() if said is None else said)
    if without_outer(process_env).get("GITHUB_ACTIONS") == "true" and not hydrated.public:
        from .redaction.ci_log import register_masks

        # a key comes from GitHub's own secrets, which it masks; a key file's is not to be printed even for that
        register_masks(
            value for name, value in hydrated.secrets.items() if not name.startswith("DOTENV_PRIVATE_KEY")
        )
    return hydrated


def _report(hydrated: Hydrated, said: set[str]) -> None:
    """Print the first lines about an environment, and how many more there are."""
    found = [("note", line) for line in hydrated.notes] + [("warning", line) for line in hydrated.warnings]
    new = [(kind, line) for kind, line in found if line not in said]
    said.update(line for _, line in new)
    for kind, line in new[:MOST_LINES]:
        console.say(kind, line)
    if more := len(new[MOST_LINES:]):
        console.say("note", f"{more} more: inv env.check --env {hydrated.environment} lists them")


def require_settings(project: Project, child_env: Mapping[str, str], *, environment: str) -> None:
    """Raise SettingsInvalid with every variable that the settings class requires and a command's environment lacks.

    The class is read from its source, which costs no import of pydantic or of the service.
    """
    if project.settings is None:
        return
    from .settings_class import missing_names

    if missing := missing_names(project, child_env):
        raise SettingsInvalid(
            f"{project.settings} requires what {environment} does not set: {', '.join(missing)}.",
            hint=f"inv env.set {missing[0]} --env {environment}; --no-check runs without this check",
        )


def require_declarable(what: str, **declared: Any) -> None:
    """Raise ConfigInvalid for a value of a type that this decorator does not take, by the name of the parameter."""
    for name, value in declared.items():
        match name, value:
            case (("env" | "only" | "needs" | "confirm" | "check"), None):
                continue
            case "env", _:
                valid, expected = isinstance(value, str), "the name of an environment, such as 'local'"
            case (("only" | "needs"), _):
                valid = isinstance(value, Collection) and not isinstance(value, str | bytes)
                valid = valid and all(isinstance(each, str) for each in value)
                expected = "a list of names, such as ['staging']"
            case "confirm", _:
                valid, expected = isinstance(value, bool | str), "True, False or a question"
            case _:
                valid, expected = isinstance(value, bool), "True or False"
        if not valid:
            raise ConfigInvalid(f"{what}({name}={value!r}): expected {expected}.")


def require_synchronous(body: Callable[..., Any], *, what: str) -> None:
    """Raise ConfigInvalid for a body that a call only makes a coroutine or a generator of, and does not run."""
    from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

    called = (body, getattr(body, "__call__", body))  # noqa: B004 - an object's, which may be async too
    if any(
        check(it) for check in (iscoroutinefunction, isasyncgenfunction, isgeneratorfunction) for it in called
    ):
        raise _not_synchronous(what)


def require_result(result: Any, *, what: str) -> Any:
    """The result of a body. Raises ConfigInvalid if it is a coroutine or a generator: a decorator hid an async body."""
    from inspect import isasyncgen, iscoroutine, isgenerator

    if iscoroutine(result) or isgenerator(result) or isasyncgen(result):
        if iscoroutine(result):
            result.close()  # or Python warns that it was never awaited
        raise _not_synchronous(what)
    return result


def _not_synchronous(what: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"{what} is async or a generator: a call of it runs nothing.",
        hint="write a plain function, in which asyncio.run() runs async code",
    )


def exposed_key_files(environment: Environment, process_env: Mapping[str, str]) -> tuple[str, ...]:
    """The key files of an environment that git has although it is not public. Raises EnvFileInvalid."""
    from . import git, inventory
    from .envfiles import find_keys

    if environment.public:
        return ()
    variables = inventory.read(environment).key_variables
    # a key file may hold the key of a public environment alone
    files = {key.source for key in find_keys(environment, {}).keys if key.variable in variables}
    paths = [environment.root / name for name in sorted(files)]
    return tuple(environment.label(path) for path in paths if git.is_tracked(path.parent, path, process_env))


def require_allowed(environment: str, allowed: Sequence[str] | None, *, what: str) -> None:
    """Raise Refused for an environment that the `only` of a task or session excludes."""
    if allowed is not None and environment not in allowed:
        raise Refused(
            f"{what} is not for {environment}: only for {', '.join(allowed)}.",
            hint=f"choose one: --env {next(iter(allowed))}"
            if allowed
            else "its `only` is empty, so nothing may run it",
        )


def require_confirmation(
    environment: Environment,
    process_env: Mapping[str, str],
    *,
    what: str,
    confirm: bool | str | None,
    yes: bool | None,
) -> bool:
    """Whether something had to be confirmed, and was; raises Refused if it was not.

    `confirm`: True or a question to ask in any environment, False never to ask, None to ask in protected ones. On a
    terminal the environment's name has to be typed. Elsewhere `--yes` or `ENVTASKS_CONFIRM=<environment>` confirms;
    `yes` is None where there is no such flag.
    """
    if not (environment.protected if confirm is None else confirm):
        return False
    if yes or process_env.get(CONFIRM) == environment.name:
        return True
    question = confirm if isinstance(confirm, str) else f"{what} runs in {environment.name}."
    if confirm is None:
        question = f"{what} runs in {environment.name}, which is protected."
    from .hydration import without_outer

    if not can_ask(without_outer(process_env)):
        flag = "" if yes is None else "--yes, or "
        raise Refused(
            f"{question} It has to be confirmed, and there is no terminal to ask on.",
            hint=f"confirm with {flag}{CONFIRM}={environment.name} in the process environment",
        )
    if ask(f"{question}\nType {environment.name} to go on: ") != environment.name:
        raise Refused(f"{what} was not confirmed, so nothing ran.", hint=f"type the name: {environment.name}")
    return True


def can_ask(process_env: Mapping[str, str]) -> bool:
    """Whether a person sits at a terminal, to read a question and to answer it."""
    if in_ci(process_env) or sys.stdin is None or not sys.stdin.isatty():
        return False
    from .process import original_is_terminal

    return sys.stderr.isatty() or original_is_terminal(2)


def ask(question: str) -> str:
    """The answer to a question put on stderr, so that stdout stays the command's own; empty for Enter or Ctrl-D."""
    return _answer(question) or ""


def _answer(question: str) -> str | None:
    """The same; None for Ctrl-D, the end of what is typed."""
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise SystemExit(130) from None
    if not line:
        sys.stderr.write("\n")
        return None
    return line.strip()


def ask_whether(question: str) -> bool:
    """Whether a question is answered with yes, which Enter alone means too; anything but yes and no is asked again.

    Ctrl-D is no answer, and ends the command as Ctrl-C does.
    """
    asked = f"{question} [Y/n] "
    while (answer := _answer(asked)) is not None:
        if answer.lower() in ("", "y", "yes", "n", "no"):
            return answer.lower() not in ("n", "no")
        asked = f"Type y or n. {question} [Y/n] "
    raise SystemExit(130)


def values_to_redact(
    project: Project, hydrated: Hydrated, child_env: Mapping[str, str], *, mask: bool
) -> Collection[str]:
    """The values to redact in what a call prints and what is said about it: none of a public environment.

    They are the secrets, and the checksums of values that `child_env`, the environment of the call's commands, holds.
    """
    if not mask or hydrated.public or project.mask == "never" or not hydrated.secrets:
        return ()
    from .hydration import checksums

    return (*hydrated.secrets.values(), *checksums(child_env))


def redacts_output(project: Project, process_env: Mapping[str, str]) -> bool:
    """Whether these values are redacted in output too: not on a terminal outside of CI, unless `mask` says so."""
    if project.mask != "auto" or not output_is_terminal():
        return True
    from .hydration import without_outer

    return in_ci(without_outer(process_env))


def in_ci(process_env: Mapping[str, str]) -> bool:
    """Whether this is a job of a CI platform: nobody can be asked, and everybody can read the log."""
    return bool(process_env.get("CI"))


def output_is_terminal() -> bool:
    """Whether both stdout and stderr of this process are terminals."""
    try:
        return sys.stdout.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # replaced by something that is no stream, or closed
        return False
