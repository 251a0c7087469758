"""Files that a stack may not hand to its containers: env files and key files of the project, and ciphertext.

An environment's values reach a stack by name. A file would bring those of one environment into the stack of another,
and what is encrypted as ciphertext.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import ConfigInvalid
from ..hydration import contains_ciphertext
from .env_files import ServiceEnvFile, read_text, service_env_files
from .model import SECTIONS, Include, Model, used_texts

_ENCRYPTED: Final = re.compile(r"[^#=:]*[=:]\s*[\"']?\s*encrypted:\S", re.IGNORECASE)  # the value of a line
_PRIVATE_KEY: Final = re.compile(r"\s*(?:export\s+)?DOTENV_PRIVATE_KEY[\w.-]*\s*[=:]\s*\S")
_ENTRIES: Final = {"services": "service"} | {section: section.removesuffix("s") for section in SECTIONS}
_WHY: Final = "the project's env files are for envtasks, which gives each environment its own values"


@dataclass(frozen=True, slots=True)
class _Reference:
    """A file that the stack names: how a message says so, the path, whether compose reads it, what to do instead."""

    said: str
    path: Path
    is_env_file: bool
    hint: str


def refuse_env_files(model: Model, project_files: Collection[Path], values: Mapping[str, str]) -> None:
    """Raise ConfigInvalid where a container would get one of the `project_files`, a private key or ciphertext.

    Other env files are allowed, as long as they are plain. Raises EnvFileInvalid for one that cannot be read.
    """
    for include in model.sources.includes:
        _refuse_implicit(model, include)
    own = {path.resolve() for path in project_files}
    for reference in (*_of_includes(model), *_of_services(model, values), *_of_other_files(model, own)):
        if reference.path.resolve() in own:
            raise ConfigInvalid(f"{reference.said}: {_WHY}.", hint=reference.hint)
        if reference.is_env_file and reference.path.is_file():
            _refuse_contents(reference, model.label(reference.path))
    _refuse_ciphertext(model)


def without_project_files(
    files: Collection[ServiceEnvFile], project_files: Collection[Path]
) -> list[ServiceEnvFile]:
    """The env files that are none of the project's own."""
    own = {path.resolve() for path in project_files}
    return [file for file in files if file.path.resolve() not in own]


def _refuse_implicit(model: Model, include: Include) -> None:
    """Raise ConfigInvalid if compose would read a `.env` beside an included file, which no switch stops."""
    if include.implicit_env_file is not None:
        place = f"{model.label(include.file)}:{include.line}"
        implicit = model.label(include.implicit_env_file)
        raise ConfigInvalid(
            f"{place} includes {include.paths}, and compose would read {implicit} for it: "
            "values that no environment declares.",
            hint="move them into the .env.<name> files, or add `env_file: /dev/null` to this include",
        )


def _refuse_contents(reference: _Reference, label: str) -> None:
    for number, line in enumerate(read_text(reference.path).split("\n"), 1):
        wrong = ""
        if line.lstrip().startswith("#"):
            continue
        if _ENCRYPTED.match(line) or contains_ciphertext(line):
            wrong = "is encrypted: the container would get the ciphertext"
        elif _PRIVATE_KEY.match(line):
            wrong = "is a private key, which no container may have"
        if wrong:
            raise ConfigInvalid(f"{reference.said}, and {label}:{number} {wrong}.", hint=reference.hint)


def _refuse_ciphertext(model: Model) -> None:
    """Raise ConfigInvalid for a ciphertext in the compose files themselves."""
    for text, owner in used_texts(model.tree, model.services):
        if contains_ciphertext(text):
            raise ConfigInvalid(
                f"{model.place_of(text, owner)}{_ENTRIES[owner[0]]} {owner[1]} has a ciphertext, which the container "
                "would get as it is.",
                hint="move it into the environment's env file, and refer to it: NAME: ${NAME}",
            )


def _of_includes(model: Model) -> Iterator[_Reference]:
    for include in model.sources.includes:
        for path in include.env_files:
            said = (
                f"{model.label(include.file)}:{include.line} includes {include.paths} "
                f"with env_file {model.label(path)}"
            )
            yield _Reference(
                said, path, True, "take env_file out: the environment's values are there by name"
            )


def _of_services(model: Model, values: Mapping[str, str]) -> Iterator[_Reference]:
    for service in model.services:
        hint = (
            f'give it the variables by name: [tool.envtasks.compose] inject = ["{service}"], or NAME: ${{NAME}} '
            "under environment"
        )
        for found in service_env_files(model.tree["services"][service] or {}, values, model.directory):
            place = model.place_of(found.path.name, ("services", service))
            said = f"{place}service {service} has env_file {model.label(found.path)}"
            yield _Reference(said, found.path, True, hint)


def _of_other_files(model: Model, own: Collection[Path]) -> Iterator[_Reference]:
    """Files of the project that are mounted, or are the contents of a secret or config; compose made them absolute."""
    for text, owner in used_texts(model.tree, model.services):
        path = Path(text)
        if path.is_absolute() and path.resolve() in own:
            said = f"{model.place_of(path.name, owner)}{_ENTRIES[owner[0]]} {owner[1]} has the file {model.label(path)}"
            hint = "take it out: name the variables under environment instead, as NAME: ${NAME}"
            yield _Reference(said, path, False, hint)
