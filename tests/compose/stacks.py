"""The stack of a temporary project, with a shell script in place of docker."""

from __future__ import annotations

import os
import sys

import pytest

from envtasks.compose.stack import Stack
from envtasks.config import Project
from envtasks.hydration import hydrate
from tests.projects import Sandbox

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for docker is a shell script")
SECRET = "pa$$word-4711"
PIN = "1"  # too short to be searched for


def stack(sandbox: Sandbox, script: str = "exit 97", *, table: str = "", **process_env: str) -> Stack:
    """The stack of a fresh project whose docker is `script`."""
    sandbox.environment("local", PASSWORD=SECRET, PIN=PIN)
    with (sandbox.root / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"[tool.envtasks.compose]\n{table}\n")
    docker = sandbox.write("bin/docker", f"#!/bin/sh\n{script}\n")
    docker.chmod(0o755)
    project = Project.load(sandbox.root)
    process = {"PATH": f"{docker.parent}{os.pathsep}{os.environ['PATH']}", **process_env}
    return Stack.of(project, hydrate(project.environment("local"), process))
