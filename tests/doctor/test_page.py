"""docs/doctor.md shows what `inv doctor` prints on such a machine."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.guides import Command, steps
from tests.projects import Sandbox

APT = {"docker.io": "28.5.2+dfsg4-5", "docker-buildx": "0.29.1-1", "docker-compose": "2.40.3-3"}


@pytest.mark.skipif(sys.platform != "linux", reason="the page shows a Debian machine")
def test_the_page_shows_what_is_printed(sandbox: Sandbox) -> None:
    """Every line in its order; versions and folders aside."""
    [command] = [step for step in steps("docs/doctor.md") if isinstance(step, Command)]
    sandbox.write("pyproject.toml", '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n')
    for name in ("docker/Dockerfile", "compose.yaml", "noxfile.py", "uv.lock", ".git/HEAD", "worker/.env"):
        sandbox.write(name, "")
    sandbox.environment("production", TOKEN="s3cret-value")
    (sandbox.root / ".env.keys").unlink()
    sandbox.environment("local", TOKEN="s3cret-value")
    cases = " ".join(f"{name}) echo 'Version: {version}';;" for name, version in APT.items())
    programs = {
        "apt-cache": f'case "$3" in {cases} esac',
        "git": 'case "$1" in --version) echo git version 2.47.3;; *) exit 1;; esac',
        "uv": "echo uv 0.13.9",
        "nox": "echo 2026.10.20",
        "kubectl": "echo Client Version: v1.37.1",
    }
    for name, script in programs.items():
        sandbox.write(f"bin/{name}", f"#!/bin/sh\n{script}\n").chmod(0o755)

    path = str(sandbox.root / "bin")
    done = sandbox.python("-m", "invoke", "doctor", PATH=path, SHELL="/bin/bash")

    assert (command.line, done.returncode, done.stderr) == ("inv doctor", command.exit_code, "")
    assert _general(done.stdout) == _general(command.output)


def _general(text: str) -> list[str]:
    """The lines without versions, and with another folder of Python."""
    text = text.replace(str(Path(sys.executable)), "/home/me/shop/.venv/bin/python")
    return re.sub(r"\b\d+(\.\d+)+\b", "N", text).splitlines()
