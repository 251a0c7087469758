"""How docker is called: the python-on-whales client, what that lacks, and the one place that changes `os.environ`.

python-on-whales copies `os.environ` into every docker process and takes no environment of its own, so `docker_client`
puts the child environment there while a call runs. Nothing else of envtasks writes to `os.environ`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from ..errors import BuildFailed, EnvtasksError, ToolMissing
from ..process import find_program, start_errors

if TYPE_CHECKING:
    from python_on_whales import DockerClient

    from ..redaction import Redactor

PROGRAM: Final = "docker"
# it makes python-on-whales print the whole environment of every call
_DEBUG_SWITCH: Final = "PYTHON_ON_WHALES_DEBUG"
_PIPE_SIZE: Final = 1 << 20
_PROGRESS: Final = re.compile(r"^#\d+ .*(?:\n|$)", re.MULTILINE)  # which a buildx prints before its reason
_EXIT_SECONDS: Final = 1.0  # for docker, whose archive was cut off, to end
START_ENGINE: Final = "sudo systemctl start docker" if sys.platform == "linux" else "start Docker Desktop"
# parts of docker's messages, in lower case, that tell what is missing; the problem; how to mend it
_MISSING: Final = (
    (
        (
            "cannot connect to the docker daemon",
            "failed to connect to the docker api",
            "error during connect",
            "docker daemon is not running",
        ),
        "Docker's engine does not answer",
        START_ENGINE,
    ),
    (
        ("permission denied while trying to connect to the docker",),
        "this user may not use Docker's engine",
        "sudo usermod -aG docker $USER, then log in anew",
    ),
    (
        (
            "'buildx' is not a docker command",
            "unknown flag: --call",
            "unknown flag: --file",
            "unknown command: docker buildx",
        ),
        "buildx is missing or too old",
        "install the docker-buildx plugin, 0.17 or newer (docker buildx version)",
    ),
    (
        (
            "'compose' is not a docker command",
            "unknown flag: --project-name",
            "unknown command: docker compose",
        ),
        "docker has no compose command",
        "install the docker-compose plugin, 2.20 or newer (docker compose version)",
    ),
)
# the same for what is no missing part: how to mend it
_HINTS: Final = (
    (
        ("no such image", "reference does not exist"),
        "`docker images` lists those that are here; inv docker.build makes one",
    ),
    (
        (
            "no basic auth credentials",
            "access denied",
            "access to the resource is denied",
            "authentication required",
        ),
        "docker login HOST, if the registry needs it",
    ),
)


def find_docker(child_env: Mapping[str, str]) -> str:
    """The path of the docker command. Raises ToolMissing with how to install it on this system."""
    return find_program(PROGRAM, child_env)


@contextmanager
def docker_client(
    child_env: Mapping[str, str],
    *,
    what: str,
    redactor: Redactor,
    error: type[EnvtasksError] = BuildFailed,
    **options: Any,
) -> Iterator[DockerClient]:
    """A python-on-whales client that runs in `child_env`; its failures are raised as `error`, values redacted.

    `what` begins the message ("The image could not be pushed"); `options` go to DockerClient (compose files,
    say). Raises ToolMissing when there is no docker, or no engine behind it.
    """
    find_docker(child_env)
    from python_on_whales import DockerClient
    from python_on_whales.exceptions import DockerException

    with start_errors(PROGRAM, child_env, PROGRAM), process_environment(child_env):
        try:
            yield DockerClient(**options)
        except DockerException as failure:
            message = failure.stderr or failure.stdout or ""
            # a traceback may still reach it, and it holds docker's whole output, values included
            failure.args, failure.stdout, failure.stderr = (), None, None
            raise docker_error(message, what=what, redactor=redactor, error=error) from None


@contextmanager
def process_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Replace the environment of this process by `values` and restore it at the end, also after an exception.

    Not for threads: everything in this process sees the values meanwhile.
    """
    before = dict(os.environ)
    try:
        _replace_environment({name: value for name, value in values.items() if name != _DEBUG_SWITCH})
        yield
    finally:
        _replace_environment(before)


def _replace_environment(values: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name not in values]:
        del os.environ[name]
    for name, value in values.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def docker_output(
    argv: Sequence[str],
    child_env: Mapping[str, str],
    *,
    what: str,
    redactor: Redactor,
    error: type[EnvtasksError] = BuildFailed,
) -> str:
    """The stdout of a short docker command that python-on-whales lacks. Raises `error`, as `docker_error`."""
    done = run_docker(argv, child_env)
    if done.returncode:
        message = done.stderr.decode("utf-8", "replace")
        raise docker_error(message, what=what, redactor=redactor, error=error)
    return done.stdout.decode("utf-8", "replace")


def run_docker(
    argv: Sequence[str], child_env: Mapping[str, str], *, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """A short docker command that has ended. Raises EnvtasksError where the system cannot start it."""
    with start_errors(PROGRAM, child_env, argv):
        return subprocess.run(
            argv,
            env=dict(child_env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            check=False,
        )


def save_command(image: str) -> list[str]:
    """The docker command that writes the archive of an image."""
    return [PROGRAM, "image", "save", "--", image]


@contextmanager
def save_image(image: str, child_env: Mapping[str, str], *, redactor: Redactor) -> Iterator[BinaryIO]:
    """The archive of an image, a stream that docker writes meanwhile (python-on-whales splits it into lines).

    Raises BuildFailed with docker's reason, or ToolMissing, at the end of the body; also in place of an EnvtasksError
    of the body, which is about an archive that is cut off then.
    """
    argv = [find_docker(child_env), *save_command(image)[1:]]
    with tempfile.TemporaryFile() as errors:
        with start_errors(PROGRAM, child_env, argv):
            process = subprocess.Popen(
                argv,
                env=dict(child_env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
            )
        assert process.stdout is not None
        _enlarge_pipe(process.stdout.fileno())
        failed = False
        try:
            yield cast(BinaryIO, process.stdout)
        except EnvtasksError:
            failed = _has_failed(process)
            if not failed:
                raise
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdout.close()  # docker, if it still writes, ends by that
            process.wait()
        if failed or process.returncode:
            errors.seek(0)
            message = errors.read().decode("utf-8", "replace")
            raise docker_error(message, what=f"{image} could not be read", redactor=redactor)


def _has_failed(process: subprocess.Popen[bytes]) -> bool:
    """Whether the process ends by itself, and not with 0; it is killed if it does not end."""
    try:
        return process.wait(_EXIT_SECONDS) != 0
    except subprocess.TimeoutExpired:
        process.kill()
        return False


def _enlarge_pipe(pipe: int) -> None:
    """Let docker write ahead while we search what it has written, where the system can."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # the system's limit for pipes is lower
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)


def missing_part(message: str) -> tuple[str, str, str] | None:
    """What docker's message says is missing, what mends it, and the line that says so; None if nothing is."""
    for signs, problem, hint in _MISSING:
        for line in message.splitlines():
            if any(sign in line.lower() for sign in signs):
                return problem, hint, line
    return None


def docker_error(
    message: str, *, what: str, redactor: Redactor, error: type[EnvtasksError] = BuildFailed
) -> EnvtasksError:
    """Docker's message as an `error`, values redacted; as ToolMissing if the engine, buildx or compose is missing."""
    shown = redactor.text(message).strip()
    shown = _PROGRESS.sub("", shown).strip() or shown
    if missing := missing_part(shown):
        problem, hint, line = missing
        return ToolMissing(f"{what}: {problem}. {line}", hint=hint)
    hint = next((hint for signs, hint in _HINTS if any(sign in shown.lower() for sign in signs)), "")
    return error(f"{what}: {shown}" if shown else f"{what}, and docker gave no reason.", hint=hint)
