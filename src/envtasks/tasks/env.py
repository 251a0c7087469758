"""`inv env.*`: which environments there are, which variables they have, and one value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import console
from ..config import Environment, Project
from ..context import Context
from ..declare import task
from ..errors import EnvtasksError, VariableMissing

if TYPE_CHECKING:
    from ..hydration.result import Hydrated

HIDDEN = "***"
PUBLIC_KEY = "DOTENV_PUBLIC_KEY"
WIDEST = 120  # characters of a value in a table; --json and env.get give all of it


@task(name="list", confirm=False, help={"json": "Print JSON"})
def list_(c: Context, json: bool = False) -> None:
    """List the environments: files, variables, guards, and whether a key is at hand."""
    project = Project.load()
    environments = (
        [project.environments[c.environment]] if c.environment else list(project.environments.values())
    )
    rows = [_summary_or_error(environment) for environment in environments]
    if json:
        console.print_json(rows)
        return
    console.table(
        ["environment", "files", "plain", "encrypted", "guard", "key"],
        [
            [
                row["name"],
                ", ".join(row["files"]),
                str(row["plain"]),
                str(row["encrypted"]),
                row["guard"],
                row["key"],
            ]
            for row in rows
        ],
    )


@task(confirm=False, requires_environment=True, help={"reveal": "Show secret values", "json": "Print JSON"})
def show(c: Context, reveal: bool = False, json: bool = False) -> None:
    """Show the variables of an environment and where each comes from, secrets hidden."""
    hydrated = c.hydrated
    rows = [_row(hydrated, name, reveal=reveal) for name in hydrated]
    if json:
        console.print_json(rows)
        return
    console.table(
        ["name", "value", "from", "kind"],
        [
            [row["name"], _one_line(row["value"]), _place(row), _kind(row)]
            for row in rows
            if not row["name"].startswith(
                PUBLIC_KEY
            )  # known to everybody, and longer than all else; --json has it
        ],
    )


@task(confirm=False, requires_environment=True, positional=["name"], help={"name": "The variable"})
def get(c: Context, name: str) -> None:
    """Print the raw value of one variable and nothing else."""
    hydrated = c.hydrated
    if name not in hydrated:
        import difflib

        near = difflib.get_close_matches(name, hydrated, n=1)
        raise VariableMissing(
            f"{name} is not in {c.environment}" + (f": did you mean {near[0]}?" if near else "."),
            hint=f"inv env.show --env {c.environment} lists what is there",
        )
    console.write_utf8(hydrated[name], newline_on_terminal=True)


def _row(hydrated: Hydrated, name: str, *, reveal: bool) -> dict[str, Any]:
    origin = hydrated.origin(name)
    hidden = origin.secret and not reveal
    return {"name": name, "value": HIDDEN if hidden else hydrated[name], "hidden": hidden, **asdict(origin)}


def _place(row: Mapping[str, Any]) -> str:
    if row["process"]:
        return f"process environment, not {row['file']}:{row['line']}"
    over = f" (over {', '.join(row['shadows'])})" if row["shadows"] else ""
    return f"{row['file']}:{row['line']}{over}"


def _kind(row: Mapping[str, Any]) -> str:
    kind = "encrypted" if row["encrypted"] else "plain"
    return f"{kind}, secret" if row["secret"] and not row["encrypted"] else kind


def _one_line(value: str) -> str:
    text = value.replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _summary_or_error(environment: Environment) -> dict[str, Any]:
    """One environment's row, also if its files cannot be read: the others are of interest all the same."""
    try:
        return _summary(environment)
    except EnvtasksError as error:
        files = [environment.label(path) for path in environment.files]
        guard = "protected" if environment.protected else "public" if environment.public else ""
        return {
            "name": environment.name,
            "files": files,
            "missing": [],
            "plain": 0,
            "encrypted": 0,
            "protected": environment.protected,
            "public": environment.public,
            "guard": guard,
            "key": error.message,
        }


def _summary(environment: Environment) -> dict[str, Any]:
    """One environment without any key: what its files hold, what guards it, which key would open it."""
    from ..envfiles.document import read

    plain: set[str] = set()
    encrypted: dict[str, str] = {}
    missing = []
    for path in environment.files:
        if not path.exists():
            missing += [] if environment.optional(path) else [environment.label(path)]
            continue
        for entry in read(path).entries:
            if entry.name in plain or entry.name in encrypted or entry.name.startswith(PUBLIC_KEY):
                continue
            if entry.encrypted:
                encrypted[entry.name] = entry.raw
            else:
                plain.add(entry.name)
    return {
        "name": environment.name,
        "files": [_file_label(environment, path) for path in environment.files],
        "missing": missing,
        "plain": len(plain),
        "encrypted": len(encrypted),
        "protected": environment.protected,
        "public": environment.public,
        "guard": "protected" if environment.protected else "public" if environment.public else "",
        "key": _key_at_hand(environment, next(iter(encrypted.values()), None)),
    }


def _file_label(environment: Environment, path: Path) -> str:
    label = environment.label(path)
    if path.exists():
        return label
    return f"{label} (not there)" if environment.optional(path) else f"{label} (missing)"


def _key_at_hand(environment: Environment, sample: str | None) -> str:
    """Where the key comes from that opens this environment, tried on one of its values; or what is wrong."""
    if sample is None:
        return "none needed"
    from ..envfiles.keys import decrypt, find

    try:
        ring = find(environment, os.environ)
    except EnvtasksError as error:
        return error.message
    for key in ring.keys:
        if decrypt([sample], [key.hex])[0] is not None:
            return f"yes, from {key.source}"
    return "no: none of the keys at hand opens it" if ring.keys else "no"
