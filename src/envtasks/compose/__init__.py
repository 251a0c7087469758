"""The local stack of an environment: up, down, logs, ps, exec, config, build.

Values reach docker compose through its process environment alone; nothing starts while a name is missing.
`down`, `ps`, `logs` and `exec` go by the project's name and need no value at all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import console
from ..docker.client import docker_client
from ..errors import BuildFailed, StackFailed
from ..process import passthrough
from . import sharing, state, waiting
from .stack import Stack
from .state import Container

if TYPE_CHECKING:
    from ..config import Environment, Project
    from ..redaction import Redactor

__all__ = ["Stack", "build", "config", "down", "execute", "logs", "ps", "shared", "up", "volumes_of"]


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
    found = waiting.up(stack, services, wait=wait, build=build, timeout=timeout or stack.settings.timeout)
    console.table(["service", "state", "address"], state.as_rows(found))
    for url in opens(stack, found):
        console.write_utf8(f"Open {url}\n")


def down(stack: Stack, services: Sequence[str] = (), *, volumes: bool = False) -> None:
    """End the services (none: all, and their networks), with `volumes` their data too. Raises StackFailed."""
    before, data = waiting.containers(stack, services), volumes_of(stack) if volumes else ()
    what = f"The stack of {stack.environment} could not be ended"
    with docker_client(
        stack.child_env, what=what, redactor=stack.hide, error=StackFailed, compose_project_name=stack.name
    ) as client:
        client.compose.down(
            list(services) or None, volumes=volumes, remove_orphans=not services, quiet=not _watched()
        )
    names = ", ".join(dict.fromkeys(container.service for container in before)) or "nothing was up"
    deleted = f"; deleted {', '.join(data)}" if data and not services else ""
    console.write_utf8(f"{stack.environment}: {'ended ' if before else ''}{names}{deleted}\n")


def volumes_of(stack: Stack) -> tuple[str, ...]:
    """The volumes that `down(volumes=True)` would delete."""
    argv = [stack.argv(files=False)[0], "volume", "ls", "--format", "{{.Name}}"]
    label = f"label=com.docker.compose.project={stack.name}"
    return tuple(stack.output([*argv, "--filter", label], what="The volumes cannot be listed").split())


def logs(stack: Stack, services: Sequence[str] = (), *, lines: int | None = None, on: bool = False) -> int:
    """Print what the services have said, or the last `lines` of each; `on` goes on. Gives the exit code."""
    colour = "always" if sys.stdout.isatty() else "never"
    words = ["--ansi", colour, "logs", *(["--follow"] if on else [])]
    words += [] if lines is None else ["--tail", str(lines)]
    return passthrough.follow(stack.argv(*words, *services, files=False), stack.child_env, hide=stack.hide)


def ps(stack: Stack, services: Sequence[str] = ()) -> tuple[Container, ...]:
    """The containers of the stack, stopped ones too. Raises StackFailed, ToolMissing."""
    return waiting.containers(stack, services)


def execute(stack: Stack, service: str, argv: Sequence[str]) -> int:
    """Run a command in the service's container, with the terminal if there is one. Gives its exit code."""
    interactive = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    words = ["exec", *([] if interactive else ["--no-TTY"]), service, *argv]
    hide = _nothing() if interactive else stack.hide
    return passthrough.follow(stack.argv(*words, files=False), stack.child_env, hide=hide)


def build(stack: Stack, services: Sequence[str] = (), *, cache: bool = True) -> None:
    """Build the images of the services (none: all). Raises VariableMissing before it starts, BuildFailed."""
    stack.model(services)
    # BuildKit prints its steps with ARGs expanded, so its own display is for builds without anything to hide
    words = ["--progress", "plain" if stack.hide else "auto", "build", *([] if cache else ["--no-cache"])]
    if passthrough.follow(stack.argv(*words, *services, files=True), stack.child_env, hide=stack.hide):
        raise BuildFailed(f"The images of the stack of {stack.environment} could not be built: see above.")


def config(stack: Stack, services: Sequence[str] = ()) -> Mapping[str, Any]:
    """The model of the stack as compose sees it, interpolated, every secret value hidden."""
    stack.model(services)
    resolved = json.loads(stack.ask("config", "--format", "json", *services, files=True))
    hidden: Mapping[str, Any] = _hidden(resolved, stack)
    return hidden


def shared(stack: Stack, project: Project) -> Iterator[str]:
    """A sentence for each port, container name and external volume that is the same in two environments.

    Told from what the env files say in clear: a value that is encrypted is not opened for this.
    """
    model = stack.model(())
    known = {name: _plain_values(environment) for name, environment in project.environments.items()}
    for text in sharing.texts(model.tree, model.services):
        if names := sharing.alike(text, known):
            yield (
                f"{text.kind} {text.text} of service {text.service} is the same in {', '.join(names)}: "
                "only one of them can be up at a time."
                if text.kind != "external volume"
                else f"{text.kind} {text.text} of service {text.service} is the same in {', '.join(names)}."
            )


def opens(stack: Stack, containers: Sequence[Container]) -> tuple[str, ...]:
    """Where a browser finds the services that the project builds, or whose ports say `app_protocol: http`."""
    services = dict.fromkeys(container.service for container in containers)
    resolved = json.loads(stack.ask("config", "--format", "json", *services, files=True))
    found: dict[str, None] = {}
    for container in containers:
        service = resolved["services"].get(container.service) or {}
        protocols = {
            int(port["target"]): str(port.get("app_protocol") or "") for port in service.get("ports") or ()
        }
        for address in container.addresses:
            protocol = protocols.get(address.target, "")
            if address.protocol == "tcp" and (
                protocol in ("http", "https") or (not protocol and "build" in service)
            ):
                found[f"{protocol or 'http'}://{address}"] = None
    return tuple(found)


def _plain_values(environment: Environment) -> dict[str, str | None]:
    """What the files of an environment say without a key: None for what is encrypted, the first file wins."""
    from ..envfiles import document

    found: dict[str, str | None] = {}
    for path in environment.files:
        if path.is_file():
            for entry in document.read(path).entries:
                found.setdefault(entry.name, None if entry.encrypted else entry.value)
    return found


def _hidden(value: Any, stack: Stack, name: str = "") -> Any:
    if isinstance(value, str):
        # a value too short to be searched for is still hidden where it stands under its name
        return "***" if value and stack.is_secret(name, value) else stack.hide.text(value)
    if isinstance(value, list):
        return [_hidden(item, stack) for item in value]
    if isinstance(value, Mapping):
        return {stack.hide.text(str(key)): _hidden(item, stack, str(key)) for key, item in value.items()}
    return value


def _watched() -> bool:
    """Whether somebody looks on: compose then shows what it ends, in which no value occurs."""
    return sys.stderr.isatty()


def _nothing() -> Redactor:
    from ..redaction import Redactor

    return Redactor(())
