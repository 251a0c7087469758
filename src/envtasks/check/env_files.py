"""Env files: what hydrating them would refuse or warn of, and whether each says its environment's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from .. import git
from ..config import Environment
from ..errors import EnvFileMissing, EnvtasksError
from . import findings
from .findings import Finding, Kind, Result, command, located
from .inputs import Inputs

if TYPE_CHECKING:
    from ..hydration import Examination, Mistake, MistakeKind

# the kinds of mistakes; those that are missing here are findings about secrets
_KINDS: Final[Mapping[MistakeKind, tuple[Kind, str]]] = {
    "text": (findings.DAMAGED_LINE, "env.edit"),
    "placeholder": (findings.PLACEHOLDER, "env.set"),
    "duplicate": (findings.DUPLICATE, "env.edit"),
    "steering": (findings.STEERING, "env.unset"),
    "name": (findings.STEERING, "env.unset"),
    "expansion": (findings.EXPANSION, "env.set"),
    "command": (findings.EXPANSION, "env.set"),
    "changed": (findings.EXPANSION, "env.encrypt --repair"),
}
_WITHOUT_NAME: Final = ("env.edit", "env.encrypt --repair")


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about the env files of the judged environments."""
    for environment in inputs.environments:
        if error := inputs.errors.get(environment.name):
            yield _unusable(inputs, environment, error)
    for environment, found in inputs.judged:
        # which says more about its line
        ciphertexts = {(each.file, each.line) for each in found.mistakes if each.kind == "ciphertext"}
        for mistake in found.mistakes:
            allowed = mistake.kind == "command" and _may_run(inputs, environment)
            if mistake.kind in _KINDS and not allowed and (mistake.file, mistake.line) not in ciphertexts:
                yield _finding(environment, mistake)
        yield from _environment_name(environment, found)


def _may_run(inputs: Inputs, environment: Environment) -> bool:
    return inputs.project.commands and not environment.protected


def _unusable(inputs: Inputs, environment: Environment, error: EnvtasksError) -> Finding:
    """The finding on an environment whose env files cannot be read."""
    if isinstance(error, EnvFileMissing):
        place = located(error, environment.label(environment.main_file))
        hint = f"inv env.new {environment.name}"
        return Finding(findings.UNUSABLE_FILE, *place, hint, environment.name)
    labels = [environment.label(path) for path in environment.files]
    label = next((each for each in labels if each in error.message), environment.label(environment.main_file))
    mend = command("env.edit", environment, file=label)
    return unreadable(inputs, error, label=label, mend=mend, environment=environment.name)


def unreadable(
    inputs: Inputs, error: EnvtasksError, *, label: str, mend: str, environment: str = ""
) -> Finding:
    """The finding on a file in the format of env files that cannot be read; `mend` is the command if git has it not."""
    file, line, sentence = located(error, label)
    if "conflict markers" in sentence:
        sentence = "The file has the conflict markers of a merge."
        return Finding(findings.CONFLICT, file, line, sentence, f"git mergetool -- {file}", environment)
    tracked = git.is_tracked(inputs.project.root, inputs.project.root / file, inputs.process_env)
    hint = f"git checkout -- {file}" if tracked else mend
    return Finding(findings.UNUSABLE_FILE, file, line, sentence, hint, environment)


def _finding(environment: Environment, mistake: Mistake) -> Finding:
    kind, task = _KINDS[mistake.kind]
    if not mistake.name:
        task = "env.edit"
    name = "" if task in _WITHOUT_NAME else mistake.name
    hint = command(task, environment, name=name, file=mistake.file)
    sentence = mistake.sentence
    if not mistake.name:  # with which it begins else
        sentence = sentence[:1].upper() + sentence[1:]
    return Finding(kind, mistake.file, mistake.line, f"{sentence}.", hint, environment.name, mistake.name)


def _environment_name(environment: Environment, found: Examination) -> Iterator[Finding]:
    variable = environment.variable
    value = found.values.get(variable)
    if value not in (None, environment.name):
        winner = found.definitions[variable].winner
        yield Finding(
            findings.ENVIRONMENT_NAME,
            winner.label,
            winner.entry.line,
            f"{variable} is not {environment.name}, the name of the environment.",
            command("env.set --plain", environment, name=variable, file=winner.label),
            environment.name,
            variable,
        )
