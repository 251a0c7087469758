"""Print the tasks of the project in this folder, each with its default environment, as JSON: for `ci.check`."""

from __future__ import annotations

import json
from pathlib import Path

from invoke.collection import Collection
from invoke.loader import FilesystemLoader

from ..declare import BARE
from . import built_in


def main() -> None:
    """One object in one line: names, aliases too, and the environment that each runs in unless told otherwise."""
    if Path("tasks.py").is_file():
        module, _ = FilesystemLoader(start=str(Path.cwd())).load("tasks")
        root = Collection.from_module(module)
    else:
        root = built_in()
    found: dict[str, str | None] = {}
    for name, aliases in root.task_names.items():
        default = getattr(root[name], "default_env", BARE)
        found.update(dict.fromkeys((name, *aliases), None if default == BARE else default))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
