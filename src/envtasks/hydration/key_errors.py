"""The error for values that no key decrypts: which key they need, which are here, and how to get the right one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..envfiles import (
    EnvFile,
    Keys,
    by_public_key,
    how_to_get_key,
    key_variables,
    public_keys_in,
    settable_name,
)
from ..errors import DecryptionFailed, KeyMissing
from .layers import Layers, Location


def undecrypted(layers: Layers, failed: Sequence[Location], keys: Keys) -> KeyMissing | DecryptionFailed:
    """The error about these assignments; it names all of them, public keys in short, and no value."""
    environment = layers.environment.name
    in_files = [location for location in failed if location.name not in layers.process]
    where = [f"{location.entry.name} ({location})" for location in in_files]
    where += [
        f"{location.entry.name} (process environment)"
        for location in failed
        if location.name in layers.process
    ]
    what = ", ".join(dict.fromkeys(where))
    labels = {location.label for location in in_files} or {layer.label for layer in layers.files}
    files = {layer.label: layer.file for layer in layers.files if layer.label in labels}
    names = (key_variables(file.path, file.text).private for file in files.values())
    variables = dict.fromkeys(map(settable_name, names))
    ring = keys.ring
    main = layers.environment.label(layers.environment.main_file)
    label = main if main in files else next(iter(files))
    variable = key_variables(files[label].path, files[label].text).private
    get = how_to_get_key(variable, layers.environment, keys.process_env, file=label)
    lacking = _lacking(files, keys)
    if not ring.keys or (lacking and not any(settable_name(key.variable) in variables for key in ring.keys)):
        return KeyMissing(
            f"In {environment} there is no key to decrypt {what}. It belongs in {' or '.join(variables)}.",
            hint=f"{get}; {ring.search_report}",
        )
    if lacking:
        return DecryptionFailed(
            f"In {environment} no key decrypts {what}: {'; '.join(lacking)}. {_others(keys, variables)}",
            hint=f"{get}; {ring.search_report}",
        )
    name, flags = failed[0].entry.name, layers.environment.flags(failed[0].label)
    return DecryptionFailed(
        f"In {environment} none of the keys found decrypts {what}: "
        "the value is damaged, or encrypted for another key, or encrypted twice.",
        hint=f"restore the line from git, or `inv env.set {name} {flags}`; {ring.search_report}",
    )


def _lacking(files: Mapping[str, EnvFile], keys: Keys) -> list[str]:
    """For each file whose own key is not among those found: the public key that it names."""
    found = by_public_key(keys.ring.hexes)
    return [
        f"{label} is encrypted for the public key {_short(public_keys_in(file)[0])}"
        for label, file in files.items()
        if public_keys_in(file) and not found.keys() & set(public_keys_in(file))
    ]


def _others(keys: Keys, variables: Collection[str]) -> str:
    """A sentence on each key that has the right name and belongs to another file."""
    return " ".join(
        f"{key.variable} in {key.source} belongs to another public key, {_short(public)}."
        for key in keys.ring.keys
        for public in by_public_key([key.hex])
        if settable_name(key.variable) in variables
    )


def _short(public: str) -> str:
    """Enough of a public key to compare it by eye."""
    return f"{public[:12]}…"
