"""Before compose runs: every name that the stack needs and the environment lacks, with file and line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import ConfigInvalid, VariableMissing
from . import env_files, model
from .files import Sources
from .model import Need, Tree

EMPTY = " (empty)"


def check(
    tree: Tree,
    sources: Sources,
    services: Sequence[str],
    values: Mapping[str, str],
    *,
    environment: str,
    root: Path,
    base: Path,
) -> None:
    """Raise VariableMissing if a service needs a name that `values` lacks (compose would put a blank)."""
    in_env_files = env_files.needs(tree, services, values, base=base)
    found = (*model.needs(tree, services, values), *in_env_files)
    if not found:
        return
    rows = _rows(found, sources, root)
    lines = "\n".join(f"    {name}  {', '.join(places)}" for name, places in rows.items())
    first = next(iter(rows)).removesuffix(EMPTY)
    count = "a variable" if len(rows) == 1 else f"{len(rows)} variables"
    raise VariableMissing(
        f"Environment {environment} lacks {count} that the stack needs:\n{lines}",
        hint=f"add it to an env file of {environment}, or say that unset is meant: ${{{first}:-}}",
    )


def refuse_unasked(sources: Sources, root: Path) -> None:
    """Raise ConfigInvalid if compose would read a `.env` beside an included file, which no switch stops."""
    for include in sources.includes:
        if include.unasked is not None:
            place, unasked = f"{label(include.file, root)}:{include.line}", label(include.unasked, root)
            raise ConfigInvalid(
                f"{place} includes {label(include.files[0], root)}, and compose would read {unasked} for it: "
                "values that no environment declares.",
                hint="move them into the .env.<name> files, or add `env_file: /dev/null` to this include",
            )


def label(path: Path, root: Path) -> str:
    """The path as messages show it: relative to the project, with forward slashes."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _rows(found: Sequence[Need], sources: Sources, root: Path) -> dict[str, list[str]]:
    rows: dict[str, set[tuple[str, int]]] = {}
    for need in found:
        lack = need.missing
        rows.setdefault(f"{lack.name}{EMPTY}" if lack.empty else lack.name, set()).update(
            _places(need, sources, root)
        )
    in_order = sorted(((sorted(places), name) for name, places in rows.items()), key=lambda row: row[0][0])
    return {name: [f"{file}:{line}" if line else file for file, line in places] for places, name in in_order}


def _places(need: Need, sources: Sources, root: Path) -> list[tuple[str, int]]:
    if need.file is not None:
        return [(label(need.file, root), need.line)]
    found = sources.places(need.missing.name, need.text, need.service)
    return [(label(file, root), line) for file, line in found] or [(f"service {need.service}", 0)]
