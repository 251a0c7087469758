"""The compose files: what they need is set, they hold no secret, and no container gets an env file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..compose import ComposeFiles, read_compose_files
from ..config import LAYERED
from ..errors import ConfigInvalid, EnvtasksError, did_you_mean
from . import findings
from .credentials import is_placeholder, looks_like_credential
from .findings import Finding, Result, command, located
from .inputs import Inputs

_OF_THE_SYSTEM: Final = ("HOME", "HOSTNAME", "PATH", "PWD", "SHELL", "TMPDIR", "USER")
_SOME: Final = "x"  # in place of a value that is not known


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about the project's compose files, if there are any."""
    files = None
    for environment, found in inputs.judged:
        # a stack is a developer's own unless somebody asks for another environment
        if environment.name not in LAYERED and len(inputs.environments) > 1:
            continue
        own = {name: inputs.process_env[name] for name in _OF_THE_SYSTEM if name in inputs.process_env}
        values = {name: found.values.get(name, _SOME) for name in found.definitions}
        values = {environment.variable: environment.name, **own, **values}
        files = read_compose_files(inputs.project, values)
        if files is None:
            return
        try:
            for needed in files.needed(values):
                what = "is empty in" if needed.empty else "is not in"
                near = "." if needed.empty else did_you_mean(needed.name, found.definitions)
                sentence = f"The stack needs {needed.name}, which {what} {environment.name}{near}"
                hint = command("env.set", environment, name=needed.name)
                place = (needed.file, needed.line or 1)
                yield Finding(findings.COMPOSE_MISSING, *place, sentence, hint, environment.name, needed.name)
        except EnvtasksError as error:
            yield Finding(
                findings.COMPOSE_FILE, *located(error, inputs.label(files.files[0])), "inv compose.config"
            )
        yield from _env_files(inputs, files)
    if files is None:
        files = read_compose_files(inputs.project, {})
        yield from () if files is None else _env_files(inputs, files)
    yield from () if files is None else _literals(inputs, files)


def _env_files(inputs: Inputs, files: ComposeFiles) -> Iterator[Finding]:
    """Env files of the project that a container would get."""
    try:
        files.refuse_env_files(inputs.project)
    except ConfigInvalid as error:
        place = located(error, inputs.label(files.files[0]))
        yield Finding(findings.COMPOSE_FILE, *place, "inv compose.config")


def _literals(inputs: Inputs, files: ComposeFiles) -> Iterator[Finding]:
    """Secrets that stand in a compose file themselves."""
    for given in files.given():
        text = given.text or ""
        if not text or "$" in text or is_placeholder(text):
            continue
        reason = looks_like_credential(given.name, text)
        if inputs.is_known_secret(given.name, text):
            reason = reason or "is a secret"
        if reason:
            sentence = f"{given.name} of service {given.service} {reason}, and its value stands here."
            hint = command("env.set", inputs.environments[0], name=given.name)
            yield Finding(findings.COMPOSE_LITERAL, given.file, given.line, sentence, hint, name=given.name)
