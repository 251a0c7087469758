"""Hydrate an environment: read, decrypt, expand and layer its env files, or raise an error that names what is wrong.

Both engines share everything but the values themselves: checks, origins, secrets and warnings are the same.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import PLACEHOLDER, Environment
from ..envfiles import PRIVATE_KEY, REFERENCES, EnvFile, Keys
from . import checks, shadowing
from .checks import contains_ciphertext, steers
from .layers import Layers, arrange, read_layers, spelling_conflicts
from .nesting import checksums, enter, without_outer
from .resolution import Resolution, decrypt_layers, resolve
from .result import Hydrated, Origin

if TYPE_CHECKING:
    from .examination import Examination
    from .mistakes import Mistake, MistakeKind

__all__ = [
    "Examination",
    "Hydrated",
    "Mistake",
    "MistakeKind",
    "Origin",
    "check_allowed_names",
    "checksums",
    "contains_ciphertext",
    "dotenvx_version",
    "examine",
    "hydrate",
    "steers",
    "values_of",
    "without_outer",
]


def hydrate(
    environment: Environment,
    process_env: Mapping[str, str],
    *,
    engine: str = "native",
    commands: bool = False,
    secret_names: Collection[str] = (),
    reported: Collection[str] = (),
    windows: bool = sys.platform == "win32",
) -> Hydrated:
    """The values of an environment, with `process_env` (never changed) winning over its files.

    `commands` allows `$(command)` to run, unless the environment is protected or CI is set. `secret_names` are
    secret although plain; `reported` names were reported as shadowed before. On `windows` names that differ in case
    only are the same. Raises EnvFileMissing, EnvFileInvalid, KeyMissing, DecryptionFailed, ConfigInvalid, Refused,
    and ToolMissing where the engine `dotenvx` lacks its command.
    """
    process, outer = enter(process_env, environment.name, variable=environment.variable, windows=windows)
    layers = read_layers(environment, process, windows=windows)
    outside = without_outer(process_env, windows=windows)
    keys = Keys(environment, outside, [layer.file for layer in layers.files])
    secret = _secret(layers, secret_names)
    why_off = checks.why_commands_are_off(environment, outside, allowed=commands)
    resolution = _resolve(layers, keys, secret=secret, engine=engine, why_off=why_off)
    shadowed = shadowing.by_process(layers, resolution, keys.decrypt_at_hand, outer, secret=secret)
    shadowing.check_allowed(layers, shadowed.names)
    known = {*map(layers.fold, reported), *outer.reported}
    warnings = shadowing.warning(layers, [name for name in shadowed.names if name not in known])
    return Hydrated(
        environment,
        {definition.name: resolution.values[name] for name, definition in layers.variables.items()},
        origins=_origins(layers, secret=resolution.tainted | shadowed.tainted),
        outer=outer.names,
        process=process,
        files=[layer.label for layer in layers.files],
        hidden={**shadowed.secrets, **{f"{key.variable} in {key.source}": key.hex for key in keys.found}},
        # an outer hydration of this environment has reported everything else
        warnings=warnings if outer.environment else [*warnings, *_warnings(layers, resolution, keys)],
        notes=[
            *_ignored(layers, outside, resolution),
            *([] if outer.environment else shadowing.by_overrides(layers)),
        ],
        reported=sorted(known.union(shadowed.names)),
        windows=windows,
    )


def values_of(environment: Environment, file: EnvFile, plaintexts: Mapping[str, str]) -> dict[str, str]:
    """The values of one env file by itself, with these plaintexts of its ciphertexts; no command is run.

    What has no plaintext stays a ciphertext, and an expansion that does not end is not made.
    """
    return resolve(_alone(environment, file), plaintexts).values


def check_allowed_names(environment: Environment, file: EnvFile, names: Collection[str]) -> None:
    """Raise EnvFileInvalid for those of these names that no env file of this environment may set."""
    layers = _alone(environment, file)
    wanted = {name: it for name, it in layers.definitions.items() if it.name in names}
    checks.check_names(layers._replace(definitions=wanted))
    checks.check_steering(layers._replace(definitions=wanted))


def _alone(environment: Environment, file: EnvFile) -> Layers:
    return arrange(environment, [(environment.label(file.path), file, False)], {})


def examine(environment: Environment, process_env: Mapping[str, str]) -> Examination:
    """What the env files of an environment hold, mistakes included, with whatever keys are at hand.

    `process_env` has the keys, and what values refer to; it wins over no file. Raises EnvFileMissing, EnvFileInvalid.
    """
    from .examination import examine_files

    return examine_files(environment, process_env)


def _secret(layers: Layers, secret_names: Collection[str]) -> set[str]:
    """The variables that are secret: encrypted in some file, or in `secret_names`; none of `not-secret`."""
    upper = {name.upper() for name in secret_names}  # pydantic-settings reads names in any case
    return {layers.fold(name) for name in secret_names if name not in layers.definitions} | {
        name
        for name, definition in layers.definitions.items()
        if (definition.encrypted or name.upper() in upper)
        and not layers.environment.is_not_secret(definition.name)
    }


def _resolve(layers: Layers, keys: Keys, *, secret: Collection[str], engine: str, why_off: str) -> Resolution:
    """The values that an engine gives, checked."""
    checks.check_names(layers)
    checks.check_steering(layers)
    plaintexts, failed = decrypt_layers(layers, keys.decrypt)
    checks.check_decrypted(layers, failed, keys)
    resolution = resolve(layers, plaintexts, secret=secret)
    if resolution.commands:
        checks.check_commands(resolution.commands, why_off)
        # dotenvx would run them with its private keys in their environment, so they run here with either engine
        engine = "native"
        run = partial(_run, folder=layers.environment.root)
        resolution = resolve(layers, plaintexts, secret=secret, run=run)
    checks.check_expansion(resolution.endless)
    checks.check_required(resolution.required)
    if engine == "dotenvx":
        references = [name for name, value in resolution.values.items() if value.startswith(REFERENCES)]
        resolution.tainted.update(references)
        found = _dotenvx_values(layers, resolution.values, keys)
        # dotenvx does not know of `file-wins`, so a reference to what a file wins over gives nothing there
        resolution.values.update((it, value) for it, value in found.items() if it not in resolution.beneath)
    checks.check_values(layers, resolution.values)
    return resolution


def _run(command: str, env: Mapping[str, str], *, folder: Path) -> str | None:
    from ..envfiles import run_in_shell

    return run_in_shell(command, {n: v for n, v in env.items() if not n.startswith(PRIVATE_KEY)}, folder)


def dotenvx_version(root: Path, process_env: Mapping[str, str]) -> str:
    """The version of the dotenvx command that the engine of that name would use. Raises ToolMissing."""
    from . import dotenvx

    return ".".join(map(str, dotenvx.locate(root, process_env).version))


def _dotenvx_values(layers: Layers, values: Mapping[str, str], keys: Keys) -> dict[str, str]:
    """The values that the dotenvx command gives to the variables that the process environment does not set."""
    from . import dotenvx

    # dotenvx would run a command that an earlier file has in single quotes; the values are the same without it
    if any(it.shadowed and "$(" in values[name] for name, it in layers.definitions.items()):
        return {}
    names = {definition.name: name for name, definition in layers.definitions.items()}
    given = dotenvx.values(layers.environment, layers.process, names=list(names), private_keys=keys.used)
    return {names[name]: value for name, value in given.items() if names[name] not in layers.process}


def _origins(layers: Layers, *, secret: Collection[str]) -> dict[str, Origin]:
    """Where each variable comes from, by its name in the file."""
    return {
        definition.name: Origin(
            file=definition.winner.label,
            line=definition.winner.entry.line,
            encrypted=definition.winner.entry.encrypted,
            secret=name in secret and not layers.environment.is_not_secret(definition.name),
            shadows=tuple(map(str, definition.shadowed)),
            process=name in layers.process,
        )
        for name, definition in layers.variables.items()
    }


def _ignored(layers: Layers, outside: Mapping[str, str], resolution: Resolution) -> list[str]:
    """The note that APP_ENV of the process environment is another one than that of the child, if it is."""
    environment = layers.environment
    name = layers.fold(environment.variable)
    if outside.get(name, "") in ("", resolution.values.get(name, environment.name)):
        return []
    place = f"{environment.variable} of the process environment"
    return [f"{place} chooses no environment: this runs in {environment.name}; --env chooses another"]


def _warnings(layers: Layers, resolution: Resolution, keys: Keys) -> list[str]:
    """What is likely to be a mistake in the env files, each with its location, and in the key files."""
    warnings = []
    if (
        resolution.changed
        or resolution.unset
        or resolution.broken
        or any(it.file.warnings for it in layers.files)
    ):
        from .mistakes import likely_mistakes

        warnings = [str(mistake) for mistake in likely_mistakes(layers, resolution)]
    if PLACEHOLDER in resolution.values.values():
        from .mistakes import placeholders_left

        warnings += placeholders_left(layers)
    return [*warnings, *spelling_conflicts(layers), *keys.warnings]
