"""The project that the container tests build, and ways to look for a marked value everywhere."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.projects import Sandbox

BUILD_ARGS = """
    ARG BASE
    FROM ${BASE} AS base
    FROM base AS builder
    WORKDIR /work
    COPY pyproject.toml .
    ARG UV_INDEX_INTERNAL_USERNAME
    ARG UV_INDEX_INTERNAL_PASSWORD
    RUN uv sync --no-cache --no-install-project
    FROM base AS runtime
    COPY --from=builder /work/.venv /opt/venv
    CMD ["/opt/venv/bin/python", "-c", "import acme_internal; print(acme_internal.GREETING)"]
    """
MOUNT = "--mount=type=secret,id={0},env={0},required=true"
SECRET_MOUNTS = re.sub(r"    ARG UV_INDEX.*\n", "", BUILD_ARGS).replace(
    "RUN uv",
    f"RUN {MOUNT.format('UV_INDEX_INTERNAL_USERNAME')} {MOUNT.format('UV_INDEX_INTERNAL_PASSWORD')} uv",
)
GREETING = "from the private index\n"
Places: TypeAlias = Mapping[str, str | bytes | Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Shop:
    """A sandbox with a Dockerfile; everything it builds is named after `image`."""

    sandbox: Sandbox
    image: str
    base: str
    env: dict[str, str] = field(default_factory=dict)

    def write_project(self, index_url: str, dockerfile: str) -> None:
        """The project, its private index, the settings of its image and the Dockerfile."""
        self.sandbox.write(
            "pyproject.toml",
            f"""
            [project]
            name = "shop"
            version = "1.2.3"
            requires-python = ">=3.11"
            dependencies = ["acme-internal"]

            [tool.uv.sources]
            acme-internal = {{ index = "internal" }}

            [[tool.uv.index]]
            name = "internal"
            url = "{index_url}"
            explicit = true

            [tool.envtasks.docker]
            image = "{self.image}"
            network = "host"
            """,
        )
        self.sandbox.write("tasks.py", "from envtasks import namespace\n\nns = namespace(__name__)\n")
        self.sandbox.write(".dockerignore", "*\n!pyproject.toml\n!files\n")
        self.dockerfile(dockerfile)

    def dockerfile(self, text: str) -> Path:
        """Write the Dockerfile, its base image the one that has uv."""
        return self.sandbox.write("docker/Dockerfile", text.replace("ARG BASE\n", f"ARG BASE={self.base}\n"))

    def in_registry(self, address: str) -> None:
        """Name the registry in the image settings."""
        path = self.sandbox.root / "pyproject.toml"
        path.write_text(path.read_text(encoding="utf-8") + f'registry = "{address}"\n', encoding="utf-8")

    def inv(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run inv here, piped."""
        return self.sandbox.inv(*words, **self.env, **env)

    def terminal(self, *words: str) -> tuple[int, str]:
        """Run inv here on a terminal of its own: its exit code, and everything that was drawn."""
        import pty

        drawn: list[bytes] = []
        pid, fd = pty.fork()  # type: ignore[attr-defined,unused-ignore]
        if pid == 0:  # pragma: no cover - the child becomes inv
            os.chdir(self.sandbox.root)
            env = {**self.sandbox.env, **self.env, "TERM": "xterm"}
            os.execve(sys.executable, [sys.executable, "-m", "invoke", *words], env)
        while True:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            drawn.append(data)
        _, status = os.waitpid(pid, 0)
        os.close(fd)
        return os.waitstatus_to_exitcode(status), b"".join(drawn).decode("utf-8", "replace")

    def remove_images(self) -> None:
        """Remove whatever has this shop's name; an image that has other names too stays under those."""
        listed = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
        for line in listed:
            reference, image = line.split(" ", 1)
            if self.image in reference:
                docker("image", "rm", "--force", image if "<none>" in reference else reference)


def docker(*words: str) -> str:
    """The stdout of a docker command that has to succeed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True)
    return done.stdout


def saved(image: str) -> bytes:
    """Everything that `docker save` would hand on."""
    return subprocess.run(["docker", "save", image], capture_output=True, check=True).stdout


def labels(image: str) -> dict[str, str]:
    """The labels of an image."""
    found: dict[str, str] = (
        json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image)) or {}
    )
    return found


def holding(mark: str, places: Places) -> list[str]:
    """The names of the places that hold the marked value, as it is or in base64 without its ends."""
    needles = [mark.encode(), base64.b64encode(mark.encode())[4:-8]]
    found = []
    for name, place in places.items():
        text = (
            place.encode()
            if isinstance(place, str)
            else place
            if isinstance(place, bytes)
            else b"\0".join(place)
        )
        if any(needle in text for needle in needles):
            found.append(name)
    return found
