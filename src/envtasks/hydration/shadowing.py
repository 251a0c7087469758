"""What shadows the value of a baseline: the process environment (reported or refused), and overrides (noted)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ..envfiles import PUBLIC_KEY
from ..errors import Refused
from .layers import Definition, Layers
from .nesting import Outer
from .resolution import Decrypt, Resolution, decrypt_layers, resolve


class Shadowing(NamedTuple):
    """The variables for which the process environment replaces the value of a baseline by another."""

    names: tuple[str, ...]
    tainted: frozenset[str]  # the variables that are secret, or made from a secret, in the files
    secrets: dict[str, str]  # the files' secrets that it replaces, by `NAME in file:line`


def by_process(
    layers: Layers, resolution: Resolution, decrypt: Decrypt, outer: Outer, *, secret: Collection[str]
) -> Shadowing:
    """Compare the values with those that the files alone would give.

    Where such a value is unknown, it counts as another one, unless an outer hydration put the value there.
    """
    from_process = layers.from_process
    if not from_process:
        return Shadowing((), frozenset(), {})
    rest = layers.without_process()
    files = resolve(rest, decrypt_layers(rest, decrypt)[0], secret=secret)

    def differs(name: str) -> bool:
        if name in files.unknown:
            return name not in outer.names
        return files.values[name] != resolution.values[name]

    replaced = [name for name in layers.definitions if name in from_process and differs(name)]
    known_secrets = files.tainted - files.unknown
    return Shadowing(
        names=tuple(
            name for name in replaced if layers.definitions[name].baseline and not name.startswith(PUBLIC_KEY)
        ),
        tainted=frozenset(files.tainted),
        secrets={
            f"{layers.definitions[name].name} in {layers.definitions[name].winner}": files.values[name]
            for name in replaced
            if name in known_secrets
        },
    )


def check_allowed(layers: Layers, names: Sequence[str]) -> None:
    """Raise Refused if values of a protected environment are replaced that `allow-overrides` does not list."""
    environment = layers.environment
    allowed = {layers.fold(name) for name in environment.allow_overrides}
    refused = [layers.definitions[name] for name in names if name not in allowed]
    if environment.protected and refused:
        listed = ", ".join(definition.name for definition in refused)
        raise Refused(
            f"{environment.name} is protected, and the process environment sets other values than "
            f"{_files(refused)}: {listed}.",
            hint=f"unset {listed}, or allow them: allow-overrides of {environment.name} in pyproject.toml",
        )


def warning(layers: Layers, names: Sequence[str]) -> list[str]:
    """The warning about variables that the process environment replaces, if there are any."""
    if not names:
        return []
    definitions = [layers.definitions[name] for name in names]
    listed = ", ".join(definition.name for definition in definitions)
    return [f"the process environment wins over {_files(definitions)} with another value: {listed}"]


def by_overrides(layers: Layers) -> list[str]:
    """The note about overrides that replace the value of a baseline by another, if there are any."""
    overrides = {layer.label for layer in layers.files if layer.overrides}
    above: dict[str, None] = {}
    replaced: dict[str, str] = {}
    for name, definition in layers.definitions.items():
        if name in layers.process or definition.winner.label not in overrides:
            continue
        below = next((location for location in definition.shadowed if location.label not in overrides), None)
        if below and below.entry.value != definition.winner.entry.value:
            above[definition.winner.label] = None
            replaced[definition.name] = below.label
    if not replaced:
        return []
    verb = "overrides" if len(above) == 1 else "override"
    return [f"{_and(above)} {verb} {_and(replaced.values())}: {', '.join(replaced)}"]


def _files(definitions: Iterable[Definition]) -> str:
    return _and(definition.winner.label for definition in definitions)


def _and(items: Iterable[str]) -> str:
    *most, last = dict.fromkeys(items)
    return f"{', '.join(most)} and {last}" if most else last
