"""Run docker's build and show its steps; when it fails, the failed step's output is what is said last."""

from __future__ import annotations

import io
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .. import console
from ..errors import BuildFailed, EnvtasksError
from .client import docker_error
from .display import showing
from .progress import Progress

if TYPE_CHECKING:
    from ..redaction import Redactor

TITLE: Final = 100  # characters of a step in a message
_REFUSED: Final = ("401", "403", "unauthorized", "forbidden")


def run_steps(
    argv: Sequence[str],
    child_env: Mapping[str, str],
    *,
    what: str,
    hide: Redactor,
    credentials: Sequence[str] = (),
) -> None:
    """Run `docker buildx build …`. Raises BuildFailed, whose message ends with the failed step's output.

    BuildKit's own display is used on a terminal when there is nothing to hide. `what` begins the message;
    `credentials` are the names to suspect when an index refuses.
    """
    if sys.stderr.isatty() and sys.stdout.isatty() and not credentials:
        code = _run([*argv, "--progress=auto"], child_env)
        if code:
            raise BuildFailed(f"{what}: docker ended with {code}; what it said is above.")
        return
    progress = Progress(hide)
    with showing() as show:
        sink = _Sink(lambda data: show(progress.feed(data)))
        code = _run([*argv, "--progress=rawjson"], child_env, err_stream=sink, hide="stdout")
        show(progress.flush())
    for warning in progress.warnings:
        console.say("warning", warning)
    if code:
        raise _failed(progress, what=what, hide=hide, credentials=credentials)


class _Sink(io.TextIOBase):
    """Takes what Invoke's runner writes."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def write(self, text: str, /) -> int:
        self._take(text.encode("utf-8", "surrogateescape"))
        return len(text)


def _run(argv: Sequence[str], child_env: Mapping[str, str], **streams: Any) -> int:
    from invoke.context import Context

    from ..process.runner import Runner

    runner = Runner(Context(), child_env=child_env)
    return int(runner.run_argv(argv, warn=True, in_stream=False, encoding="utf-8", **streams).exited)


def _failed(progress: Progress, *, what: str, hide: Redactor, credentials: Sequence[str]) -> EnvtasksError:
    step = progress.failed
    if step is None:
        return docker_error("\n".join(progress.said), what=what, redactor=hide)
    output = "\n".join(step.lines)
    refused = bool(credentials) and any(sign in output.lower() for sign in _REFUSED)
    suspects = f" (was it refused with {', '.join(credentials)}?)" if refused else ""
    place = next((f", {line}" for line in progress.said if re.fullmatch(r"\S+:\d+", line)), "")
    said = textwrap.indent(output, "  ") if output else f"  {step.error}"
    return BuildFailed(
        f"{what}: step {_short(step.title)} failed{_exit(step.error)}{place}{suspects}.\n{said}"
    )


def _short(title: str) -> str:
    return title if len(title) <= TITLE else title[: TITLE - 1] + "…"


def _exit(error: str) -> str:
    found = re.search(r"exit code: \d+", error)
    return f" with {found[0]}" if found else ""
