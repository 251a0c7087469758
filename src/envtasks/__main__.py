"""The `envtasks` command: the built-in tasks, for a project that has no tasks.py."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the built-in tasks as `inv` would; what git calls for each file starts without Invoke."""
    if sys.argv[1:2] in (["git-textconv"], ["git-merge"]):
        from .authoring import run_git_command

        sys.exit(run_git_command(sys.argv[1:], os.environ))
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
