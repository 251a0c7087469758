"""What hydrating an environment would find, as data: every mistake with its place, with whatever keys are at hand."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..config import PLACEHOLDER, Environment
from ..envfiles import ENCRYPTED, OBJECT_NAMES, PUBLIC_KEY, REFERENCES, Keys, is_ciphertext
from . import checks
from .layers import Definition, Layer, Layers, Location, fold, read_layers
from .mistakes import Mistake, likely_mistakes, placeholders
from .nesting import without_outer
from .resolution import Resolution, decrypt_layers, resolve


@dataclass(frozen=True, slots=True)
class Examination:
    """The env files of one environment, the values that are known, and all mistakes in them."""

    environment: Environment
    files: tuple[Layer, ...]
    definitions: Mapping[str, Definition]  # the variables, without keys
    values: Mapping[str, str] = field(repr=False)  # of those that are plain, or that a key at hand opens
    secret: frozenset[str]  # encrypted in some file, or made from such a value; none of `not-secret`
    mistakes: tuple[Mistake, ...]
    keys: Keys = field(repr=False)


def examine_files(
    environment: Environment, process_env: Mapping[str, str], *, windows: bool = sys.platform == "win32"
) -> Examination:
    """What `hydration.examine` returns."""
    variable = fold(environment.variable, windows=windows)
    outer = without_outer(process_env, windows=windows)
    process = {name: value for name, value in outer.items() if name != variable}
    layers = read_layers(environment, process, windows=windows).without_process()
    keys = Keys(environment, outer, [layer.file for layer in layers.files])
    for layer in layers.files:
        if layer.encrypted:
            keys.decrypt_with_own(layer.file)
    plaintexts, failed = decrypt_layers(layers, keys.decrypt_at_hand)
    encrypted = {name for name, definition in layers.definitions.items() if definition.encrypted}
    resolution = resolve(layers, plaintexts, secret=encrypted)
    mistakes = [*likely_mistakes(layers, resolution), *_refused(layers, resolution, plaintexts)]
    mistakes += _encrypted_twice(failed, keys)
    mistakes += [
        Mistake.at(location, "placeholder", f" is still a placeholder, {PLACEHOLDER}")
        for location in placeholders(layers)
    ]
    definitions = {name: it for name, it in layers.variables.items() if not name.startswith(PUBLIC_KEY)}
    return Examination(
        environment,
        layers.files,
        definitions,
        {name: resolution.values[name] for name in definitions if name not in resolution.unknown},
        frozenset(name for name in resolution.tainted if not environment.is_not_secret(name)),
        tuple(dict.fromkeys(mistakes)),
        keys,
    )


def _refused(layers: Layers, resolution: Resolution, plaintexts: Mapping[str, str]) -> Iterator[Mistake]:
    """What `hydrate` refuses, for each assignment; the values of those that another one shadows too."""
    for layer in layers.files:
        for location in layer.locations:
            name, value = location.name, location.entry.value
            if checks.controls_envtasks(name):
                yield Mistake.at(location, "steering", " controls envtasks, which no env file may")
            elif checks.is_steering(layers, name):
                yield Mistake.at(
                    location, "steering", " makes programs run or load code, and an env file is data"
                )
            elif location.entry.name in OBJECT_NAMES:  # in this spelling, also on Windows
                yield Mistake.at(location, "name", ": dotenvx loses the whole file because of this name")
            yield from _refused_value(location, value, plaintexts.get(value, value))
    for location in resolution.endless:
        yield Mistake.at(location, "expansion", ": the `$` expansion of this value does not end")
    for location in resolution.commands:
        yield Mistake.at(location, "command", ": $(…) in the value would run a command")
    for location, required in resolution.required:
        yield Mistake.at(location, "expansion", f" requires {required}, which is not set")


def _refused_value(location: Location, value: str, plaintext: str) -> Iterator[Mistake]:
    if (value.startswith(ENCRYPTED) or checks.contains_ciphertext(value)) and not is_ciphertext(value):
        yield Mistake.at(location, "ciphertext", ": the value is damaged, or text stands around a ciphertext")
    if plaintext.startswith(REFERENCES):
        yield Mistake.at(
            location, "reference", f" refers to a password manager ({plaintext[:5]}), which nothing asks"
        )
    if "\0" in plaintext:
        yield Mistake.at(
            location, "ciphertext", ": the value holds a NUL character, which no environment can hold"
        )


def _encrypted_twice(failed: Sequence[Location], keys: Keys) -> Iterator[Mistake]:
    """The assignments that a key opens, and whose value is a ciphertext again."""
    plaintexts = keys.decrypt_at_hand([location.entry.value for location in failed]) if failed else ()
    for location, plaintext in zip(failed, plaintexts, strict=True):
        if plaintext is not None:
            yield Mistake.at(location, "ciphertext", " is encrypted twice")
