"""Find and run `$(command)` in a value. Imported only where a value contains `$(`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from .expansion import EndlessExpansion, javascript_replace

# the characters that matter in parentheses and in each kind of quotes; a command nests in all but single quotes
_TOKENS: Final = {
    "(": re.compile(r"""\\|["'`()]"""),
    '"': re.compile(r"""\\|\$\(|\""""),
    "'": re.compile("'"),
    "`": re.compile(r"\\|\$\(|`"),
}
_MAX_STEPS: Final = 1_000_000


def find_commands(value: str) -> list[tuple[int, int]]:
    """The spans of the `$(command)` in a value. Raises EndlessExpansion if the search takes too many steps."""
    found = []
    steps = 0
    at = value.find("$(")
    while at >= 0:
        end, taken = _closing(value, at + 2)
        if end > 0:
            found.append((at, end))
        steps += taken
        if steps > _MAX_STEPS:
            raise EndlessExpansion
        at = value.find("$(", end if end > 0 else at + 2)
    return found


def evaluate(value: str, run: Callable[[str], str | None]) -> str | None:
    """The value with each command replaced by its output; None if there is no command, or if one fails."""
    spans = find_commands(value)
    result = value
    for start, end in spans:
        output = run(value[start + 2 : end - 1])
        if output is None:
            return None
        found = value[start:end]
        at = result.find(found)
        if at >= 0:
            result = javascript_replace(result, at, found, output)
    return result if spans else None


def run_in_shell(command: str, env: Mapping[str, str], folder: Path) -> str | None:
    """The output of a command line without the line breaks at its end; None if the command fails."""
    argv: str | list[str] = ["/bin/sh", "-c", command]
    if sys.platform == "win32":  # as one string, because cmd has its own quoting rules
        argv = f'{env.get("COMSPEC", "cmd.exe")} /d /s /c "{command}"'
    try:
        done = subprocess.run(
            argv, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
        )
    except (OSError, ValueError):
        return None
    return done.stdout.decode("utf-8", "replace").rstrip("\r\n") if done.returncode == 0 else None


def variables_in(value: str) -> set[str]:
    """The names of the variables that a command line may read: after `$`, or between percent signs."""
    return {match[1] or match[2] for match in re.finditer(r"\$\{?([A-Za-z_]\w*)|%([^%]+)%", value)}


def _closing(value: str, position: int) -> tuple[int, int]:
    """The offset after the parenthesis that closes a command, or -1; and the number of steps to find it."""
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
