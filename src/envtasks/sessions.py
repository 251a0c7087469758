"""`@session`: a nox session that declares its environment."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast, overload

import nox
from nox.command import CommandFailed
from nox.logger import logger

from . import console
from .activation import (
    hydrate_and_report,
    redacts_output,
    require_allowed,
    require_confirmation,
    require_declarable,
    require_result,
    require_settings,
    require_synchronous,
    values_to_redact,
)
from .config import Project
from .errors import ConfigInvalid, EnvtasksError, system_error
from .process import too_large, with_utf8, without_keys

if TYPE_CHECKING:
    from .redaction import Redactor

Body = TypeVar("Body", bound=Callable[..., Any])
_SAID: Final[set[str]] = set()  # the notes and warnings of one nox run, which is one process


@overload
def session(function: Body, /) -> Body: ...


@overload
def session(
    *,
    env: str | None = ...,
    only: Sequence[str] | None = ...,
    needs: Sequence[str] | None = ...,
    **kwargs: Any,
) -> Callable[[Body], Body]: ...


def session(
    function: Body | None = None,
    /,
    *,
    env: str | None = None,
    only: Sequence[str] | None = None,
    needs: Sequence[str] | None = None,
    **kwargs: Any,
) -> Any:
    """A nox session whose commands run in a declared environment. Takes everything that `nox.session` takes.

    `session.install` and `session.run` both get the values. `nox -s NAME -- --env OTHER` chooses another environment
    for one run, `--no-mask` shows secrets; both are taken out of `session.posargs`.

    Args:
        env: the environment; without one, and without `--env`, only the private keys are kept from its commands.
        only: the environments it may run in; it does not run in none.
        needs: as for `@task`: required names and patterns; other variables of the env files stay out.
    """
    if function is None:
        return functools.partial(session, env=env, only=only, needs=needs, **kwargs)

    raw = _undecorated(function)
    try:
        require_declarable("@session", env=env, only=only, needs=needs)
        require_synchronous(raw, what=f"Session {kwargs.get('name') or raw.__name__}")
    except ConfigInvalid as error:  # nox would show a traceback
        console.say("error", str(error))
        raise SystemExit(error.code) from None

    @functools.wraps(raw)
    def body(session: nox.Session, *args: Any, **parameters: Any) -> Any:
        console.ensure_standard_streams()
        with _session_errors(session):
            redactor, output = _activate(session, env=env, only=only, needs=needs)
            with _redacted(session, redactor, output=output):
                result = raw(session, *args, **parameters)
            return require_result(result, what=f"Session {session.name}")

    body.__dict__["environment"] = env  # ci/nox_listing.py reads it
    return nox.session(**kwargs)(body)


def _undecorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, where `@session` stands over another one, which would hydrate its own environment inside."""
    raw: Any = getattr(function, "func", function)  # what nox.session makes of one
    return cast(Callable[..., Any], raw.__wrapped__ if "environment" in vars(raw) else raw)


def _activate(
    session: nox.Session, *, env: str | None, only: Sequence[str] | None, needs: Sequence[str] | None
) -> tuple[Redactor | None, bool]:
    """Give the session its environment. Returns the redactor, None without secrets, and whether output is redacted."""
    flags = _take_flags(session.posargs)
    # a session that another one notifies may have been given other posargs, or what was left of them
    of_run = _take_flags(list(session._runner.global_config.posargs))
    name = next((each for each in (flags.env, of_run.env) if each is not None), env)
    if name is None and only is not None:
        raise ConfigInvalid(
            f"session {session.name} needs an environment.", hint=f"nox -s NAME -- --env {' or '.join(only)}"
        )
    if name is None:
        _apply(session, without_keys(os.environ))
        return None, False
    project = Project.load()
    environment = project.environment(name)
    what = f"session {session.name}"
    require_allowed(name, only, what=what)
    require_confirmation(environment, os.environ, what=what, confirm=None, yes=None)
    hydrated = hydrate_and_report(project, environment, os.environ, said=_SAID)
    child_env = hydrated.child_env(needs)
    if flags.check and of_run.check and needs is None:
        require_settings(project, child_env, environment=name)
    _apply(session, child_env)
    values = values_to_redact(project, hydrated, child_env, mask=flags.mask and of_run.mask)
    if not values:
        return None, False
    from .redaction import Redactor

    return Redactor(values), redacts_output(project, os.environ)


@contextmanager
def _redacted(session: nox.Session, redactor: Redactor | None, *, output: bool) -> Iterator[None]:
    """Redact what the body prints, if `output`, and the exception that nox prints when the body has ended."""
    if redactor is None:
        yield
        return
    from .process import redact_file_descriptors

    try:
        with redact_file_descriptors(redactor) if output else nullcontext():
            yield
    except SystemExit as end:  # Python prints what it was given, unless that is a code
        shown = end.code if end.code is None or isinstance(end.code, int) else redactor.text(f"{end.code}")
        raise SystemExit(shown) from None
    except Exception as error:
        _redact(error, redactor, session=session)
        raise


def _redact(error: Exception, redactor: Redactor, *, session: nox.Session) -> None:
    """Take secrets out of what will be printed of an exception.

    nox prints the text of its own and the traceback of others, which can hold a value anywhere: such a traceback is
    printed here, redacted, and the session fails as one whose command has failed.
    """
    if isinstance(error, EnvtasksError):
        error.message, error.hint = redactor.text(error.message), redactor.text(error.hint)
        return
    if type(error).__module__.startswith("nox."):
        error.args = (redactor.text(str(error)),)
        return
    import traceback

    text = f"Session {session.name} raised exception {error!r}\n{''.join(traceback.format_exception(error))}"
    if redactor.text(text) != text:
        logger.error(redactor.text(text.rstrip()))
        raise CommandFailed from None


class _Flags(NamedTuple):
    """The flags of envtasks on nox's command line."""

    env: str | None
    mask: bool
    check: bool


def _take_flags(posargs: list[str]) -> _Flags:
    """Take `--env NAME`, `--no-mask` and `--no-check` out of what follows `--` on nox's command line.

    `-e` is no short form here: sessions pass on what follows, and `-e .` is pip's. A second `--` ends our flags and
    stays, for programs that want it.
    """
    env, mask, check, rest = None, True, True, list[str]()
    words = iter(posargs)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--env":
            env = next(words, None)
            if env is None:
                raise ConfigInvalid(
                    f"{word} needs the name of an environment.", hint="nox -s NAME -- --env staging"
                )
        elif word.startswith("--env="):
            env = word.removeprefix("--env=")
        elif word == "--no-mask":
            mask = False
        elif word == "--no-check":
            check = False
        else:
            rest.append(word)
    posargs[:] = rest
    return _Flags(env, mask, check)


def _apply(session: nox.Session, child_env: Mapping[str, str]) -> None:
    """Set in the session what differs from the process environment, and leave the PATH that nox has set.

    A variable that is None is not passed on; a deleted one would still be, from the process environment.
    """
    for name, value in with_utf8(child_env).items():
        if os.environ.get(name) != value:
            session.env[name] = value
    for name in os.environ.keys() - child_env.keys():
        session.env[name] = None


@contextmanager
def _session_errors(session: nox.Session) -> Iterator[None]:
    try:
        yield
    except EnvtasksError as error:
        found: EnvtasksError | None = error
    except OSError as error:
        too_large_for = error.errno == errno.E2BIG
        found = too_large(_environment_of(session), "") if too_large_for else system_error(error)
        if found is None:
            raise
    else:
        return
    session.error(console.as_called_here(str(found)).removesuffix("."))  # nox adds one


def _environment_of(session: nox.Session) -> Mapping[str, str]:
    """What the session's commands get."""
    merged = {**os.environ, **session.env}
    return {name: value for name, value in merged.items() if value is not None}
