"""Which names go into a build, and by which way: the Dockerfile decides, the environment has to have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Refused, VariableMissing
from .credentials import is_credential

if TYPE_CHECKING:
    from ..hydration import Hydrated
    from .dockerfile import Declared
    from .settings import Recipe


@dataclass(frozen=True, slots=True)
class Travel:
    """The names that go in: as build args, as secret mounts; and which of the build args are credentials."""

    build_args: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()

    def flags(self) -> list[str]:
        """docker's options: names alone; docker takes the values from its own environment."""
        args = [f"--build-arg={name}" for name in self.build_args]
        return args + [f"--secret=id={name},env={name}" for name in self.mounts]


def travel(declared: Declared, hydrated: Hydrated, child_env: Mapping[str, str], *, recipe: Recipe) -> Travel:
    """What goes into a build of this Dockerfile in this environment, and nothing else.

    An ARG takes what the environment declares; a credential and a secret mount may also come from the process
    environment, as in a CI that keeps them there. Raises VariableMissing naming every one that is lacking.
    """
    args = [argument.name for argument in declared.arguments if argument.name in child_env]
    credentials = [name for name in args if is_credential(name, hydrated)]
    mounts = [mount.id for mount in declared.mounts if mount.id in child_env]
    missing = [
        f"{argument.name} ({recipe.label}:{argument.line})"
        for argument in declared.arguments
        if argument.name not in child_env
        and argument.default is None
        and is_credential(argument.name, hydrated)
    ]
    missing += [
        f"{mount.id} ({recipe.label}:{mount.line}, a secret mount)"
        for mount in declared.mounts
        if mount.required and mount.id not in child_env
    ]
    if missing:
        raise VariableMissing(
            f"{recipe.label} needs what {hydrated.environment} does not have: {', '.join(missing)}.",
            hint=f"add it to an env file of {hydrated.environment}; the id of a secret mount is its variable",
        )
    own = {"APP_ENV", *hydrated, *credentials}
    return Travel(tuple(name for name in args if name in own), tuple(mounts), tuple(credentials))


def refuse_push(declared: Declared, found: Travel, hydrated: Hydrated, *, recipe: Recipe) -> None:
    """Refuse to push an image of a protected environment whose history would hold a credential."""
    if not hydrated.protected:
        return
    held = [
        f"{name} (stage {stage.name}, {recipe.label}:{stage.line})"
        for stage in declared.chain()
        for name in found.credentials
        if declared.declares(stage, name)
    ]
    if held:
        raise Refused(
            f"{hydrated.environment} is protected, and its image's history would hold {', '.join(held)}.",
            hint="declare the ARG in a stage that is only copied from, or take the value by a secret mount",
        )


def advice(declared: Declared, credentials: Sequence[str], *, recipe: Recipe) -> list[str]:
    """A note that the builder keeps build args, and the very lines to change for secret mounts."""
    if not credentials:
        return []
    go = "goes in as a build arg" if len(credentials) == 1 else "go in as build args"
    lines = [
        f"{' and '.join(credentials)} {go}, which the builder keeps in its records; not so secret mounts.",
        f"To change that, in {recipe.label}:",
    ]
    for name in credentials:
        lines += [f"  line {number}, take out:  ARG {name}" for number in declared.lines(name)]
    mounts = {name: f"--mount=type=secret,id={name},env={name},required=true" for name in credentials}
    for run in sorted({run for name in credentials for run in declared.runs(name)}):
        reaching = [mounts[name] for name in credentials if run in declared.runs(name)]
        lines.append(f"  line {run}, after RUN:  {' '.join(reaching)}")
    return lines
