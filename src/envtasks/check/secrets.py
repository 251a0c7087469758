"""Secrets: plain ones in tracked files, ciphertexts that cannot be used, and one secret in several environments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from ..config import LAYERED, Environment
from ..envfiles import ENCRYPTED, PRIVATE_KEY, PUBLIC_KEY, Entry, EnvFile, by_public_key
from . import findings
from .credentials import (
    is_comparable,
    is_placeholder,
    is_secret_name,
    known_credential,
    looks_like_credential,
)
from .findings import Finding, Kind, NotChecked, Result, command
from .inputs import Inputs

if TYPE_CHECKING:
    from ..hydration import Examination, MistakeKind

_PUBLIC: Final = re.compile(r"0[23][0-9a-f]{64}")  # dotenvx reads no other spelling
_HARMLESS: Final = re.compile(r"\d{1,5}|true|false|yes|no|on|off|/\S*|\w[\w+.-]*://\S*", re.IGNORECASE)


class _Use(NamedTuple):
    """A secret of one environment: where its value stands."""

    environment: Environment
    name: str
    file: str
    line: int


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about secrets of the judged environments."""
    for environment, found in inputs.judged:
        for layer in found.files:
            if inputs.is_shared(environment, layer.file.path):
                for entry in layer.file.entries:
                    yield from _plain(inputs, environment, layer.label, entry)
            yield from _keys(environment, found, layer.label, layer.file)
        yield from _unusable(inputs, environment, found)
    unopened = [environment.name for environment, found in inputs.judged if _has_unopened(found)]
    if unopened:
        yield NotChecked("secrets", f"the values of {', '.join(unopened)} that no key at hand opens")
    yield from _shared(inputs)


def _has_unopened(found: Examination) -> bool:
    """Whether a value is unknown because no key at hand opens it."""
    definitions = found.definitions.items()
    return any(each.winner.entry.encrypted and name not in found.values for name, each in definitions)


def _plain(inputs: Inputs, environment: Environment, label: str, entry: Entry) -> Iterator[Finding]:
    """A secret or a credential that is plain in a file that others get."""
    name, value = entry.name, entry.value
    if ENCRYPTED in value or name.startswith(PUBLIC_KEY) or environment.is_not_secret(name):
        return
    if name.startswith(PRIVATE_KEY):
        kind, sentence = findings.CREDENTIAL, f"{name} is a private key, which belongs into a key file."
        yield Finding(
            kind, label, entry.line, sentence, command("env.unset", environment, name=name), name=name
        )
        return
    made = not entry.literal and "$" in value
    if name.upper() in inputs.settings_secrets and not (environment.public or made or is_placeholder(value)):
        kind, sentence = findings.PLAIN_SECRET, f"{name} is secret in the settings class, and plain here."
    elif reason := _why_credential(environment, name, value, made=made):
        kind, sentence = findings.CREDENTIAL, f"{name} {reason}, and is plain here."
    else:
        return
    hint = command(f"env.encrypt --only {name}", environment, file=label)
    yield Finding(kind, label, entry.line, sentence, hint, environment.name, name)


def _why_credential(environment: Environment, name: str, value: str, *, made: bool) -> str:
    if environment.public:  # its values are fake, but for what somebody pasted there
        known = known_credential(value)
        return f"has the form of {known}" if known else ""
    if reason := looks_like_credential(name, value):
        return reason
    named = is_secret_name(name) and environment.name not in LAYERED
    return (
        "is called a secret"
        if named and not (made or is_placeholder(value) or _HARMLESS.fullmatch(value))
        else ""
    )


def _keys(environment: Environment, found: Examination, label: str, file: EnvFile) -> Iterator[Finding]:
    """Ciphertexts without a usable public key in their file, or encrypted for another one."""
    ciphertexts, headers = file.ciphertexts, file.headers
    if not ciphertexts:
        return
    usable = [entry.value for entry in headers if _PUBLIC.fullmatch(entry.value)]
    if not usable:
        at = headers[0] if headers else ciphertexts[0]
        what = f"{label} names no public key, so what is set next is encrypted for another one"
        if headers:
            what = f"{at.name} is no public key: expected 66 lower-case hexadecimal digits"
        hint = command("env.keys", environment)
        yield Finding(findings.OTHER_KEY, label, at.line, f"{what}.", hint, environment.name, at.name)
        return
    if by_public_key(found.keys.ring.hexes).keys().isdisjoint(usable):
        return  # its key is not at hand
    for entry, plaintext in zip(ciphertexts, found.keys.decrypt_with_own(file), strict=True):
        if plaintext is None:
            sentence = f"{entry.name} is not encrypted for the public key that {label} names, or is damaged."
            hint = command(f"env.encrypt --rekey {entry.name}", environment, file=label)
            yield Finding(findings.OTHER_KEY, label, entry.line, sentence, hint, environment.name, entry.name)


def _unusable(inputs: Inputs, environment: Environment, found: Examination) -> Iterator[Finding]:
    """Values that hydrating refuses."""
    kinds: dict[MistakeKind, Kind] = {"ciphertext": findings.CIPHERTEXT}
    if inputs.project.engine != "dotenvx":  # which asks password managers
        kinds["reference"] = findings.PASSWORD_MANAGER
    for mistake in found.mistakes:
        if kind := kinds.get(mistake.kind):
            hint = command("env.set", environment, name=mistake.name, file=mistake.file)
            sentence = f"{mistake.sentence}."
            yield Finding(kind, mistake.file, mistake.line, sentence, hint, environment.name, mistake.name)


def _shared(inputs: Inputs) -> Iterator[Finding]:
    """Secrets that two environments have in common, each named in the environment that is protected, or the later."""
    uses: dict[str, list[_Use]] = {}
    for found in inputs.examinations.values():
        for name, definition in found.definitions.items():
            if inputs.is_secret_in(found, name):
                entry = definition.winner.entry
                # the same ciphertext is the same value, known or not
                text = found.values.get(name, entry.value if entry.encrypted else "")
                if is_comparable(text):
                    place = definition.winner.label, entry.line
                    uses.setdefault(text, []).append(_Use(found.environment, name, *place))
    judged = {environment.name for environment in inputs.environments}
    for same in uses.values():
        ordered = sorted(same, key=lambda use: use.environment.protected)
        for number, use in enumerate(ordered):
            others = [each for each in ordered[:number] if _differ(each, use)]
            if others and not judged.isdisjoint({use.environment.name, others[0].environment.name}):
                where = f"{others[0].environment.name} ({others[0].file}:{others[0].line})"
                sentence = f"{use.name} is the same secret as {others[0].name} of {where}."
                hint = command("env.set", use.environment, name=use.name, file=use.file)
                yield Finding(
                    findings.SHARED_SECRET, use.file, use.line, sentence, hint, use.environment.name, use.name
                )


def _differ(one: _Use, other: _Use) -> bool:
    """Whether two uses are of two environments, in two places, and not both fake."""
    if one.environment == other.environment or (one.file, one.line) == (other.file, other.line):
        return False
    return not (one.environment.public and other.environment.public)
