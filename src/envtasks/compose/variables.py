"""The variables that a stack needs: checked before compose runs, which would put a blank for what is missing.

They stand in the compose files, as `${NAME}`, and in the `env_file`s of services, which compose interpolates too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import EnvFileMissing, VariableMissing
from . import interpolation
from .env_files import Assignment, ServiceEnvFile, read_assignments, service_env_files
from .interpolation import Missing
from .model import Model, Owner, Tree, used_names, used_texts

EMPTY: Final = " (empty)"


@dataclass(frozen=True, slots=True)
class MissingReference:
    """A missing variable, the service, volume, … whose text refers to it, and the text."""

    missing: Missing
    owner: Owner
    text: str
    file: Path | None = None  # an env_file, where file and line are known
    line: int = 0


def check_variables(model: Model, values: Mapping[str, str], *, environment: str) -> None:
    """Raise VariableMissing, naming all, if the stack needs variables that `values` lacks.

    Raises EnvFileMissing and EnvFileInvalid for an `env_file` that is not there or cannot be read.
    """
    found = (*missing_in_model(model, values), *missing_in_env_files(model, values))
    if not found:
        return
    rows = places_by_name(found, model)
    lines = "\n".join(
        f"    {name}  {', '.join(f'{file}:{line}' if line else file for file, line in places)}"
        for name, places in rows.items()
    )
    first = next(iter(rows)).removesuffix(EMPTY)
    count = "a variable" if len(rows) == 1 else f"{len(rows)} variables"
    raise VariableMissing(
        f"Environment {environment} lacks {count} that the stack needs:\n{lines}",
        hint=f"add it to an env file of {environment}, or allow it to be unset: ${{{first}:-}}",
    )


def missing_in_model(model: Model, values: Mapping[str, str]) -> tuple[MissingReference, ...]:
    """What the model's services need and `values` lacks, and what makes compose stop in any other service."""
    others = [name for name in model.tree.get("services") or {} if name not in model.services]
    found = [
        MissingReference(missing, owner, text)
        for names, active in ((model.services, True), (others, False))
        for text, owner in used_texts(model.tree, names)
        for missing in _missing(text, model.sources.values_for(owner, values))
        if active or missing.refused
    ]
    return (*found, *_missing_secrets(model, values))


def missing_in_env_files(model: Model, values: Mapping[str, str]) -> tuple[MissingReference, ...]:
    """What the env files of the services need and neither `values`, the service nor an earlier line defines.

    Raises EnvFileMissing, EnvFileInvalid.
    """
    found: list[MissingReference] = []
    for name in model.services:
        service: Tree = model.tree["services"][name] or {}
        known = {**own_environment(service, values), **values}
        for file in service_env_files(service, values, model.directory):
            if file.path.is_file():
                found += _missing_in_file(file, ("services", name), known)
            elif file.required:
                place = model.place_of(file.path.name, ("services", name))
                raise EnvFileMissing(
                    f"{place}service {name} has env_file {model.label(file.path)}, which does not exist."
                )
    return tuple(found)


def places_by_name(found: Sequence[MissingReference], model: Model) -> dict[str, list[tuple[str, int]]]:
    """File and line (0: unknown) of each missing name, ` (empty)` after an empty one, in the order of their places."""
    rows: dict[str, set[tuple[str, int]]] = {}
    for one in found:
        name = f"{one.missing.name}{EMPTY}" if one.missing.empty else one.missing.name
        rows.setdefault(name, set()).update(_places(one, model))
    in_order = sorted(((sorted(places), name) for name, places in rows.items()), key=lambda row: row[0][0])
    return {name: places for places, name in in_order}


def _places(one: MissingReference, model: Model) -> list[tuple[str, int]]:
    if one.file is not None:
        return [(model.label(one.file), one.line)]
    places = model.sources.places(one.missing.name, one.text, one.owner)
    return [(model.label(file), line) for file, line in places] or [(f"service {one.owner[1]}", 0)]


def _missing(text: str, values: Mapping[str, str]) -> tuple[Missing, ...]:
    try:
        return interpolation.missing(text, values)
    except interpolation.MalformedError:
        return ()  # compose refuses the file and says where


def _missing_secrets(model: Model, values: Mapping[str, str]) -> Iterator[MissingReference]:
    """`secrets: {token: {environment: NAME}}` has no dollar, and without NAME compose fails half-way."""
    for owner, name in mounted_variables(model.tree, model.services):
        if name not in model.sources.values_for(owner, values):
            yield MissingReference(Missing(name, refused=True), owner, name)


def mounted_variables(tree: Tree, services: Sequence[str]) -> Iterator[tuple[Owner, str]]:
    """The variables whose values these services get as secrets or configs, each with the entry that names it."""
    for section in ("secrets", "configs"):
        for key, value in (tree.get(section) or {}).items():
            name = value.get("environment") if isinstance(value, Mapping) else None
            if name and any(key in used_names(tree["services"][service], section) for service in services):
                yield (section, key), str(name)


def _missing_in_file(file: ServiceEnvFile, owner: Owner, known: dict[str, str]) -> Iterator[MissingReference]:
    """What one env file lacks; `known` grows by what it defines."""
    for assignment in read_assignments(file.path, literal=file.literal):
        text = assignment.template
        for missing in _missing(text, known):
            yield MissingReference(missing, owner, text, file.path, _line_of(assignment, missing.name))
        if assignment.text is not None:
            known.setdefault(assignment.name, assignment.text)


def _line_of(assignment: Assignment, name: str) -> int:
    lines = (assignment.text or "").split("\n")
    holds = (
        assignment.line + i for i, line in enumerate(lines) if f"${name}" in line or f"${{{name}" in line
    )
    return next(holds, assignment.line)


def own_environment(service: Tree, values: Mapping[str, str]) -> dict[str, str]:
    """What the service's own `environment` defines, which its env files may refer to."""
    declared = service.get("environment") or {}
    pairs = declared.items() if isinstance(declared, Mapping) else map(_name_and_text, declared)
    return {
        str(name): interpolation.expand_or_keep(str(text), values) for name, text in pairs if text is not None
    }


def _name_and_text(item: object) -> tuple[str, str | None]:
    name, equals, text = str(item).partition("=")
    return name, text if equals else None
