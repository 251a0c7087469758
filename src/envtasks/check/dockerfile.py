"""The Dockerfile: no secret stays in the image, no env file is copied into it, and its required mounts are fed."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from ..docker import (
    ImageSettings,
    Instruction,
    copied_files,
    files_in_context,
    ignore_file,
    image_settings,
    instructions,
    is_credential_name,
    kept_instructions,
    secret_mounts,
)
from ..errors import did_you_mean
from ..inventory import project_files
from . import findings
from .credentials import is_placeholder, looks_like_credential
from .findings import Finding, Result, append_command, command
from .inputs import Inputs


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about the project's Dockerfile, if there is one."""
    settings = image_settings(inputs.project)
    if not settings.file.is_file():
        return
    text = settings.dockerfile_text()
    for instruction in kept_instructions(settings, text):
        if instruction.keyword in ("ENV", "ARG"):
            yield from _kept_values(inputs, settings, instruction)
    yield from _copied(inputs, settings, text)
    yield from _mounts(inputs, settings, text)


def _kept_values(inputs: Inputs, settings: ImageSettings, instruction: Instruction) -> Iterator[Finding]:
    """Secrets in ENV and ARG of stages that the image is made of."""
    for name, value in instruction.pairs():
        literal = value or ""
        written = bool(literal) and "$" not in literal
        known = inputs.is_known_secret(name, literal) if written else inputs.is_secret(name)
        known = known or _is_credential(inputs, name)
        if known and not (written and is_placeholder(literal)):
            sentence = f"{instruction.keyword} {name} stays in the image's history; a secret mount does not."
        elif written and (reason := looks_like_credential(name, literal)):
            sentence = f"{instruction.keyword} {name} {reason}, and stays in the image."
        else:
            continue
        hint = f"inv env.explain {name}"
        yield Finding(findings.DOCKER_SECRET, settings.label, instruction.line, sentence, hint, name=name)


def _copied(inputs: Inputs, settings: ImageSettings, text: str) -> Iterator[Finding]:
    """Env files and key files that COPY takes."""
    names = files_in_context(settings, project_files(inputs.project))
    root, ignore = inputs.project.root, ignore_file(settings)
    for each in copied_files(settings, text, names.values()):
        source, taken = each.source, each.names
        on = " The image copies it on from that stage." if each.on else ""
        if source.removeprefix("./") in taken:
            kind, sentence = findings.DOCKER_COPY, f"{source} is copied into the image.{on}"
            hint = append_command(root, ignore, source.removeprefix("./"))
        else:
            what = f"{taken[0]} and {len(taken) - 1} more" if len(taken) > 1 else taken[0]
            kind = findings.BUILD_CONTEXT
            sentence = f"COPY {source} takes {what}, as no .dockerignore keeps them out.{on}"
            hint = append_command(root, ignore, "**/.env*")
        yield Finding(kind, settings.label, each.instruction.line, sentence, hint)


def _mounts(inputs: Inputs, settings: ImageSettings, text: str) -> Iterator[Finding]:
    """Required secret mounts whose variable no environment has."""
    for instruction in instructions(text):
        for name, required in secret_mounts(instruction.text).items() if instruction.keyword == "RUN" else ():
            # a credential may come from the process environment of a CI
            if not required or name in inputs.names or _is_credential(inputs, name):
                continue
            near = did_you_mean(name, inputs.names)
            sentence = f"A secret mount requires {name}, which no environment has{near}"
            hint = command("env.set", inputs.environments[0], name=name)
            yield Finding(
                findings.DOCKER_MISSING, settings.label, instruction.line, sentence, hint, name=name
            )


def _is_credential(inputs: Inputs, name: str) -> bool:
    listed = any(fnmatchcase(name, pattern) for pattern in inputs.project.credentials)
    return is_credential_name(name) or listed
