"""The editor of whoever runs this: `$VISUAL`, `$EDITOR`, or what the system has."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ..errors import ConfigInvalid, EnvtasksError, Refused, ToolMissing
from ..process import Runner, find_program, without_keys

_USUAL: Final = ("notepad",) if sys.platform == "win32" else ("nano", "vim", "vi")
# neither swap file nor viminfo, undo file or backup, which would hold what is decrypted
_VIM_OPTIONS: Final = ("-n", "-i", "NONE", "-c", "silent! set noundofile nobackup nowritebackup")
_VIMS: Final = ("vim", "nvim", "gvim", "view")
_ON_TERMINALS: Final = (*_VIMS, "vi", "nano", "pico", "emacs", "micro", "hx", "joe", "mcedit")
_HISTORIES: Final = ("code", "code-insiders", "codium", "cursor", "windsurf")
_AT_ONCE: Final = 1.0  # seconds


class Editor(NamedTuple):
    """An editor's command line."""

    argv: tuple[str, ...]
    env: Mapping[str, str]

    @property
    def name(self) -> str:
        """The program, as messages show it."""
        return Path(self.argv[0]).stem

    @property
    def keeps_history(self) -> bool:
        """Whether it is known to keep copies of what it edits."""
        return self.name in _HISTORIES

    def edit(self, path: Path) -> bool:
        """Let a person edit a file; whether the editor returned at once. Raises EnvtasksError if it fails."""
        start = time.monotonic()
        runner = Runner.outside_task(self.env)
        done = runner.run_argv([*self.argv, str(path)], warn=True, in_stream=None if os.isatty(0) else False)
        if done.exited:
            raise EnvtasksError(
                f"{self.name} ended with code {done.exited}, so nothing was written.",
                hint="set VISUAL or EDITOR to another editor",
            )
        return time.monotonic() - start < _AT_ONCE


def find_editor(process_env: Mapping[str, str]) -> Editor:
    """The editor that `$VISUAL` or `$EDITOR` names, else one that is installed.

    Raises ToolMissing, ConfigInvalid for a command line that cannot be read, and Refused for an editor that would wait
    for a terminal where there is none.
    """
    env = without_keys(process_env)
    given = (process_env.get(name, "").strip() for name in ("VISUAL", "EDITOR"))
    argv = _words(next(filter(None, given), "") or _installed(env))
    program = Path(os.path.realpath(find_program(argv[0], env))).name.split(".")[0]
    if program in _VIMS:
        argv[1:1] = _VIM_OPTIONS
    editor = Editor(tuple(argv), env)
    if {program, editor.name} & {*_ON_TERMINALS} and not (os.isatty(0) and os.isatty(1)):
        raise Refused(
            f"{editor.name} needs a terminal, and there is none.",
            hint="set EDITOR to a program that needs none, or change single values: inv env.set NAME",
        )
    return editor


def _words(line: str) -> list[str]:
    """The words of a command line. Raises ConfigInvalid."""
    try:
        words = shlex.split(line, posix=sys.platform != "win32")
    except ValueError:
        raise ConfigInvalid(
            f"VISUAL or EDITOR has a quote that is not closed: {line}", hint="export EDITOR=nano"
        ) from None
    return [word.strip('"') for word in words] if sys.platform == "win32" else words


def _installed(env: Mapping[str, str]) -> str:
    for name in _USUAL:
        try:
            find_program(name, env)
        except EnvtasksError:
            continue
        return name
    raise ToolMissing("There is no editor: neither VISUAL nor EDITOR is set.", hint="export EDITOR=nano")
