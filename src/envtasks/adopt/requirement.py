"""What a project has to depend on to get envtasks from where this one came."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any, Final

_BY_NAME: Final = "envtasks[fast]"


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
