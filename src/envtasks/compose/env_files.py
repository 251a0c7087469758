"""What the `env_file`s of a stack's services refer to: compose interpolates their contents too."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..envfiles import document
from ..errors import ConfigInvalid, EnvFileMissing
from . import interpolation
from .model import Need, Tree


@dataclass(frozen=True, slots=True)
class EnvFileUse:
    """One `env_file` of a service: its path, whether it must exist, whether compose takes it literally."""

    path: Path
    required: bool
    raw: bool


def needs(
    tree: Tree, services: Collection[str], values: Mapping[str, str], *, base: Path
) -> tuple[Need, ...]:
    """What the env files of these services need and neither `values`, the service nor an earlier line gives.

    `base` is the folder that relative paths start from. Raises EnvFileMissing, and ConfigInvalid for a file
    of ciphertext, which compose would hand over as it is.
    """
    found: list[Need] = []
    for name in services:
        service = tree["services"][name]
        known = {**_environment(service, values), **values}
        for use in _uses(service, values, base):
            if use.path.is_file():
                found += _of_file(use, name, known)
            elif use.required:
                raise EnvFileMissing(
                    f"Service {name} of the stack has env_file {use.path}, which does not exist."
                )
    return tuple(found)


def _uses(service: Tree, values: Mapping[str, str], base: Path) -> Iterator[EnvFileUse]:
    entries = service.get("env_file") or []
    for entry in [entries] if isinstance(entries, (str, Mapping)) else entries:
        long: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {"path": entry}
        try:
            path = base / interpolation.expand(str(long.get("path", "")), values)
        except interpolation.MalformedError:
            continue
        yield EnvFileUse(path, bool(long.get("required", True)), long.get("format") == "raw")


def _of_file(use: EnvFileUse, service: str, known: dict[str, str]) -> Iterator[Need]:
    """The needs of one file; `known` grows by what it defines."""
    for entry in document.read(use.path).entries:
        if entry.encrypted:
            raise ConfigInvalid(
                f"{use.path.name}:{entry.line} is encrypted, and service {service} has it as an env_file: "
                "the container would get the ciphertext.",
                hint="name the variables under environment: instead, as NAME: ${NAME}",
            )
        if not use.raw and entry.quote != "'":
            yield from _of_value(entry, use.path, service, known)
        known.setdefault(entry.name, entry.raw)


def _of_value(entry: document.Entry, path: Path, service: str, known: Mapping[str, str]) -> Iterator[Need]:
    text = entry.raw.replace(r"\$", "$$") if entry.quote == '"' else entry.raw
    try:
        lacks = interpolation.missing(text, known)
    except interpolation.MalformedError:
        return
    for lack in lacks:
        yield Need(lack, service, text, path, _line_of(entry, lack.name))


def _line_of(entry: document.Entry, name: str) -> int:
    lines = entry.raw.split("\n")
    holds = (entry.line + i for i, line in enumerate(lines) if f"${name}" in line or f"${{{name}" in line)
    return next(holds, entry.line)


def _environment(service: Tree, values: Mapping[str, str]) -> dict[str, str]:
    """What the service's own `environment` gives, which its env files may refer to."""
    declared = service.get("environment") or {}
    pairs = declared.items() if isinstance(declared, Mapping) else map(_pair, declared)
    return {str(name): _expanded(str(text), values) for name, text in pairs if text is not None}


def _pair(item: object) -> tuple[str, str | None]:
    name, equals, text = str(item).partition("=")
    return name, text if equals else None


def _expanded(text: str, values: Mapping[str, str]) -> str:
    try:
        return interpolation.expand(text, values)
    except interpolation.MalformedError:
        return text
