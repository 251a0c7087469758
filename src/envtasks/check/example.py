"""`.env.example`: it has every name and no real secret; and no environment still has its placeholders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import settings_class
from ..config import LAYERED
from ..envfiles import ENCRYPTED, PUBLIC_KEY, Entry, EnvFile, read_env_file
from ..errors import ConfigInvalid, EnvtasksError
from ..inventory import example_path
from . import findings
from .credentials import is_comparable, is_left, looks_like_credential
from .env_files import unreadable
from .findings import Finding, NotChecked, Result, command
from .inputs import Inputs


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about the example, if there is one."""
    path = example_path(inputs.project.root)
    label = inputs.label(path)
    if not path.is_file():
        yield NotChecked("example", f"there is no {label}; `inv env.example` writes it")
        return
    try:
        file = read_env_file(path, label=label)
    except EnvtasksError as error:
        yield unreadable(inputs, error, label=label, mend="inv env.example")
        return
    given = {entry.name for entry in file.entries}
    for name in expected_names(inputs):
        if name not in given:
            sentence = f"{name} is not in {label}."
            yield Finding(findings.NOT_IN_EXAMPLE, label, 1, sentence, "inv env.example", name=name)
    real = tuple(real_values(inputs, file))
    for entry, reason in real:
        sentence = f"{entry.name} {reason}."
        yield Finding(findings.REAL_VALUE, label, entry.line, sentence, "inv env.example", name=entry.name)
    names = {entry.name for entry, _ in real}
    yield from _placeholders(inputs, [entry for entry in file.entries if entry.name not in names], label)


def expected_names(inputs: Inputs) -> tuple[str, ...]:
    """Every variable that a baseline sets or the settings class requires, in the order of the files."""
    names: dict[str, None] = {}
    for environment, found in inputs.judged:
        for layer in found.files:
            if inputs.will_be_shared(environment, layer.file.path):
                names |= dict.fromkeys(
                    entry.name for entry in layer.file.entries if not entry.name.startswith(("DOTENV_",))
                )
    try:
        fields = settings_class.source_fields(inputs.project)
    except ConfigInvalid:
        fields = ()
    known = {name.upper() for name in names}
    return (*names, *(each.variables[0] for each in fields if each.required and not each.is_set(known)))


def real_values(inputs: Inputs, file: EnvFile) -> Iterator[tuple[Entry, str]]:
    """The values of the example that no example should have, each with the reason."""
    secrets = {
        value: found.environment.name
        for found in inputs.examinations.values()
        for name, value in found.values.items()
        if not found.environment.public
        and inputs.is_secret(name)
        and (name, value) not in inputs.plain
        # a developer's own plain values come from the example
        and (found.environment.name not in LAYERED or found.definitions[name].winner.entry.encrypted)
        and is_comparable(value)
    }
    for entry in file.entries:
        value = entry.value
        if entry.name.startswith(PUBLIC_KEY) or not value:
            continue
        if value.startswith(ENCRYPTED):
            yield entry, "is encrypted, so nobody can read the example"
        elif value in secrets:
            yield entry, f"has the value of {secrets[value]}"
        elif reason := looks_like_credential(entry.name, value):
            yield entry, reason


def _placeholders(inputs: Inputs, entries: Sequence[Entry], label: str) -> Iterator[Finding]:
    """Secrets of protected environments that are still what the example says."""
    given = {entry.name: entry.value for entry in entries if entry.value}
    for environment, found in inputs.judged:
        said = {each.name for each in found.mistakes if each.kind == "placeholder"}
        for name, value in found.values.items() if environment.protected else ():
            if name in said or value != given.get(name) or inputs.project.is_not_secret(name):
                continue
            secret, elsewhere = inputs.is_secret_in(found, name), inputs.is_secret(name)
            if is_left(name, value, secret=secret, elsewhere=elsewhere):
                winner = found.definitions[name].winner
                sentence = f"{name} is still the placeholder of {label}."
                hint = command("env.set", environment, name=name, file=winner.label)
                place = (winner.label, winner.entry.line)
                yield Finding(findings.PLACEHOLDER, *place, sentence, hint, environment.name, name)
