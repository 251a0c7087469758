"""Start a stack and wait until its services are healthy; show how they come up, or why they do not.

`docker compose up --wait` is not used: it fails at once when a service that only does a job has ended with 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol

from .. import console
from ..docker.client import find_docker, run_docker
from ..errors import StackFailed
from ..process import LineWriter, Runner
from .model import Model, Tree
from .stack import Address, Container, Stack

if TYPE_CHECKING:
    from rich.console import RenderableType

POLL: Final = 0.5  # seconds between two listings of the containers
READY_POLLS: Final = 2  # in a row, with all ready: a service may end right after its start
READY_POLLS_AFTER_RESTART: Final = 6
MAX_RESTARTS: Final = 3  # restarts after which a service is not expected to come up any more
LOG_LINES: Final = 20  # of each service that failed
BLANK_WARNING: Final = "variable is not set. Defaulting to a blank string."
COLOURS: Final = {
    "healthy": "green",
    "running": "green",
    "unhealthy": "red",
    "starting": "yellow",
    "created": "dim",
}


class Readiness(Enum):
    """Whether a container is in the state that `up` waits for."""

    READY = "ready"
    WAITING = "waiting"
    FAILED = "failed"


def readiness(container: Container, *, must_stay_up: bool) -> Readiness:
    """READY when it is healthy, runs without a health check, or has ended with 0 and need not stay up."""
    if container.state == "running":
        by_health = {"": Readiness.READY, "healthy": Readiness.READY, "unhealthy": Readiness.FAILED}
        return by_health.get(container.health, Readiness.WAITING)
    if container.state == "exited":
        return Readiness.FAILED if container.exit_code or must_stay_up else Readiness.READY
    return Readiness.FAILED if container.state in ("dead", "removing") else Readiness.WAITING


def start(
    stack: Stack, services: Sequence[str], *, wait: bool, build: bool, timeout: int
) -> tuple[Container, ...]:
    """Start these services (none: all) and, with `wait`, return when they are healthy. `timeout` is in seconds.

    Raises VariableMissing before anything is started, and StackFailed with the last log lines of what failed.
    """
    model = stack.model(services)
    _refuse_conflicts(stack, model)
    argv = up_command(stack, services, build=build)
    try:
        with startup_view(stack.environment) as view:
            output = LineWriter(_without_blank_warnings(view.line))
            runner = Runner.outside_task(stack.child_env, redactor=stack.redactor, capture=False)
            with runner.start_argv(argv, warn=True, out_stream=output, err_stream=output):
                while not runner.process_is_finished:
                    view.update(stack.containers(model.services))
                    _sleep_until(lambda: runner.process_is_finished)
            if runner.returncode():
                raise _failure(stack, model, output=output.last)
            if wait:
                return wait_until_ready(stack, model, view, timeout)
    except KeyboardInterrupt:
        console.say(
            "note", f"interrupted: inv compose.down --env {stack.environment} stops what has started."
        )
        raise
    return stack.containers(model.services)


def up_command(stack: Stack, services: Sequence[str], *, build: bool) -> list[str]:
    """The docker command that starts these services. Raises ToolMissing, ConfigInvalid."""
    words = ["up", "--detach", *(["--build"] if build else []), *services]
    return stack.argv("--ansi", "never", "--progress", "plain", *words, files=True)


def conflicts(resolved: Tree, services: Sequence[str], theirs: Sequence[Container]) -> tuple[str, ...]:
    """The ports and container names of these services, in an interpolated model, that running containers hold."""
    held = [address for container in theirs for address in container.addresses]
    names = {container.name for container in theirs if container.state == "running"}
    found: list[str] = []
    for service in services:
        declared = resolved["services"][service]
        for port in declared.get("ports") or ():
            published = str(port.get("published") or "")
            if not published.isdigit():  # none, or a range that docker takes a free one from
                continue
            protocol = str(port.get("protocol") or "tcp")
            wanted = Address(str(port.get("host_ip") or ""), int(published), int(port["target"]), protocol)
            if any(wanted.conflicts_with(address) for address in held):
                suffix = "" if protocol == "tcp" else f"/{protocol}"
                found.append(f"port {published}{suffix} (service {service})")
        if declared.get("container_name") in names:
            found.append(f"container name {declared['container_name']} (service {service})")
    return tuple(found)


def addresses_to_open(resolved: Tree, containers: Sequence[Container]) -> tuple[str, ...]:
    """The URLs of services that the project builds, or whose ports have `app_protocol: http`."""
    found: dict[str, None] = {}
    for container in containers:
        service = resolved["services"].get(container.service) or {}
        ports = service.get("ports") or ()
        protocols = {int(port["target"]): str(port.get("app_protocol") or "") for port in ports}
        for address in container.addresses:
            protocol = protocols.get(address.target, "")
            is_web = protocol in ("http", "https") or (not protocol and "build" in service)
            if address.protocol == "tcp" and is_web:
                found[f"{protocol or 'http'}://{address}"] = None
    return tuple(found)


def _refuse_conflicts(stack: Stack, model: Model) -> None:
    """Raise StackFailed if another environment's running stack holds a port or container name of this one."""
    argv = stack.argv("ls", "--format", "json", files=False)
    rows = json.loads(stack.output(argv, what="The running stacks cannot be listed"))
    running = {str(row["Name"]) for row in rows}
    resolved: Tree = {}
    for other, project in stack.names.items():
        if other == stack.environment or project not in running:
            continue
        resolved = resolved or stack.resolved(model.services)
        if found := conflicts(resolved, model.services, stack.containers(project=project)):
            raise StackFailed(
                f"The stack of {other} is up and holds what {stack.environment} needs: {', '.join(found)}.",
                hint=f"inv compose.down --env {other}, or give each environment its own with ${{NAME}}",
            )


def _sleep_until(ended: Callable[[], bool]) -> None:
    deadline = time.monotonic() + POLL
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.05)


def wait_until_ready(stack: Stack, model: Model, view: StartupView, timeout: int) -> tuple[Container, ...]:
    """The containers once all have been ready for some polls. Raises StackFailed if one fails or time is up."""
    deadline, polls = time.monotonic() + timeout, 0
    first = before = _restart_counts(stack, model, stack.containers(model.services))
    while True:
        found = stack.containers(model.services)
        view.update(found)
        counts = _restart_counts(stack, model, found)
        new = {name: count - first.get(name, 0) for name, count in counts.items()}
        states = [_readiness(model, container) for container in found]
        if Readiness.FAILED in states or any(count >= MAX_RESTARTS for count in new.values()):
            raise _failure(stack, model, restarted={name for name, count in new.items() if count})
        ready = counts == before and all(state is Readiness.READY for state in states)
        polls, before = polls + 1 if ready else 0, counts
        if polls >= (READY_POLLS_AFTER_RESTART if any(counts.values()) else READY_POLLS):
            return found
        if time.monotonic() > deadline:
            raise _failure(stack, model, timeout=timeout)
        time.sleep(POLL)


def _readiness(model: Model, container: Container) -> Readiness:
    return readiness(container, must_stay_up=model.must_stay_up(container.service))


def _restart_counts(stack: Stack, model: Model, containers: Sequence[Container]) -> dict[str, int]:
    """How often docker has restarted each container with a restart policy, by the container's name."""
    names = [one.name for one in containers if model.restart_policy(one.service) != "no"]
    lines = _inspect(stack, names, "{{.Name}} {{.RestartCount}}").splitlines() if names else []
    return {name.lstrip("/"): int(count) for name, _, count in (line.partition(" ") for line in lines)}


def _inspect(stack: Stack, names: Sequence[str], template: str) -> str:
    """One fact of each container, never its environment; empty if one is no longer there."""
    words = ["container", "inspect", "--format", template, *names]
    try:
        return stack.docker(*words, what="The container cannot be inspected").strip()
    except StackFailed:
        return ""


def _failure(
    stack: Stack,
    model: Model,
    *,
    output: Sequence[str] = (),
    restarted: Collection[str] = (),
    timeout: int = 0,
) -> StackFailed:
    """What compose itself said where it failed, and the services that failed with their last log lines."""
    found = stack.containers(model.services)
    failed = [one for one in found if _readiness(model, one) is Readiness.FAILED or one.name in restarted]
    if timeout and not failed:
        failed = [one for one in found if _readiness(model, one) is Readiness.WAITING]
    message, lines = f"The stack of {stack.environment} did not come up", _messages(output)
    if not failed:
        return StackFailed(f"{message}.{_indented(lines)}")
    late = f" after {timeout} s" if timeout else ""
    reasons = ", ".join(
        f"{one.service} {'keeps restarting' if one.name in restarted else _state(one)}{late}"
        for one in failed
    )
    lines += [line for one in failed for line in _log_lines(stack, one)]
    return StackFailed(
        f"{message}: {reasons}.{_indented(lines)}",
        hint=f"inv compose.logs {failed[0].service} --env {stack.environment} shows all of it",
    )


def _state(container: Container) -> str:
    exited = container.state == "exited"
    return f"exited with {container.exit_code}" if exited else f"is {container.condition}"


def _log_lines(stack: Stack, container: Container) -> list[str]:
    """The last lines of a container's log and the output of its last health check, values redacted."""
    argv = [find_docker(stack.child_env), "container", "logs", "--tail", str(LOG_LINES), container.name]
    done = run_docker(argv, stack.child_env, stderr=subprocess.STDOUT)
    log = stack.redactor.text(done.stdout.decode("utf-8", "replace"))
    lines = [f"{container.service} | {line}" for line in log.splitlines()]
    checks = (
        json.loads(_inspect(stack, [container.name], "{{with .State.Health}}{{json .Log}}{{end}}") or "[]")
        or []
    )
    if checks and checks[-1].get("ExitCode"):
        output = stack.redactor.text(str(checks[-1].get("Output") or "")).strip() or "(no output)"
        lines += [f"{container.service} health check | {line}" for line in output.splitlines()]
    return lines


def _messages(output: Iterable[str]) -> list[str]:
    """The last lines of compose's output without its progress (` Container app-1  Started`, ` db Pulling`)."""
    kept = [line for line in output if line.strip() and not _is_progress(line) and BLANK_WARNING not in line]
    return kept[-LOG_LINES:]


def _is_progress(line: str) -> bool:
    subject, _, rest = line.strip().partition(" ")
    of_stack = subject in {"Container", "Network", "Volume", "Image"} and len(rest.split()) <= 2
    # an image that cannot be pulled is an error without a blank before it, too
    return line.startswith(" ") and (of_stack or rest.startswith(("Pulling", "Pulled", "Error ")))


def _without_blank_warnings(write: Callable[[str], None]) -> Callable[[str], None]:
    """Leave out compose's warnings about services that are not started: there a blank does no harm."""
    return lambda line: None if BLANK_WARNING in line else write(line)


def _indented(lines: Sequence[str]) -> str:
    return "".join(f"\n    {line}" for line in lines)


class StartupView(Protocol):
    """Shows compose's lines and the containers' states as they come."""

    def line(self, text: str) -> None:
        """Show one line that compose or a build printed, values redacted already."""

    def update(self, containers: Sequence[Container]) -> None:
        """Show the present states of all containers."""


@contextmanager
def startup_view(environment: str) -> Iterator[StartupView]:
    """A view on this process's stderr: a live table on a terminal, removed at the end; plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield PlainView()
        return
    from rich.console import Console
    from rich.live import Live

    view = LiveView(environment)
    with Live(view, console=Console(stderr=True), transient=True, refresh_per_second=8):
        yield view


class PlainView:
    """A line for everything compose prints, and one for each change of a container."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def line(self, text: str) -> None:
        """Print it on stderr."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def update(self, containers: Sequence[Container]) -> None:
        """Print what has changed."""
        for container in containers:
            if self._known.get(container.name) != container.condition:
                self._known[container.name] = container.condition
                self.line(f" {container.service}: {container.condition}")


class LiveView:
    """A table of the containers that rich draws anew a few times a second; below it compose's last line."""

    def __init__(self, environment: str) -> None:
        from rich.spinner import Spinner
        from rich.text import Text

        self._title = Spinner("dots", Text(f"{environment}: starting the stack", "bold"))
        self._containers: Sequence[Container] = ()
        self._last_line = ""

    def line(self, text: str) -> None:
        """Show it until the next one."""
        self._last_line = text.strip() or self._last_line

    def update(self, containers: Sequence[Container]) -> None:
        """Show them."""
        self._containers = containers

    def __rich__(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
        for service, condition, addresses in (container.row for container in self._containers):
            table.add_row(Text(service, "cyan"), Text(condition, COLOURS.get(condition, "")), Text(addresses))
        return Group(self._title, table, Text(self._last_line, "dim", no_wrap=True, overflow="ellipsis"))
