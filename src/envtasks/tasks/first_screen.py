"""What `envtasks` prints without arguments: the environments of this project, and what to type next."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .. import __version__, console
from ..config import OVERRIDES, above
from ..invocation import project_at

if TYPE_CHECKING:
    from ..config import Project

_MOST: Final = 6  # environments that are named


def first_screen() -> str:
    """Ten lines for somebody who does not know envtasks. Raises ConfigInvalid."""
    project = project_at(Path.cwd())
    commands = _commands(project)
    width = max(map(len, commands))
    return "\n".join(
        [
            f"envtasks {__version__}: tasks in environments, each one encrypted .env.<name> in git",
            "",
            what_is_here(project),
            *(f"  {command:{width}}  {what}" for command, what in commands.items()),
        ]
    )


def what_is_here(project: Project) -> str:
    """The environments of a project, or what it has in place of one, and then what makes it an environment."""
    if project.environments:
        names = list(project.environments)
        listed = ", ".join(names[:_MOST]) + (", …" if len(names) > _MOST else "")
        return f"{project.name} has {console.counted(len(names), 'environment')}: {listed}."
    if (project.root / OVERRIDES).is_file():
        return (
            f"{project.name} has a {OVERRIDES} and no environment. To use it as one, in pyproject.toml:\n"
            f'    [tool.envtasks.environments]\n    local = {{ files = ["{OVERRIDES}"] }}'
        )
    folder = project.root.name or project.root
    nothing = f"{project.name} has no environment yet: there is no .env.<name> file in {folder}."
    elsewhere = above(project)
    return f"{nothing}\nBut {elsewhere}: cd there." if elsewhere else nothing


def _commands(project: Project) -> dict[str, str]:
    """The next commands, each with what it does."""
    name = next((each.name for each in project.environments.values() if not each.protected), "NAME")
    if project.environments:
        commands = {
            "envtasks env.list": "their files, variables and keys",
            f"envtasks env.show --env {name}": f"what {name} sets, secrets redacted",
            f"envtasks exec --env {name} -- COMMAND": "run a command with these values",
            f"envtasks env.set NAME --env {name}": "set a variable, encrypted",
        }
    else:
        init = "envtasks init" if find_spec("jinja2") else 'uvx "envtasks[init]" init'
        commands = {
            init: "set this project up; shows its plan first",
            "envtasks env.new local": "make one environment, with a key pair",
        }
    commands |= {"envtasks doctor": "what this machine has and lacks"}
    commands |= {"envtasks --list": "all tasks; envtasks --help TASK explains one"}
    if (project.root / "tasks.py").is_file():
        commands |= {"inv --list": "the tasks of this project's tasks.py as well"}
    return commands
