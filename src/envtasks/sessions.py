"""`@session`: a nox session that declares its environment."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload

import nox

from .activation import (
    hydrate_and_report,
    output_is_terminal,
    require_allowed,
    require_confirmation,
    values_to_redact,
)
from .config import Project
from .errors import ConfigInvalid, EnvtasksError
from .process import too_large, without_keys

if TYPE_CHECKING:
    from .redaction import Redactor

Body = TypeVar("Body", bound=Callable[..., Any])


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
        only: the environments it may run in.
        needs: as for `@task`: required names and patterns; other variables of the env files stay out.
    """
    if function is None:
        return functools.partial(session, env=env, only=only, needs=needs, **kwargs)

    @functools.wraps(function)
    def body(session: nox.Session, *args: Any, **parameters: Any) -> Any:
        with _session_errors(session):
            redactor = _activate(session, env=env, only=only, needs=needs)
            with _redacted(redactor):
                return function(session, *args, **parameters)

    body.__dict__["environment"] = env  # ci/nox_listing.py reads it
    return nox.session(**kwargs)(body)


def _activate(
    session: nox.Session, *, env: str | None, only: Sequence[str] | None, needs: Sequence[str] | None
) -> Redactor | None:
    """Give the session its environment; the redactor of its output, None where nothing is redacted."""
    chosen, mask = _take_flags(session.posargs)
    name = env if chosen is None else chosen
    if name is None:
        _apply(session, without_keys(os.environ))
        return None
    project = Project.load()
    environment = project.environment(name)
    what = f"session {session.name}"
    require_allowed(name, only, what=what)
    require_confirmation(environment, os.environ, what=what, confirm=None, yes=None)
    hydrated = hydrate_and_report(project, environment, os.environ)
    _apply(session, hydrated.child_env(needs))
    values = values_to_redact(project, hydrated, mask=mask, is_terminal=output_is_terminal)
    if not values:
        return None
    from .redaction import Redactor

    return Redactor(values)


@contextmanager
def _redacted(redactor: Redactor | None) -> Iterator[None]:
    """Redact what the body prints, and the exception that nox prints when the body has ended."""
    if redactor is None:
        yield
        return
    from .process import redact_file_descriptors

    with redact_file_descriptors(redactor):
        try:
            yield
        except Exception as error:
            _redact(error, redactor)
            raise


def _redact(error: BaseException | None, redactor: Redactor) -> None:
    """Redact the texts of an exception and of those it was raised from."""
    while error is not None:
        error.args = tuple(redactor.text(text) if isinstance(text, str) else text for text in error.args)
        error = error.__cause__ or error.__context__


def _take_flags(posargs: list[str]) -> tuple[str | None, bool]:
    """Take `--env NAME`, `-e NAME` and `--no-mask` out of what follows `--` on nox's command line.

    A second `--` ends our flags and stays, for programs that want it.
    """
    env, mask, rest = None, True, list[str]()
    words = iter(posargs)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word in ("--env", "-e"):
            env = next(words, None)
            if env is None:
                raise ConfigInvalid(
                    f"{word} needs the name of an environment.", hint="nox -s NAME -- --env staging"
                )
        elif word.startswith("--env="):
            env = word.removeprefix("--env=")
        elif word == "--no-mask":
            mask = False
        else:
            rest.append(word)
    posargs[:] = rest
    return env, mask


def _apply(session: nox.Session, child_env: Mapping[str, str]) -> None:
    """Set in the session what differs from the process environment, and leave the PATH that nox has set.

    A variable that is None is not passed on; a deleted one would still be, from the process environment.
    """
    for name, value in child_env.items():
        if os.environ.get(name) != value:
            session.env[name] = value
    for name in os.environ.keys() - child_env.keys():
        session.env[name] = None


@contextmanager
def _session_errors(session: nox.Session) -> Iterator[None]:
    try:
        yield
    except EnvtasksError as error:
        message = str(error)
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
        message = str(too_large(_environment_of(session), ""))
    else:
        return
    session.error(message)


def _environment_of(session: nox.Session) -> Mapping[str, str]:
    """What the session's commands get."""
    merged = {**os.environ, **session.env}
    return {name: value for name, value in merged.items() if value is not None}
