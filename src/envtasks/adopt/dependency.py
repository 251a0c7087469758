"""What the project has to depend on, and how its own package manager adds that; files are restored on failure."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from ..envfiles import PRIVATE_KEY, appended
from ..errors import EnvtasksError, ToolMissing
from .file_names import REQUIREMENTS
from .plan import Plan
from .survey import Survey

_WRITTEN: Final = ("pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile", "Pipfile.lock")
_BY_NAME: Final = "envtasks[fast]"
_OLDEST: Final = 11  # the minor version of Python 3 that envtasks needs
_DEVELOPMENT: Final = re.compile(r"(?:.*/)?[^/]*(?:dev|local|test)[^/]*\.(?:txt|in)")


def command_for(plan: Plan) -> tuple[str, ...]:
    """The command line that adds the packages; empty for pip, whose requirements file is appended to."""
    manager = plan.survey.installation.manager
    words = (*manager.add, *filter(None, [manager.no_sync]))
    if plan.survey.manager != "poetry":
        return (*words, *plan.packages) if words else ()
    # its command line takes the version of Python apart from the package
    pairs = [each.partition(" ; python_version ") for each in plan.packages]
    versions = [version.replace("'", "").replace(" ", "") for _, _, version in pairs if version]
    return (*words, *(["--python", versions[0]] if versions else []), *(package for package, _, _ in pairs))


def requirements_file(survey: Survey) -> str:
    """The requirements file for development that pip's packages go to."""
    found = survey.named(REQUIREMENTS)
    development = [name for name in found if _DEVELOPMENT.fullmatch(name)]
    return development[0] if development else "requirements-dev.txt"


def with_requirements(survey: Survey, text: str, packages: Sequence[str]) -> str:
    """The text of a requirements file with more packages; a new one begins with those of requirements.txt."""
    first = (
        "-r requirements.txt" if survey.has("requirements.txt") else "-e ." if survey.has("setup.py") else ""
    )
    heading = [first] if first and not text else []
    return appended(text, "".join(f"{each}\n" for each in [*heading, *packages]))


def add_packages(plan: Plan, undo: list[Callable[[], None]], say: Callable[[str], None]) -> None:
    """Add the packages of a plan. Raises ToolMissing, and EnvtasksError where the package manager fails."""
    root = plan.survey.root
    command = command_for(plan)
    if not command:  # a requirements file, which the plan changes itself
        return
    program = shutil.which(command[0], path=plan.survey.process_env.get("PATH"))
    if program is None:
        raise ToolMissing(
            f"{command[0]}, the package manager of this project, is not installed; all is as it was.",
            hint=f"pip install {command[0]}; or without it: --answer dependency=no",
        )
    for name in _WRITTEN:
        path = root / name
        before = path.read_bytes() if path.is_file() else None
        undo.append(partial(_restore, path, before))
    say(" ".join(command))
    env = {
        name: value
        for name, value in plan.survey.process_env.items()
        # the environment in which envtasks runs is not the project's
        if name != "VIRTUAL_ENV" and not name.startswith(PRIVATE_KEY)
    }
    done = subprocess.run([program, *command[1:]], cwd=root, env=env, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise EnvtasksError(
            f"{' '.join(command[:2])} ended with {done.returncode}; all is as it was.",
            hint="mend what it says above, or add envtasks yourself: --answer dependency=no",
        )


def _restore(path: Path, before: bytes | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    elif not path.is_file() or path.read_bytes() != before:
        path.write_bytes(before)


def own_requirement() -> str:
    """The requirement (PEP 508): by name, or with the address that this envtasks was installed from.

    Installers write that address down (PEP 610, direct_url.json) where it was a repository, a folder or an archive and
    not an index; there the name alone may mean nothing, or another version.
    """
    recorded = metadata.distribution("envtasks").read_text("direct_url.json")
    if recorded is None:
        return _BY_NAME
    origin: dict[str, Any] = json.loads(recorded)
    address = origin["url"]
    if "vcs_info" in origin:
        version = origin["vcs_info"]
        address = f"{version['vcs']}+{address}@{version.get('requested_revision') or version['commit_id']}"
    if folder := origin.get("subdirectory"):
        address += f"#subdirectory={folder}"
    return f"{_BY_NAME} @ {address}"


def for_new_pythons(requirement: str, pyproject: Mapping[str, Any]) -> str:
    """The requirement with a marker, where the project is for versions of Python too that envtasks does not run on.

    Without it no package manager finds a solution; such a project is tested there without envtasks.
    """
    wanted = _wanted_python(pyproject)
    minors = [int(minor) for minor in re.findall(r"\b3\.(\d+)", re.sub(r"[<!]=?\s*[\d.*]+", "", wanted))]
    if not minors or min(minors) >= _OLDEST:
        return requirement
    return f"{requirement} ; python_version >= '3.{_OLDEST}'"


def too_old_python(pyproject: Mapping[str, Any]) -> str:
    """What the project says of its Python, where envtasks runs on no version of that; else empty."""
    wanted = _wanted_python(pyproject)
    return wanted if all(_newest(each) < _OLDEST for each in wanted.split("||")) else ""


def _newest(wanted: str) -> int:
    """The minor version of the newest Python 3 that is permitted; a large number where there is no limit."""
    if before := re.search(r"<\s*3\.(\d++)(?!\.\d*[1-9])", wanted):
        return int(before[1]) - 1
    # `<3.12.4` permits 3.12, and `~=3.9` what `^3.9` permits; `~=3.9.0` and `~3.9` are 3.9 alone
    last = re.search(r"(?:<=?\s*|~=\s*(?=3\.\d+\.)|~\s*|^\s*=*\s*)3\.(\d+)(?![\d*])", wanted)
    return int(last[1]) if last else sys.maxsize


def _wanted_python(pyproject: Mapping[str, Any]) -> str:
    project, poetry = pyproject.get("project", {}), pyproject.get("tool", {}).get("poetry", {})
    return f"{project.get('requires-python') or poetry.get('dependencies', {}).get('python', '')}"
