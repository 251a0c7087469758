"""`inv exec`: any command in an environment."""

from __future__ import annotations

from ..context import Context
from ..declare import task
from ..errors import ConfigInvalid
from .command_line import words_after_dashes


@task(
    name="exec",
    requires_environment=True,
    check=True,
    positional=["line"],
    help={"line": "A shell line, or a command and its arguments; `--` before it keeps its flags apart"},
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
