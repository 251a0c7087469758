"""`envtasks init`: bring envtasks into the project of the current folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context as InvokeContext

from .. import console
from ..activation import ask, ask_whether, can_ask
from ..declare import task
from ..error_translation import PlainTask

if TYPE_CHECKING:
    from ..adopt import Plan


@task(
    env=None,
    klass=PlainTask,
    iterable=["answer"],
    auto_shortflags=False,
    help={
        "dry": "Only show the plan",
        "defaults": "Ask nothing: take the default of every question",
        "answer": "Answer a question, KEY=VALUE; may be given several times",
        "allow-dirty": "Go on although git has changes that are not committed",
        "undo": "Print the git commands that take the last run back",
        "json": "Print the plan as JSON",
    },
)
def init(
    c: InvokeContext,
    answer: list[str],
    dry: bool = False,
    defaults: bool = False,
    allow_dirty: bool = False,
    undo: bool = False,
    json: bool = False,
) -> None:
    """Bring envtasks into the project in this folder: shows a plan, then makes all of it or nothing."""
    from .. import adopt

    root = Path.cwd()
    if undo:
        _print_undo(*adopt.undo_commands(root, os.environ))
        return
    dry = dry or bool(c.config.run.dry)
    given = adopt.read_answers(answer or [])
    asks = can_ask(os.environ) and not (defaults or json)
    survey = adopt.look(root, os.environ, manager=given.get("manager"))
    answers = adopt.Answers(given, ask if asks and not dry else None)
    plan = adopt.draw_up(survey, answers, allow_dirty=allow_dirty or dry)
    if json:
        console.print_json(adopt.summary(plan))
    else:
        _print_plan(plan)
    if dry or plan.empty:
        return
    if asks and not ask_whether("Make these changes?"):
        console.say("note", "nothing was changed")
        return
    adopt.apply_plan(plan, lambda line: console.say("note", line))
    _print_next(plan)


def _print_plan(plan: Plan) -> None:
    rows = [(each.kind, each.file, each.what, each.why) for each in plan.changes]
    rows += [
        ("change", each, "out of git's index; the file stays", "its values are plain")
        for each in plan.untrack
    ]
    rows += [("add", each, "development dependency", f"by {plan.survey.manager}") for each in plan.packages]
    rows += [("leave", each.file, "", each.why) for each in plan.kept]
    if rows:
        console.table(("do", "file", "what", "why"), rows)
    if plan.empty:
        print("nothing to do: all of it is there already")
    if plan.left:
        print("\nleft for you:")
    for left in plan.left:
        print(console.one_line(f"  {left.file}:{left.line}: {left.sentence}"))
        if left.replacement:
            print(console.one_line(f"      {left.replacement}"))
    for note in plan.notes:
        console.say("note", note)


def _print_next(plan: Plan) -> None:
    print("\ndone; type next:")
    for command in plan.next:
        print(f"  {command}")


def _print_undo(commands: tuple[str, ...], remaining: tuple[str, ...]) -> None:
    for command in commands:
        print(command)
    for line in remaining:
        console.say("note", line)
