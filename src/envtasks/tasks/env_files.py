"""`inv env.new` and `env.edit`: make an environment, edit an env file."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from .. import console
from ..activation import ask, ask_whether, can_ask
from ..context import Context
from ..declare import task
from ..errors import EnvtasksError
from ..invocation import current_invocation
from .env_values import FILE, JSON, is_to_be_encrypted, target_of

if TYPE_CHECKING:
    from ..authoring import Creation, Edit

_SHOWN = 60  # characters of a value that Enter keeps


@task(
    hydrate=False,
    positional=["name"],
    help={
        "name": "The new environment",
        "from": "The environment whose variables it gets (default: those of .env.example)",
        "json": JSON,
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
        answer=_asking(name) if can_ask(process_env) else None,
        secret_names=secret_names(project),
    )
    _report(made, json=json)


def _asking(environment: str) -> Callable[[str, bool, str], str]:
    """What asks for the values of an environment, one after the other, each again where it cannot be written.

    Before the first it says what Enter means.
    """
    from ..envfiles import check_value, spell

    keys = "Enter takes the value in brackets, or leaves a placeholder"
    begin = functools.cache(lambda: console.say("note", f"asks for the values of {environment} now: {keys}"))

    def answer(name: str, hidden: bool, default: str) -> str:
        begin()
        while True:  # or all that was typed before would be lost
            try:
                given = _answer(name, hidden, default)
                if given != default:
                    (check_value if hidden else spell)(name, given)
                return given
            except EnvtasksError as error:
                console.say("error", error.message)

    return answer


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
    count = console.counted(len(made.variables), "variable")
    print(f"{'would make' if made.dry else 'made'} {made.name}: {count} in {made.file}")


@task(hydrate=False, requires_environment=True, help={"file": FILE, "json": JSON})
def edit(c: Context, file: str = "", json: bool = False) -> None:
    """Edit an env file with its values decrypted in $VISUAL or $EDITOR; they are encrypted again when you save."""
    from ..authoring import Dialogue, edit_file, find_editor

    target = target_of(c, file)
    editor = find_editor(target.process_env)
    if target.dry:
        if json:
            console.print_json({"file": target.label, "editor": editor.name, "dry": True})
        else:
            print(f"would edit {target.label} with {editor.name}")
        return
    project = current_invocation(c).project
    encrypts = functools.cache(lambda name: is_to_be_encrypted(project, target, name))
    dialogue = Dialogue(
        encrypts, functools.partial(_again, target.process_env), functools.partial(console.say, "note")
    )
    _report_edit(edit_file(target, editor, dialogue), json=json)


def _again(process_env: Mapping[str, str], error: EnvtasksError) -> bool:
    """Whether a person wants to edit again what cannot be written; where nobody can be asked, not."""
    if not can_ask(process_env):
        return False
    console.say("error", error.message)
    return ask_whether("Edit it again? Otherwise the edit is thrown away.")


def _report_edit(edit: Edit, *, json: bool) -> None:
    for note in edit.notes:
        console.say("note", note)
    if json:
        console.print_json(asdict(edit))
        return
    parts = [("changed", edit.changed), ("added", edit.added), ("removed", edit.removed)]
    done = "; ".join(f"{verb} {', '.join(names)}" for verb, names in parts if names)
    print(f"edited {edit.file}: {done or 'comments'}" if edit.written else f"nothing changed in {edit.file}")
