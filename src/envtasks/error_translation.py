"""How errors end `inv`: a message, its hint and the exit code, without a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from invoke.exceptions import CommandTimedOut, Exit, Failure, UnexpectedExit
from invoke.tasks import Task

from . import console
from .errors import EnvtasksError


@contextmanager
def translate_errors(*, failures: bool = False) -> Iterator[None]:
    """Turn an EnvtasksError into the `invoke.Exit` that stock `inv` shows as one message with our exit code.

    With `failures` also what Invoke itself would show as a traceback: a command that took too long (124, as GNU timeout
    has it) and a watcher that failed (1).
    """
    try:
        yield
    except EnvtasksError as error:
        raise _exit(error.message, error.hint, error.code) from None
    except UnexpectedExit:
        raise  # Invoke ends with the command's own code
    except BrokenPipeError:  # `inv --dry … | head`: the reader has closed the pipe
        if not failures:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains once more when it flushes
        raise Exit("", 141) from None
    except Failure as failure:
        if not failures:
            raise
        message = str(failure).strip() or f"{failure.reason or type(failure).__name__}"
        raise _exit(message, "", 124 if isinstance(failure, CommandTimedOut) else 1) from None


class PlainTask(Task[Callable[..., Any]]):
    """An Invoke task without an environment whose errors are translated: `@task(env=None, klass=PlainTask)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body."""
        with translate_errors(failures=True):
            return super().__call__(*args, **kwargs)


def _exit(message: str, hint: str, code: int) -> Exit:
    return Exit(
        f"{console.styled('error', sys.stderr)} {message}" + (f"\n  hint: {hint}" if hint else ""), code
    )
