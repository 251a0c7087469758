"""The local stack of an environment: up, down, logs, ps, exec, config, build.

Values reach docker compose through its process environment alone; nothing starts while a variable is missing.
`down`, `ps`, `logs` and `execute` go by the project's name and need no value at all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import console
from ..config import Project
from ..docker.progress import run_build
from ..errors import StackFailed
from .env_files import values_of
from .generated import generated_files
from .model import read_sources
from .reading import ComposeFiles, read_compose_files
from .settings import read_settings
from .stack import Container, Stack
from .startup import addresses_to_open, start, up_command

__all__ = [
    "ComposeFiles",
    "Container",
    "Stack",
    "build",
    "config",
    "declared_files",
    "down",
    "execute",
    "logs",
    "ps",
    "read_compose_files",
    "service_names",
    "up",
    "values_of",
    "volumes_of",
]


def declared_files(project: Project) -> tuple[Path, ...]:
    """The compose files of a project, those of the settings or the usual ones. Raises ConfigInvalid."""
    return read_settings(project).files


def up(
    stack: Stack,
    services: Sequence[str] = (),
    *,
    wait: bool = True,
    build: bool = False,
    timeout: int | None = None,
) -> None:
    """Start the services (none: all), wait until they are healthy, and print where to open them.

    `timeout` is in seconds. Raises VariableMissing (before anything starts), StackFailed, ConfigInvalid.
    """
    for note in stack.notes:
        console.say("note", note)
    with generated_files(stack) as stack:
        if stack.dry:
            stack.show(up_command(stack, services, build=build))
            return
        found = start(stack, services, wait=wait, build=build, timeout=timeout or stack.settings.timeout)
        console.table(["service", "state", "address"], [container.row for container in found])
        resolved = stack.resolved(list(dict.fromkeys(container.service for container in found)))
    for url in addresses_to_open(resolved, found):
        console.write_utf8(f"Open {url}\n")


def down(stack: Stack, services: Sequence[str] = (), *, volumes: bool = False) -> None:
    """Stop and remove the services (none: all, and their networks), with `volumes` their data too.

    Raises StackFailed.
    """
    words = [
        "down",
        *(["--volumes"] if volumes else []),
        *([] if services else ["--remove-orphans"]),
        *services,
    ]
    if stack.dry:
        stack.show(stack.argv(*words, files=False))
        return
    before, data = stack.containers(services), volumes_of(stack) if volumes else ()
    what = f"The stack of {stack.environment} could not be stopped"
    if not sys.stderr.isatty():
        stack.output(stack.argv(*words, files=False), what=what)
    elif stack.run(*words, files=False, redact=False):  # compose shows what it stops: there is no value in it
        raise StackFailed(f"{what}: see above.")
    names = ", ".join(dict.fromkeys(container.service for container in before)) or "nothing was up"
    deleted = f"; deleted {', '.join(data)}" if data and not services else ""
    console.write_utf8(f"{stack.environment}: {'ended ' if before else ''}{names}{deleted}\n")


def volumes_of(stack: Stack) -> tuple[str, ...]:
    """The volumes that `down(volumes=True)` would delete."""
    label = f"label=com.docker.compose.project={stack.name}"
    words = ["volume", "ls", "--format", "{{.Name}}", "--filter", label]
    return tuple(stack.docker(*words, what="The volumes cannot be listed").split())


def logs(
    stack: Stack, services: Sequence[str] = (), *, lines: int | None = None, follow: bool = False
) -> int:
    """Print the services' logs, or the last `lines` of each; with `follow` go on. Returns the exit code."""
    colour = "always" if sys.stdout.isatty() else "never"
    words = ["--ansi", colour, "logs", *(["--follow"] if follow else [])]
    words += [] if lines is None else ["--tail", str(lines)]
    return stack.run(*words, *services, files=False)


def ps(stack: Stack, services: Sequence[str] = ()) -> tuple[Container, ...] | None:
    """The containers of the services (none: all), stopped ones too; None in a dry run.

    Raises StackFailed, ToolMissing.
    """
    if stack.dry:
        stack.show(stack.list_command())
        return None
    return stack.containers(services)


def execute(stack: Stack, service: str, argv: Sequence[str]) -> int:
    """Run a command in the service's container, with the terminal if there is one. Returns its exit code."""
    interactive = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    words = ["exec", *([] if interactive else ["--no-TTY"]), service, *argv]
    return stack.run(*words, files=False, redact=not interactive)


def build(stack: Stack, services: Sequence[str] = (), *, cache: bool = True) -> None:
    """Build the images of the services (none: all). Raises VariableMissing before it starts, BuildFailed."""
    with generated_files(stack) as stack:
        argv = stack.argv("build", *([] if cache else ["--no-cache"]), *services, files=True)
        if stack.dry:
            stack.show(argv)
            return
        model = stack.model(services)
        if not any("build" in model.tree["services"][name] for name in model.services):
            console.say("note", "none of the services has a `build` section: there is nothing to build.")
            return
        run_build(
            argv,
            stack.child_env,
            what=f"The images of the stack of {stack.environment} were not built",
            redactor=stack.redactor,
            native_display=not stack.redactor,
        )


def config(stack: Stack, services: Sequence[str] = ()) -> Mapping[str, Any] | None:
    """The model of the stack as compose sees it, interpolated, every secret value redacted; None in a dry run."""
    with generated_files(stack) as stack:
        if stack.dry:
            stack.show(stack.config_command(services))
            return None
        stack.model(services)
        redacted: Mapping[str, Any] = stack.redact(stack.resolved(services))
    return redacted


def service_names(project: Project) -> frozenset[str]:
    """The services that the compose files declare; none of a file that cannot be read. Raises ConfigInvalid."""
    files = [file for file in read_settings(project).files if file.is_file()]
    return frozenset(read_sources(files, {}).tree["services"])
