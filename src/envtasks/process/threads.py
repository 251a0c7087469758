"""The threads of a command: one for each of its outputs, and one for its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.util import ExceptionHandlingThread

from .streams import StreamCopier, TextStreamWriter, text_decoder
from .terminal import do_not_stop_this_thread

if TYPE_CHECKING:
    from ..redaction import Redactor


class OutputThread(ExceptionHandlingThread):
    """Copies one output of the command to a writer (or none), and calls `capture` with each piece of its text."""

    def __init__(
        self,
        fd: int,
        writer: TextStreamWriter | None,
        *,
        redactor: Redactor | None,
        encoding: str,
        capture: Callable[[str], None] | None,
        to_stdout: bool = False,
    ) -> None:
        super().__init__(name="envtasks-output")
        self._capture = capture
        self._decoder = text_decoder(encoding)
        self._copier = StreamCopier(
            fd,
            writer.write if writer else lambda _: None,
            redactor=redactor,
            observe=self._observe if capture else None,
            to_stdout=to_stdout,
        )

    def _run(self) -> None:
        do_not_stop_this_thread()
        self._copier.run()
        if self._copier.failure is not None:
            raise self._copier.failure

    def _observe(self, data: bytes, *, final: bool = False) -> None:
        text = self._decoder.decode(data, final=final)
        if text and self._capture is not None:
            self._capture(text)

    def join(self, timeout: float | None = None) -> None:
        """Return once all that the command printed is here; children of it may keep the pipe open."""
        self._copier.finish(timeout)
        self._observe(b"", final=True)


class InputThread(ExceptionHandlingThread):
    """Copies our input to the command; may hang in a write that the command does not read."""

    def join(self, timeout: float | None = None) -> None:
        super().join(1.0 if timeout is None else timeout)
