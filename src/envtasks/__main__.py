"""The `envtasks` command: the built-in tasks, for a project that has no tasks.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main() -> None:
    """Run the built-in tasks as `inv` would; what git and shells call again and again starts without Invoke."""
    if sys.argv[1:2] in (["git-textconv"], ["git-merge"]):
        from .authoring import run_git_command

        sys.exit(run_git_command(sys.argv[1:], os.environ))
    if sys.argv[1:2] == ["complete-words"]:
        _complete(sys.argv[2:])
        return
    from invoke.exceptions import Exit

    from .console import ensure_standard_streams
    from .error_translation import translate_errors

    ensure_standard_streams()
    try:
        with translate_errors(failures=True):
            _run()
    except Exit as end:
        if end.message:
            print(end.message, file=sys.stderr)
        sys.exit(end.code)


def _complete(argv: list[str]) -> None:
    from pathlib import Path

    from .completion import Names, answer

    def collect(program: str, core: Sequence[str]) -> Names:
        from .tasks.names import collect

        return collect(program, core)

    lines = answer(argv, os.environ, here=Path.cwd(), collect=collect)
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))


def _run() -> None:
    from invoke.program import Program

    from . import __version__
    from .tasks import built_in, command_line, wanted_by

    if len(sys.argv) == 1:
        from .tasks.first_screen import first_screen

        print(first_screen())
        return
    root = built_in(wanted_by(sys.argv[1:]))
    program = Program(name="envtasks", binary="envtasks", namespace=root, version=__version__)
    command_line.adapt(program, root)
    try:
        program.run()
    except SystemExit as end:
        if end.code:
            raise


if __name__ == "__main__":
    main()
