"""The way of an image: planned, built, audited, pushed, and no further than each step allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import console
from ..errors import Refused
from ..process.command import shown
from .build import Built, build, command
from .hiding import hiding
from .plan import SWITCHES, plan
from .push import Audit, Pushed, push, push_from_digest
from .settings import recipe_of

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated


def make(
    project: Project,
    hydrated: Hydrated,
    *,
    audit: Audit | None,
    tag: str | None = None,
    target: str | None = None,
    platforms: Sequence[str] = (),
    pushed: bool = False,
    no_cache: bool = False,
    dry: bool = False,
) -> Built | None:
    """Build the environment's image, audit it (unless `audit` is None) and, if it is to be `pushed`, push it.

    With `dry` it only prints docker's command, which holds names and no values.

    Raises Refused (a push without an audit, a credential in a protected environment's history),
    VariableMissing, ConfigInvalid, BuildFailed, LeakFound and ToolMissing.
    """
    if pushed and audit is None:
        raise Refused("An image is pushed only after its audit.", hint="leave out --no-audit, or --push")
    planned = plan(project, hydrated, tag=tag, target=target, platforms=platforms, push=pushed)
    if dry:
        console.write_utf8(shown(command(planned, no_cache=no_cache)) + "\n")
        return None
    built = build(planned, no_cache=no_cache)
    if audit is None:
        return built
    if planned.by_digest:
        push_from_digest(built.reference, built.digest, planned.child_env, audit=audit, hide=planned.hide)
    elif pushed:
        push(built.reference, planned.child_env, audit=audit, hide=planned.hide)
    else:
        audit(built.image, built.reference)
    return built


def send(
    project: Project, hydrated: Hydrated, *, audit: Audit, tag: str | None = None, dry: bool = False
) -> Pushed | None:
    """Push the environment's image as the engine has it, after an audit; with `dry` only say so.

    Raises what `push` raises.
    """
    reference = tag or recipe_of(project).reference(hydrated.environment)
    if dry:
        console.write_utf8(shown(["docker", "image", "push", reference]) + "\n")
        return None
    child_env = hydrated.child_env() | SWITCHES
    return push(reference, child_env, audit=audit, hide=hiding(hydrated, child_env))
