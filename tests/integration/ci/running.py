"""Runs a job of a rendered pipeline as its platform would: a clean clone, its variables, its script as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from envtasks.ci import github, gitlab
from tests.integration.kubernetes.shop import kubectls

# what makes an image of another distribution ready; the machine that runs the tests has these programs already
SYSTEM = re.compile(r"^(apt-get|apk) ")
# how this machine reaches packages; no value of a project
MACHINE = ("PIP_", "SSL_", "REQUESTS_", "http_", "https_", "no_", "HTTP_", "HTTPS_", "NO_")


@dataclass(frozen=True, slots=True)
class Step:
    """One command line with the variables that it has and others have not."""

    line: str
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """How a job ended, and all that it wrote."""

    code: int
    output: str
    ran: tuple[str, ...]


def machine(folder: Path) -> dict[str, str]:
    """A machine with Python, pip, git, docker and kubectl on PATH, an empty home, and nothing of this suite."""
    subprocess.run([sys.executable, "-m", "venv", str(folder / "python")], check=True)
    tools = folder / "tools"
    tools.mkdir()
    for program in (kubectls()[0], *filter(None, map(shutil.which, ("git", "docker", "bash")))):
        (tools / Path(program).name).symlink_to(program)
    (folder / "home").mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith(MACHINE)}
    path = [str(folder / "python" / "bin"), str(tools), "/usr/bin", "/bin"]
    return {**kept, "PATH": os.pathsep.join(path), "HOME": str(folder / "home"), "CI": "true"}


def clone(repository: Path, place: Path) -> Path:
    """What a runner checks out: what is committed and nothing else."""
    subprocess.run(["git", "clone", "-q", str(repository), str(place)], check=True)
    return place


def on_github(root: Path, name: str, secrets: Mapping[str, str], matrix: Mapping[str, str]) -> Iterator[Step]:
    """The `run` steps of a GitHub job; `secrets` are those of the repository and the job's environment."""
    job: dict[str, Any] = yaml.safe_load((root / github.FILE).read_text(encoding="utf-8"))["jobs"][name]
    known = {f"secrets.{key}": value for key, value in secrets.items()}
    known |= {f"matrix.{key}": value for key, value in matrix.items()} | {"github.workspace": str(root)}

    def filled(text: str) -> str:
        # a secret that is not there is an empty text
        return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda match: known.get(match[1], ""), text)

    for step in job["steps"]:
        if "run" in step:
            env = {**job.get("env", {}), **step.get("env", {})}
            yield Step(filled(step["run"]), {key: filled(str(value)) for key, value in env.items()})


def on_gitlab(
    root: Path, name: str, scoped: Mapping[str, Mapping[str, str]], matrix: Mapping[str, str]
) -> Iterator[Step]:
    """The lines of a GitLab job; `scoped` are the project's variables by the environment they are for."""
    document: dict[str, Any] = yaml.safe_load((root / gitlab.FILE).read_text(encoding="utf-8"))
    job = document[name]
    base = document.get(job.get("extends"), {})
    variables = {**base.get("variables", {}), **job.get("variables", {})}
    env = {key: str(value).replace("$CI_PROJECT_DIR", str(root)) for key, value in variables.items()}
    # the engine of this machine stands for the service that the job would start
    env = {key: value for key, value in env.items() if not key.startswith("DOCKER_")}
    env |= scoped.get(job.get("environment", {}).get("name", ""), {})
    for line in [*job.get("before_script", base.get("before_script", [])), *job["script"]]:
        if not SYSTEM.match(line):
            yield Step(line, {**env, **matrix})


def run(root: Path, steps: Iterator[Step], env: Mapping[str, str], cache: Path) -> Done:
    """Run the steps in order, until one fails, as a runner's bash does.

    uv's cache is one for all jobs, or each would fetch every package anew.
    """
    written, ran, code = "", [], 0
    for step in steps:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.line],
            cwd=root,
            env={**env, **step.env, "UV_CACHE_DIR": str(cache)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=300,
            check=False,
        )
        written += done.stdout
        ran.append(step.line)
        code = done.returncode
        if code:
            break
    return Done(code, written, tuple(ran))
