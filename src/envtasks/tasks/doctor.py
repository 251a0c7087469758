"""`inv doctor`: what this machine has and lacks for this project."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from .. import console
from ..declare import task
from ..error_translation import PlainTask
from ..invocation import current_invocation

if TYPE_CHECKING:
    from ..doctor import Check


@task(env=None, klass=PlainTask, help={"json": "Print JSON"})
def doctor(c: Context, json: bool = False) -> None:
    """Look at what this project needs on this machine: programs, keys, env files, completion; code 7 if it lacks."""
    from ..doctor import check_machine

    found = check_machine(current_invocation(c).project, os.environ)
    codes = print_checks((("", check) for check in found), json=json)
    if not json:
        some = f"{len(codes)} of what this project needs {'is' if len(codes) == 1 else 'are'} missing"
        console.write_line(f"\n{some if codes else 'Everything that this project needs is here'}.")
    if codes:
        raise Exit(code=min(codes))


def print_checks(checks: Iterable[tuple[str, Check]], *, json: bool) -> list[int]:
    """Print each check, with the environment it is about, once it is made. Returns the codes of those that failed."""
    rows, codes = [], []
    for place, check in checks:
        codes += [check.code] if check.code else []
        rows.append({"state": check.state, "of": place, **asdict(check)})
        if not json:
            console.write_line(console.as_called_here(_text(f"{place} " if place else "", check)))
    if json:
        console.print_json(rows)
    return codes


def _text(place: str, check: Check) -> str:
    needed = ", ".join(filter(None, (check.needed, check.needed_by and f"for {check.needed_by}")))
    line = f"{check.state:7} {place}{check.what}: {check.found}{f' ({needed})' if needed else ''}"
    return f"{line}\n        {check.hint}" if check.hint else line
