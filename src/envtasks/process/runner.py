"""Invoke's Runner for commands in a given environment: output redacted, signals passed on, process trees ended."""

from __future__ import annotations

import codecs
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Any, cast

from invoke.config import Config
from invoke.context import Context
from invoke.runners import Local, Promise, Result
from invoke.util import ExceptionHandlingThread, isatty

from ..console import is_open
from ..errors import EnvtasksError
from .command import (
    command_line,
    exit_code,
    find_program,
    find_shell,
    merge_variables,
    shell_command,
    shell_quoted,
    start_errors,
    with_utf8,
    without_keys,
    working_directory,
)
from .signals import ChildProcess, forwarding
from .streams import TextStreamWriter, is_terminal, read_available, same_file
from .terminal import Terminal, do_not_stop_this_thread, fork_on_pty
from .threads import InputThread, OutputThread

if TYPE_CHECKING:
    from ..redaction import Redactor


class Runner(Local):
    """Runs one command, a shell line (`run`) or arguments (`run_argv`), with the variables of `child_env`.

    With a redactor its values are redacted in whatever is printed, echoed or said in an exception; `stdout` and
    `stderr` of the Result are real. Without one, a command on a terminal gets the terminal itself, and the Result's
    output is empty, unless something asks for capture: `hide`, `watchers`, `out_stream`, `err_stream` or
    `asynchronous`. With `capture=False` it is always empty: for output that may be endless. With `real_streams` a
    stream that is given as `out_stream` or `err_stream` gets the real output too.
    """

    def __init__(
        self,
        context: Context,
        *,
        child_env: Mapping[str, str] | None = None,
        redactor: Redactor | None = None,
        capture: bool = True,
        real_streams: bool = False,
    ) -> None:
        super().__init__(context)
        self._real_streams = real_streams
        self._capture = capture
        self._child_env = child_env
        self._redactor = redactor or None
        self._argv: list[str] | None = None
        self._cwd: str | None = None
        self._terminal: Terminal | None = None
        self._output: tuple[int, ...] = ()  # the ends of the command's pipes that are read
        self._child: ChildProcess | None = None
        self._timed_out = False

    @classmethod
    def outside_task(
        cls, child_env: Mapping[str, str], *, redactor: Redactor | None = None, capture: bool = True
    ) -> Runner:
        """A runner for an integration's command; Invoke's configuration files (`run: {pty: true}`) do not apply."""
        return cls(Context(Config(lazy=True)), child_env=child_env, redactor=redactor, capture=capture)

    def run(self, command: str, **kwargs: Any) -> Result:
        """Run a shell line, as Invoke's `run`; after a signal N to this process raises SystemExit(128+N)."""
        with forwarding.waiting():
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
        self._cwd = working_directory(self.context.command_cwds)
        # the folder is for those who read or copy the line: the program is started in it
        return self.run(self.context._prefix_commands(shell_quoted(argv)), **kwargs)

    def start_argv(self, argv: Sequence[str], **kwargs: Any) -> Promise:
        """Start a program as `run_argv` does, without waiting for it: `with` the Promise waits for it at the end."""
        return cast(Promise, self.run_argv(argv, asynchronous=True, **kwargs))

    # What Invoke calls on the way to the command

    def _setup(self, command: str, kwargs: Any) -> None:
        super()._setup(command, kwargs)
        self._input = codecs.getincrementaldecoder(self.encoding)("surrogateescape")

    def _redacted(self, text: str) -> str:
        return self._redactor.text(text) if self._redactor else text

    def echo(self, command: str) -> None:
        text: str = self.opts["echo_format"].format(command=self._redacted(command))
        if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
            text = re.sub(r"\033\[[0-9;]*m", "", text)
        print(text, flush=True)  # noqa: T201

    def generate_env(self, env: Mapping[str, Any], replace_env: bool) -> dict[str, Any]:
        base = {} if replace_env else os.environ if self._child_env is None else self._child_env
        return with_utf8(without_keys(merge_variables(base, env)))

    def default_encoding(self) -> str:
        return "utf-8"

    def start(self, command: str, shell: str, env: dict[str, Any]) -> None:
        cwd = self._cwd
        if cwd is not None and not os.path.isdir(cwd):  # noqa: PTH112
            raise EnvtasksError(f"The folder {cwd} does not exist.")
        if self._argv:
            program = find_program(self._argv[0], env, cwd=cwd)
            line = command_line(program, self._argv[1:])
        else:
            program = find_shell(shell, env)
            line = shell_command(program, command)
        with start_errors(program, env, line):
            if self.using_pty:
                self._start_on_pty(line, env)
            else:
                self._start(line, env)
        child = self._running()
        if self._disowned:
            threading.Thread(target=child.wait, daemon=True).start()  # so that it does not become a zombie
        else:
            forwarding.add(child)

    def _start(self, line: str | list[str], env: dict[str, Any]) -> None:
        inherits, stdin = self._inherits(), self._stdin()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        with ExitStack() as at_end, ExitStack() as on_failure:
            output: list[int | None] = [subprocess.DEVNULL if self._disowned else None] * 2
            if not inherits and not self._disowned:
                for streams in ((0, 1),) if self._has_one_output() else ((0,), (1,)):
                    reader, writer = os.pipe()
                    on_failure.callback(os.close, reader)
                    at_end.callback(os.close, writer)
                    self._output = (*self._output, reader)
                    output = [writer if i in streams else output[i] for i in range(2)]
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
        self._child = ChildProcess(self.process.pid, self.process)
        if sys.platform == "win32":
            return
        if not self._asynchronous and not self._disowned:
            self._terminal = Terminal.find()
        if self._terminal and inherits and stdin is None and os.isatty(0) and self._terminal.is_foreground:
            self._terminal.lend(self.process.pid)

    def _start_on_pty(self, line: str | list[str], env: dict[str, Any]) -> None:
        self.pid, self.parent_fd = fork_on_pty(list(line), env, self._cwd)
        self._output = (os.dup(self.parent_fd),)
        self._child = ChildProcess(self.pid, None, interrupt=lambda: os.write(self.parent_fd, b"\x03"))

    def _inherits(self) -> bool:
        """Whether the command gets our stdout and stderr themselves."""
        asked = self.opts["hide"] or self.watchers or self._redactor or self._asynchronous
        given = self.opts["out_stream"] is not None or self.opts["err_stream"] is not None
        return not asked and not given and is_terminal(sys.stdout, 1) and is_terminal(sys.stderr, 2)

    def _has_one_output(self) -> bool:
        """Whether stdout and stderr go to one place, where only one pipe keeps their lines in order."""
        if self.opts["hide"] or self.watchers or self._asynchronous:
            return False
        return same_file(self.streams["out"], self.streams["err"])

    def _stdin(self) -> int | None:
        if self.watchers or self._copies_stdin():
            return subprocess.PIPE
        nothing = self.opts["in_stream"] is False or self._asynchronous or self._disowned or not is_open(0)
        return subprocess.DEVNULL if nothing else None

    def _copies_stdin(self) -> bool:
        """Whether input has to be copied to the command, because its stdin is not that of this process."""
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
            threads[handler] = OutputThread(
                fd,
                None if hidden else TextStreamWriter(self.streams[names[i]], self.encoding),
                redactor=None if self._is_own(names[i]) else self._redactor,
                encoding=self.encoding,
                capture=self._captured_in(captured[i]),
                to_stdout=same_file(self.streams[names[i]], sys.stdout),
            )
        if self._copies_stdin():
            streams = {
                "input_": self.streams["in"],
                "output": self.streams["out"],
                "echo": self.opts["echo_stdin"],
            }
            threads[self.handle_stdin] = InputThread(target=self.handle_stdin, kwargs=streams)
        return threads, *captured

    def _is_own(self, name: str) -> bool:
        """Whether an output goes to a stream of the caller's own, which gets the real output, as the Result does."""
        stream = self.opts[f"{name}_stream"]
        if not self._real_streams or stream is None:
            return False
        return not any(same_file(stream, each) for each in (sys.stdout, sys.stderr))

    def _captured_in(self, pieces: list[str]) -> Callable[[str], None] | None:
        """The function that keeps a piece of output and lets the watchers answer it; None if nothing is kept."""
        if not self._capture:
            return None

        def capture(piece: str) -> None:
            pieces.append(piece)
            if self.watchers:  # Invoke joins all that was printed so far, each time
                self.respond(pieces)

        return capture

    def handle_stdin(self, input_: IO[str], output: IO[str], echo: bool = False) -> None:
        do_not_stop_this_thread()
        super().handle_stdin(input_, output, echo)

    def read_our_stdin(self, input_: IO[str]) -> str | None:
        if sys.platform == "win32" and isatty(input_):
            return super().read_our_stdin(input_)
        data = read_available(input_)
        if isinstance(data, bytes):
            # exactly these bytes go on; nothing yet (None) is not the end ("")
            return self._input.decode(data, final=not data) or (None if data else "")
        return data

    def write_proc_stdin(self, data: str) -> None:
        self._write_proc_stdin(data.encode(self.encoding, "surrogateescape"))

    def wait(self) -> None:
        child = self._running()
        until = (lambda: self.has_dead_threads) if self.threads else None
        while child.returncode is None and not (until and until()):
            try:
                child.wait(terminal=self._terminal, until=until)
            except KeyboardInterrupt:  # Windows; elsewhere there is a signal handler
                forwarding.interrupted(child)
        if child.returncode is None:
            return
        forwarding.ended(child, child.returncode, self._terminal)

    def send_interrupt(self, interrupt: KeyboardInterrupt) -> None:  # noqa: ARG002
        self._running().interrupt()

    @property
    def process_is_finished(self) -> bool:
        return self._running().has_ended()

    def kill(self) -> None:
        self._timed_out = True
        self._running().kill()

    @property
    def timed_out(self) -> bool:
        # Invoke asks whether the thread of its timer has ended, which may still be in `kill`
        return self._timed_out

    def returncode(self) -> int | None:
        code = self._running().returncode
        return None if code is None else exit_code(code)

    def make_promise(self) -> Promise:
        promise = super().make_promise()
        promise.command = self._redacted(promise.command)
        return promise

    def _finish(self) -> Result:
        with forwarding.waiting():
            return super()._finish()

    def generate_result(self, **kwargs: Any) -> Result:
        return RedactedResult(self._redacted, **kwargs)

    def stop(self) -> None:
        child = self._child
        if child is not None and child.returncode is None:  # something failed on our side
            child.kill()
            deadline = time.monotonic() + 1
            child.wait(until=lambda: time.monotonic() > deadline)
            forwarding.remove(child)
        process: subprocess.Popen[bytes] | None = getattr(self, "process", None)
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        super().stop()

    def _running(self) -> ChildProcess:
        if self._child is None:
            raise EnvtasksError("The command was not started.")
        return self._child


class RedactedResult(Result):
    """Invoke's Result: `stdout` and `stderr` are what the command printed, texts about it are redacted.

    That is done when they are asked for, as most commands never are: the search for secrets may not even be made.
    """

    def __init__(self, redacted: Callable[[str], str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._redacted = redacted

    @property
    def command(self) -> str:
        return self._redacted(self._command)

    @command.setter
    def command(self, command: str) -> None:
        self._command = command

    def __str__(self) -> str:
        return self._redacted(super().__str__())

    def tail(self, stream: str, count: int = 10) -> str:
        return self._redacted(super().tail(stream, count))
