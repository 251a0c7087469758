"""`envtasks migrate`: a Makefile made into a tasks.py."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context as InvokeContext
from invoke.exceptions import Exit

from .. import console
from ..activation import ask_whether, can_ask
from ..config import Project
from ..declare import task
from ..error_translation import PlainTask
from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from ..adopt.makefile import Migration

_MOST = 5  # lines that are shown of what make would run


@task(
    env=None,
    klass=PlainTask,
    help={
        "makefile": "The Makefile (default: the one that make finds)",
        "defaults": "Ask nothing: run make on the Makefile, which runs its $(shell …) and the like",
        "no-make": "Read the Makefile without make; what only make can expand is left open",
        "keep-makefile": "Replace the Makefile by one that hands each target to its task",
        "json": "Print JSON",
    },
)
def migrate(
    c: InvokeContext,
    makefile: str | None = None,
    defaults: bool = False,
    no_make: bool = False,
    keep_makefile: bool = False,
    json: bool = False,
) -> None:
    """Write the tasks.py that does what a Makefile does, and compare both target by target."""
    from ..adopt import makefile as adopt
    from ..hydration import without_outer

    process_env = without_outer(os.environ)
    path = adopt.find_makefile(Path.cwd(), makefile or "")
    if keep_makefile:
        adopt.require_committed(path, process_env)
    with_make = not no_make and adopt.has_make(process_env) and (defaults or _may_run_make(path))
    migration = adopt.migrate(path, Project.load(path.parent), process_env, with_make=with_make)
    dry = bool(c.config.run.dry)
    if not dry:
        adopt.write(migration, keep_makefile=keep_makefile)
    if json:
        console.print_json(_as_json(migration))
    else:
        _print(migration, dry=dry, keep_makefile=keep_makefile)
    if not migration.same:
        raise Exit(code=1)


def _may_run_make(path: Path) -> bool:
    """Whether make may run: where it runs commands by itself, a person has to say so. Raises ConfigInvalid."""
    from ..adopt.makefile import lines_run_at_once
    from ..hydration import without_outer

    lines = lines_run_at_once(path)
    if not lines:
        return True
    if not can_ask(without_outer(os.environ)):
        raise ConfigInvalid(
            f"make runs commands of {path.name} even in a dry run ({lines[0]}), and there is no terminal to ask on.",
            hint="--defaults runs them, --no-make only reads the file",
        )
    shown = [f"    {console.one_line(line)}" for line in lines[:_MOST]]
    shown += [f"    and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    console.say(
        "note",
        f"make -p and make -n show what {path.name} does, and run no recipe for it; but make runs at once what these "
        "lines name:",
    )
    for line in shown:
        print(line, file=sys.stderr)
    return ask_whether("Let it run them?")


def _as_json(migration: Migration) -> dict[str, object]:
    return {
        "tasks_file": migration.tasks_file.name,
        "added": migration.added,
        "targets": [asdict(row) for row in migration.rows],
        "flags": migration.flags,
        "checks": [{"task": task, "what": what} for task, what in migration.checks],
        "left": migration.left,
        "same": migration.same,
    }


def _print(migration: Migration, *, dry: bool, keep_makefile: bool) -> None:
    """Print what each target became, then what to look at and what is left to do."""
    rows = [(row.target, row.task, row.verdict, row.why) for row in migration.rows]
    console.table(("target", "task", "runs", "why"), rows)
    verb = "would write" if dry else "wrote"
    name = migration.tasks_file.name
    lines = [""]
    if migration.after == migration.before:
        lines.append(f"{name} has all of these tasks already and is as it was")
    else:
        lines.append(f"{verb} {name}: {console.counted(len(migration.added), 'task')}")
    if keep_makefile:
        lines.append(f"{verb} {migration.makefile.name}, which hands each target to its task")
    if migration.flags:
        lines.append("variables of the Makefile that are flags now:")
        lines += [f"  {each}" for each in _calls(migration)]
    if migration.process_variables:
        lines.append(f"taken from the process environment: {', '.join(migration.process_variables)}")
    if migration.checks:
        lines.append(f"to look at, marked `# check:` in {name}:")
        lines += [f"  {task}: {what}" for task, what in migration.checks]
    if migration.left:
        lines += ["left to do:", *(f"  {each}" for each in migration.left)]
    lines.append(_summary(migration))
    console.write_utf8(console.as_called_here("\n".join(map(console.one_line, lines))) + "\n")


def _calls(migration: Migration) -> list[str]:
    """For each task with flags, the call of make and that of inv."""
    pairs = [
        (
            f"make {task} {' '.join(f'{variable}=…' for variable in flags)}",
            f"inv {task} {' '.join(f'{name} …' for name in flags.values())}",
        )
        for task, flags in migration.flags.items()
    ]
    width = max(len(before) for before, _ in pairs)
    return [f"{before:{width}}  {after}" for before, after in pairs]


def _summary(migration: Migration) -> str:
    from ..adopt.makefile import DIFFERS, SAME

    count = {verdict: sum(row.verdict == verdict for row in migration.rows) for verdict in (SAME, DIFFERS)}
    compared = count[SAME] + count[DIFFERS]
    rest = len(migration.rows) - compared
    text = f"{count[SAME]} of {console.counted(compared, 'target')} run the same"
    return f"{text}; {rest} could not be compared" if rest else text
