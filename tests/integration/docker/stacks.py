"""The project whose stacks the tests of `compose.*` start on a real engine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.projects import Sandbox
from tests.watching import watched_processes

SECRET = 'pa$$w"ord$HOME${X}\\end'
TOKEN = "tok-0123456789-mark"
SHORT = "xyz"


@dataclass(frozen=True, slots=True)
class StackShop:
    """A sandbox with a compose project of its own."""

    sandbox: Sandbox
    project: str

    def inv(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.sandbox.inv(*args, **env)

    def left(self, environment: str = "local") -> str:
        """What docker still has of a stack."""
        label = f"label=com.docker.compose.project={self.project}-{environment}"
        kinds = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
        return "".join(docker(*kind, "--quiet", "--filter", label) for kind in kinds)


def docker(*args: str) -> str:
    return subprocess.run(["docker", *args], capture_output=True, text=True, check=True).stdout


def remove(project: str) -> None:
    argv = [
        "docker",
        "compose",
        "--project-name",
        project,
        "down",
        "--volumes",
        "--remove-orphans",
        "--timeout",
        "0",
    ]
    subprocess.run(argv, capture_output=True, check=False)


@contextmanager
def argv_watched() -> Iterator[set[str]]:
    """The command lines of all processes while the body runs, as text; filled when it has ended."""
    lines: set[str] = set()
    with watched_processes() as seen:
        yield lines
    lines.update(line.replace(b"\0", b" ").decode("utf-8", "replace") for line in seen)
