"""The compose stack of one environment: how docker compose is called for it, its model, its containers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..docker.client import docker_output, find_docker
from ..errors import StackFailed
from ..process import Runner
from .checks import refuse_env_files
from .model import Model, Tree, active_services, read_sources
from .settings import PROJECT_NAME, ComposeSettings, existing_files, project_name, read_settings, stack_names
from .variables import check_variables

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated
    from ..redaction import Redactor

# they would make compose take other files or env files than the ones that we name
ENV_FILES: Final = "COMPOSE_ENV_FILES"
NOT_HANDED_ON: Final = ("COMPOSE_FILE", ENV_FILES)
SWITCHES: Final = {"COMPOSE_DISABLE_ENV_FILE": "1", "BUILDX_METADATA_PROVENANCE": "disabled"}
ALL_ADDRESSES: Final = {"", "0.0.0.0", "::", "[::]"}  # noqa: S104 (read from docker, not bound to)


@dataclass(frozen=True, slots=True)
class Address:
    """A published port: the address and port of this machine, and the port inside the container."""

    host: str
    published: int
    target: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        """What to type into a browser: `localhost` where the port is bound on all addresses."""
        suffix = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{'localhost' if self.host in ALL_ADDRESSES else self.host}:{self.published}{suffix}"

    def conflicts_with(self, other: Address) -> bool:
        """Whether this machine cannot have both."""
        same_port = (self.published, self.protocol) == (other.published, other.protocol)
        return same_port and (
            self.host == other.host or not ALL_ADDRESSES.isdisjoint({self.host, other.host})
        )


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a stack, as `docker compose ps` shows it."""

    service: str
    name: str
    state: str
    health: str
    exit_code: int
    addresses: tuple[Address, ...]

    @property
    def condition(self) -> str:
        """Its health where it has one, else its state; an exit with its code."""
        if self.state == "exited":
            return f"exited ({self.exit_code})"
        return self.health if self.state == "running" and self.health else self.state

    @property
    def row(self) -> tuple[str, str, str]:
        """Service, condition and addresses, as a table shows them."""
        return self.service, self.condition, ", ".join(map(str, self.addresses))

    def to_json(self) -> dict[str, object]:
        """The same, and its name, for `--json`."""
        return {
            "service": self.service,
            "name": self.name,
            "state": self.state,
            "health": self.health or None,
            "exit_code": self.exit_code if self.state == "exited" else None,
            "addresses": [str(address) for address in self.addresses],
        }


@dataclass(frozen=True, slots=True)
class Stack:
    """One environment's stack. Values go to docker through `child_env` alone, never through arguments."""

    root: Path
    environment: str
    names: Mapping[str, str]  # the compose project of each environment
    project_files: frozenset[Path]  # env files and key files of all environments
    settings: ComposeSettings
    child_env: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)  # the values to redact, by name
    redactor: Redactor = field(repr=False)
    notes: tuple[str, ...] = ()  # which variables for compose of the env files are not used, and why

    @classmethod
    def of(cls, project: Project, hydrated: Hydrated, *, mask: bool = True) -> Stack:
        """The stack of a project in a hydrated environment. Raises ConfigInvalid for a wrong table."""
        from ..redaction import Redactor

        settings = read_settings(project)
        names = stack_names(project, hydrated, settings)
        child_env = {name: value for name, value in hydrated.child_env().items() if name not in NOT_HANDED_ON}
        redacts = mask and project.mask != "never" and not hydrated.public
        secrets = dict(hydrated.secrets) if redacts else {}
        # compose prints a dollar as two
        doubled = [value.replace("$", "$$") for value in secrets.values()]
        return cls(
            root=project.root,
            environment=hydrated.environment,
            names=names,
            project_files=_files_of(project),
            settings=settings,
            child_env={**child_env, **SWITCHES, PROJECT_NAME: names[hydrated.environment]},
            secrets=secrets,
            redactor=Redactor([*secrets.values(), *doubled]),
            notes=tuple(_notes(hydrated, names[hydrated.environment])),
        )

    @property
    def name(self) -> str:
        """The compose project of this environment."""
        return self.names[self.environment]

    def argv(self, *words: str, files: bool, project: str = "") -> list[str]:
        """The docker compose command for this stack, or for another compose project.

        Without `files` it goes by the labels of what runs, and nothing is interpolated, so that it works whatever is
        missing. Raises ToolMissing, ConfigInvalid.
        """
        start = [find_docker(self.child_env), "compose", "--project-name", project or self.name]
        if files:
            for path in existing_files(self.settings, self.root):
                start += ["--file", str(path)]
            for profile in self.settings.profiles:
                start += ["--profile", profile]
        return [*start, *words]

    def output(self, argv: Sequence[str], *, what: str = "Compose rejected the stack") -> str:
        """The stdout of a short docker command. Raises StackFailed or ToolMissing, values redacted.

        `what` begins the message; docker's own follows.
        """
        return docker_output(argv, self.child_env, what=what, redactor=self.redactor, error=StackFailed)

    def run(self, *words: str, files: bool, redact: bool = True) -> int:
        """Run docker compose, its output on ours, values redacted unless `redact` is false. Returns its exit code."""
        redactor = self.redactor if redact else None
        runner = Runner.outside_task(self.child_env, redactor=redactor, capture=False)
        return int(runner.run_argv(self.argv(*words, files=files), warn=True).exited)

    def docker(self, *words: str, what: str) -> str:
        """The stdout of a short docker command other than compose. Raises as `output` does."""
        return self.output([find_docker(self.child_env), *words], what=what)

    def resolved(self, services: Sequence[str]) -> Tree:
        """The interpolated model of these services (none: all). It holds secret values. Raises StackFailed."""
        tree: Tree = json.loads(self.output(self.argv("config", "--format", "json", *services, files=True)))
        return tree

    def containers(self, services: Sequence[str] = (), *, project: str = "") -> tuple[Container, ...]:
        """The containers of these services (none: all) as they are now, of this stack or another compose project."""
        argv = self.argv("ps", "--all", "--format", "json", files=False, project=project)
        found = parse_containers(self.output(argv, what="The containers of the stack cannot be listed"))
        return tuple(container for container in found if not services or container.service in services)

    def model(self, services: Sequence[str]) -> Model:
        """The model for these services (none: all that are enabled), every variable that it needs being set.

        Raises ConfigInvalid, VariableMissing, EnvFileMissing, StackFailed.
        """
        files = existing_files(self.settings, self.root)
        sources = read_sources(files, self.child_env)
        tree = sources.tree
        if not sources.computed:  # else compose would look for a file that is literally named ${…}
            tree = json.loads(
                self.output(self.argv("config", "--no-interpolate", "--format", "json", files=True))
            )
        active = active_services(tree, services, self._profiles())
        model = Model(tree, active, sources, self.root, files[0].parent)
        refuse_env_files(model, self.project_files, self.child_env)
        check_variables(model, self.child_env, environment=self.environment)
        return model

    def redact(self, value: Any, name: str = "") -> Any:
        """A part of the resolved model, the one under `name`, with every secret value replaced."""
        if isinstance(value, str):
            # a value too short to be searched for is still redacted where it stands under its name
            return "***" if value and self._is_secret(name, value) else self.redactor.text(value)
        if isinstance(value, list):
            return [self.redact(item) for item in value]
        if isinstance(value, Mapping):
            return {self.redactor.text(str(key)): self.redact(item, str(key)) for key, item in value.items()}
        return value

    def _is_secret(self, name: str, shown: str) -> bool:
        return name in self.secrets and shown.replace("$$", "$") == self.secrets[name].replace("$$", "$")

    def _profiles(self) -> tuple[str, ...]:
        named = self.child_env.get("COMPOSE_PROFILES", "").split(",")
        return (*self.settings.profiles, *filter(None, (profile.strip() for profile in named)))


def _notes(hydrated: Hydrated, name: str) -> Iterator[str]:
    """What the env files tell compose that is not used here, each with what to do instead."""
    for variable in NOT_HANDED_ON:
        if variable in hydrated:
            instead = "[tool.envtasks.compose] files names the compose files"
            if variable == ENV_FILES:
                instead = "the environment's own env files are used"
            yield f"{_place(hydrated, variable)} is not used: {instead}."
    if PROJECT_NAME in hydrated and project_name(hydrated[PROJECT_NAME]) != name:
        why = "another environment has or may have the same"
        if PROJECT_NAME in hydrated.secrets:
            why = "it is secret"
        yield (
            f"{_place(hydrated, PROJECT_NAME)} is not the stack's name, as {why}: this is {name}, "
            f"and its volumes are {name}_<volume>."
        )


def _place(hydrated: Hydrated, variable: str) -> str:
    origin = hydrated.origin(variable)
    return f"{variable} ({origin.file}:{origin.line})"


def _files_of(project: Project) -> frozenset[Path]:
    """The env files and key files of all environments."""
    environments = project.environments.values()
    files = {path for environment in environments for path in (*environment.files, *environment.keys)}
    beside = {path.parent for path in files}
    return frozenset(files.union(*(folder.glob(".env*.keys") for folder in beside)))


def parse_containers(output: str) -> tuple[Container, ...]:
    """The containers in the output of `docker compose ps --all --format json` (lines, or one list), by name."""
    text = output.strip()
    rows = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    return tuple(sorted((_container(row) for row in rows), key=lambda container: container.name))


def _container(row: Mapping[str, Any]) -> Container:
    return Container(
        service=str(row["Service"]),
        name=str(row["Name"]),
        state=str(row["State"]),
        health=str(row.get("Health") or ""),
        exit_code=int(row.get("ExitCode") or 0),
        addresses=_addresses(row.get("Publishers") or []),
    )


def _addresses(publishers: Sequence[Mapping[str, Any]]) -> tuple[Address, ...]:
    """The published ones; a port bound on IPv4 and IPv6 alike counts once."""
    found: dict[str, Address] = {}
    for row in publishers:
        if row.get("PublishedPort"):
            host, published = str(row.get("URL") or ""), int(row["PublishedPort"])
            address = Address(host, published, int(row["TargetPort"]), str(row["Protocol"]))
            found.setdefault(str(address), address)
    return tuple(found.values())
