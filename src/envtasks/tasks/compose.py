"""`inv compose.*`: the local stack of an environment."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from .. import console
from ..context import Context
from ..declare import task
from ..errors import ConfigInvalid
from ..invocation import current_invocation
from .command_line import words_after_dashes
from .word_arguments import OnServices

if TYPE_CHECKING:
    from ..compose import Stack

SERVICES = "Only these services: words after the task's name (compose.up app db), or this flag once for each"
_on_services = partial(task, env="local", klass=OnServices, iterable=["services"])


@_on_services(
    help={
        "services": SERVICES,
        "wait": "Wait until every service is healthy",
        "build": "Build the images first",
        "timeout": "Seconds to wait for health",
    },
)
def up(
    c: Context, services: Sequence[str] = (), wait: bool = True, build: bool = False, timeout: int = 0
) -> None:
    """Start the stack, wait until it is healthy, and print where to open it."""
    from .. import compose

    if timeout < 0:
        raise ConfigInvalid(f"--timeout {timeout}: expected a number of seconds, 1 or more.")
    compose.up(_stack(c), services, wait=wait, build=build, timeout=timeout or None)


@_on_services(
    help={"services": SERVICES, "volumes": "Delete the stack's volumes, the data in them too; asks first"},
)
def down(c: Context, services: Sequence[str] = (), volumes: bool = False) -> None:
    """Stop and remove the stack; needs no value and works whatever is missing."""
    from .. import compose

    stack = _stack(c)
    if volumes and not stack.dry and (found := compose.volumes_of(stack)):
        _confirm_deletion(c, found)
    compose.down(stack, services, volumes=volumes)


@_on_services(
    confirm=False,
    help={
        "services": SERVICES,
        "follow": "Go on with new lines, until Ctrl-C",
        "lines": "Only the last lines, this many of each service",
    },
)
def logs(c: Context, services: Sequence[str] = (), follow: bool = False, lines: int = 0) -> None:
    """Print the logs of the services, secrets redacted."""
    from .. import compose

    _end(compose.logs(_stack(c), services, lines=lines or None, follow=follow))


@_on_services(
    confirm=False,
    help={"services": SERVICES, "json": "Print JSON"},
)
def ps(c: Context, services: Sequence[str] = (), json: bool = False) -> None:
    """List the containers of the stack: state, health, addresses."""
    from .. import compose

    found = compose.ps(_stack(c), services)
    if found is None:
        return
    if json:
        console.print_json([container.to_json() for container in found])
    else:
        console.table(["service", "state", "address"], [container.row for container in found])


@task(
    name="exec",
    env="local",
    # Invoke knows no optional positional argument, so the command line decides
    positional=["service"] if "--" in sys.argv else ["service", "line"],
    help={"service": "Whose container", "line": "A shell line, where `--` cannot be typed (PowerShell)"},
)
def exec_(c: Context, service: str, line: str | None = None) -> None:
    """Run a command in a service's container: inv compose.exec app -- python -V."""
    from .. import compose

    stack = _stack(c)
    words = words_after_dashes() or (["sh", "-c", line] if line else [])
    if not words:
        raise ConfigInvalid("compose.exec needs a command.", hint=f"inv compose.exec {service} -- sh")
    _end(compose.execute(stack, service, words))


@_on_services(
    confirm=False,
    help={"services": SERVICES, "json": "Print JSON"},
)
def config(c: Context, services: Sequence[str] = (), json: bool = False) -> None:
    """Print the stack as compose sees it, secrets redacted."""
    from .. import compose, yaml_nodes

    model = compose.config(_stack(c), services)
    if model is None:
        return
    if json:
        console.print_json(model)
    else:
        console.write_utf8(yaml_nodes.dump(model))


@_on_services(
    help={"services": SERVICES, "cache": "Use the build cache"},
)
def build(c: Context, services: Sequence[str] = (), cache: bool = True) -> None:
    """Build the images of the stack."""
    from .. import compose

    compose.build(_stack(c), services, cache=cache)


def _stack(c: Context) -> Stack:
    """The stack of the task's environment."""
    from ..compose import Stack

    return Stack.of(
        current_invocation(c).project, c.hydrated, mask=c.call_options.mask, dry=bool(c.config.run.dry)
    )


def _confirm_deletion(c: Context, volumes: Sequence[str]) -> None:
    current_invocation(c).confirm(
        c.call_options,
        what="compose.down --volumes",
        confirm=f"This deletes the data of {c.environment}: {', '.join(volumes)}.",
    )


def _end(code: int) -> None:
    if code:
        raise Exit(code=code)
