"""Hydration inside hydration: the marker that a child environment carries, and its effect on an inner hydration.

The marker has the environment's name, the names that its env files defined and the names that were reported as
shadowed, so that `inv` inside `nox` inside `inv` never mixes two environments and reports nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from .layers import APP_ENV, fold

MARKER: Final = "ENVTASKS_HYDRATED"
_SIZE: Final = 30_000  # one variable holds at most 32,767 characters on Windows, 131,072 bytes on Linux


class Outer(NamedTuple):
    """An outer hydration of the same environment, names folded; empty where there is none."""

    environment: str = ""
    names: frozenset[str] = frozenset()
    reported: frozenset[str] = frozenset()


def enter(
    process_env: Mapping[str, str], environment: str, *, windows: bool = False
) -> tuple[dict[str, str], Outer]:
    """The process environment for the hydration of an environment, names folded, and the outer hydration.

    The marker, APP_ENV and everything that an outer hydration of another environment added are removed.
    """
    process = {fold(name, windows=windows): value for name, value in process_env.items()}
    process.pop(APP_ENV, None)
    first = process.pop(MARKER, None)
    if first is None:
        return process, Outer()
    parts = [first]
    while (part := process.pop(f"{MARKER}_{len(parts) + 1}", None)) is not None:
        parts.append(part)
    outer = _parse("".join(parts), windows=windows)
    if outer.environment == environment:
        return process, outer
    return {name: value for name, value in process.items() if name not in outer.names}, Outer()


def marker(environment: str, names: Collection[str], reported: Collection[str]) -> dict[str, str]:
    """The marker for a child environment: one variable, or numbered ones if it is too long for one."""
    text = f"{environment};{','.join(names)};{','.join(reported)}"
    parts = [text[at : at + _SIZE] for at in range(0, len(text), _SIZE)]
    return {f"{MARKER}_{number}" if number > 1 else MARKER: part for number, part in enumerate(parts, 1)}


def _parse(text: str, *, windows: bool) -> Outer:
    environment, names, reported = [*text.split(";"), "", "", ""][:3]
    return Outer(environment, _names(names, windows=windows), _names(reported, windows=windows))


def _names(text: str, *, windows: bool) -> frozenset[str]:
    return frozenset(fold(name, windows=windows) for name in text.split(",") if name)
