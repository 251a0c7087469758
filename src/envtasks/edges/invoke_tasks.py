"""The tasks that `inv` would offer in a project, each with its default environment, from a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

TASKS = "tasks.py"


def tasks(root: Path, process_env: Mapping[str, str]) -> Mapping[str, str | None] | None:
    """Each task's names with the environment it runs in unless told otherwise; None if they cannot be listed."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
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
        return None
    # the last line is ours; what comes before it, tasks.py printed
    found: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return found


def _list() -> None:
    """Print them as JSON: run by `tasks`."""
    from invoke.collection import Collection
    from invoke.loader import FilesystemLoader

    if Path(TASKS).is_file():
        module, _ = FilesystemLoader(start=str(Path.cwd())).load("tasks")
        root = Collection.from_module(module)
    else:
        from ..tasks import built_in

        root = built_in()
    found: dict[str, str | None] = {}
    for name, aliases in root.task_names.items():
        default = getattr(root[name], "default_env", None)
        # a task without a default has a marker there that is no name
        environment = default if default and "\0" not in default else None
        found.update(dict.fromkeys((name, *aliases), environment))
    print(json.dumps(found))  # noqa: T201 - the answer


if __name__ == "__main__":
    _list()
