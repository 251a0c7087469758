"""error_translation.py: how each kind of exception ends `inv`."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

import pytest
from invoke.exceptions import Exit, Failure, ThreadException, UnexpectedExit
from invoke.runners import Result
from invoke.util import ExceptionWrapper

from envtasks.error_translation import translate_errors
from envtasks.errors import Refused


def _translated(error: BaseException, **options: object) -> BaseException:
    with pytest.raises(BaseException) as caught, translate_errors(failures=True, redacted=_hide):  # noqa: PT011
        raise error
    return caught.value


def _hide(text: str) -> str:
    return text.replace("hunter2", "***")


def _in_thread(error: Exception) -> ThreadException:
    return ThreadException([ExceptionWrapper({}, type(error), error, None)])


@pytest.fixture(autouse=True)
def _output_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own stdout is not given up."""
    monkeypatch.setattr("envtasks.console.discard_output", lambda: None)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (Refused("no hunter2", hint="ask hunter2"), 6, "error: no ***\n  hint: ask ***"),
        (Exit("no hunter2", 9), 9, "no ***"),
        (KeyboardInterrupt(), 130, None),
        (BrokenPipeError(), 141, None),
        (_in_thread(BrokenPipeError()), 141, None),
        (Failure(Result(), ValueError("hunter2")), 1, "error: ***"),  # type: ignore[arg-type]
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "error: The output could not be written: No space left on device.",
        ),
        (
            _in_thread(OSError(errno.EBADF, "Bad file")),
            1,
            "error: The output could not be written: Bad file.",
        ),
        (OSError(errno.ENOSPC, "Full", "a.txt"), 1, "error: a.txt could not be written: Full."),
    ],
)
def test_a_known_error_is_an_exit(error: BaseException, code: int, message: str | None) -> None:
    """What is known ends with a message without secrets and a code."""
    end = _translated(error)

    assert isinstance(end, Exit)
    assert (end.code, end.message) == (code, message)


def test_a_failed_command_keeps_its_exception_without_secrets() -> None:
    """Invoke ends with the code of an UnexpectedExit and may print it, so what it prints is redacted."""
    error = UnexpectedExit(Result("hunter2", "hunter2", command="echo hunter2", exited=3, hide=("stdout",)))

    assert _translated(error) is error
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("code", "shown"), [(None, None), (3, 3), ("is hunter2", "is ***"), (["hunter2"], "['***']")]
)
def test_a_system_exit_keeps_its_code(code: object, shown: object) -> None:
    """What sys.exit is given is a code, or a text that Python prints."""
    end = _translated(SystemExit(code))

    assert isinstance(end, SystemExit)
    assert end.code == shown


@pytest.mark.parametrize(
    "error", [ValueError("hunter2"), OSError(errno.ENOENT, "gone", "x"), _in_thread(KeyError(1))]
)
def test_other_errors_stay_what_they_are(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other exception goes on unchanged; its traceback is printed without secrets."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    assert _translated(error) is error


def test_a_traceback_is_printed_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a traceback with a secret the redacted text is printed; one without is left to the hook that was there."""
    printed: list[BaseException] = []
    hook: Callable[..., object] = lambda kind, error, trace: printed.append(error)  # noqa: E731
    monkeypatch.setattr(sys, "excepthook", hook)
    with_secret, without = ValueError(["hunter2"]), ValueError("x")

    _translated(with_secret)
    sys.excepthook(ValueError, with_secret, with_secret.__traceback__)
    sys.excepthook(ValueError, without, None)

    assert printed == [without]
    assert capsys.readouterr().err.endswith("ValueError: ['***']\n")
