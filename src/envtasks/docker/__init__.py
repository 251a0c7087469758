"""The seam to Docker: the python-on-whales client, and the one place that changes `os.environ`.

python-on-whales copies `os.environ` into every docker process and takes no environment of its own, so `calls`
puts the child environment there while a call runs. Nothing else of envtasks writes to `os.environ`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..errors import BuildFailed, EnvtasksError, ToolMissing
from ..process.command import variable

if TYPE_CHECKING:
    from python_on_whales import DockerClient

    from ..redaction import Redactor

# it makes python-on-whales print the whole environment of every call
_TELLTALE: Final = "PYTHON_ON_WHALES_DEBUG"
_NO_ENGINE: Final = (
    "cannot connect to the docker daemon",
    "error during connect",
    "docker daemon is not running",
)
_NO_BUILDX: Final = (
    "'buildx' is not a docker command",
    "unknown flag: --call",
    "unknown command: docker buildx",
)


@contextmanager
def process_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Make `values` the environment of this process for a while; what was there comes back whatever happens.

    Not for threads: everything in this process sees the values meanwhile.
    """
    wanted = {name: value for name, value in values.items() if name != _TELLTALE}
    before = dict(os.environ)
    try:
        _become(wanted)
        yield
    finally:
        _become(before)


def _become(wanted: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name not in wanted]:
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


@contextmanager
def calls(
    child_env: Mapping[str, str],
    *,
    what: str,
    hide: Redactor,
    error: type[EnvtasksError] = BuildFailed,
    **client: Any,
) -> Iterator[DockerClient]:
    """A python-on-whales client that runs in `child_env`, its failures told as `error`, values hidden.

    `what` begins the message ("The image could not be pushed"); `client` goes to DockerClient (compose files,
    say). Raises ToolMissing when there is no docker, or no engine behind it.
    """
    find(child_env)
    from python_on_whales import DockerClient
    from python_on_whales.exceptions import DockerException

    with process_environment(child_env):
        try:
            yield DockerClient(**client)
        except DockerException as failure:
            text = failure.stderr or failure.stdout or ""
            # a traceback may still reach it, and it holds docker's whole output, values included
            failure.args, failure.stdout, failure.stderr = (), None, None
            raise told(text, what=what, hide=hide, error=error) from None


def find(child_env: Mapping[str, str]) -> str:
    """The path of the docker command. Raises ToolMissing with how to install it on this system."""
    found = shutil.which("docker", path=variable(child_env, "PATH") or os.defpath)
    if found is None:
        hints = {
            "win32": "install Docker Desktop: winget install Docker.DockerDesktop",
            "darwin": "install Docker Desktop: brew install --cask docker",
        }
        hint = hints.get(
            sys.platform, "install Docker Engine with buildx and compose: docs.docker.com/engine/install"
        )
        raise ToolMissing("There is no docker command on PATH.", hint=hint)
    return found


def output(
    argv: Sequence[str], child_env: Mapping[str, str], *, what: str, hide: Redactor, cwd: str | None = None
) -> str:
    """The stdout of a short docker command that python-on-whales lacks. Raises BuildFailed, ToolMissing."""
    done = subprocess.run(
        [find(child_env), *argv], env=dict(child_env), cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise told(done.stderr.decode("utf-8", "replace"), what=what, hide=hide) from None
    return done.stdout.decode("utf-8", "replace")


def told(text: str, *, what: str, hide: Redactor, error: type[EnvtasksError] = BuildFailed) -> EnvtasksError:
    """Docker's message as our error, values hidden: `error`, or ToolMissing if the engine or buildx lacks."""
    shown = hide.text(text).strip()
    lowered = shown.lower()
    if any(sign in lowered for sign in _NO_ENGINE):
        return ToolMissing(
            f"{what}: Docker's engine does not answer. {shown.splitlines()[-1]}",
            hint="start it: Docker Desktop, or `sudo systemctl start docker`",
        )
    if any(sign in lowered for sign in _NO_BUILDX):
        return ToolMissing(
            f"{what}: buildx is missing or too old. {shown.splitlines()[0]}",
            hint="install the docker-buildx plugin, 0.17 or newer (docker buildx version)",
        )
    return error(f"{what}: {shown}" if shown else f"{what}, and docker did not say why.")
