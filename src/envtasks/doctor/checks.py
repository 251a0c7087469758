"""One check, and that of a program: is it there, does it answer, is it new enough, how to get it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from ..errors import EnvtasksError, ToolMissing
from ..process import SOURCES, find_program, how_to_get, how_to_get_in_job, run_probe

# the call that proves that a program works, where it is not `--version`
PROBES: Final[Mapping[str, tuple[str, ...]]] = {
    "docker": ("docker", "--version"),
    "docker buildx": ("docker", "buildx", "version"),
    "docker compose": ("docker", "compose", "version"),
    "kubectl": ("kubectl", "version", "--client"),
}
OLDEST: Final[Mapping[str, tuple[int, ...]]] = {
    "docker buildx": (0, 17),
    "docker compose": (2, 20),
    "kubectl": (1, 32),
}
_SECONDS: Final = 20.0  # for a program to say its version
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was checked, what was found, and the exit code if that is a failure."""

    what: str
    found: str
    code: int = 0
    hint: str = ""
    warning: bool = False
    missing: bool = False  # not there, which is no failure
    needed: str = ""  # the version
    needed_by: str = ""

    @property
    def state(self) -> str:
        """The first word of the line."""
        return "FAILED" if self.code else "warning" if self.warning else "none" if self.missing else "ok"


def check_tool(tool: str, process_env: Mapping[str, str], *, needed_by: str, used_by: str = "") -> Check:
    """A program: its version, or why it does not serve; that is a failure where something needs it."""
    words = PROBES.get(tool, (tool, "--version"))
    oldest = OLDEST.get(tool, ())
    failed = ToolMissing.code if needed_by else 0
    make = partial(
        Check,
        tool,
        needed=f"{'.'.join(map(str, oldest))} or newer" if oldest else "",
        needed_by=needed_by or used_by,
    )
    try:
        found = answer(words, process_env)
    except EnvtasksError as error:
        return make(error.message, failed, _how_to_get(tool, process_env) or error.hint, missing=True)
    version = _VERSION.search(found)
    if tool in SOURCES and version:
        found = version[0]
    if version and tuple(map(int, version[0].split("."))) < oldest:
        return make(f"{found} is too old", failed, _how_to_get(tool, process_env), missing=True)
    return make(found)


def answer(words: Sequence[str], process_env: Mapping[str, str]) -> str:
    """The first line that a program prints. Raises ToolMissing."""
    try:
        path = find_program(words[0], process_env)
    except ToolMissing as error:
        beside = Path(sys.executable).with_name(words[0] + (".exe" if sys.platform == "win32" else ""))
        if not beside.is_file():
            raise ToolMissing(f"{words[0]} is not on PATH", hint=error.hint) from None
        path = str(beside)
    done = run_probe([path, *words[1:]], process_env, timeout=_SECONDS)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        reason = lines[-1 if lines[0].startswith("Traceback") else 0]
        raise ToolMissing(f"`{' '.join(words)}` failed: {reason}")
    return next(iter((done.stdout.strip() or done.stderr.strip()).splitlines()), path)


def _how_to_get(tool: str, process_env: Mapping[str, str]) -> str:
    return how_to_get_in_job(tool, process_env) if process_env.get("CI") else how_to_get(tool)
