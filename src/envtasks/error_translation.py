"""How an error of ours ends `inv`: one clean message and its exit code, no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from invoke.exceptions import CommandTimedOut, Exit, Failure, UnexpectedExit

from . import console
from .errors import EnvtasksError


@contextmanager
def exits(*, failures: bool = False) -> Iterator[None]:
    """Turn an EnvtasksError into the `invoke.Exit` that stock `inv` shows as one clean message with our exit code.

    With `failures` also what Invoke itself would show as a traceback: a command that took too long (124, as GNU timeout
    has it) and a watcher that gave up (1).
    """
    try:
        yield
    except EnvtasksError as error:
        raise _exit(error.message, error.hint, error.code) from None
    except UnexpectedExit:
        raise  # Invoke ends with the command's own code
    except BrokenPipeError:  # `inv --dry … | head`: nobody reads on
        if not failures:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains once more when it flushes
        raise Exit("", 141) from None
    except Failure as failure:
        if not failures:
            raise
        message = str(failure).strip() or f"{failure.reason or type(failure).__name__}"
        raise _exit(message, "", 124 if isinstance(failure, CommandTimedOut) else 1) from None


def _exit(message: str, hint: str, code: int) -> Exit:
    return Exit(
        f"{console.styled('error', sys.stderr)} {message}" + (f"\n  hint: {hint}" if hint else ""), code
    )
