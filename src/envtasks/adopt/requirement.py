"""What a project has to depend on to get envtasks from where this one came."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any, Final

_BY_NAME: Final = "envtasks[fast]"
_OLDEST: Final = 11  # the minor version of Python 3 that envtasks needs


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
    project, poetry = pyproject.get("project", {}), pyproject.get("tool", {}).get("poetry", {})
    wanted = f"{project.get('requires-python') or poetry.get('dependencies', {}).get('python', '')}"
    minors = [int(minor) for minor in re.findall(r"\b3\.(\d+)", re.sub(r"[<!]=?\s*[\d.*]+", "", wanted))]
    if not minors or min(minors) >= _OLDEST:
        return requirement
    return f"{requirement} ; python_version >= '3.{_OLDEST}'"
