"""Bring a stack up: start it, watch it until every service is healthy, say where it is or why it is not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from .. import console
from ..errors import StackFailed
from ..process import passthrough
from . import model as compose_model
from . import sharing, state
from .stack import Model, Stack
from .state import Container, Verdict
from .view import StackView, watching

POLL: Final = 0.5
SURE: Final = 2  # looks in a row that must find all ready: a service may die right after its start
SURE_AFTER_A_CRASH: Final = 6
CRASHES: Final = 3  # restarts after which a service is not expected to come up any more
TAIL: Final = 20
BLANKED: Final = "variable is not set. Defaulting to a blank string."
LISTING: Final = (
    '{{.Label "com.docker.compose.project"}}\t{{.Label "com.docker.compose.service"}}\t'
    "{{.Names}}\t{{.Ports}}\t{{.Mounts}}"
)


def up(
    stack: Stack, services: Sequence[str], *, wait: bool, build: bool, timeout: int
) -> tuple[Container, ...]:
    """Start these services (none: all) and, with `wait`, see them healthy within `timeout` seconds.

    Raises VariableMissing before anything is started, and StackFailed with the last lines of what failed.
    """
    model = stack.model(services)
    refuse_clashes(stack, model)
    words = ["up", "--detach", *(["--build"] if build else []), *services]
    argv = stack.argv("--ansi", "never", "--progress", "plain", *words, files=True)
    try:
        with watching(stack.environment) as view:
            said = passthrough.Lines(_without_noise(view.line))
            with passthrough.child(argv, stack.child_env, stdout=said.feed, hide=stack.hide) as process:
                while process.poll() is None:
                    view.states(containers(stack, model.services))
                    _pause(process.poll)
            if process.returncode:
                raise _failure(stack, model, said=said.last)
            if wait:
                _until_ready(stack, model, view, timeout)
    except KeyboardInterrupt:
        console.say("note", f"interrupted: inv compose.down --env {stack.environment} ends what has started.")
        raise
    return containers(stack, model.services)


def containers(stack: Stack, services: Sequence[str] = ()) -> tuple[Container, ...]:
    """The containers of the stack as they are now, those of these services if any are given."""
    found = state.parse(stack.ask("ps", "--all", "--format", "json", what="The stack cannot be listed"))
    return tuple(container for container in found if not services or container.service in services)


def refuse_clashes(stack: Stack, model: Model) -> None:
    """Raise StackFailed if another environment's stack has a port or a container name that this one wants.

    An external volume that both use is told on stderr: they would work on the same data.
    """
    by_project = {stack.settings.project_for(other): other for other in stack.others}
    argv = [stack.argv(files=False)[0], "container", "ls", "--no-trunc", "--format", LISTING]
    listing = stack.output(
        [*argv, "--filter", "label=com.docker.compose.project"], what="The containers cannot be listed"
    )
    others = sharing.running(listing, by_project)
    if not others:
        return
    resolved = json.loads(stack.ask("config", "--format", "json", *model.services, files=True))
    mine = sharing.claims(resolved, model.services)
    for project, theirs in others.items():
        found = sharing.clashes(mine, theirs)
        other = by_project[project]
        for claim in found:
            if claim.kind == "external volume":
                console.say("warning", f"the stack of {other} is up and uses the same {claim}.")
        if fatal := [str(claim) for claim in found if claim.kind != "external volume"]:
            raise StackFailed(
                f"The stack of {other} is up and has what {stack.environment} wants: {', '.join(fatal)}.",
                hint=f"inv compose.down --env {other}, or let each environment say its own with ${{NAME}}",
            )


def _pause(over: Callable[[], object]) -> None:
    deadline = time.monotonic() + POLL
    while over() is None and time.monotonic() < deadline:
        time.sleep(0.05)


def _until_ready(stack: Stack, model: Model, view: StackView, timeout: int) -> None:
    deadline, looks = time.monotonic() + timeout, 0
    first = before = restarts(stack, model)
    while True:
        found = containers(stack, model.services)
        view.states(found)
        now = restarts(stack, model)
        verdicts = [_verdict(model, container) for container in found]
        if Verdict.FAILED in verdicts or any(
            count - first.get(name, 0) >= CRASHES for name, count in now.items()
        ):
            raise _failure(
                stack, model, crashed={name for name, count in now.items() if count > first.get(name, 0)}
            )
        ready = now == before and all(verdict is Verdict.READY for verdict in verdicts)
        looks, before = looks + 1 if ready else 0, now
        if looks >= (SURE_AFTER_A_CRASH if any(now.values()) else SURE):
            return
        if time.monotonic() > deadline:
            raise _failure(stack, model, timeout=timeout)
        time.sleep(POLL)


def restarts(stack: Stack, model: Model) -> dict[str, int]:
    """How often docker has restarted each container that it is told to restart, by the container's name."""
    declared = model.tree["services"]
    names = [
        container.name
        for container in containers(stack, model.services)
        if str((declared.get(container.service) or {}).get("restart") or "no") != "no"
    ]
    if not names:
        return {}
    lines = _inspect(stack, names, "{{.Name}} {{.RestartCount}}").splitlines()
    return {name.lstrip("/"): int(count) for name, _, count in (line.partition(" ") for line in lines)}


def _verdict(model: Model, container: Container) -> Verdict:
    return container.verdict(must_run=compose_model.must_run(model.tree, container.service))


def _inspect(stack: Stack, names: Sequence[str], template: str) -> str:
    """One fact of each container, never its environment. Empty if one has gone meanwhile."""
    argv = [stack.argv(files=False)[0], "container", "inspect", "--format", template, *names]
    try:
        return stack.output(argv, what="The container cannot be inspected").strip()
    except StackFailed:
        return ""


def _failure(
    stack: Stack, model: Model, *, said: Sequence[str] = (), crashed: Collection[str] = (), timeout: int = 0
) -> StackFailed:
    """Which services are to blame and the last they said; without any, compose's own last lines."""
    found = containers(stack, model.services)
    blamed = [one for one in found if _verdict(model, one) is Verdict.FAILED or one.name in crashed]
    if timeout and not blamed:
        blamed = [one for one in found if _verdict(model, one) is Verdict.WAITING]
    if not blamed:
        return StackFailed(f"The stack of {stack.environment} did not come up.{_indented(_own_words(said))}")
    late = f" after {timeout} s" if timeout else ""
    reasons = ", ".join(
        f"{one.service} {'ends again and again' if one.name in crashed else one.trouble}{late}"
        for one in blamed
    )
    lines = [line for one in blamed for line in _last_words(stack, one)]
    return StackFailed(
        f"The stack of {stack.environment} did not come up: {reasons}.{_indented(lines)}",
        hint=f"inv compose.logs {blamed[0].service} --env {stack.environment} shows all of it",
    )


def _last_words(stack: Stack, container: Container) -> list[str]:
    """The last lines of a container's log, and what its last health check said, values hidden."""
    argv = [stack.argv(files=False)[0], "container", "logs", "--tail", str(TAIL), container.name]
    lines = [f"{container.service} | {line}" for line in stack.both(argv).splitlines()]
    health = _inspect(stack, [container.name], "{{json .State.Health}}")
    checks: list[dict[str, Any]] = (json.loads(health) or {}).get("Log") or [] if health else []
    if checks and checks[-1].get("ExitCode"):
        output = stack.hide.text(str(checks[-1].get("Output") or "")).strip()
        lines += [
            f"{container.service} health check | {line}" for line in output.splitlines() or ["(no output)"]
        ]
    return lines


def _own_words(lines: Iterable[str]) -> list[str]:
    """Compose's lines without its progress (` Container app-1  Started`)."""
    kept = [line for line in lines if line.strip() and not _is_progress(line) and BLANKED not in line]
    return kept[-TAIL:]


def _without_noise(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Leave out what compose says of services that are not started: they may well get a blank."""
    return lambda line: None if BLANKED in line else tell(line)


def _is_progress(line: str) -> bool:
    words = line.split()
    return (
        line.startswith(" ") and words[0] in {"Container", "Network", "Volume", "Image"} and len(words) <= 3
    )


def _indented(lines: Sequence[str]) -> str:
    return "".join(f"\n    {line}" for line in lines)
