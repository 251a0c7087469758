"""`docker save` as a stream. python-on-whales hands it on line by line, and a line of an image may be all of it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, BinaryIO, Final, cast

from ..errors import EnvtasksError
from .client import docker_error, find_docker

if TYPE_CHECKING:
    from ..redaction import Redactor

_PIPE: Final = 1 << 20
_GRACE: Final = 1.0


@contextmanager
def saved(image: str, child_env: Mapping[str, str], *, hide: Redactor) -> Iterator[BinaryIO]:
    """The archive of an image, while docker writes it.

    Raises BuildFailed with docker's reason, or ToolMissing, when the body is left: also in place of what the body
    raises because the archive is cut off.
    """
    argv = [find_docker(child_env), "image", "save", "--", image]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            argv,
            env=dict(child_env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
        )
        assert process.stdout is not None
        _widen(process.stdout.fileno())
        try:
            yield cast(BinaryIO, process.stdout)
        except EnvtasksError:
            if _failed(process):  # that is the reason why the archive is no good
                raise _told(errors, image, hide) from None
            raise
        finally:
            process.stdout.close()  # docker, if it still writes, ends by that
            process.wait()
        if process.returncode:
            raise _told(errors, image, hide)


def _failed(process: subprocess.Popen[bytes]) -> bool:
    try:
        return process.wait(_GRACE) != 0
    except subprocess.TimeoutExpired:
        process.kill()
        return False


def _told(errors: IO[bytes], image: str, hide: Redactor) -> EnvtasksError:
    errors.seek(0)
    return docker_error(
        errors.read().decode("utf-8", "replace"), what=f"{image} could not be read", redactor=hide
    )


def _widen(pipe: int) -> None:
    """Let docker run ahead by a whole window, where the system can."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # the system's limit for pipes is lower
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
