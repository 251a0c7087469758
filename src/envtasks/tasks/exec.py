"""`inv exec`: any command in an environment."""

from __future__ import annotations

import sys

from ..context import Context
from ..declare import Task, task
from ..errors import ConfigInvalid


class _Exec(Task):
    """Takes what follows the first `--` as typed; without a `--`, one positional argument, a shell line."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        # Invoke knows no optional positional argument, so the command line decides
        kwargs["positional"] = [] if "--" in sys.argv else ["line"]
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]


@task(
    name="exec",
    klass=_Exec,
    requires_environment=True,
    help={"line": "A shell line, where `--` cannot be typed (PowerShell)"},
)
def exec_(c: Context, line: str | None = None) -> None:
    """Run any command in an environment: inv exec --env local -- python -V."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if not words and line is None:
        raise ConfigInvalid("exec needs a command.", hint=f"inv exec --env {c.environment} -- python -V")
    if line is None:
        c.exec(*words)
    else:
        c.run(line)
