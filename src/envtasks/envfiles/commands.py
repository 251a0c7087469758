"""`$(command)` in one value: where it is, and its output in its place. Imported only where there is `$(`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from .expansion import Endless, put

# what matters inside parentheses and inside each kind of quotes; a command nests in all but single quotes
_TOKENS: Final = {
    "(": re.compile(r"""\\|["'`()]"""),
    '"': re.compile(r"""\\|\$\(|\""""),
    "'": re.compile("'"),
    "`": re.compile(r"\\|\$\(|`"),
}
_STEPS: Final = 1_000_000


def commands(value: str) -> list[tuple[int, int]]:
    """The spans of the `$(command)` substitutions in a value. Raises Endless for one made to take long."""
    found = []
    at = value.find("$(")
    steps = 0
    while at >= 0:
        end, taken = _closing(value, at + 2)
        if end > 0:
            found.append((at, end))
        steps += taken
        if steps > _STEPS:
            raise Endless
        at = value.find("$(", end if end > 0 else at + 2)
    return found


def evaluate(value: str, run: Callable[[str], str | None]) -> str | None:
    """The value with every command's output in its place; None where there is no command or one failed."""
    spans = commands(value)
    result = value
    for start, end in spans:
        output = run(value[start + 2 : end - 1])
        if output is None:
            return None
        found = value[start:end]
        at = result.find(found)
        if at >= 0:
            result = put(result, at, found, output)
    return result if spans else None


def shell(command: str, env: Mapping[str, str], folder: Path) -> str | None:
    """The output of a command line of an env file without its last line breaks; None where it fails."""
    argv: str | list[str] = ["/bin/sh", "-c", command]
    if sys.platform == "win32":  # in one piece, because cmd has quoting rules of its own
        argv = f'{env.get("COMSPEC", "cmd.exe")} /d /s /c "{command}"'
    try:
        done = subprocess.run(
            argv, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
        )
    except (OSError, ValueError):
        return None
    return done.stdout.decode("utf-8", "replace").rstrip("\r\n") if done.returncode == 0 else None


def _closing(value: str, position: int) -> tuple[int, int]:
    """The offset behind the parenthesis that closes a command, or -1; and the steps it took to find it."""
    open_ = ["("]
    steps = 0
    while token := _TOKENS[open_[-1]].search(value, position):
        steps += 1
        position = token.end()
        if token[0] == "\\":
            position += 1
        elif token[0] == ")" or (token[0] == open_[-1] and token[0] != "("):
            open_.pop()
            if not open_:
                return position, steps
        else:
            open_.append(token[0][-1])
    return -1, steps


def mentioned(value: str) -> set[str]:
    """The names of the variables that a command line may read."""
    return {match[1] or match[2] for match in re.finditer(r"\$\{?([A-Za-z_]\w*)|%([^%]+)%", value)}
