"""The audit of an image that the engine has, for an environment of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..audit import Report, audit
from ..envfiles import document, keys
from .build_inputs import credential_values, redactor_for_build
from .saved import saved

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated


def inspect(project: Project, hydrated: Hydrated, image: str, *, called: str = "") -> Report:
    """What an image holds that it may not: this environment's secrets and credentials, any key of the project.

    `image` is a reference or an id, `called` what messages call it. Raises BuildFailed (no such image) and ToolMissing.
    """
    child_env = hydrated.child_env()
    with saved(image, child_env, hide=redactor_for_build(hydrated, child_env)) as archive:
        return audit(
            archive,
            secrets=hydrated.secrets,
            credentials=credential_values(hydrated, child_env),
            public_keys=public_keys(project),
            image=called or image,
        )


def public_keys(project: Project) -> dict[str, str]:
    """The public keys that the project's env files name: what a private key in an image is recognised by."""
    paths = {path for environment in project.environments.values() for path in environment.files}
    return {
        entry.name: entry.raw
        for path in sorted(paths)
        if path.is_file()
        for entry in document.read(path).entries
        if entry.name.startswith(keys.PUBLIC)
    }
