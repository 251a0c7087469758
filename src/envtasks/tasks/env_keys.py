"""`inv env.git-setup`: private keys shared and rotated, and git taught to read env files."""

from __future__ import annotations

import os

from .. import console
from ..context import Context
from ..declare import task
from ..invocation import current_invocation


@task(
    name="git-setup",
    hydrate=False,
    confirm=False,
    help={"remove": "Undo it: the lines of .gitattributes and git's configuration"},
)
def git_setup(c: Context, remove: bool = False) -> None:
    """Let git show env files readably and merge them variable by variable, in this clone."""
    from ..authoring import set_up_git

    dry = bool(c.config.run.dry)
    done = set_up_git(current_invocation(c).project, os.environ, remove=remove, dry=dry)
    for sentence in done or ["git is set up already" if not remove else "there is nothing to remove"]:
        print(f"would change {sentence}" if dry and done else sentence)
    if done and not remove and not dry:
        console.say(
            "note", "each clone needs this once; merge buttons of GitHub and GitLab merge line by line"
        )
