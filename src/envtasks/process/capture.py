"""What a command printed: copied while it runs, kept for the body of the task, redacted in every message."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from invoke.runners import Result
from invoke.util import ExceptionHandlingThread

from .streams import Pump
from .terminal import stay_in_background

if TYPE_CHECKING:
    from ..redaction import Redactor
    from .outlets import Outlet


class RedactedResult(Result):
    """Invoke's Result: `stdout` and `stderr` are what the command printed, texts of them are redacted."""

    def __init__(self, hide_secrets: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._hide_secrets = hide_secrets

    def __str__(self) -> str:
        return self._hide_secrets(super().__str__())

    def tail(self, stream: str, count: int = 10) -> str:
        return self._hide_secrets(super().tail(stream, count))


class OutputThread(ExceptionHandlingThread):
    """Copies one output of the command to an outlet (or none), and keeps it as pieces of text."""

    def __init__(
        self,
        fd: int,
        outlet: Outlet | None,
        *,
        redactor: Redactor | None,
        encoding: str,
        captured: list[str],
        respond: Callable[[list[str]], None],
    ) -> None:
        super().__init__(name="envtasks-output")
        self._captured = captured
        self._respond = respond
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._pump = Pump(fd, outlet.write if outlet else _discard, redactor=redactor, heard=self._hear)

    def _run(self) -> None:
        stay_in_background()
        self._pump.run()

    def _hear(self, data: bytes) -> None:
        self._captured.append(self._decoder.decode(data))
        self._respond(self._captured)

    def join(self, timeout: float | None = None) -> None:
        """Wait until all that the command printed is here, not for children of it that keep the pipe open."""
        self._pump.finish(timeout)
        self._captured.append(self._decoder.decode(b"", final=True))


def _discard(data: bytes) -> None:
    del data


class InputThread(ExceptionHandlingThread):
    """Carries our input to the command; may be stuck in a write that nobody takes."""

    def join(self, timeout: float | None = None) -> None:
        super().join(1.0 if timeout is None else timeout)
