"""Hydration inside hydration: the marker that a child environment carries, and its effect on an inner hydration.

The marker has the environment's name, the names that its env files set, each with a checksum of the value, and the
names that were reported as shadowed, so that `inv` inside `nox` inside `inv` never mixes two environments and reports
nothing twice. A value that somebody changed in between is theirs: it counts as one of the process environment.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from .layers import fold

MARKER: Final = "ENVTASKS_HYDRATED"
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
    names = ",".join(f"{name}:{_checksum(value)}" for name, value in values.items())
    text = f"{environment};{names};{','.join(reported)}"
    parts = [text[at : at + _SIZE] for at in range(0, len(text), _SIZE)]
    return {f"{MARKER}_{number}" if number > 1 else MARKER: part for number, part in enumerate(parts, 1)}


def _split(process_env: Mapping[str, str], *, windows: bool) -> tuple[dict[str, str], Outer]:
    """The process environment without the marker, names folded, and what the marker says of it."""
    process = {fold(name, windows=windows): value for name, value in process_env.items()}
    first = process.pop(MARKER, None)
    if first is None:
        return process, Outer()
    parts = [first]
    while (part := process.pop(f"{MARKER}_{len(parts) + 1}", None)) is not None:
        parts.append(part)
    environment, names, reported = [*"".join(parts).split(";"), "", "", ""][:3]
    checksums = dict(pair.rpartition(":")[::2] for pair in names.split(",") if pair)
    folded = {fold(name, windows=windows): checksum for name, checksum in checksums.items()}
    unchanged = {name for name, checksum in folded.items() if _checksum(process.get(name)) == checksum}
    return process, Outer(
        environment,
        frozenset(unchanged),
        frozenset(fold(name, windows=windows) for name in reported.split(",") if name),
    )


def _checksum(value: str | None) -> str:
    """Four digits: enough to see a change, too few to tell the value by (it may stand in a log)."""
    from zlib import crc32

    return "" if value is None else f"{crc32(value.encode('utf-8', 'surrogatepass')) & 0xFFFF:04x}"
