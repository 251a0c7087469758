"""The variables that a stack needs: checked before compose runs, which would put a blank for what is missing.

They stand in the compose files, as `${NAME}`, and in the `env_file`s of services, which compose interpolates too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..envfiles import Entry, read_env_file
from ..errors import ConfigInvalid, EnvFileMissing, VariableMissing
from . import interpolation
from .interpolation import Missing
from .model import Model, Tree

SECTIONS: Final = (
    "volumes",
    "networks",
    "secrets",
    "configs",
)  # top-level: a service uses their entries by name
EMPTY: Final = " (empty)"


@dataclass(frozen=True, slots=True)
class MissingReference:
    """A missing variable, the service whose text refers to it (None: a text that services share), the text."""

    missing: Missing
    service: str | None
    text: str
    file: Path | None = None  # an env_file, where file and line are known
    line: int = 0


def check_variables(model: Model, values: Mapping[str, str], *, environment: str) -> None:
    """Raise VariableMissing, naming all, if the stack needs variables that `values` lacks.

    Raises EnvFileMissing and ConfigInvalid for an `env_file` that is not there or holds ciphertext.
    """
    found = (*missing_in_model(model.tree, model.services, values), *missing_in_env_files(model, values))
    if not found:
        return
    rows = _rows(found, model)
    lines = "\n".join(f"    {name}  {', '.join(places)}" for name, places in rows.items())
    first = next(iter(rows)).removesuffix(EMPTY)
    count = "a variable" if len(rows) == 1 else f"{len(rows)} variables"
    raise VariableMissing(
        f"Environment {environment} lacks {count} that the stack needs:\n{lines}",
        hint=f"add it to an env file of {environment}, or allow it to be unset: ${{{first}:-}}",
    )


def refuse_implicit_env_files(model: Model) -> None:
    """Raise ConfigInvalid if compose would read a `.env` beside an included file, which no switch stops."""
    for include in model.sources.includes:
        if include.implicit_env_file is not None:
            place = f"{model.label(include.file)}:{include.line}"
            implicit = model.label(include.implicit_env_file)
            raise ConfigInvalid(
                f"{place} includes {model.label(include.files[0])}, and compose would read {implicit} for it: "
                "values that no environment declares.",
                hint="move them into the .env.<name> files, or add `env_file: /dev/null` to this include",
            )


def missing_in_model(
    tree: Tree, services: Collection[str], values: Mapping[str, str]
) -> tuple[MissingReference, ...]:
    """What these services need and `values` lacks, and what makes compose stop in any other service."""
    others = [name for name in tree.get("services") or {} if name not in services]
    found = [
        MissingReference(missing, service, text)
        for names, active in ((services, True), (others, False))
        for text, service in _texts(tree, names)
        for missing in _missing(text, values)
        if active or missing.refused
    ]
    return (*found, *_missing_secrets(tree, services, values))


def missing_in_env_files(model: Model, values: Mapping[str, str]) -> tuple[MissingReference, ...]:
    """What the env files of the services need and neither `values`, the service nor an earlier line defines.

    Raises EnvFileMissing, and ConfigInvalid for a file of ciphertext, which compose would hand over as it is.
    """
    found: list[MissingReference] = []
    for name in model.services:
        service: Tree = model.tree["services"][name] or {}
        known = {**_own_environment(service, values), **values}
        for path, required, literal in _env_files(service, values, model.directory):
            if path.is_file():
                found += _missing_in_file(path, name, known, literal=literal)
            elif required:
                raise EnvFileMissing(
                    f"Service {name} of the stack has env_file {path}, which does not exist."
                )
    return tuple(found)


def _rows(found: Sequence[MissingReference], model: Model) -> dict[str, list[str]]:
    """The places of each missing name, in the order of the first place."""
    rows: dict[str, set[tuple[str, int]]] = {}
    for one in found:
        name = f"{one.missing.name}{EMPTY}" if one.missing.empty else one.missing.name
        rows.setdefault(name, set()).update(_places(one, model))
    in_order = sorted(((sorted(places), name) for name, places in rows.items()), key=lambda row: row[0][0])
    return {name: [f"{file}:{line}" if line else file for file, line in places] for places, name in in_order}


def _places(one: MissingReference, model: Model) -> list[tuple[str, int]]:
    if one.file is not None:
        return [(model.label(one.file), one.line)]
    places = model.sources.places(one.missing.name, one.text, one.service)
    return [(model.label(file), line) for file, line in places] or [(f"service {one.service}", 0)]


def _texts(tree: Tree, services: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """Every text of these services, with the service; of the volumes, networks … that they use, with None."""
    declared: Tree = tree.get("services") or {}
    for name in services:
        service = {key: value for key, value in (declared[name] or {}).items() if key != "env_file"}
        for text in _scalars(service):
            yield text, name
    for section in SECTIONS:
        for key, value in (tree.get(section) or {}).items():
            if any(key in _used(declared[name], section) for name in services):
                for text in _scalars(value):
                    yield text, None


def _scalars(value: object) -> Iterator[str]:
    """Every text in a tree of mappings and lists, values only (compose interpolates no keys)."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _scalars(value.values())
    elif isinstance(value, Iterable):
        for child in value:
            yield from _scalars(child)


def _missing(text: str, values: Mapping[str, str]) -> tuple[Missing, ...]:
    try:
        return interpolation.missing(text, values)
    except interpolation.MalformedError:
        return ()  # compose refuses the file and says where


def _missing_secrets(
    tree: Tree, services: Collection[str], values: Mapping[str, str]
) -> Iterator[MissingReference]:
    """`secrets: {token: {environment: NAME}}` has no dollar, and without NAME compose fails half-way."""
    declared: Tree = tree.get("services") or {}
    for section in ("secrets", "configs"):
        for key, value in (tree.get(section) or {}).items():
            name = value.get("environment") if isinstance(value, Mapping) else None
            users = [service for service in services if key in _used(declared[service], section)]
            if name and name not in values and users:
                yield MissingReference(Missing(str(name), refused=True), users[0], str(name))


def _used(service: Tree | None, section: str) -> set[str]:
    """The names of one top-level section that a service uses, in compose's short and long forms."""
    service = service or {}
    build = service.get("build")
    used = _entry_names(service.get(section), section)
    return used | _entry_names(build.get(section), section) if isinstance(build, Mapping) else used


def _entry_names(entries: object, section: str) -> set[str]:
    if not isinstance(entries, (list, Mapping)):
        return set()
    found = (entry.get("source") if isinstance(entry, Mapping) else entry for entry in entries)
    return {str(name).partition(":")[0] if section == "volumes" else str(name) for name in found if name}


def _env_files(
    service: Tree, values: Mapping[str, str], directory: Path
) -> Iterator[tuple[Path, bool, bool]]:
    """The path of each `env_file` of a service, whether it must exist, whether compose takes it literally."""
    entries = service.get("env_file") or []
    for entry in [entries] if isinstance(entries, (str, Mapping)) else entries:
        long: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {"path": entry}
        try:
            path = interpolation.expand(str(long.get("path", "")), values)
        except interpolation.MalformedError:
            continue  # compose refuses the file and says where
        yield directory / path, bool(long.get("required", True)), long.get("format") == "raw"


def _missing_in_file(
    path: Path, service: str, known: dict[str, str], *, literal: bool
) -> Iterator[MissingReference]:
    """What one env file lacks; `known` grows by what it defines."""
    for entry in read_env_file(path).entries:
        if entry.encrypted:
            raise ConfigInvalid(
                f"{path.name}:{entry.line} is encrypted, and service {service} has it as an env_file: "
                "the container would get the ciphertext.",
                hint="name the variables under environment: instead, as NAME: ${NAME}",
            )
        if not literal and entry.quote != "'":
            text = entry.raw.replace(r"\$", "$$") if entry.quote == '"' else entry.raw
            for missing in _missing(text, known):
                yield MissingReference(missing, service, text, path, _line_of(entry, missing.name))
        known.setdefault(entry.name, entry.raw)


def _line_of(entry: Entry, name: str) -> int:
    lines = entry.raw.split("\n")
    holds = (entry.line + i for i, line in enumerate(lines) if f"${name}" in line or f"${{{name}" in line)
    return next(holds, entry.line)


def _own_environment(service: Tree, values: Mapping[str, str]) -> dict[str, str]:
    """What the service's own `environment` defines, which its env files may refer to."""
    declared = service.get("environment") or {}
    pairs = declared.items() if isinstance(declared, Mapping) else map(_name_and_text, declared)
    return {str(name): _expanded(str(text), values) for name, text in pairs if text is not None}


def _name_and_text(item: object) -> tuple[str, str | None]:
    name, equals, text = str(item).partition("=")
    return name, text if equals else None


def _expanded(text: str, values: Mapping[str, str]) -> str:
    try:
        return interpolation.expand(text, values)
    except interpolation.MalformedError:
        return text
