"""What hydrating does not go along with, each slip as one error that names every place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..config import Environment
from ..envfiles.parser import ENCRYPTED
from ..errors import ConfigInvalid, DecryptionFailed, EnvFileInvalid, KeyMissing
from .layers import Place, Standing
from .resolution import Opened

if TYPE_CHECKING:
    from ..envfiles.keys import KeyRing

REFERENCES = ("op://", "bw://")


def commands_are_off(environment: Environment, process_env: Mapping[str, str], *, allowed: bool) -> str:
    """Why no `$(command)` runs in an environment, or nothing if it may."""
    if environment.protected:
        return f"{environment.name} is protected"
    if process_env.get("CI"):
        return "CI is set"
    return "" if allowed else "commands are off"


def refuse_unopened(
    environment: Environment, opened: Opened, ring: KeyRing, variables: Iterable[str]
) -> None:
    """Raise KeyMissing or DecryptionFailed for the values that count and could not be decrypted."""
    where = [f"{place.entry.name} ({place.at})" for place in opened.failed]
    where += [f"{place.entry.name} (process environment)" for place in opened.failed_process]
    what = ", ".join(dict.fromkeys(where))
    hint = f"it takes {' or '.join(dict.fromkeys(variables))}; looked at: {'; '.join(ring.looked_at)}"
    if ring.advice:
        hint += f". {ring.advice}"
    if ring.keys:
        raise DecryptionFailed(
            f"In {environment.name} none of the keys at hand opens {what}: "
            "another key is needed, or the value is damaged, or encrypted twice.",
            hint=hint,
        )
    raise KeyMissing(f"In {environment.name} there is no key to decrypt {what}.", hint=hint)


def refuse_switches(standings: Iterable[Standing]) -> None:
    """Raise EnvFileInvalid for a switch of ours in an env file: it would confirm or choose for a nested call."""
    places = [it.winner for it in standings if it.name.upper().startswith("ENVTASKS_")]
    if places:
        raise EnvFileInvalid(
            f"{_listed(places)}: an env file may not set what steers envtasks itself.",
            hint="take it out: ENVTASKS_* is for the process environment alone",
        )


def refuse_commands(places: Sequence[Place], reason: str) -> None:
    """Raise ConfigInvalid if a value holds a command that may not run."""
    if places:
        hint = "write the value itself, or put it into single quotes if it is text"
        if reason == "commands are off":
            hint += "; to let env files run commands: commands = true in [tool.envtasks]"
        raise ConfigInvalid(f"{_listed(places)}: $(…) would run a command, and {reason}.", hint=hint)


def refuse_endless(places: Sequence[Place]) -> None:
    """Raise EnvFileInvalid if the expansion of a value does not end."""
    if places:
        raise EnvFileInvalid(
            f"{_listed(places)}: the `$` expansion of this value does not end.",
            hint="put the value that refers to itself into single quotes, or write \\$ for a dollar sign",
        )


def refuse_values(values: Mapping[str, str], standings: Mapping[str, Standing]) -> None:
    """Raise for values that no process may get: ciphertext, NUL, references to a password manager."""
    ciphertext, nul, references = [], [], []
    for name, value in values.items():
        if value.startswith(ENCRYPTED):
            ciphertext.append(standings[name].winner)
        elif "\0" in value:
            nul.append(standings[name].winner)
        elif value.startswith(REFERENCES):
            references.append(standings[name].winner)
    if ciphertext:
        raise DecryptionFailed(
            f"{_listed(ciphertext)}: the value still begins with {ENCRYPTED} after decryption and expansion.",
            hint="a value is decrypted only if it is a ciphertext from end to end, and only once",
        )
    if nul:
        raise EnvFileInvalid(
            f"{_listed(nul)}: the value holds a NUL character, which no environment can carry."
        )
    if references:
        raise EnvFileInvalid(
            f"{_listed(references)}: references to a password manager (op://, bw://) are not followed.",
            hint='put the value itself there, encrypted, or follow them: engine = "dotenvx"',
        )


def _listed(places: Sequence[Place]) -> str:
    return ", ".join(dict.fromkeys(f"{place.at}: {place.entry.name}" for place in places))
