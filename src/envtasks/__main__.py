"""The `envtasks` command: the built-in tasks, for a project that has no tasks.py."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the built-in tasks as `inv` would."""
    from invoke.exceptions import Exit
    from invoke.program import Program

    from . import __version__
    from .error_translation import translate_errors
    from .tasks import built_in

    for stream in (sys.stdout, sys.stderr):
        # piped output is cp1252 on Windows, which lacks characters that our messages have
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        with translate_errors():
            namespace = built_in()
    except Exception as error:
        if isinstance(error, Exit):
            print(error.message, file=sys.stderr)
            sys.exit(error.code)
        raise
    try:
        Program(name="envtasks", binary="envtasks", namespace=namespace, version=__version__).run()
    except BrokenPipeError:  # `envtasks --list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains once more when it flushes
        sys.exit(1)


if __name__ == "__main__":
    main()
