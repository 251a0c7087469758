"""The compose stack of one environment: how docker compose is called for it, and its checked model."""

from __future__ import annotations

import difflib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..docker.client import docker_error, find_docker
from ..errors import ConfigInvalid, StackFailed, ToolMissing
from . import files as compose_files
from . import missing
from . import model as compose_model
from . import settings as compose_settings
from .files import Sources
from .model import Tree
from .settings import ComposeSettings

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated
    from ..redaction import Redactor

# what would make compose take other files, another project or other env files than the ones that we name
DIVERTING: Final = ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_ENV_FILES")
NO_COMPOSE: Final = (
    "'compose' is not a docker command",
    "unknown flag: --project-name",
    "unknown command: docker compose",
)
SWITCHES: Final = {"COMPOSE_DISABLE_ENV_FILE": "1", "BUILDX_METADATA_PROVENANCE": "disabled"}


@dataclass(frozen=True, slots=True)
class Model:
    """The merged model of the compose files, uninterpolated, and the services that a call is about."""

    tree: Tree
    sources: Sources
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """One environment's stack. Values go to docker through `child_env` alone, never through arguments."""

    root: Path
    environment: str
    others: tuple[str, ...]  # the project's other environments
    settings: ComposeSettings
    child_env: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)  # the values to hide, by name
    hide: Redactor = field(repr=False)

    @classmethod
    def of(cls, project: Project, hydrated: Hydrated, *, mask: bool = True) -> Stack:
        """The stack of a project in a hydrated environment. Raises ConfigInvalid for a wrong table."""
        from ..redaction import Redactor

        child_env = {name: value for name, value in hydrated.child_env().items() if name not in DIVERTING}
        hidden = mask and project.mask != "never" and not hydrated.public
        secrets = dict(hydrated.secrets) if hidden else {}
        # compose prints a dollar as two
        doubled = [value.replace("$", "$$") for value in secrets.values()]
        return cls(
            root=project.root,
            environment=hydrated.environment,
            others=tuple(name for name in project.environments if name != hydrated.environment),
            settings=compose_settings.read(project),
            child_env={**child_env, **SWITCHES},
            secrets=secrets,
            hide=Redactor([*secrets.values(), *doubled]),
        )

    @property
    def name(self) -> str:
        """The compose project, `<project>-<environment>`."""
        return self.settings.project_for(self.environment)

    def is_secret(self, name: str, shown: str) -> bool:
        """Whether a text that compose shows under this name is the secret value of it."""
        return name in self.secrets and shown.replace("$$", "$") == self.secrets[name].replace("$$", "$")

    def argv(self, *words: str, files: bool) -> list[str]:
        """The docker compose command; without `files` it goes by the labels of what runs.

        Nothing is interpolated then, so that it works whatever is missing. Raises ToolMissing, ConfigInvalid.
        """
        start = [find_docker(self.child_env), "compose", "--project-name", self.name]
        if files:
            for path in compose_settings.existing(self.settings, self.root):
                start += ["--file", str(path)]
            for profile in self.settings.profiles:
                start += ["--profile", profile]
        return [*start, *words]

    def ask(self, *words: str, files: bool = False, what: str = "Compose does not take the stack") -> str:
        """What a short compose command prints. Raises StackFailed with compose's message, values hidden."""
        return self.output(self.argv(*words, files=files), what=what)

    def output(self, argv: Sequence[str], *, what: str) -> str:
        """What a short docker command prints. Raises StackFailed or ToolMissing, values hidden."""
        done = subprocess.run(argv, env=dict(self.child_env), capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            message = done.stderr.decode("utf-8", "replace")
            if any(sign in message for sign in NO_COMPOSE):
                raise ToolMissing(
                    "docker has no compose command.",
                    hint="install the docker-compose plugin, 2.20 or newer (docker compose version)",
                )
            raise docker_error(message, what=what, redactor=self.hide, error=StackFailed)
        return done.stdout.decode("utf-8", "replace")

    def both(self, argv: Sequence[str]) -> str:
        """All that a short docker command says on stdout and stderr, values hidden, failed or not."""
        done = subprocess.run(
            argv,
            env=dict(self.child_env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        return self.hide.text(done.stdout.decode("utf-8", "replace"))

    def model(self, services: Sequence[str]) -> Model:
        """The model for these services (none: all that no profile bars), every name it needs at hand.

        Raises ConfigInvalid, VariableMissing, EnvFileMissing, StackFailed.
        """
        files = compose_settings.existing(self.settings, self.root)
        sources = compose_files.read(files, self.child_env)
        missing.refuse_unasked(sources, self.root)
        tree = self._tree(sources)
        if strangers := compose_model.unknown(tree, services):
            known = list(tree.get("services") or {})
            near = difflib.get_close_matches(strangers[0], known, n=1)
            raise ConfigInvalid(
                f"The stack has no service {strangers[0]!r}"
                + (f": did you mean {near[0]}?" if near else "."),
                hint=f"services: {', '.join(known)}",
            )
        active = compose_model.active(tree, services, self._profiles())
        missing.check(
            tree,
            sources,
            active,
            self.child_env,
            environment=self.environment,
            root=self.root,
            base=files[0].parent,
        )
        return Model(tree, sources, active)

    def _tree(self, sources: Sources) -> Tree:
        if sources.computed:  # compose would look for a file that is literally named ${…}
            return sources.tree
        tree: Tree = json.loads(self.ask("config", "--no-interpolate", "--format", "json", files=True))
        return tree

    def _profiles(self) -> tuple[str, ...]:
        named = self.child_env.get("COMPOSE_PROFILES", "").split(",")
        return (*self.settings.profiles, *filter(None, (profile.strip() for profile in named)))
