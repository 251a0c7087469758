"""What a pipeline has to agree with: the project's environments, keys, sessions, tasks and secret names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..envfiles.document import read
from ..settings_class import secret_names
from .plan import key_variable
from .sessions import sessions
from .tasks import tasks

if TYPE_CHECKING:
    from ..config import Project


@dataclass(frozen=True, slots=True)
class Facts:
    """Names only: no key is needed to know them."""

    keys: Mapping[str, str | None]  # the key of each environment, None where its pipeline needs none
    protected: frozenset[str]
    sessions: Mapping[str, str | None]  # each session, and each variant, with its environment
    tasks: Mapping[str, str | None]  # each with its environment
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
            tasks=tasks(project.root, process_env),
            secrets=frozenset(_encrypted(project)) | secret_names(project),
        )


def _encrypted(project: Project) -> Iterator[str]:
    for environment in project.environments.values():
        for path in environment.files:
            if path.is_file():
                yield from (entry.name for entry in read(path).entries if entry.encrypted)
