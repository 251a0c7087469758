"""The jobs of a pipeline: which sessions and tasks, in which environment, with which key. Names only, no value."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ..config import LAYERED
from ..docker import image_settings
from ..errors import ConfigInvalid
from ..kubernetes import settings as deploy_settings
from . import settings as ci_settings
from .sessions import Session, sessions

if TYPE_CHECKING:
    from ..config import Environment, Project

Kind = Literal["session", "image", "deploy"]
CONFIRM: Final = "ENVTASKS_CONFIRM"


@dataclass(frozen=True, slots=True)
class Job:
    """One job: what it runs, as a developer types it, and what it may have.

    `key` is the one variable that its CI has to give it, None where no key is needed. `guarded` jobs run on the
    protected default branch only. `commands` may hold `{session}` and `{commit}`, which each platform spells.
    """

    name: str
    kind: Kind
    commands: tuple[str, ...]
    environment: str | None = None
    key: str | None = None
    confirm: bool = False
    guarded: bool = False
    everywhere: bool = False  # on all systems, where the platform has them
    variants: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All jobs, in the order in which they are shown, and what they have in common."""

    jobs: tuple[Job, ...]
    python: str
    systems: tuple[str, ...]
    cached: tuple[str, ...]  # files whose content names uv's cache

    @property
    def keyed(self) -> tuple[Job, ...]:
        """The jobs that a fork cannot run."""
        return tuple(job for job in self.jobs if job.key and not job.guarded)


def plan(project: Project, process_env: Mapping[str, str]) -> Pipeline:
    """The pipeline of a project, from its nox sessions, its Dockerfile and its clusters. Raises ConfigInvalid."""
    settings = ci_settings.read(project)
    found = sessions(project.root, process_env, wanted=settings.sessions)
    images = _image_environments(project, settings)
    targets = _deployed(project) if settings.deploy is None else settings.deploy
    jobs = [_session_job(project, session) for session in found]
    open_images = [name for name in images if not project.environment(name).protected]
    jobs += [_image_job(project, name) for name in open_images]
    jobs += _guarded_jobs(project, images, targets, tested=tuple(job.name for job in jobs if not job.guarded))
    if not jobs:
        raise ConfigInvalid(
            "There is nothing for a pipeline to run: no noxfile.py, no Dockerfile, no declared cluster.",
            hint="write a noxfile.py with a session: from envtasks.sessions import session",
        )
    _refuse_doubles(jobs)
    locked = ("uv.lock",) if tracked(project.root, project.root / "uv.lock") else ()
    return Pipeline(tuple(jobs), settings.python, settings.systems, ("pyproject.toml", *locked))


def key_variable(environment: Environment) -> str | None:
    """The variable that CI has to set for an environment; None if nothing is encrypted, or its key is in git.

    Raises ConfigInvalid where its files want several.
    """
    from ..envfiles.document import read
    from ..envfiles.keys import variable_names

    wanted: dict[str, str] = {}
    for path in environment.baselines:
        if path.is_file() and any(entry.encrypted for entry in read(path).entries):
            wanted.setdefault(variable_names(path)[0], environment.label(path))
    if not wanted or (environment.public and _key_is_in_git(environment)):
        return None
    if len(wanted) > 1:
        raise ConfigInvalid(
            f"{' and '.join(wanted.values())} of {environment.name} have two keys, but a job gets one.",
            hint="encrypt them for the same public key",
        )
    return next(iter(wanted))


def tracked(root: Path, path: Path) -> bool:
    """Whether git has this file."""
    # a CI's checkout may belong to another user than the job
    trusting = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false"]
    words = ["git", *trusting, "-C", str(root), "ls-files", "--error-unmatch", "--", str(path)]
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def program(project: Project) -> str:
    """How the tasks are called: `inv`, or `envtasks` in a project without tasks.py."""
    return "inv" if (project.root / "tasks.py").is_file() else "envtasks"


def _key_is_in_git(environment: Environment) -> bool:
    own = environment.root / f".env.{environment.name}.keys"
    return any(tracked(environment.root, path) for path in environment.keys or (own,))


def _job(project: Project, name: str, kind: Kind, environment: str | None, commands: Sequence[str]) -> Job:
    declared = None if environment is None else project.environment(environment)
    protected = declared is not None and declared.protected
    doctor = []
    if declared is not None:
        tool = {"session": "", "image": " --tools docker", "deploy": " --tools kubectl"}[kind]
        doctor = [f"uv run {program(project)} ci.doctor --env {declared.name}{tool}"]
    return Job(
        name,
        kind,
        (*doctor, *commands),
        environment=environment,
        key=None if declared is None else key_variable(declared),
        confirm=protected,
        guarded=protected,
    )


def _session_job(project: Project, session: Session) -> Job:
    from dataclasses import replace

    several = len(session.variants) > 1
    name = '"{session}"' if several else session.variants[0]
    command = f"uv run nox -s {name}"
    return replace(
        _job(project, session.name, "session", session.environment, [command]),
        everywhere=session.environment in LAYERED,
        variants=session.variants if several else (),
    )


def _image_job(project: Project, environment: str) -> Job:
    command = f"uv run {program(project)} docker.build --env {environment}"
    return _job(project, f"image-{environment}", "image", environment, [command])


def _guarded_jobs(
    project: Project, images: Sequence[str], targets: Sequence[str], *, tested: tuple[str, ...]
) -> Iterator[Job]:
    """Images and deployments of the protected branch, one environment after the other, production last."""
    from dataclasses import replace

    after = tested
    pushed = bool(image_settings(project).registry)
    environments = dict.fromkeys((*images, *targets))
    for name in sorted(environments, key=lambda name: project.environment(name).protected):
        tag = image_settings(project).reference(f"{name}-{{commit}}")
        built = name in images and (pushed or project.environment(name).protected)
        if built:
            job = _image_job(project, name)
            if pushed:
                build = f'{job.commands[-1]} --tag "{tag}" --push'
                job = replace(job, name=f"publish-{name}", commands=(*job.commands[:-1], build))
            yield replace(job, guarded=True, after=after)
            after = (job.name,)
        if name in targets:
            image = f' --image "{tag}"' if built and pushed else ""
            command = f"uv run {program(project)} deploy.apply --env {name} --with-manifests{image} --wait"
            job = _job(project, f"deploy-{name}", "deploy", name, [command])
            yield replace(job, guarded=True, after=after)
            after = (job.name,)


def _image_environments(project: Project, settings: ci_settings.Settings) -> tuple[str, ...]:
    if settings.images is not None:
        return settings.images
    if not image_settings(project).file.is_file():
        return ()
    return tuple(name for name in project.environments if name not in LAYERED)


def _deployed(project: Project) -> tuple[str, ...]:
    return tuple(name for name in project.environments if deploy_settings.read(project, name).server)


def _refuse_doubles(jobs: Sequence[Job]) -> None:
    seen: set[str] = set()
    for job in jobs:
        if job.name in seen:
            raise ConfigInvalid(f"Two jobs would be called {job.name!r}.", hint="rename the nox session")
        seen.add(job.name)
