"""A stand-in for the docker command."""

from __future__ import annotations

import os
from pathlib import Path


def fake_docker(folder: Path, script: str) -> dict[str, str]:
    """A `docker` that runs this shell script, and the environment in which it is found."""
    path = folder / "bin" / "docker"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return {"PATH": f"{path.parent}{os.pathsep}{os.environ['PATH']}"}
