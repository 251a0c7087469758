"""Bring envtasks into a project: what is there, what would change, and the change as a whole or not at all."""

from __future__ import annotations

from .apply import apply_plan, undo_commands
from .drawing import described, draw_up
from .plan import FileChange, Left, Plan, summary
from .questions import QUESTIONS, Answers, read_answers
from .render import require_jinja
from .survey import Survey, look

__all__ = [
    "QUESTIONS",
    "Answers",
    "FileChange",
    "Left",
    "Plan",
    "Survey",
    "apply_plan",
    "described",
    "draw_up",
    "look",
    "read_answers",
    "require_jinja",
    "summary",
    "undo_commands",
]
