"""Build an image: everything is checked first; docker's command line holds names, its environment alone the values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from .. import console
from ..errors import BuildFailed, ConfigInvalid, ToolMissing
from .build_inputs import (
    BuildInputs,
    build_inputs,
    check_history,
    image_labels,
    input_notes,
)
from .client import docker_client, find_docker
from .credentials import Credentials
from .dockerfile import Dockerfile, read_dockerfile
from .progress import run_build
from .settings import ImageSettings, image_settings
from .steering import NO_STEERING, Steering

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated
    from ..redaction import Redactor

# else the metadata file and `docker buildx history` hold every build arg with its value
NO_PROVENANCE: Final = {"BUILDX_METADATA_PROVENANCE": "disabled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """What a caller asks of one build; `target` and `platforms` win over the settings, `tag` is a whole reference."""

    tag: str | None = None
    target: str | None = None
    platforms: tuple[str, ...] = ()
    cache: bool = True
    audit: bool = True
    push: bool = False


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """One build that can be started: its settings, its inputs, its builder."""

    settings: ImageSettings
    options: BuildOptions
    reference: str
    environment: str
    dockerfile: Dockerfile
    inputs: BuildInputs
    driver: str
    child_env: Mapping[str, str] = field(repr=False)
    redactor: Redactor = field(repr=False)
    steering: Steering = NO_STEERING
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def by_digest(self) -> bool:
        """Whether it goes to the registry without a tag and is audited there, as several platforms cannot be loaded."""
        return self.options.push and len(self.settings.platforms) > 1


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image that was built, and which names went into it.

    `image` is the engine's id for it; one that is only in a registry, without a tag, has the manifest's `digest`.
    """

    reference: str
    image: str
    digest: str
    environment: str
    target: str
    platforms: tuple[str, ...]
    build_args: tuple[str, ...]
    secrets: tuple[str, ...]


def plan_build(project: Project, hydrated: Hydrated, options: BuildOptions) -> BuildPlan:
    """The plan for the image of this environment.

    Raises ConfigInvalid, VariableMissing (all names at once), Refused (a push whose history would hold a
    credential), BuildFailed (BuildKit cannot read the Dockerfile) and ToolMissing.
    """
    settings = image_settings(project)
    settings = replace(
        settings,
        target=options.target or settings.target,
        platforms=options.platforms or settings.platforms,
    )
    credentials, steering = Credentials.of(project, hydrated), Steering.of(hydrated, project.allow_steering)
    child_env = steering.docker_env(credentials.child_env) | NO_PROVENANCE
    plain = [name for name in dict.fromkeys([hydrated.variable, *hydrated]) if name not in credentials]
    dockerfile = read_dockerfile(
        settings,
        child_env,
        plain={name: steering.argument(name) for name in plain},
        redactor=credentials.redactor(),
    )
    inputs = build_inputs(dockerfile, credentials, settings=settings)
    if options.push:
        check_history(dockerfile, inputs, hydrated, settings=settings)
    redactor = credentials.redactor([*inputs.credentials, *inputs.secrets])
    with docker_client(child_env, what="The builder cannot be inspected", redactor=redactor) as client:
        driver = str(client.buildx.inspect().driver)
    _check_platforms(settings.platforms, driver, push=options.push)
    return BuildPlan(
        settings=settings,
        options=options,
        reference=options.tag or settings.reference(hydrated.environment),
        environment=hydrated.environment,
        dockerfile=dockerfile,
        inputs=inputs,
        driver=driver,
        child_env=child_env
        | steering.docker_env(credentials.child_env, arguments=inputs.build_args, mounts=inputs.secrets),
        redactor=redactor,
        steering=steering,
        # git runs without what the env files have: a value could make it run a program
        labels=image_labels(settings.root, credentials.process_env()),
        notes=input_notes(dockerfile, inputs, credentials, settings=settings),
    )


def _check_platforms(platforms: tuple[str, ...], driver: str, *, push: bool) -> None:
    if len(platforms) < 2:
        return
    names = ", ".join(platforms)
    if push and driver == "docker":
        # buildx itself refuses push-by-digest there, also with the containerd image store
        raise ToolMissing(
            f"An image for {names} cannot be pushed by the builder in use: its driver is docker.",
            hint="use one that can: docker buildx create --use --driver docker-container",
        )
    if not push and driver != "docker":
        raise ConfigInvalid(
            f"An image for {names} cannot be loaded into the engine by a builder of the {driver} driver.",
            hint=f"add --push, or build for one platform: --platform {platforms[0]}",
        )


def build(plan: BuildPlan) -> BuiltImage:
    """Build the image. Raises BuildFailed, whose message ends with the failed step's output, values redacted."""
    for note in plan.notes:
        console.say("note", note)
    credentials = (*plan.inputs.credentials, *plan.inputs.secrets)
    with TemporaryDirectory(prefix="envtasks-") as folder:
        metadata = Path(folder, "metadata.json")
        run_build(
            [*build_command(plan), f"--metadata-file={metadata}"],
            plan.child_env,
            what=f"{plan.reference} was not built",
            redactor=plan.redactor,
            credentials=credentials,
            native_display=not credentials,
        )
        result = json.loads(metadata.read_text(encoding="utf-8"))
    return BuiltImage(
        reference=plan.reference,
        image="" if plan.by_digest else _loaded_image(plan, result),
        digest=str(result.get("containerimage.digest", "")) if plan.by_digest else "",
        environment=plan.environment,
        target=plan.dockerfile.target,
        platforms=plan.settings.platforms,
        build_args=plan.inputs.build_args,
        secrets=plan.inputs.secrets,
    )


def _loaded_image(plan: BuildPlan, result: Mapping[str, Any]) -> str:
    """The engine's id for the image: its config's digest or, with the containerd image store, its manifest's."""
    what = f"{plan.reference} was built, but is not in the engine"
    with docker_client(plan.child_env, what=what, redactor=plan.redactor) as client:
        image = str(client.image.inspect(plan.reference).id)
    if image not in (result.get("containerimage.config.digest"), result.get("containerimage.digest")):
        raise BuildFailed(
            f"{plan.reference} is not the image that was built: another build has taken the tag meanwhile."
        )
    return image


def build_command(plan: BuildPlan) -> list[str]:
    """docker's command line for a plan, to be run in its child environment. Raises ToolMissing."""
    return [find_docker(plan.child_env), "buildx", "build", str(plan.settings.context), *_options(plan)]


def _options(plan: BuildPlan) -> Iterator[str]:
    """docker's options; none holds a value of the environment."""
    settings = plan.settings
    yield f"--file={settings.file}"
    if settings.target:
        yield f"--target={settings.target}"
    yield from plan.inputs.options(plan.steering)
    for name, value in plan.labels.items():
        yield f"--label={name}={value}"
    if settings.platforms:
        yield f"--platform={','.join(settings.platforms)}"
    if settings.network:
        yield f"--network={settings.network}"
        if settings.network == "host" and plan.driver != "docker":
            yield "--allow=network.host"
    for host, address in settings.add_hosts.items():
        yield f"--add-host={host}:{address}"
    yield from _provenance(plan)
    if plan.by_digest:
        repository = repository_of(plan.reference)
        yield f"--output=type=image,name={repository},push-by-digest=true,name-canonical=true,push=true"
    else:
        yield from ("--load", f"--tag={plan.reference}")
    if not plan.options.cache:
        yield "--no-cache"


def repository_of(reference: str) -> str:
    """A reference without its tag; the colon of a registry's port begins none."""
    folder, slash, name = reference.rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}"


def _provenance(plan: BuildPlan) -> Iterator[str]:
    """The attestation: none where it would hold a credential, the small one on what goes to a registry right away.

    What is loaded is left to buildx: asked for one, it cannot load the image (moby/buildkit: "docker exporter does not
    currently support exporting manifest lists"), and the docker driver refuses to be asked at all.
    """
    if plan.inputs.credentials:
        yield "--provenance=false"
    elif plan.by_digest:
        yield "--provenance=mode=min"
