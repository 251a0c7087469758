"""What wins over a baseline: the process environment (reported, or refused), and overrides (noted)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from ..config import Environment
from ..errors import Refused
from .layers import Fold, Layer, Standing
from .nesting import Outer
from .resolution import Decrypt, Resolution, open_layers, resolve

PUBLIC_KEY: Final = "DOTENV_PUBLIC_KEY"


def without_process(
    layers: Sequence[Layer],
    process: Mapping[str, str],
    names: Collection[str],
    decrypt: Decrypt,
    *,
    secret: Collection[str],
    fold: Fold,
) -> Resolution:
    """What the files alone would make of the variables, where the process environment sets `names` too.

    A value that cannot be opened, and one that a command would make, is unknown.
    """
    rest = {name: value for name, value in process.items() if name not in names}
    opened = open_layers(layers, rest, decrypt, fold=fold)
    return resolve(layers, rest, opened, secret=secret, fold=fold)


def shadowed(
    standings: Mapping[str, Standing],
    values: Mapping[str, str],
    files: Resolution,
    names: Collection[str],
    outer: Outer,
) -> list[str]:
    """The names for which the process environment replaces a baseline's value by another.

    Where the file's value is unknown, so does every process value but the one an outer hydration put there.
    """

    def differs(name: str) -> bool:
        if name in files.unknown:
            return standings[name].name not in outer.names
        return files.values[name] != values[name]

    return [
        name
        for name in standings
        if name in names and standings[name].baseline and not name.startswith(PUBLIC_KEY) and differs(name)
    ]


def refuse_shadowed(
    environment: Environment, names: Sequence[str], standings: Mapping[str, Standing], fold: Fold
) -> None:
    """Raise Refused if a protected environment's values are replaced and not listed as such."""
    allowed = {fold(name) for name in environment.allow_overrides}
    refused = [standings[name] for name in names if name not in allowed]
    if environment.protected and refused:
        listed = ", ".join(standing.name for standing in refused)
        raise Refused(
            f"{environment.name} is protected, and the process environment sets other values than "
            f"{_files(refused)}: {listed}.",
            hint=f"unset {listed}, or allow them: allow-overrides of {environment.name} in pyproject.toml",
        )


def reported_line(names: Sequence[str], standings: Mapping[str, Standing]) -> list[str]:
    """One line for the names that the process environment replaces, if there are any."""
    if not names:
        return []
    shadows = [standings[name] for name in names]
    listed = ", ".join(standing.name for standing in shadows)
    return [f"the process environment wins over {_files(shadows)} with another value: {listed}"]


def overridden(
    layers: Sequence[Layer], standings: Mapping[str, Standing], process: Collection[str]
) -> list[str]:
    """One line for the overrides that win over a baseline's other value, if there are any."""
    labels = {layer.label for layer in layers if layer.overrides}
    names, files = [], []
    for folded, standing in standings.items():
        if folded in process or standing.winner.label not in labels:
            continue
        below = next((place for place in standing.shadowed if place.label not in labels), None)
        if below and below.entry.value != standing.winner.entry.value:
            names.append(standing.name)
            files.append(below.label)
    return (
        [f"{_and(sorted(labels))} overrides {_and(dict.fromkeys(files))}: {', '.join(names)}"]
        if names
        else []
    )


def _files(shadows: Sequence[Standing]) -> str:
    return _and(dict.fromkeys(standing.winner.label for standing in shadows))


def _and(items: Collection[str]) -> str:
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last
