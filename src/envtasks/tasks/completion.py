"""`envtasks completion`: the script that a shell loads to complete `inv` and `envtasks`."""

from __future__ import annotations

import sys

from invoke.context import Context

from .. import console
from ..completion import SHELLS, script, setup_command
from ..declare import task
from ..error_translation import PlainTask
from ..errors import ConfigInvalid, did_you_mean


@task(env=None, klass=PlainTask, positional=["shell"], help={"shell": ", ".join(SHELLS)})
def completion(_c: Context, shell: str) -> None:
    """Print the script with which a shell completes inv and envtasks: envtasks completion bash >> ~/.bashrc."""
    name = {"pwsh": "powershell"}.get(shell, shell)
    if name not in SHELLS:
        raise ConfigInvalid(
            f"There is no completion for {shell}{did_you_mean(shell, SHELLS)}",
            hint=f"shells: {', '.join(SHELLS)}",
        )
    console.write_utf8(script(name))
    if sys.stdout.isatty():
        console.say("note", f"to set it up: {setup_command(name)}")
