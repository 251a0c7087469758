"""`inv env.new`: make an environment."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from .. import console
from ..activation import ask, can_ask
from ..context import Context
from ..declare import task
from ..invocation import current_invocation

if TYPE_CHECKING:
    from ..authoring import Creation

_SHOWN = 60  # characters of a value that Enter keeps


@task(
    hydrate=False,
    positional=["name"],
    help={
        "name": "The new environment",
        "from": "The environment whose variables it gets (default: those of .env.example)",
        "json": "Print JSON",
    },
)
def new(c: Context, name: str, from_: str = "", json: bool = False) -> None:
    """Make an environment: key pair, env file, .gitignore and pyproject.toml; asks for the values on a terminal."""
    from ..authoring import find_target, new_environment
    from ..hydration import without_outer
    from ..settings_class import secret_names

    project = current_invocation(c).project
    process_env = without_outer(os.environ)
    target = find_target(project.future_environment(name), process_env, dry=bool(c.config.run.dry))
    made = new_environment(
        project,
        target,
        source=project.environment(from_) if from_ else None,
        answer=_answer if can_ask(process_env) else None,
        secret_names=secret_names(project),
    )
    _report(made, json=json)


def _answer(name: str, hidden: bool, default: str) -> str:
    """What a person types for a variable; Enter alone means the default, or later."""
    from ..authoring import ask_hidden

    if hidden:
        return ask_hidden(f"{name} (not shown; Enter: later): ", how_to_pipe="set it later: inv env.set")
    shown = default.replace("\n", "\\n")[:_SHOWN]
    return ask(f"{name} [{shown}]: " if default else f"{name} (Enter: later): ") or default


def _report(made: Creation, *, json: bool) -> None:
    for note in made.notes:
        console.say("note", note)
    if made.open:
        hint = f"inv env.set {made.open[0]} --env {made.name}"
        console.say("note", f"placeholders, to be set: {', '.join(made.open)}: {hint}")
    if json:
        console.print_json(asdict(made))
        return
    count = f"{len(made.variables)} variable{'' if len(made.variables) == 1 else 's'}"
    print(f"{'would make' if made.dry else 'made'} {made.name}: {count} in {made.file}")
