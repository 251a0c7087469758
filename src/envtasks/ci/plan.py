"""The plan of a pipeline: its jobs, each with its commands, its environment and its key. Names only, no value."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from .. import git, inventory, kubernetes
from ..config import LAYERED
from ..docker import image_settings
from ..envfiles import PRIVATE_KEY, settable_name
from ..errors import ConfigInvalid, did_you_mean
from ..process import run_probe
from ..yaml_nodes import line
from .dependencies import Installation, read_installation
from .services import Service, read_services

if TYPE_CHECKING:
    import yaml

    from ..config import Environment, Project, Table

Kind = Literal["session", "image", "deploy"]
NOXFILE: Final = "noxfile.py"
TASKS: Final = ("tasks.py", "tasks/__init__.py")
PYTHON: Final = "3.12"
SYSTEMS: Final = ("ubuntu-latest", "macos-latest", "windows-latest")
KEYS: Final = (
    "sessions", "services", "images", "deploy", "python", "systems", "lint", "package-manager", "install",
)  # fmt: skip
TOOLS: Final[Mapping[Kind, str]] = {"image": "docker", "deploy": "kubectl"}


@dataclass(frozen=True, slots=True)
class Settings:
    """`[tool.envtasks.ci]`; None where the project itself decides: its nox sessions, its Dockerfile, its clusters."""

    sessions: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None
    deploy: tuple[str, ...] | None = None
    python: str = PYTHON
    systems: tuple[str, ...] = SYSTEMS  # GitHub's runners for sessions of developers' own environments
    lint: bool = False  # GitHub: a job that lints the workflows


@dataclass(frozen=True, slots=True)
class Session:
    """A nox session: its name, the environment it declares, and the names by which `nox -s` takes its variants."""

    name: str
    environment: str | None
    variants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One job: the commands that a developer would type, and what the job gets.

    `key` is the one variable that the CI's settings have to hold for it, None where no key is needed. `commands` may
    hold `{session}` and `{commit}`, which each platform replaces by its own variable.
    """

    name: str
    kind: Kind
    commands: tuple[str, ...]
    environment: str | None = None
    key: str | None = None
    confirm: bool = False
    default_branch_only: bool = False  # and only while that branch is protected
    all_systems: bool = False  # where the platform has several
    variants: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the CI's settings have to hold for its services."""
        return tuple(dict.fromkeys(name for service in self.services for name in service.secrets))

    def lines(self, *, session: str, commit: str) -> list[str]:
        """The commands, with these in place of `{session}` and `{commit}`; a session's own name may have braces."""
        return [each.replace("{session}", session).replace("{commit}", commit) for each in self.commands]

    @property
    def closed_to_forks(self) -> bool:
        """Whether merge requests of a fork cannot run it, because they get no secrets."""
        return bool(self.key or self.secrets) and not self.default_branch_only

    @property
    def opens_environment(self) -> bool:
        """Whether the job runs in the platform's environment, which holds its key or protects it."""
        needed = self.key is not None or self.default_branch_only or bool(self.secrets)
        return self.environment is not None and needed


@dataclass(frozen=True, slots=True)
class JobInFile:
    """One job of a pipeline's file, whoever wrote it: its line, the private keys that it gets, where it runs."""

    name: str
    line: int
    keys: tuple[str, ...]
    in_environment: bool  # of the platform

    @classmethod
    def of(cls, key: yaml.ScalarNode, variables: Iterable[str], *, in_environment: bool) -> JobInFile:
        """The job that the node of its name begins; `variables` are all that it gets, keys and others."""
        keys = sorted({settable_name(each) for each in variables if each.startswith(PRIVATE_KEY)})
        return cls(key.value, line(key), tuple(keys), in_environment)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All jobs, in the order in which they are shown, and what they have in common."""

    jobs: tuple[Job, ...]
    python: str
    systems: tuple[str, ...]
    installation: Installation
    cache_files: tuple[str, ...]  # files whose content names the package manager's cache
    lint: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def closed_to_forks(self) -> tuple[Job, ...]:
        """The jobs of merge requests that a fork cannot run."""
        return tuple(job for job in self.jobs if job.closed_to_forks)


def read_settings(project: Project) -> Settings:
    """The settings of `[tool.envtasks.ci]`. Raises ConfigInvalid."""
    table = project.table("ci")
    table.allow_only(*KEYS)
    systems = _optional(table, "systems")
    if systems == ():
        raise ConfigInvalid(
            f"pyproject.toml: [{table.name}] systems is empty: a job needs something to run on."
        )
    return Settings(
        sessions=_optional(table, "sessions"),
        images=_environments(project, table, "images"),
        deploy=_environments(project, table, "deploy"),
        python=table.string("python", 'a version such as "3.12"', pattern=r"\d+(\.\d+)*") or PYTHON,
        systems=systems or SYSTEMS,
        lint=bool(table.boolean("lint")),
    )


def plan_pipeline(project: Project, process_env: Mapping[str, str]) -> Pipeline:
    """The pipeline of a project, from its nox sessions, its Dockerfile and its clusters. Raises ConfigInvalid."""
    settings, table = read_settings(project), project.table("ci")
    installation = read_installation(project, table)
    images = _images(project) if settings.images is None else settings.images
    clusters = _clusters(project, settings.deploy)
    sessions = list_sessions(project.root, process_env, wanted=settings.sessions)
    services = read_services(project, table, [session.name for session in sessions])
    make = _Jobs(project, process_env, installation.run)
    jobs = [make.session(session, services.get(session.name, ())) for session in sessions]
    jobs += [make.image(name) for name in images if not project.environment(name).protected]
    tested = tuple(job.name for job in jobs if not job.default_branch_only)
    jobs += make.deliveries(images, clusters, after=tested)
    if not jobs:
        raise _nothing_to_run(project, settings)
    _refuse_equal_names(jobs)
    return Pipeline(
        tuple(jobs),
        python=settings.python,
        systems=settings.systems,
        installation=installation,
        cache_files=_cache_files(project.root, installation, process_env),
        lint=settings.lint,
        warnings=tuple(_warnings(project, installation, jobs, process_env)),
    )


def key_variable(environment: Environment, process_env: Mapping[str, str]) -> str | None:
    """The variable that CI has to set for an environment; None if nothing is encrypted, or its key is in git.

    Raises ConfigInvalid where its files need several.
    """
    needed: dict[str, str] = {}
    for file in inventory.read(environment).files:
        if file.encrypted and not environment.optional(file.path):
            needed.setdefault(settable_name(file.key_variable), file.label)
    if not needed or (environment.public and _key_is_in_git(environment, process_env)):
        return None
    if len(needed) > 1:
        raise ConfigInvalid(
            f"{' and '.join(needed.values())} of {environment.name} have two keys, but a job gets one.",
            hint="encrypt them for the same public key",
        )
    return next(iter(needed))


def list_sessions(
    root: Path,
    process_env: Mapping[str, str],
    *,
    wanted: Sequence[str] | None = None,
    every: bool = False,
) -> tuple[Session, ...]:
    """The sessions that `nox` runs by default, or the wanted ones, or `every` one. Raises ConfigInvalid."""
    if not (root / NOXFILE).is_file() or (wanted is not None and not wanted):
        return ()
    # an expression that every name matches: nox lists by default what it runs by default
    chosen = ["-k", "True"] if every else [] if wanted is None else ["-s", *wanted]
    words = [sys.executable, "-m", f"{__package__}.nox_listing", "-f", NOXFILE, *chosen]
    done = run_probe(words, process_env, cwd=root)
    if done.returncode:
        output = (done.stderr.strip() or done.stdout.strip() or "nox printed nothing").splitlines()[-1]
        raise ConfigInvalid(f"{NOXFILE}: its sessions cannot be listed: {output}", hint="nox --list")
    return tuple(_grouped(json.loads(done.stdout.splitlines()[-1])))


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Makes the jobs of a project."""

    project: Project
    process_env: Mapping[str, str]
    run: str  # what precedes a command: `uv run `

    @property
    def program(self) -> str:
        """How tasks are called: `inv`, or `envtasks` in a project without tasks.py."""
        has_tasks = any((self.project.root / name).is_file() for name in TASKS)
        return self.run + ("inv" if has_tasks else "envtasks")

    def job(self, name: str, kind: Kind, environment: str | None, command: str) -> Job:
        """A job with one command, which ci.doctor precedes where there is an environment."""
        if environment is None:
            return Job(name, kind, (command,))
        declared = self.project.environment(environment)
        tools = f" --tools {TOOLS[kind]}" if kind in TOOLS else ""
        return Job(
            name,
            kind,
            (f"{self.program} ci.doctor --env {environment}{tools}", command),
            environment=environment,
            key=key_variable(declared, self.process_env),
            confirm=declared.protected,
            default_branch_only=declared.protected,
        )

    def session(self, session: Session, services: tuple[Service, ...]) -> Job:
        """The job of a nox session; its variants become a matrix."""
        several = len(session.variants) > 1
        command = f"{self.run}nox -s " + ('"{session}"' if several else shlex.quote(session.variants[0]))
        return replace(
            self.job(_job_name(session.name), "session", session.environment, command),
            all_systems=session.environment in LAYERED and not services,  # GitHub has services on Linux alone
            variants=session.variants if several else (),
            services=services,
        )

    def image(self, environment: str) -> Job:
        """The job that builds and audits the image of an environment."""
        command = f"{self.program} docker.build --env {environment}"
        return self.job(f"image-{environment}", "image", environment, command)

    def deliveries(
        self, images: Sequence[str], clusters: Sequence[str], *, after: tuple[str, ...]
    ) -> Iterator[Job]:
        """Images and deployments of the default branch, one environment after the other, protected ones last."""
        settings = image_settings(self.project)
        environments = [self.project.environment(name) for name in dict.fromkeys((*images, *clusters))]
        for environment in sorted(environments, key=lambda each: each.protected):
            name = environment.name
            tag = settings.reference(f"{name}-{{commit}}")
            publish = name in images and bool(settings.registry)
            if publish or (name in images and environment.protected):
                job = self.image(name)
                if publish:
                    build = f'{job.commands[-1]} --tag "{tag}" --push'
                    job = replace(job, name=f"publish-{name}", commands=(*job.commands[:-1], build))
                yield replace(job, default_branch_only=True, after=after)
                after = (job.name,)
            if name in clusters:
                image = f' --image "{tag}"' if publish else ""
                command = f"{self.program} deploy.apply --env {name} --with-manifests{image} --wait"
                job = self.job(f"deploy-{name}", "deploy", name, command)
                yield replace(job, default_branch_only=True, after=after)
                after = (job.name,)


def _optional(table: Table, key: str) -> tuple[str, ...] | None:
    """A list of strings, each once; None where the key is absent."""
    return tuple(dict.fromkeys(table.strings(key))) if key in table.values else None


def _environments(project: Project, table: Table, key: str) -> tuple[str, ...] | None:
    names = _optional(table, key)
    for name in names or ():
        if name not in project.environments:
            near = did_you_mean(name, project.environments)
            raise ConfigInvalid(
                f"pyproject.toml: [{table.name}] {key}: there is no environment {name!r}{near}",
                hint=f"environments: {', '.join(project.environments)}",
            )
    return names


def _images(project: Project) -> tuple[str, ...]:
    """The environments whose image is built unless the settings list them."""
    there = image_settings(project).file.is_file()
    return tuple(name for name in project.environments if there and name not in LAYERED)


def _clusters(project: Project, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """The environments to deploy: those wanted (None: all) that have a cluster, which each must have."""
    declared = kubernetes.declared_environments(project)
    for name in (name for name in wanted or () if name not in declared):
        raise ConfigInvalid(
            f"pyproject.toml: [tool.envtasks.ci] deploy: {name} has no declared cluster.",
            hint=f"write [tool.envtasks.deploy.environments.{name}] with context, server and namespace",
        )
    return declared if wanted is None else wanted


def _nothing_to_run(project: Project, settings: Settings) -> ConfigInvalid:
    """The error for a pipeline without a job: why there is no session, no image and no cluster to deploy to."""
    image, known = image_settings(project), ", ".join(project.environments)
    sessions = f"no session in {NOXFILE}" if (project.root / NOXFILE).is_file() else f"no {NOXFILE}"
    hint = f"write a {NOXFILE} with a session: from envtasks.sessions import session"
    images = "no Dockerfile"
    if image.file.is_file():
        which = f"only {known}" if known else "there is none"
        images = f"no environment for an image of {image.label} ({which})"
        hint = f"write a .env.<name> file for an environment such as staging, or a {NOXFILE} with a session"
    if settings.images == ():
        images = "an empty list of images in [tool.envtasks.ci]"
    reasons = f"{sessions}, {images}, no declared cluster"
    return ConfigInvalid(f"There is nothing for a pipeline to run: {reasons}.", hint=hint)


def _cache_files(root: Path, installation: Installation, process_env: Mapping[str, str]) -> tuple[str, ...]:
    """The files whose content names the cache; a lock file that git does not have is in no clone."""
    lock = installation.manager.lock
    unknown = git.not_tracked(root, [root / lock], process_env) if lock else ()
    return tuple(name for name in installation.files if name != lock or not unknown) or (NOXFILE,)


def _warnings(
    project: Project, installation: Installation, jobs: Sequence[Job], process_env: Mapping[str, str]
) -> Iterator[str]:
    """What keeps the jobs from running: envtasks is not installed, or git does not have a file that they read."""
    root, lock = project.root, installation.manager.lock
    if not installation.declared:
        how = installation.manager.how_to_add
        yield f"envtasks is not among the project's dependencies, so no job can run it: {how}"
    names = {job.environment for job in jobs if job.environment}
    needed = [path for name in sorted(names) for path in project.environment(name).baselines]
    needed += [root / name for name in installation.files if name != lock]
    needed += [root / name for name in (*TASKS, NOXFILE) if (root / name).is_file()]
    needed += [image_settings(project).file] if any(job.kind == "image" for job in jobs) else []
    missing = git.not_tracked(root, needed, process_env)
    ignored = [path for path in missing if git.is_ignored(root, path, process_env)]
    for path in missing:
        label = project.label(path)
        if path in ignored:
            yield f"git ignores {label}, which jobs need: allow it in .gitignore with a line !{label}"
        else:
            yield f"{label}, which jobs need, is not in git: git add {label}"


def _key_is_in_git(environment: Environment, process_env: Mapping[str, str]) -> bool:
    own = environment.root / f".env.{environment.name}.keys"
    return any(git.is_tracked(environment.root, path, process_env) for path in environment.keys or (own,))


def _grouped(rows: Iterable[Mapping[str, Any]]) -> Iterator[Session]:
    """nox's rows, one for each variant, as sessions."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:  # "name" is the function's, "session" what `nox -s` takes: tests-3.12(db='sqlite')
        found.setdefault(row["name"], []).append(row)
    for name, variants in found.items():
        yield Session(name, variants[0]["environment"], tuple(row["session"] for row in variants))


def _job_name(session: str) -> str:
    """The name of a session as every platform takes one for a job: letters, digits, `-` and `_`, no digit first."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", session).strip("-") or "session"
    return name if re.match("[A-Za-z_]", name) else f"_{name}"


def _refuse_equal_names(jobs: Sequence[Job]) -> None:
    seen: set[str] = set()
    for job in jobs:
        if job.name in seen:
            raise ConfigInvalid(f"Two jobs would be called {job.name!r}.", hint="rename the nox session")
        seen.add(job.name)
