"""Hydration inside hydration: what an outer one left in the process environment, and what becomes of it.

A child environment carries a marker with the environment's name, the names that its env files put there and the
names reported as shadowed, so that `inv` inside `nox` inside `inv` never mixes two environments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

MARKER: Final = "ENVTASKS_HYDRATED"
APP_ENV: Final = "APP_ENV"
_SIZE: Final = 30_000  # one variable holds at most 32,767 characters on Windows, 131,072 bytes on Linux


class Outer(NamedTuple):
    """What an outer hydration says of itself; nothing at all, where there is none."""

    environment: str = ""
    names: frozenset[str] = frozenset()
    reported: frozenset[str] = frozenset()


def enter(
    process_env: Mapping[str, str], environment: str, *, fold: Callable[[str], str] | None = None
) -> tuple[dict[str, str], Outer]:
    """The process environment as it counts for an environment, and the outer hydration it comes from, if any.

    The marker and APP_ENV are gone, and everything that an outer hydration of another environment had put in.
    With `fold` every name has that spelling.
    """
    process = {fold(name): value for name, value in process_env.items()} if fold else dict(process_env)
    process.pop(APP_ENV, None)
    first = process.pop(MARKER, None)
    if first is None:
        return process, Outer()
    parts = [first]
    while (part := process.pop(f"{MARKER}_{len(parts) + 1}", None)) is not None:
        parts.append(part)
    outer = _read("".join(parts))
    if outer.environment != environment:
        for name in outer.names:
            process.pop(fold(name) if fold else name, None)
        outer = Outer()
    return process, outer


def marker(environment: str, names: Collection[str], reported: Collection[str]) -> dict[str, str]:
    """The marker for a child environment: one variable, or numbered ones where it is too long for that."""
    text = f"{environment};{','.join(names)};{','.join(reported)}"
    parts = [text[at : at + _SIZE] for at in range(0, len(text), _SIZE)]
    return {f"{MARKER}_{number}" if number > 1 else MARKER: part for number, part in enumerate(parts, 1)}


def _read(text: str) -> Outer:
    environment, names, reported = [*text.split(";"), "", "", ""][:3]
    return Outer(environment, _names(names), _names(reported))


def _names(text: str) -> frozenset[str]:
    return frozenset(name for name in text.split(",") if name)
