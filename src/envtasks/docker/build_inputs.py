"""What goes into a build: build args, secret mounts and labels."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .. import git
from ..errors import Refused, VariableMissing
from .steering import NO_STEERING, Steering

if TYPE_CHECKING:
    from ..hydration import Hydrated
    from .credentials import Credentials
    from .dockerfile import Dockerfile
    from .settings import ImageSettings

_LOOKS_SECRET: Final = re.compile(r"TOKEN|PASSW|SECRET|CREDENTIAL|_KEY$|_AUTH$")
_LABELS: Final = "org.opencontainers.image"  # github.com/opencontainers/image-spec, annotations.md


@dataclass(frozen=True, slots=True)
class BuildInputs:
    """The names that go into a build, as build args and as secret mounts; which build args are credentials."""

    build_args: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()

    def options(self, steering: Steering = NO_STEERING) -> list[str]:
        """docker's options: names, whose values it takes from its own environment."""
        args = [f"--build-arg={steering.argument(name)}" for name in self.build_args]
        return args + [f"--secret=id={name},env={steering.source(name)}" for name in self.secrets]


def build_inputs(dockerfile: Dockerfile, credentials: Credentials, *, settings: ImageSettings) -> BuildInputs:
    """What goes into a build of this Dockerfile in this environment, and nothing else.

    An ARG takes what the environment declares; a credential and a secret mount may also come from the process
    environment, as in a CI that keeps them there. Raises VariableMissing naming all that are lacking.
    """
    hydrated, child_env = credentials.hydrated, credentials.child_env
    present = [argument.name for argument in dockerfile.arguments if argument.name in child_env]
    missing = [
        f"{argument.name} ({settings.label}:{argument.line})"
        for argument in dockerfile.arguments
        if argument.name not in child_env and argument.default is None and argument.name in credentials
    ]
    missing += [
        f"{mount.id}{' (empty)' if mount.id in child_env else ''} ({settings.label}:{mount.line}, a secret mount)"
        for mount in dockerfile.secret_mounts
        if mount.required and not child_env.get(mount.id)  # docker itself takes an empty one
    ]
    if missing:
        raise VariableMissing(
            f"{settings.label} needs what {hydrated.environment} does not have: {', '.join(missing)}.",
            hint=f"add it to an env file of {hydrated.environment}; the id of a secret mount is its variable",
        )
    found = [name for name in present if name in credentials]
    declared = {hydrated.variable, *hydrated, *found}
    return BuildInputs(
        build_args=tuple(name for name in present if name in declared),
        secrets=tuple(mount.id for mount in dockerfile.secret_mounts if mount.id in child_env),
        credentials=tuple(found),
    )


def input_notes(
    dockerfile: Dockerfile, inputs: BuildInputs, credentials: Credentials, *, settings: ImageSettings
) -> tuple[str, ...]:
    """What to say about the inputs of a build: credentials as build args, empty mounts, args that are left out."""
    notes = (
        build_arg_note(dockerfile, inputs.credentials, settings=settings),
        empty_mounts_note(dockerfile, credentials, settings=settings),
        left_out_note(dockerfile, credentials, settings=settings),
    )
    return tuple(note for note in notes if note)


def empty_mounts_note(dockerfile: Dockerfile, credentials: Credentials, *, settings: ImageSettings) -> str:
    """A note on the optional secret mounts that the build goes without; empty if there are none."""
    found = [
        f"{mount.id} ({settings.label}:{mount.line})"
        for mount in dockerfile.secret_mounts
        if not credentials.child_env.get(mount.id)
    ]
    if not found:
        return ""
    are, them = ("secret mount is", "it") if len(found) == 1 else ("secret mounts are", "them")
    environment = credentials.hydrated.environment
    return f"the optional {are} left empty, as {environment} has no value for {them}: {', '.join(found)}."


def left_out_note(dockerfile: Dockerfile, credentials: Credentials, *, settings: ImageSettings) -> str:
    """A note on args that look like credentials, are set in the process environment alone, and so do not go in."""
    found = [
        f"{argument.name} ({settings.label}:{argument.line})"
        for argument in dockerfile.arguments
        if _LOOKS_SECRET.search(argument.name)
        if argument.name in credentials.child_env
        if argument.name not in credentials and argument.name not in credentials.hydrated
    ]
    if not found:
        return ""
    are = "is" if len(found) == 1 else "are"
    return (
        f"{', '.join(found)} {are} left out: only credentials come from the process environment, and "
        "credentials in [tool.envtasks] does not list the name."
    )


def check_history(
    dockerfile: Dockerfile, inputs: BuildInputs, hydrated: Hydrated, *, settings: ImageSettings
) -> None:
    """Raise Refused if the history of a protected environment's image would hold a credential."""
    held = [
        f"{name} (stage {stage.name}, {settings.label}:{stage.line})"
        for stage in dockerfile.history_stages()
        for name in inputs.credentials
        if stage.declares(name)
    ]
    if held and hydrated.protected:
        raise Refused(
            f"{hydrated.environment} is protected, and its image's history would hold {', '.join(held)}.",
            hint="declare the ARG in a stage that is only copied from, or use a secret mount",
        )


def build_arg_note(dockerfile: Dockerfile, credentials: Sequence[str], *, settings: ImageSettings) -> str:
    """A note that the builder keeps build args, and the lines to change for secret mounts; empty if none is needed."""
    if not credentials:
        return ""
    go = "goes in as a build arg" if len(credentials) == 1 else "go in as build args"
    lines = [
        f"{' and '.join(credentials)} {go}, which the builder keeps in its records, unlike a secret mount.",
        f"To change that, in {settings.label}:",
    ]
    options: dict[int, list[str]] = {}
    for name in credentials:
        lines += [f"  line {line}, take out:  ARG {name}" for line in dockerfile.argument_lines(name)]
        for line in dockerfile.run_lines(name):
            options.setdefault(line, []).append(f"--mount=type=secret,id={name},env={name},required=true")
    lines += [f"  line {line}, after RUN:  {' '.join(options[line])}" for line in sorted(options)]
    return "\n".join(lines)


def image_labels(root: Path, child_env: Mapping[str, str]) -> dict[str, str]:
    """The Open Container Initiative's labels `revision`, `version`, `source` and `created`, those that are known.

    `created` is the commit's time, not now, so that a build that changes nothing gives the same image again.
    A revision ends with `-dirty` where tracked files differ from it.
    """
    revision = git.output(root, child_env, "rev-parse", "HEAD")
    if revision and git.output(root, child_env, "status", "--porcelain", "--untracked-files=no"):
        revision += "-dirty"
    version = _project_version(root) or git.output(root, child_env, "describe", "--tags", "--always")
    labels = {
        "revision": revision,
        "created": git.output(root, child_env, "show", "--no-patch", "--format=%cI", "HEAD"),
        "source": public_address(git.output(root, child_env, "config", "--get", "remote.origin.url") or ""),
        "version": version,
    }
    return {f"{_LABELS}.{name}": value for name, value in labels.items() if value}


def public_address(remote: str) -> str:
    """The address of a git remote without user, password and query; empty for a path on this machine."""
    # git@host:team/project.git; not C:\folder
    if scp := re.fullmatch(r"(?:[^@/]+@)?([\w.-]{2,}):(?!//)(.+)", remote):
        return f"ssh://{scp[1]}/{scp[2].lstrip('/')}"
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "ssh", "git") or not host:
        return ""
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


def _project_version(root: Path) -> str:
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return ""
    return str(project.get("version", "")) if isinstance(project, dict) else ""
