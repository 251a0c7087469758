"""`inv exec`: any command in an environment."""

from __future__ import annotations

import sys

from ..context import Context
from ..declare import task
from ..errors import ConfigInvalid


def words_after_dashes() -> list[str]:
    """The words after the first `--` of the command line; Invoke's own remainder has lost their quoting."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


@task(
    name="exec",
    requires_environment=True,
    check=True,
    # Invoke knows no optional positional argument, so the command line decides
    positional=[] if "--" in sys.argv else ["line"],
    help={"line": "A shell line, where `--` cannot be typed (PowerShell)"},
)
def exec_(c: Context, line: str | None = None) -> None:
    """Run any command in an environment: inv exec --env local -- python -V."""
    words = words_after_dashes()
    if words:
        c.exec(*words)
    elif line is not None:
        c.run(line)
    else:
        raise ConfigInvalid("exec needs a command.", hint=f"inv exec --env {c.environment} -- python -V")
