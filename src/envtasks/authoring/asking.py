"""Where a value comes from: a hidden prompt on a terminal, a pipe, or a file; never the command line."""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ..activation import can_ask
from ..errors import ConfigInvalid, EnvFileInvalid

_PIPE_SECONDS: Final = 60.0
_LONGEST_LINE: Final = 4095  # bytes that a terminal takes before Enter; it loses the rest


def read_value(
    name: str,
    process_env: Mapping[str, str],
    *,
    file: Path | None,
    how_to_pipe: str,
    empty_hint: str = "to set an empty value: --from-file with an empty file",
) -> str:
    """The value for a variable: the content of `file`, what is piped in, both as they are, or what is typed.

    `how_to_pipe` is the hint where there is neither terminal nor pipe, `empty_hint` where nothing came. Raises
    ConfigInvalid where there is no value, EnvFileInvalid where it is not UTF-8.
    """
    if file is not None:
        try:
            return _decoded(name, file.read_bytes())
        except OSError as error:
            raise ConfigInvalid(f"{file} cannot be read: {error.strerror}.") from None
    if _is_pipe():
        value = _decoded(name, _read_pipe(name))
        if not value:
            raise ConfigInvalid(
                f"Nothing came through the pipe, so {name} is as it was.",
                hint=empty_hint,
            )
        return value
    if not _is_terminal() or not can_ask(process_env):
        raise ConfigInvalid(
            f"There is no value for {name}: no terminal to ask on, and no pipe.", hint=how_to_pipe
        )
    value = ask_hidden(f"{name}: ", how_to_pipe=how_to_pipe)
    if not value:
        raise ConfigInvalid(f"No value was typed, so {name} is as it was.")
    return value


def ask_hidden(question: str, *, how_to_pipe: str) -> str:
    """What is typed or pasted in one line, not shown. Raises ConfigInvalid for several lines."""
    line, more = _typed(question)
    if more or len(line) >= _LONGEST_LINE:
        what = "several lines" if more else "more characters than a terminal takes in one line"
        raise ConfigInvalid(f"The value has {what}; nothing was written.", hint=how_to_pipe)
    return _decoded(question, line).removesuffix("\n").removesuffix("\r")


def _typed(question: str) -> tuple[bytes, bool]:
    """The line that is typed, and whether more came with it."""
    if sys.platform == "win32":
        import getpass
        import msvcrt

        line = getpass.getpass(question).encode("utf-8", "surrogatepass")
        more = msvcrt.kbhit()
        while msvcrt.kbhit():
            msvcrt.getwch()
        return line, more
    import select
    import termios

    before = termios.tcgetattr(0)
    hidden = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    try:
        termios.tcsetattr(0, termios.TCSAFLUSH, hidden)
        sys.stderr.write(question)
        sys.stderr.flush()
        line = os.read(0, 2 * _LONGEST_LINE)
        # what is pasted comes at once; what is left would go to the shell, which runs it
        more = bool(select.select([0], [], [], 0.05)[0]) if line else False
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        termios.tcsetattr(0, termios.TCSAFLUSH, before)
        sys.stderr.write("\n")
    return line, more


def _is_pipe() -> bool:
    """Whether stdin is a pipe, a socket or a file: something that a value can come from."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _is_terminal() -> bool:
    """Whether a person can type here: on Windows NUL looks like a terminal too."""
    if not os.isatty(0):
        return False
    if sys.platform != "win32":
        return True
    import ctypes
    import msvcrt

    mode = ctypes.c_ulong()
    handle = ctypes.c_void_p(msvcrt.get_osfhandle(0))
    return bool(ctypes.windll.kernel32.GetConsoleMode(handle, ctypes.byref(mode)))


def _read_pipe(name: str) -> bytes:
    """All of stdin. Raises ConfigInvalid where nothing comes for a while: it may be a pipe that nobody writes to."""
    parts: list[bytes] = []
    reader = threading.Thread(target=_read_all, args=(parts.append,), daemon=True)
    reader.start()
    before = -1
    while reader.is_alive() and len(parts) > before:
        before = len(parts)
        reader.join(_PIPE_SECONDS)
    if reader.is_alive():
        raise ConfigInvalid(
            f"Nothing came through the pipe for {_PIPE_SECONDS:g} seconds, so {name} is as it was.",
            hint="end what writes to the pipe, or give the value with --from-file PATH",
        )
    return b"".join(parts)


def _read_all(keep: Callable[[bytes], None]) -> None:
    while data := os.read(0, 65_536):  # not sys.stdin, whose lock would stop Python from ending
        keep(data)


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise EnvFileInvalid(
            f"{name}: the value is not UTF-8, and an env file holds text.",
            hint="save text as UTF-8, and encode other bytes, for example with base64",
        ) from None
