"""Run commands: find and start them, copy and redact their output, pass signals on, lend them the terminal.

The names are fetched when they are asked for, as a task that runs no command, or a nox session, need not pay for all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .command import (
        exit_code,
        find_program,
        get_variable,
        merge_variables,
        run_probe,
        shell_quoted,
        signal_exit_code,
        start_errors,
        too_large,
        with_utf8,
        without_keys,
    )
    from .runner import Runner
    from .signals import forwarding
    from .streams import LineWriter, original_is_terminal, redact_file_descriptors

__all__ = [
    "LineWriter",
    "Runner",
    "exit_code",
    "find_program",
    "forwarding",
    "get_variable",
    "merge_variables",
    "original_is_terminal",
    "redact_file_descriptors",
    "run_probe",
    "shell_quoted",
    "signal_exit_code",
    "start_errors",
    "too_large",
    "with_utf8",
    "without_keys",
]

_MODULES = {
    "LineWriter": "streams",
    "Runner": "runner",
    "forwarding": "signals",
    "original_is_terminal": "streams",
    "redact_file_descriptors": "streams",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES.get(name, 'command')}", __name__), name)
