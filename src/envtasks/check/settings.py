"""The settings class: it can be imported, every environment has what it requires, and something reads what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .. import git
from ..config import Environment
from ..docker import is_credential_name
from ..errors import ConfigInvalid
from ..settings_class import EnvironmentsChecked, SettingsField, check_environments
from . import findings
from .findings import Finding, NotChecked, Result, command, located
from .inputs import Inputs

if TYPE_CHECKING:
    from ..hydration import Examination

# what a Python process needs to start, and nothing of the developer's shell besides
_CLEAN: Final = re.compile(
    r"PATH|HOME|USERPROFILE|APPDATA|LOCALAPPDATA|SYSTEMROOT|WINDIR|COMSPEC|TE?MP|TMPDIR|LANG|LC_\w+|PYTHON\w*|VIRTUAL_ENV"
)
# variables that programs and libraries read by themselves
_OF_PROGRAMS: Final = re.compile(
    r"(?:AWS|AZURE|GOOGLE|GCLOUD|GCP|PG|MYSQL|POSTGRES|REDIS|COMPOSE|DOCKER|BUILDKIT|UV|PIP|POETRY|PDM|NPM|NODE|GIT|GH|GITHUB"
    r"|GITLAB|CI|SENTRY|OTEL|DD|NEW_RELIC|UVICORN|GUNICORN|HYPERCORN|WEB|FORWARDED|DJANGO|FLASK|CELERY|PYTHON|LC|SSL|REQUESTS"
    r"|CURL|KUBE|HELM|TF|ANSIBLE|VAULT|JAVA|RUST|PYTEST|NOX|TOX|INVOKE|SPRING)(?:_.*|[A-Z]+)?|LANG|TZ|PORT|HOST|.*_PROXY"
)  # fmt: skip


def ask(inputs: Inputs) -> EnvironmentsChecked:
    """What the settings class says of the judged environments. Raises ConfigInvalid where it cannot be imported."""
    clean = {name: value for name, value in inputs.process_env.items() if _CLEAN.fullmatch(name.upper())}
    values = {environment.name: _values(environment, found) for environment, found in inputs.judged}
    found = check_environments(inputs.project, values, clean)
    return replace(found, fields=tuple(_with_label(inputs, each) for each in found.fields))


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about the settings class, if the project has one."""
    if inputs.project.settings is None:
        yield NotChecked(
            "settings class", "which variables the service reads: pyproject.toml names no settings class"
        )
        return
    try:
        answer = ask(inputs)
    except ConfigInvalid as error:
        yield Finding(findings.NOT_IMPORTED, *located(error, "pyproject.toml"), error.hint)
        return
    for environment, found in inputs.judged:
        for problem in answer.problems.get(environment.name, ()):
            yield _problem(inputs, answer, environment, found, problem)
    yield from _env_files(inputs, answer)
    yield from _unread(inputs, answer)


def _values(environment: Environment, found: Examination) -> dict[str, str | None]:
    known = {name: found.values.get(name) for name in found.definitions}
    return {environment.variable: environment.name, **known}


def _with_label(inputs: Inputs, field: SettingsField) -> SettingsField:
    return replace(field, file=inputs.label(Path(field.file))) if field.file else field


def _problem(
    inputs: Inputs,
    answer: EnvironmentsChecked,
    environment: Environment,
    found: Examination,
    problem: Mapping[str, str],
) -> Finding:
    """The finding on what is missing or wrong in one environment."""
    name = problem["name"]
    declared = next((each for each in found.definitions if each.upper() == name), name)
    field = next((each for each in answer.fields if each.reads(name)), None)
    if problem["kind"] == "missing":
        sentence = f"{inputs.project.settings} requires {name}, which {environment.name} does not have."
        place = (field.file, field.line) if field and field.file else ("pyproject.toml", 1)
        hint = command("env.set", environment, name=name)
        return Finding(findings.REQUIRED, *place, sentence, hint, environment.name, name)
    winner = found.definitions[declared].winner if declared in found.definitions else None
    place = (winner.label, winner.entry.line) if winner else ("pyproject.toml", 1)
    sentence = f"{declared} does not fit {inputs.project.settings}: {problem['text'].rstrip('.')}."
    hint = command("env.set", environment, name=declared, file=place[0] if winner else "")
    return Finding(findings.WRONG_TYPE, *place, sentence, hint, environment.name, declared)


def _env_files(inputs: Inputs, answer: EnvironmentsChecked) -> Iterator[Finding]:
    """Env files of the project that the settings class reads by itself."""
    place = next(((each.file, 1) for each in answer.fields if each.file), ("pyproject.toml", 1))
    for name in answer.env_files:
        if inputs.env_file_read_by(name, place[0]):
            sentence = (
                f"{inputs.project.settings} reads {name} by itself: in every environment, and ciphertexts as they are. "
                "Take env_file out of model_config."
            )
            yield Finding(findings.READS_FILE, *place, sentence, "git grep -n env_file", name=name)


def _unread(inputs: Inputs, answer: EnvironmentsChecked) -> Iterator[Result]:
    """Variables that neither the settings class reads nor any tracked file names."""
    variables = {each for field in answer.fields for each in field.variables}
    parts = tuple(each + field.nested for field in answer.fields if field.nested for each in field.variables)
    steering = {each.name for _, found in inputs.judged for each in found.mistakes if each.kind == "steering"}
    left = {
        name: (environment, definition.winner)
        for environment, found in inputs.judged
        for name, definition in found.definitions.items()
        if name != environment.variable
        and name.upper() not in variables
        and not name.upper().startswith(parts)
        and name not in inputs.referenced | steering
        and not is_credential_name(name)
        and not _OF_PROGRAMS.fullmatch(name.upper())
    }
    if not left:
        return
    named = git.words_found(inputs.project.root, left, inputs.process_env)
    if named is None:
        yield NotChecked("settings class", "variables that nothing reads: this is no git repository")
        return
    for name, (environment, winner) in left.items():
        if name.upper() not in named:
            sentence = (
                f"{name} is read neither by {inputs.project.settings} nor named in any file that git has."
            )
            hint = command("env.unset", environment, name=name, file=winner.label)
            place = (winner.label, winner.entry.line)
            yield Finding(findings.UNREAD, *place, sentence, hint, environment.name, name)
