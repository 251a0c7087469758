"""A Makefile that hands each target to its task, for those who still type `make`."""

from __future__ import annotations

from typing import Final

from .names import flag
from .translation import Translation

FIRST_LINE: Final = "# Hands each target to its task in tasks.py: inv --list"


def forwarding_makefile(translation: Translation) -> str:
    """Its text. A variable that is given becomes the flag of its parameter."""
    tasks = translation.tasks
    default = translation.makefile.default
    lines = [
        FIRST_LINE,
        f".DEFAULT_GOAL := {default}" if default else "",
    ]
    lines += [f".PHONY: {' '.join([*tasks, *translation.dropped])}", ""]
    for target, task in tasks.items():
        variables = {parameter.variable: parameter for parameter in task.parameters}
        words = [f"inv {task.name}"]
        words += [
            f'$(if $({name}),{flag(parameter.name)} "$({name})")' for name, parameter in variables.items()
        ]
        if task.environment and translation.values.environment_variables:
            words += [
                f"$(if $({name}),--env $({name}))"
                for name in sorted(translation.values.environment_variables)
            ]
        lines += [f"{target}:", f"\t@{' '.join(words)}", ""]
    for target in translation.dropped:
        lines += [f"{target}:", "\t@inv --list", ""]
    return "\n".join(lines)
