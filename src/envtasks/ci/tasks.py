"""The tasks that `inv` would offer in a project, each with its default environment, asked in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigInvalid


def tasks(root: Path, process_env: Mapping[str, str]) -> Mapping[str, str | None]:
    """Each task's names with the environment it runs in unless told otherwise. Raises ConfigInvalid."""
    done = subprocess.run(
        [sys.executable, "-m", "envtasks.tasks"],
        cwd=root,
        env={name: value for name, value in process_env.items() if not name.startswith("DOTENV_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or "no output").splitlines()[-1]
        raise ConfigInvalid(f"tasks.py: its tasks cannot be listed: {said}", hint="inv --list")
    # the last line is ours; what comes before it, tasks.py printed
    found: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return found
