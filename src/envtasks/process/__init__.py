"""Run commands: find and start them, copy and redact their output, pass signals on, lend them the terminal.

The names are fetched when they are asked for, as a task that runs no command, or a nox session, need not pay for all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..bytecode import writing_bytecode

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
    from .descriptors import original_is_terminal, redact_file_descriptors, stdout_is_kept
    from .runner import Runner
    from .signals import forwarding
    from .streams import LineWriter, redacted_in_stdout
    from .tools import SOURCES, how_to_get, how_to_get_in_job

__all__ = [
    "SOURCES",
    "LineWriter",
    "Runner",
    "exit_code",
    "find_program",
    "forwarding",
    "get_variable",
    "how_to_get",
    "how_to_get_in_job",
    "merge_variables",
    "original_is_terminal",
    "redact_file_descriptors",
    "redacted_in_stdout",
    "run_probe",
    "shell_quoted",
    "signal_exit_code",
    "start_errors",
    "stdout_is_kept",
    "too_large",
    "with_utf8",
    "without_keys",
]

_MODULES = {
    "SOURCES": "tools",
    "LineWriter": "streams",
    "Runner": "runner",
    "forwarding": "signals",
    "how_to_get": "tools",
    "how_to_get_in_job": "tools",
    "original_is_terminal": "descriptors",
    "redact_file_descriptors": "descriptors",
    "redacted_in_stdout": "streams",
    "stdout_is_kept": "descriptors",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with writing_bytecode():
        return getattr(import_module(f".{_MODULES.get(name, 'command')}", __name__), name)
