"""All that is known of one variable: where its value comes from, who may read it, what reads it. Without the value."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..config import Environment, Project
from ..envfiles import Entry, by_public_key, key_variables, public_keys_in, settable_name, variables_in
from ..errors import ConfigInvalid, VariableMissing, did_you_mean
from ..hydration import without_outer
from ..settings_class import SettingsField
from .consumers import Consumer, find_consumers
from .findings import located
from .inputs import Inputs
from .settings import ask

if TYPE_CHECKING:
    from ..hydration import Examination

_DIGITS = 12  # of a fingerprint: equal ones are equal values, for all practical purposes


@dataclass(frozen=True, slots=True)
class Source:
    """Where a variable gets its value in one environment. All places are `file:line`."""

    environment: str
    place: str  # of the assignment that counts; empty where no file sets it
    hides: tuple[str, ...]
    encrypted: bool
    secret: str  # why it is one; empty where it is none
    public_key: str
    key_variable: str
    key: str  # where the private key at hand comes from; empty where none opens it
    fingerprint: str  # equal for equal values under the same key; empty without a key
    process: str  # whether the process environment sets it too, and what follows; empty where it does not
    made_from: tuple[tuple[str, str], ...]  # names and places
    parts_of: tuple[tuple[str, str], ...]  # the variables that are made from it
    mistakes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of one variable, in one environment or in all of them."""

    name: str
    sources: tuple[Source, ...]
    field: SettingsField | None
    settings: str  # the settings class, and why it could not be read
    consumers: tuple[Consumer, ...]
    not_read: tuple[str, ...]


def explain(
    project: Project, name: str, process_env: Mapping[str, str], *, environment: str | None = None
) -> Explanation:
    """What is known of a variable. Raises VariableMissing where nobody has it, UnknownEnvironment, EnvFileInvalid."""
    chosen = [project.environment(environment)] if environment else list(project.environments.values())
    inputs = Inputs(project, tuple(chosen), process_env)
    for each in chosen:
        if error := inputs.errors.get(each.name):
            raise error
    fields, settings = _fields(inputs)
    field = next((each for each in fields if each.reads(name)), None)
    sources = tuple(_source(inputs, each, inputs.examinations[each.name], name, field) for each in chosen)
    having = [each for each, source in zip(chosen, sources, strict=True) if source.place]
    keys = {each.name: settable_name(key_variables(each.files[-1]).private) for each in having}
    consumers, not_read = find_consumers(project, name, process_env, environments=keys)
    if not (field or having or any(each.kind != "code" for each in consumers)):
        near = did_you_mean(name, [*inputs.names, *(each.variables[0] for each in fields)])
        raise VariableMissing(f"No environment has {name}, and nothing reads it{near}", hint="inv env.list")
    return Explanation(name, sources, field, settings, consumers, not_read)


def _fields(inputs: Inputs) -> tuple[tuple[SettingsField, ...], str]:
    if inputs.project.settings is None:
        return (), "pyproject.toml names no settings class"
    try:
        return ask(inputs).fields, inputs.project.settings
    except ConfigInvalid as error:
        return (), located(error, "")[2]


def _source(
    inputs: Inputs, environment: Environment, found: Examination, name: str, field: SettingsField | None
) -> Source:
    definition = found.definitions.get(name)
    process = _process(inputs, environment, found, name)
    if definition is None:
        alike = [it for it in found.definitions if it.lower() == name.lower()]
        said = tuple(
            f"{it} ({found.definitions[it].winner}) differs from it in its case only" for it in alike
        )
        return Source(environment.name, "", (), False, "", "", "", "", "", process, (), (), said)
    entry, layer = definition.winner.entry, found.files[definition.winner.layer]
    public = next(iter(public_keys_in(layer.file)), "") if layer.encrypted else ""
    private = by_public_key(found.keys.ring.hexes) if layer.encrypted else {}
    opened = name in found.values
    source = next((key.source for key in found.keys.ring.keys if key.hex == private.get(public)), "")
    value = found.values.get(name)
    return Source(
        environment.name,
        place=str(definition.winner),
        hides=tuple(map(str, definition.shadowed)),
        encrypted=entry.encrypted,
        secret=_why_secret(inputs, found, name, entry, field),
        public_key=public if entry.encrypted else "",
        key_variable=key_variables(layer.file.path, layer.file.text).private if entry.encrypted else "",
        key=source if entry.encrypted and opened else "",
        fingerprint=_fingerprint(value, private.get(public, "")) if value is not None else "",
        process=process,
        made_from=_references(found, name),
        parts_of=tuple(
            (other, str(each.winner))
            for other, each in found.definitions.items()
            if name in _names(each.winner.entry)
        ),
        mistakes=tuple(each.sentence for each in found.mistakes if each.name == name),
    )


def _why_secret(
    inputs: Inputs, found: Examination, name: str, entry: Entry, field: SettingsField | None
) -> str:
    if inputs.project.is_not_secret(name):
        return ""
    if entry.encrypted:
        return "it is encrypted"
    if field and field.secret:
        return "its field in the settings class is secret"
    if name in found.secret:
        return "it is made from a secret, or encrypted in another file"
    return "it is encrypted in another environment" if name in inputs.encrypted else ""


def _names(entry: Entry) -> set[str]:
    return set() if entry.literal or entry.encrypted or "$" not in entry.value else variables_in(entry.value)


def _references(found: Examination, name: str) -> tuple[tuple[str, str], ...]:
    """The variables that the value refers to, each with its place, empty where no file sets it."""
    names = _names(found.definitions[name].winner.entry)
    places = {each: found.definitions[each].winner for each in names if each in found.definitions}
    return tuple((each, str(places.get(each, ""))) for each in sorted(names))


def _process(inputs: Inputs, environment: Environment, found: Examination, name: str) -> str:
    """What the process environment does to a variable."""
    outside = without_outer(inputs.process_env)
    if name not in outside or name == environment.variable:
        return ""
    if name not in found.definitions:
        return "it comes from the process environment alone"
    if name in environment.file_wins:
        return "the process environment sets it too, and file-wins lets the file win"
    if found.values.get(name) == outside[name]:
        return "the process environment sets it too, to the same value"
    if environment.protected and name not in environment.allow_overrides:
        return "the process environment sets it too, which is refused, as the environment is protected"
    return "the process environment sets it too, and wins"


def _fingerprint(value: str, private_key: str) -> str:
    """Digits that are equal for equal values; only the owner of the private key can make them."""
    if not private_key:
        return ""
    data = b"envtasks fingerprint\0" + value.encode("utf-8", "surrogateescape")
    return hmac.new(bytes.fromhex(private_key), data, hashlib.sha256).hexdigest()[:_DIGITS]
