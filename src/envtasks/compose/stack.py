"""The compose stack of one environment: how docker compose is called for it, its model, its containers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import console
from ..docker.client import docker_output, find_docker
from ..docker.credentials import Credentials
from ..docker.steering import Steering
from ..envfiles import PUBLIC_KEY
from ..errors import EnvtasksError, StackFailed
from ..inventory import project_files
from ..process import Runner, shell_quoted
from ..redaction import Redactor
from .checks import refuse_env_files, without_project_files
from .env_files import service_env_files
from .model import Model, Tree, active_services, read_sources
from .settings import PROJECT_NAME, ComposeSettings, existing_files, project_name, read_settings, stack_names
from .variables import check_variables

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated

# they would make compose take other files or env files than the ones that we name
ENV_FILES: Final = "COMPOSE_ENV_FILES"
NOT_HANDED_ON: Final = ("COMPOSE_FILE", ENV_FILES)
SWITCHES: Final = {"COMPOSE_DISABLE_ENV_FILE": "1", "BUILDX_METADATA_PROVENANCE": "disabled"}
OVERRIDE: Final = "inject.yaml"
ENV_FILE: Final = "plain.env"
LARGEST_SECRET: Final = 65_536  # bytes of a file
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
    variables: tuple[str, ...]  # the names of the environment's variables
    values: Mapping[str, str] = field(repr=False)  # what compose files may refer to
    plain: Mapping[str, str] = field(repr=False)  # those that docker gets by an env file
    child_env: Mapping[str, str] = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)  # the values to redact, by name
    redactor: Redactor = field(repr=False)
    notes: tuple[str, ...] = ()  # which variables for compose of the env files are not used, and why
    dry: bool = False  # print docker's commands instead of running them
    generated: Mapping[str, Path] = field(default_factory=dict)  # files that `generated_files` has made

    @classmethod
    def of(cls, project: Project, hydrated: Hydrated, *, mask: bool = True, dry: bool = False) -> Stack:
        """The stack of a project in a hydrated environment. Raises ConfigInvalid for a wrong table."""
        settings = read_settings(project)
        names = stack_names(project, hydrated, settings)
        values = {name: value for name, value in hydrated.child_env().items() if name not in NOT_HANDED_ON}
        values |= {**SWITCHES, PROJECT_NAME: names[hydrated.environment]}
        # COMPOSE_PROFILES and others of an env file are for compose, as they are to compose itself
        for_compose = [name for name in hydrated if name.startswith("COMPOSE_")]
        steering = Steering.of(hydrated, [*project.allow_steering, *for_compose])
        credentials = Credentials.of(project, hydrated)
        secrets, texts = {}, []
        if mask and project.mask != "never":
            mounted, files = mounted_secrets(settings.files, values)
            secrets, texts = credentials.to_redact(mounted), credentials.texts_to_redact(mounted) + files
        return cls(
            root=project.root,
            environment=hydrated.environment,
            names=names,
            project_files=frozenset(project_files(project)),
            settings=settings,
            variables=tuple(
                name
                for name in dict.fromkeys([hydrated.variable, *hydrated])
                if not name.startswith(PUBLIC_KEY)
            ),
            values=values,
            plain={name: value for name, value in steering.values.items() if name not in steering.secrets},
            child_env=steering.docker_env(values, arguments=steering.secrets),
            secrets=secrets,
            # compose prints a dollar as two
            redactor=Redactor([*texts, *(text.replace("$", "$$") for text in texts)]),
            notes=tuple(_notes(hydrated, names[hydrated.environment])),
            dry=dry,
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
            if ENV_FILE in self.generated:
                start += ["--env-file", str(self.generated[ENV_FILE])]
            override = [self.generated[OVERRIDE]] if OVERRIDE in self.generated else []
            for path in (*existing_files(self.settings, self.root), *override):
                start += ["--file", str(path)]
            for profile in self.settings.profiles:
                start += ["--profile", profile]
        return [*start, *words]

    def show(self, argv: Sequence[str]) -> None:
        """Print a docker command instead of running it, in a dry run."""
        console.write_utf8(self.redactor.text(shell_quoted(argv)) + "\n")

    def output(self, argv: Sequence[str], *, what: str = "Compose rejected the stack") -> str:
        """The stdout of a short docker command. Raises StackFailed or ToolMissing, values redacted.

        `what` begins the message; docker's own follows.
        """
        return docker_output(argv, self.child_env, what=what, redactor=self.redactor, error=StackFailed)

    def run(self, *words: str, files: bool, redact: bool = True) -> int:
        """Run docker compose, its output on ours, values redacted unless `redact` is false. Returns its exit code."""
        if self.dry:
            self.show(self.argv(*words, files=files))
            return 0
        redactor = self.redactor if redact else None
        runner = Runner.outside_task(self.child_env, redactor=redactor, capture=False)
        return int(runner.run_argv(self.argv(*words, files=files), warn=True).exited)

    def docker(self, *words: str, what: str) -> str:
        """The stdout of a short docker command other than compose. Raises as `output` does."""
        return self.output([find_docker(self.child_env), *words], what=what)

    def resolved(self, services: Sequence[str]) -> Tree:
        """The interpolated model of these services (none: all). It holds secret values. Raises StackFailed."""
        tree: Tree = json.loads(self.output(self.config_command(services)))
        return tree

    def config_command(self, services: Sequence[str]) -> list[str]:
        """The docker command that prints the interpolated model."""
        return self.argv("config", "--format", "json", *services, files=True)

    def list_command(self, project: str = "") -> list[str]:
        """The docker command that lists the containers of this stack, or of another compose project."""
        return self.argv("ps", "--all", "--format", "json", files=False, project=project)

    def containers(self, services: Sequence[str] = (), *, project: str = "") -> tuple[Container, ...]:
        """The containers of these services (none: all) as they are now, of this stack or another compose project."""
        argv = self.list_command(project)
        found = parse_containers(self.output(argv, what="The containers of the stack cannot be listed"))
        return tuple(container for container in found if not services or container.service in services)

    def model(self, services: Sequence[str]) -> Model:
        """The model for these services (none: all that are enabled), every variable that it needs being set.

        Raises ConfigInvalid, VariableMissing, EnvFileMissing, StackFailed.
        """
        files = existing_files(self.settings, self.root)
        sources = read_sources(files, self.values)
        if sources.computed:  # compose would look for a file that is literally named ${…}
            tree = self._with_injection(sources.tree, files[0].parent)
        else:
            argv = self.argv("config", "--no-interpolate", "--format", "json", files=True)
            tree = json.loads(self.output(argv))
        active = active_services(tree, services, self._profiles())
        model = Model(tree, active, sources, self.root, files[0].parent)
        refuse_env_files(model, self.project_files, self.values)
        check_variables(model, self.values, environment=self.environment)
        return model

    def _with_injection(self, tree: Tree, directory: Path) -> Tree:
        """The tree of the files themselves, as the generated override changes it."""
        services = dict(tree["services"])
        for name in self.settings.inject:
            found = list(service_env_files(services[name] or {}, self.values, directory))
            kept = [file.entry for file in without_project_files(found, self.project_files)]
            services[name] = {**(services[name] or {}), "env_file": kept}
        return {**tree, "services": services}

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


def mounted_secrets(files: Sequence[Path], values: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What services and builds get as secrets by the compose files: names of variables, and the texts of files.

    Nothing of files that are not there or cannot be read: whoever needs them says so.
    """
    try:
        tree = read_sources([file for file in files if file.is_file()], values).tree
    except EnvtasksError:
        return [], []
    entries = [entry for entry in (tree.get("secrets") or {}).values() if isinstance(entry, Mapping)]
    paths = [Path(str(entry["file"])) for entry in entries if entry.get("file")]
    texts = [_text(path) for path in paths]
    return [str(entry["environment"]) for entry in entries if entry.get("environment")], [
        *filter(None, texts)
    ]


def _text(path: Path) -> str:
    """The text of a secret's file; empty if it is too large for one, or cannot be read."""
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= LARGEST_SECRET else ""
    except (OSError, UnicodeDecodeError):
        return ""


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
