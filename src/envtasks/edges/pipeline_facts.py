"""What a pipeline has to agree with: the project's environments, keys, sessions, tasks and secret names."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..contract import secret_names
from ..envfile import read
from .nox_sessions import sessions
from .pipelines import PREFIX, key_variable, program

if TYPE_CHECKING:
    from ..project import Project


@dataclass(frozen=True, slots=True)
class Facts:
    """Names only: no key is needed to know them."""

    keys: Mapping[str, str | None]  # the key of each environment, None where its pipeline needs none
    protected: frozenset[str]
    sessions: Mapping[str, str | None]  # each session, and each variant, with its environment
    tasks: frozenset[str] | None  # None: they could not be listed
    secrets: frozenset[str]

    @classmethod
    def of(cls, project: Project, process_env: Mapping[str, str]) -> Facts:
        """The facts of a project. Raises ConfigInvalid."""
        known = sessions(project.root, process_env, every=True)
        return cls(
            keys={name: key_variable(each) for name, each in project.environments.items()},
            protected=frozenset(name for name, each in project.environments.items() if each.protected),
            sessions={
                name: session.environment for session in known for name in (session.name, *session.variants)
            },
            tasks=_tasks(project, process_env),
            secrets=frozenset(_encrypted(project)) | secret_names(project),
        )


def _encrypted(project: Project) -> Iterator[str]:
    for environment in project.environments.values():
        for path in environment.files:
            if path.is_file():
                yield from (entry.name for entry in read(path).entries if entry.raw.startswith(PREFIX))


def _tasks(project: Project, process_env: Mapping[str, str]) -> frozenset[str] | None:
    module = "invoke" if program(project) == "inv" else "envtasks"
    done = subprocess.run(
        [sys.executable, "-m", module, "--list", "--list-format", "json"],
        cwd=project.root,
        env={name: value for name, value in process_env.items() if not name.startswith("DOTENV_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    try:
        return frozenset(_names(json.loads(done.stdout))) if not done.returncode else None
    except ValueError:
        return None


def _names(collection: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for task in collection["tasks"]:
        yield from (prefix + name for name in (task["name"], *task["aliases"]))
    for inner in collection["collections"]:
        yield prefix + inner["name"]
        yield from _names(inner, f"{prefix}{inner['name']}.")
