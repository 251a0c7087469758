"""How errors end `inv`: a message, its hint and the exit code, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from invoke.exceptions import CommandTimedOut, Exit, Failure, ThreadException, UnexpectedExit
from invoke.tasks import Task

from . import console
from .bytecode import writing_bytecode
from .errors import EnvtasksError, system_error

if TYPE_CHECKING:
    from invoke.parser.argument import Argument

Redacted = Callable[[str], str]


@contextmanager
def translate_errors(*, failures: bool = False, redacted: Redacted | None = None) -> Iterator[None]:
    """Turn an EnvtasksError into the `invoke.Exit` that stock `inv` shows as one message with our exit code.

    With `failures` also what Invoke itself would show as a traceback: a command that took too long (124, as GNU timeout
    has it), a watcher that failed (1), Ctrl-C (130), output that could not be written (1). `redacted` goes over
    everything that is printed of any exception.
    """
    try:
        yield
        if failures:
            _flush_output()
    except EnvtasksError as error:
        raise _exit(error.message, error.hint, error.code, redacted=redacted) from None
    except BaseException as error:
        if not failures:
            raise
        end = _ending(error, redacted or str)
        if end is None:
            if redacted is not None:
                sys.excepthook = partial(_print_redacted, sys.excepthook, redacted)
            raise
        raise end from None


class PlainTask(Task[Callable[..., Any]]):
    """An Invoke task without an environment whose errors are translated: `@task(env=None, klass=PlainTask)`."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The arguments of the body; Invoke takes out the help texts that it uses, and they are used again."""
        texts = dict(self.help)
        found = super().get_arguments(ignore_unknown_help)
        self.help = texts
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body."""
        console.ensure_standard_streams()
        with translate_errors(failures=True), writing_bytecode():
            return super().__call__(*args, **kwargs)


def _ending(error: BaseException, redacted: Redacted) -> BaseException | None:
    """The exception that ends `inv` in place of another one; None for one that ends in a traceback."""
    match error:
        case UnexpectedExit():  # Invoke ends with the command's own code
            for name in ("stdout", "stderr", "command"):
                setattr(error.result, name, redacted(getattr(error.result, name)))
            return error
        case Failure():
            return _of_failure(error, redacted)
        case Exit():
            error.message = error.message and redacted(error.message)
            return error
        case SystemExit():
            return (
                error
                if error.code is None or isinstance(error.code, int)
                else SystemExit(redacted(f"{error.code}"))
            )
        case KeyboardInterrupt():
            return Exit(code=130)
        case ThreadException():
            ends = (
                _ending(each.value, redacted) for each in error.exceptions if isinstance(each.value, OSError)
            )
            return next((end for end in ends if end is not None), None)
        case BrokenPipeError():  # `inv --dry … | head`: the reader has closed the pipe
            console.discard_output()
            return Exit(code=141)
        case OSError():
            return _of_system(error)
        case _:
            return None


def _of_failure(error: Failure, redacted: Redacted) -> Exit:
    if isinstance(error, CommandTimedOut):
        return _exit(_timed_out(error), "", 124, redacted=redacted)
    reason = getattr(error, "reason", None)  # of a watcher; the others say what happened themselves
    return _exit((str(reason or "") or str(error)).strip(), "", 1, redacted=redacted)


def _timed_out(error: CommandTimedOut) -> str:
    """What took too long, and the end of its output where that was not shown."""
    result = error.result
    parts = [f"The command took longer than {console.counted(error.timeout, 'second')}: {result.command}"]
    shown = zip(("stdout", "stderr"), error.streams_for_display(), strict=True)
    parts += [f"{name}:{text.rstrip()}" for name, text in shown if name in result.hide]
    return "\n".join(parts)


def _of_system(error: OSError) -> Exit | None:
    known = system_error(error)
    if known is None:
        return None
    console.discard_output()  # of which there may be more
    return _exit(known.message, known.hint, known.code)


def _flush_output() -> None:
    """Write what is still to be written, so that a full disk is noticed. Raises OSError."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # none, or closed
            stream.flush()


def _print_redacted(hook: Callable[..., object], redacted: Redacted, *exception: Any) -> None:
    """Print a traceback redacted; leave one without a secret to the hook."""
    import traceback

    text = "".join(traceback.format_exception(*exception))
    if redacted(text) == text:
        hook(*exception)
    else:
        sys.stderr.write(redacted(text))


def _exit(message: str, hint: str, code: int, *, redacted: Redacted | None = None) -> Exit:
    if redacted:
        message, hint = redacted(message), redacted(hint)
    return Exit(console.message("error", message, hint), code)
