"""Invoke's Runner for commands in a given environment: output hidden, signals handed on, none left behind."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Any

from invoke.runners import Local, Result
from invoke.util import ExceptionHandlingThread, isatty

from . import processes
from .errors import EnvtasksError
from .jobs import Job, signals
from .outlets import Outlet, is_open, is_terminal, read_available
from .pipes import Pump
from .redaction import Redactor
from .terminal import Terminal, stay_in_background

if TYPE_CHECKING:
    from invoke.context import Context


class Runner(Local):
    """Runs one command, a shell line (`run`) or arguments (`run_argv`), with the variables of `child_env`.

    With a redactor its values are hidden in whatever is printed, echoed or said in an exception; what
    `stdout` and `stderr` of the Result hold is real. Without one, a command on a terminal gets the terminal
    itself, and the Result's output is empty, unless something asks for capture: `hide`, `watchers`,
    `out_stream`, `err_stream` or `asynchronous`.
    """

    def __init__(
        self,
        context: Context,
        *,
        child_env: Mapping[str, str] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        super().__init__(context)
        self._child_env = child_env
        self._redactor = redactor or None
        self._argv: list[str] | None = None
        self._cwd: str | None = None
        self._terminal: Terminal | None = None
        self._output: tuple[int, ...] = ()  # the ends of the command's pipes that are read
        self._job: Job | None = None

    def run(self, command: str, **kwargs: Any) -> Result:
        """Run a shell line, as Invoke's `run`; after a signal N to this process raises SystemExit(128+N)."""
        with signals.attention():
            return super().run(command, **kwargs)

    def run_argv(self, argv: Sequence[str], **kwargs: Any) -> Result:
        """Run a program with these arguments and no shell; else as `run`. Raises ToolMissing."""
        if not argv:
            raise EnvtasksError("There is no command to run.")
        if self.context.command_prefixes:
            raise EnvtasksError(
                "c.prefix() puts a shell line before another, so it does not work with c.exec().",
                hint="use c.run(), or give the variables to c.exec() by env=",
            )
        self._argv = list(argv)
        self._cwd = _folder(self.context.command_cwds)
        return self.run(processes.shown(argv), **kwargs)

    # What Invoke calls on the way to the command

    def _setup(self, command: str, kwargs: Any) -> None:
        super()._setup(command, kwargs)
        self.result_kwargs["command"] = self._hide(command)

    def _hide(self, text: str) -> str:
        return self._redactor.text(text) if self._redactor else text

    def echo(self, command: str) -> None:
        print(self.opts["echo_format"].format(command=self._hide(command)), flush=True)  # noqa: T201

    def generate_env(self, env: Mapping[str, Any], replace_env: bool) -> dict[str, Any]:
        base = {} if replace_env else os.environ if self._child_env is None else self._child_env
        merged = processes.merged(base, env)
        if sys.platform == "win32" and not {"PYTHONUTF8", "PYTHONIOENCODING"} & {
            name.upper() for name in merged
        }:
            merged["PYTHONUTF8"] = "1"  # its output would come in the console's code page
        return merged

    def default_encoding(self) -> str:
        return "utf-8"

    def start(self, command: str, shell: str, env: dict[str, Any]) -> None:
        cwd = self._cwd
        if cwd is not None and not os.path.isdir(cwd):  # noqa: PTH112
            raise EnvtasksError(f"The folder {cwd} is not there.")
        if self._argv:
            program = processes.find_program(self._argv[0], env, cwd=cwd)
            line = processes.command_line(program, self._argv[1:])
        else:
            program = processes.find_shell(shell, env)
            line = processes.shell_line(program, command)
        with processes.start_errors(program, env, line):
            if self.using_pty:
                self._start_on_pty(line, env)
            else:
                self._start(line, env)
        assert self._job is not None
        if self._disowned:
            threading.Thread(target=self._job.wait, daemon=True).start()  # no zombie while we live
        else:
            signals.add(self._job)

    def _start(self, line: str | list[str], env: dict[str, Any]) -> None:
        inherits, stdin = self._inherits(), self._stdin()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        with ExitStack() as ours, ExitStack() as on_failure:
            output: list[int | None] = [subprocess.DEVNULL if self._disowned else None] * 2
            if not inherits and not self._disowned:
                for i in range(2):
                    reader, writer = os.pipe()
                    on_failure.callback(os.close, reader)
                    ours.callback(os.close, writer)
                    self._output, output[i] = (*self._output, reader), writer
            self.process = subprocess.Popen(
                line,
                env=env,
                cwd=self._cwd,
                stdin=stdin,
                stdout=output[0],
                stderr=output[1],
                bufsize=0,
                start_new_session=self._disowned,
                process_group=None if self._disowned or sys.platform == "win32" else 0,
            )
            on_failure.pop_all()
        self._job = Job(self.process.pid, self.process)
        if not self._asynchronous and not self._disowned:
            self._terminal = Terminal.here()
        if self._terminal and inherits and stdin is None and os.isatty(0) and self._terminal.is_ours:
            self._terminal.lend(self.process.pid)

    def _start_on_pty(self, line: str | list[str], env: dict[str, Any]) -> None:
        from .terminal import fork_on_pty

        self.pid, self.parent_fd = fork_on_pty(list(line), env, self._cwd)
        self._output = (os.dup(self.parent_fd),)
        self._job = Job(self.pid, None, interrupt=lambda: os.write(self.parent_fd, b"\x03"))

    def _inherits(self) -> bool:
        """Whether the command gets our stdout and stderr themselves."""
        asked = self.opts["hide"] or self.watchers or self._redactor or self._asynchronous
        given = self.opts["out_stream"] is not None or self.opts["err_stream"] is not None
        return not asked and not given and is_terminal(sys.stdout, 1) and is_terminal(sys.stderr, 2)

    def _stdin(self) -> int | None:
        if self.watchers or self._mirrored_stdin():
            return subprocess.PIPE
        nothing = self.opts["in_stream"] is False or self._asynchronous or self._disowned or not is_open(0)
        return subprocess.DEVNULL if nothing else None

    def _mirrored_stdin(self) -> bool:
        """Whether our input has to be carried to the command, whose stdin it is not."""
        if not self.streams["in"]:
            return False
        return bool(self.using_pty or self.watchers or self.opts["in_stream"] is not None)

    # What Invoke calls while the command runs

    def create_io_threads(self) -> tuple[dict[Any, ExceptionHandlingThread], list[str], list[str]]:
        threads: dict[Any, ExceptionHandlingThread] = {}
        captured: tuple[list[str], list[str]] = ([], [])
        names = ("out", "err")
        for i, (fd, handler) in enumerate(
            zip(self._output, (self.handle_stdout, self.handle_stderr), strict=False)
        ):
            hidden = f"std{names[i]}" in self.opts["hide"]
            outlet = None if hidden else Outlet(self.streams[names[i]], self.encoding)
            threads[handler] = _OutputThread(self, fd, outlet, captured[i])
        if self._mirrored_stdin():
            threads[self.handle_stdin] = _InputThread(
                target=self.handle_stdin,
                kwargs={
                    "input_": self.streams["in"],
                    "output": self.streams["out"],
                    "echo": self.opts["echo_stdin"],
                },
            )
        return threads, *captured

    def handle_stdin(self, input_: IO[str], output: IO[str], echo: bool = False) -> None:
        stay_in_background()
        super().handle_stdin(input_, output, echo)

    def read_our_stdin(self, input_: IO[str]) -> str | None:
        if sys.platform == "win32" and isatty(input_):
            return super().read_our_stdin(input_)
        data = read_available(input_)
        return self.decode(data) if isinstance(data, bytes) else data

    def respond(self, buffer_: list[str]) -> None:
        if self.watchers:  # it joins all that was printed so far, each time
            super().respond(buffer_)

    def wait(self) -> None:
        job = self._running()
        lent = self._terminal is not None and self._terminal.is_lent
        job.wait(terminal=self._terminal, until=(lambda: self.has_dead_threads) if self.threads else None)
        if job.returncode is None:
            return
        signals.remove(job)
        if lent and job.returncode == -signal.SIGINT:
            signals.note(
                signal.SIGINT
            )  # the terminal gave Ctrl-C to the command alone; it was meant for us too
        if signals.ending:
            job.dwindle(signals.ending)

    def send_interrupt(self, interrupt: KeyboardInterrupt) -> None:  # noqa: ARG002
        self._running().interrupt()

    @property
    def process_is_finished(self) -> bool:
        return self._running().poll()

    def kill(self) -> None:
        self._running().kill()

    def returncode(self) -> int | None:
        code = self._running().returncode
        return None if code is None else processes.exit_code(code)

    def _finish(self) -> Result:
        with signals.attention():
            return super()._finish()

    def generate_result(self, **kwargs: Any) -> Result:
        return RedactedResult(self._hide, **kwargs)

    def stop(self) -> None:
        job = self._job
        if job is not None and job.returncode is None:  # something failed on our side
            job.kill()
            deadline = time.monotonic() + 1
            job.wait(until=lambda: time.monotonic() > deadline)
            signals.remove(job)
        process: subprocess.Popen[bytes] | None = getattr(self, "process", None)
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        super().stop()

    def _running(self) -> Job:
        if self._job is None:
            raise EnvtasksError("The command was not started.")
        return self._job


class RedactedResult(Result):
    """Invoke's Result: `stdout` and `stderr` are what the command printed, texts of them are redacted."""

    def __init__(self, hide_secrets: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._hide_secrets = hide_secrets

    def __str__(self) -> str:
        return self._hide_secrets(super().__str__())

    def tail(self, stream: str, count: int = 10) -> str:
        return self._hide_secrets(super().tail(stream, count))


class _OutputThread(ExceptionHandlingThread):
    """Copies one output of the command, keeps it as text, and shows it to the watchers."""

    def __init__(self, runner: Runner, fd: int, outlet: Outlet | None, captured: list[str]) -> None:
        super().__init__(name="envtasks-output")
        self._runner = runner
        self._captured = captured
        self._decoder = codecs.getincrementaldecoder(runner.encoding)("replace")
        self._pump = Pump(
            fd, outlet.write if outlet else _discard, redactor=runner._redactor, heard=self._hear
        )

    def _run(self) -> None:
        stay_in_background()
        self._pump.run()

    def _hear(self, data: bytes) -> None:
        self._captured.append(self._decoder.decode(data))
        self._runner.respond(self._captured)

    def join(self, timeout: float | None = None) -> None:
        """Wait until all that the command printed is here, not for children of it that keep the pipe open."""
        self._pump.finish(timeout)
        self._captured.append(self._decoder.decode(b"", final=True))


def _discard(data: bytes) -> None:
    del data


class _InputThread(ExceptionHandlingThread):
    """Carries our input to the command; may be stuck in a write that nobody takes."""

    def join(self, timeout: float | None = None) -> None:
        super().join(1.0 if timeout is None else timeout)


def _folder(cwds: Sequence[str]) -> str | None:
    """The folder that `c.cd()` leads to."""
    path = ""
    for step in cwds:
        path = os.path.join(path, os.path.expanduser(step))  # noqa: PTH111, PTH118
    return path or None
