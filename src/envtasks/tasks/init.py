"""`envtasks init`: bring envtasks into the project of the current folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context as InvokeContext

from .. import console
from ..activation import ask, ask_whether, can_ask
from ..declare import task
from ..error_translation import PlainTask

if TYPE_CHECKING:
    from ..adopt import Plan, Survey


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
    adopt.require_jinja()  # before the first question
    dry = dry or bool(c.config.run.dry)
    given = adopt.read_answers(answer or [])
    asks = can_ask(os.environ) and not (defaults or json)
    survey = adopt.look(root, os.environ, manager=given.get("manager"))
    answers = adopt.Answers(given, _ask if asks and not dry else None)
    if answers.ask is not None:
        _print_found(survey)
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
        _print(f"{left.file}:{left.line}: {left.sentence}", indent="  ")
        if left.replacement:
            _print(left.replacement, indent="      ")
    for note in plan.notes:
        console.say("note", note)


def _print(text: str, *, indent: str) -> None:
    """Print lines, each after blanks; on a terminal they are wrapped at words."""
    for line in map(console.one_line, text.split("\n")):
        if not sys.stdout.isatty():
            print(indent + line)
            continue
        import shutil
        import textwrap

        width = max(40, shutil.get_terminal_size().columns)
        wrap = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
        wrap.initial_indent, wrap.subsequent_indent = indent, indent + "  "
        print(wrap.fill(line))


def _ask(question: str) -> str:
    """The answer to a question, whose own line is the last one; what is above it says what it is about."""
    *about, last = question.split("\n")
    for line in about:
        _print(line.strip(), indent="  " if line.startswith(" ") else "")
    return ask(last)


def _print_found(survey: Survey) -> None:
    """Say in a few words what is there, before the first question."""
    from ..adopt import described

    for what, found in described(survey).items():
        print(console.one_line(f"{what:12} {found}"))
    print()


def _print_next(plan: Plan) -> None:
    print("\ndone; type next:")
    for command in plan.next:
        print(f"  {command}")


def _print_undo(commands: tuple[str, ...], remaining: tuple[str, ...]) -> None:
    for command in commands:
        print(command)
    for line in remaining:
        console.say("note", line)
