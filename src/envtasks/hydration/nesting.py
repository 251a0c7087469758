"""Hydration inside hydration: the marker that a child environment carries, and its effect on an inner hydration.

The marker has a checksum of each value that the env files set, the environment's name, the names of these variables,
and those that were reported as shadowed, so that `inv` inside `nox` inside `inv` never mixes two environments and
reports nothing twice. A value that somebody changed in between is theirs: it counts as one of the process environment.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from .layers import fold

MARKER: Final = "ENVTASKS_HYDRATED"
_DIGITS: Final = 4  # of a checksum: enough to see a change
_CHECKSUMS: Final = "crc:"  # before them, as four digits alone may be a number, which is not redacted
_SIZE: Final = 30_000  # one variable holds at most 32,767 characters on Windows, 131,072 bytes on Linux


class Outer(NamedTuple):
    """An outer hydration of the same environment, names folded; empty where there is none.

    `names` are the variables that it set and nobody changed since.
    """

    environment: str = ""
    names: frozenset[str] = frozenset()
    reported: frozenset[str] = frozenset()


def enter(
    process_env: Mapping[str, str], environment: str, *, variable: str = "APP_ENV", windows: bool = False
) -> tuple[dict[str, str], Outer]:
    """The process environment for the hydration of an environment, names folded, and the outer hydration.

    The marker, `variable` (which holds the environment's name) and everything that an outer hydration of another
    environment set, and nobody changed since, are removed.
    """
    process, outer = _split(process_env, windows=windows)
    process.pop(fold(variable, windows=windows), None)
    if outer.environment == environment:
        return process, outer
    return {name: value for name, value in process.items() if name not in outer.names}, Outer()


def without_outer(
    process_env: Mapping[str, str], *, windows: bool = sys.platform == "win32"
) -> dict[str, str]:
    """The process environment without what any outer hydration set: an env file may not switch anything of ours."""
    process, outer = _split(process_env, windows=windows)
    return {name: value for name, value in process.items() if name not in outer.names}


def marker(environment: str, values: Mapping[str, str], reported: Collection[str]) -> dict[str, str]:
    """The marker for a child environment that has these values: one variable, or numbered ones if it is too long."""
    sums = _CHECKSUMS + "".join(map(_checksum, values.values()))
    text = f"{sums};{environment};{','.join(values)};{','.join(reported)}"
    parts = [text[at : at + _SIZE] for at in range(0, len(text), _SIZE)]
    return {_variable(number): part for number, part in enumerate(parts, 1)}


def checksums(child_env: Mapping[str, str]) -> list[str]:
    """The texts in the marker that are redacted as secrets are: a short value could be guessed by its checksum."""
    found = []
    for part in _parts(child_env).values():
        text, end, _ = part.partition(";")
        found.append(text)
        if end:
            break
    return found


def _variable(number: int) -> str:
    return f"{MARKER}_{number}" if number > 1 else MARKER


def _parts(env: Mapping[str, str]) -> dict[str, str]:
    """The variables of the marker in an environment, in their order."""
    found: dict[str, str] = {}
    while (name := _variable(len(found) + 1)) in env:
        found[name] = env[name]
    return found


def _split(process_env: Mapping[str, str], *, windows: bool) -> tuple[dict[str, str], Outer]:
    """The process environment without the marker, names folded, and what the marker says of it."""
    process = {fold(name, windows=windows): value for name, value in process_env.items()}
    parts = _parts(process)
    if not parts:
        return process, Outer()
    process = {name: value for name, value in process.items() if name not in parts}
    sums, environment, *lists = [*"".join(parts.values()).split(";"), "", "", ""][:4]
    names, reported = ([fold(name, windows=windows) for name in each.split(",") if name] for each in lists)
    sums = sums.removeprefix(_CHECKSUMS)
    set_to = {name: sums[at * _DIGITS : (at + 1) * _DIGITS] for at, name in enumerate(names)}
    unchanged = {
        name for name, checksum in set_to.items() if name in process and _checksum(process[name]) == checksum
    }
    return process, Outer(environment, frozenset(unchanged), frozenset(reported))


def _checksum(value: str) -> str:
    from zlib import crc32

    return f"{crc32(value.encode('utf-8', 'surrogatepass')) & 0xFFFF:0{_DIGITS}x}"
