"""One command: its program, command line and variables, why it cannot start, and the exit code of how it ended."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ..envfiles import PRIVATE_KEY
from ..errors import EnvtasksError, ToolMissing

_PLAIN_FOR_CMD: Final = r"[A-Za-z0-9_.:@+,=/\\-]+"
_UNSAFE_FOR_BATCH: Final = '"%\r\n\0'
_POWERSHELLS: Final = ("powershell", "pwsh")


def find_program(name: str, env: Mapping[str, str], *, cwd: str | None = None) -> str:
    """The path of a program, looked up on the PATH of the process to come; `python` is this interpreter.

    Raises ToolMissing.
    """
    if name == "python":
        return sys.executable
    if os.path.dirname(name):  # noqa: PTH120 - Path would drop the ./ that makes it a path
        found = shutil.which(os.path.join(cwd or "", name))  # noqa: PTH118
    else:
        found = shutil.which(name, path=get_variable(env, "PATH") or os.defpath)
    if found is None:
        place = "" if os.path.dirname(name) else " on the PATH of this environment"  # noqa: PTH120
        raise ToolMissing(f"The program {name} was not found{place}.", hint=_missing_hint(name, cwd))
    return _with_suffix(found) if sys.platform == "win32" else found


def find_shell(name: str, env: Mapping[str, str]) -> str:
    """The path of a shell. Raises ToolMissing."""
    found = shutil.which(name, path=get_variable(env, "PATH") or os.defpath)
    if found is None:
        raise ToolMissing(
            f"The shell {name}, which c.run() starts, is not on this system.",
            hint="install it, name another one in invoke.yaml (`run: {shell: /bin/sh}`), or use c.exec()",
        )
    return found


def get_variable(env: Mapping[str, str], name: str) -> str | None:
    """A variable of an environment; on Windows, whose names have no case, in any spelling."""
    if name in env or sys.platform != "win32":
        return env.get(name)
    return next((value for key, value in env.items() if key.upper() == name), None)


def merge_variables(base: Mapping[str, str], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of `base` with those of `extra` in place of the same names (on Windows in any spelling).

    One that is None in `extra` is removed.
    """
    windows = sys.platform == "win32"
    replaced = {name.upper() if windows else name for name in extra}
    kept = {
        name: value for name, value in base.items() if (name.upper() if windows else name) not in replaced
    }
    return kept | {name: value for name, value in extra.items() if value is not None}


def without_keys(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables without the private keys of env files: no command needs them, and it could print them."""
    windows = sys.platform == "win32"
    return {
        name: value
        for name, value in variables.items()
        if not (name.upper() if windows else name).startswith(PRIVATE_KEY)
    }


def with_utf8(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables; on Windows with what lets Python print UTF-8 into a pipe, unless they say what it prints."""
    said = {"PYTHONUTF8", "PYTHONIOENCODING"} & {name.upper() for name in variables}
    return {**variables, **({"PYTHONUTF8": "1"} if sys.platform == "win32" and not said else {})}


def _missing_hint(name: str, cwd: str | None = None) -> str:
    if " " in name and not os.path.dirname(name):  # noqa: PTH120
        return "each word is an argument of its own: c.exec('python', '-V'); c.run() takes a line"
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    if beside and not os.path.dirname(name):  # noqa: PTH120
        return f"it is installed beside this Python, so start the task with `uv run`, or use {beside}"
    file = Path(cwd or "", name)
    if file.is_file() and sys.platform != "win32" and os.access(file, os.X_OK):
        return f"the file is in this folder: ./{name}"
    if file.is_file():
        mended = "" if sys.platform == "win32" else f"chmod +x {name}, or "
        return f"the file is there but cannot be executed: {mended}start it with {_interpreter(name)}"
    from .tools import how_to_get

    if command := how_to_get(name):
        return f"install it: {command}"
    return f"install {name}, or check how it is written"


def _interpreter(name: str) -> str:
    """What starts a file that is no program, as words of a hint."""
    return f"`python {name}`" if name.lower().endswith(".py") else "its interpreter"


def _with_suffix(found: str) -> str:
    """npm.cmd rather than the POSIX script npm beside it, which cannot be started (python/cpython#109590)."""
    if Path(found).suffix:
        return found
    return next(
        (found + suffix for suffix in (".exe", ".cmd", ".bat") if Path(found + suffix).is_file()), found
    )


def working_directory(cwds: Sequence[str]) -> str | None:
    """The folder that `c.cd()` leads to; None: where this process is."""
    path = ""
    for step in cwds:
        path = os.path.join(path, os.path.expanduser(step))  # noqa: PTH111, PTH118
    return path or None


def command_line(program: str, arguments: Sequence[str]) -> str | list[str]:
    """What Popen takes to start a program with exactly these arguments, also if it is a batch file."""
    if sys.platform == "win32" and program.lower().endswith((".cmd", ".bat")):
        return batch_line(program, arguments)
    return [program, *arguments]


def batch_line(program: str, arguments: Sequence[str]) -> str:
    """The cmd.exe line that starts a batch file. Raises EnvtasksError for what cmd.exe would change.

    Windows always starts batch files through cmd.exe, which reads the line by rules of its own. Within double
    quotes nothing is special to it but the quote and the percent sign, for which there is no safe spelling.
    """
    for word in (program, *arguments):
        if any(sign in word for sign in _UNSAFE_FOR_BATCH):
            name = program.replace("\\", "/").rpartition("/")[2]
            raise EnvtasksError(
                f"An argument of {name} holds a double quote, a percent sign or a line break. {name} is a "
                "batch file, and cmd.exe, which runs it, would change that.",
                hint="start the program behind it directly, for example `node path/to/cli.js`",
            )
    # backslashes at a word's end are doubled, as they would escape the quote for the program
    quoted = " ".join(
        '"' + word + "\\" * (len(word) - len(word.rstrip("\\"))) + '"' for word in (program, *arguments)
    )
    return f'{subprocess.list2cmdline([windows_shell()])} /d /s /v:off /c "{quoted}"'


def windows_shell() -> str:
    """The path of cmd.exe."""
    return os.environ.get("COMSPEC") or str(
        Path(os.environ.get("SYSTEMROOT", "C:\\Windows"), "System32", "cmd.exe")
    )


def shell_command(shell: str, line: str) -> str | list[str]:
    """What Popen takes to run a line in a shell."""
    if sys.platform != "win32":
        return [shell, "-c", line]
    kind = Path(shell).stem.lower()
    if kind == "cmd":
        return f'{subprocess.list2cmdline([shell])} /c "{line}"'
    return [shell, "-Command" if kind in _POWERSHELLS else "-c", line]


def shell_quoted(argv: Sequence[str]) -> str:
    """The arguments as one line, quoted so that it can be copied into this system's shell: sh, on Windows cmd."""
    return " ".join(map(_quoted_for_cmd, argv)) if sys.platform == "win32" else shlex.join(argv)


def _quoted_for_cmd(word: str) -> str:
    """A word in double quotes, in which cmd.exe changes nothing but `%NAME%`, if it needs them.

    A quote is doubled, so that cmd.exe, which does not know `\\"`, still sees the rest within quotes.
    """
    if re.fullmatch(_PLAIN_FOR_CMD, word):
        return word
    return '"' + re.sub(r'(\\*)("|$)', lambda m: m[1] * 2 + m[2] * 2, word) + '"'


def signal_exit_code(number: int) -> int:
    """The exit code of a process that a signal has ended: 128+N for signal N, as shells have it."""
    return 128 + number


def exit_code(returncode: int) -> int:
    """The exit code for a `returncode` of `subprocess`: the process's own, or 128+N where a signal N ended it."""
    if returncode < 0:
        return signal_exit_code(-returncode)
    # sys.exit takes a C long: the unsigned codes of Windows pass through it as negative numbers
    return returncode - 2**32 if returncode >= 2**31 else returncode


def is_interrupt(returncode: int) -> bool:
    """Whether a process ended because of Ctrl-C: by SIGINT itself, by the code that stands for it, or Windows' own."""
    return exit_code(returncode) in (signal_exit_code(signal.SIGINT), exit_code(0xC000013A))


@contextmanager
def start_errors(what: str, env: Mapping[str, str], line: str | Sequence[str]) -> Iterator[None]:
    """Within, raise an error that says in one sentence why a process could not be started, never with a value."""
    for name, value in env.items():
        if not isinstance(value, str):
            raise EnvtasksError(f"The variable {name} is a {type(value).__name__}; variables are text.")
        if "\0" in value:
            raise EnvtasksError(f"The variable {name} holds a NUL character, which no environment can hold.")
    try:
        yield
    except OSError as error:
        raise _start_error(error, what, env, line) from None
    except ValueError as error:
        if "\0" in "".join(line):
            raise EnvtasksError(f"An argument of {what} holds a NUL character.") from None
        if "long" in str(error):  # Windows: "the environment variable is longer than 32767 characters"
            raise too_large(env, line) from None
        raise


def run_probe(
    words: Sequence[str],
    process_env: Mapping[str, str],
    *,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """The finished process of a program that only has to answer; it gets no key, and nothing from an outer nox.

    Raises EnvtasksError where it cannot be started, or has not ended after `timeout` seconds.
    """
    env = {name: value for name, value in process_env.items() if not name.startswith(("NOX", "DOTENV_"))}
    with start_errors(words[0], env, words):
        try:
            return subprocess.run(
                words,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise EnvtasksError(f"{Path(words[0]).name} has not answered in {timeout:g} seconds.") from None


def _start_error(
    error: OSError, what: str, env: Mapping[str, str], line: str | Sequence[str]
) -> EnvtasksError:
    windows = getattr(error, "winerror", None)
    if error.errno == errno.E2BIG or windows == 206:
        return too_large(env, line)
    if error.errno == errno.ENOENT and Path(what).exists():
        return ToolMissing(
            f"{what} could not be started: the interpreter that its first line names is not there."
        )
    if error.errno == errno.ENOENT:
        return ToolMissing(f"The program {what} was not found.", hint=_missing_hint(what))
    if error.errno == errno.ENOEXEC or windows == 193:
        return EnvtasksError(
            f"{what} is no program that this system can start.",
            hint=f"start it with {_interpreter(what)}"
            + ("" if sys.platform == "win32" else ", or give it a first line like #!/bin/sh"),
        )
    return EnvtasksError(f"{what} could not be started: {error.strerror or type(error).__name__}.")


def too_large(env: Mapping[str, str], line: str | Sequence[str]) -> EnvtasksError:
    """The error for E2BIG: names the largest variables, or says that the command line is too long."""
    sizes = {name: len(name) + len(value.encode("utf-8", "surrogatepass")) + 2 for name, value in env.items()}
    length = sum(len(word) + 1 for word in ([line] if isinstance(line, str) else line))
    largest = sorted(sizes, key=lambda name: -sizes[name])[:5]
    if length > sum(sizes.values()):
        return EnvtasksError(
            f"The command line is too long for this system: {length:,} characters.",
            hint="hand long lists over in a file or on stdin",
        )
    named = ", ".join(f"{name} ({sizes[name]:,} bytes)" for name in largest)
    return EnvtasksError(
        f"The environment is too large for this system: {sum(sizes.values()):,} bytes. The largest: {named}.",
        hint="keep large values in files, or keep variables out with the task's `needs`",
    )
