"""The image of an environment: build it, audit it, push it, run it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .. import console, inventory
from ..errors import BuildFailed, ConfigInvalid, Refused
from ..process import shell_quoted
from .build import NO_PROVENANCE, BuildOptions, BuiltImage, build, build_command, plan_build, repository_of
from .client import PROGRAM, docker_client, save_command, save_image
from .credentials import Credentials
from .dockerfile import secret_mounts
from .settings import image_settings
from .steering import Steering

if TYPE_CHECKING:
    from python_on_whales import DockerClient

    from ..audit import Report
    from ..config import Project
    from ..hydration import Hydrated
    from ..redaction import Redactor

AuditCheck = Callable[[str, str], object]
"""Audits an image of the engine, given its id and its name in messages. Raises LeakFound."""


@dataclass(frozen=True, slots=True)
class PushedImage:
    """An image in a registry, by tag, and the configs (image ids) that were audited and are there."""

    reference: str
    images: tuple[str, ...]


def build_image(
    project: Project, hydrated: Hydrated, options: BuildOptions, *, dry: bool = False
) -> BuiltImage | None:
    """Build the environment's image, audit it and push it, as the options say.

    With `dry` it only prints docker's command, which holds names and no values.

    Raises Refused (a push without an audit, a credential in a protected environment's history),
    VariableMissing, ConfigInvalid, BuildFailed, LeakFound and ToolMissing.
    """
    if options.push and not options.audit:
        raise Refused("An image is pushed only after its audit.", hint="leave out --no-audit, or --push")
    plan = plan_build(project, hydrated, options)
    if dry:
        console.write_utf8(shell_quoted(build_command(plan)) + "\n")
        return None
    built = build(plan)
    check = _audit_check(project, hydrated, plan.inputs.secrets)
    if plan.by_digest:
        push_by_digest(built.reference, built.digest, plan.child_env, check=check, redactor=plan.redactor)
    elif options.push:
        push(built.reference, plan.child_env, check=check, redactor=plan.redactor)
    elif options.audit:
        check(built.image, built.reference)
    return built


def push_image(
    project: Project, hydrated: Hydrated, *, tag: str | None = None, dry: bool = False
) -> PushedImage | None:
    """Push the environment's image as the engine has it, after an audit; with `dry` only print docker's command.

    Raises LeakFound, BuildFailed, ConfigInvalid and ToolMissing.
    """
    reference = tag or image_settings(project).reference(hydrated.environment)
    if dry:
        console.write_utf8(shell_quoted([PROGRAM, "image", "push", reference]) + "\n")
        return None
    credentials = Credentials.of(project, hydrated)
    child_env = (
        Steering.of(hydrated, project.allow_steering).docker_env(credentials.child_env) | NO_PROVENANCE
    )
    redactor = credentials.redactor(_mounts(project))
    return push(reference, child_env, check=_audit_check(project, hydrated), redactor=redactor)


def audit_image(
    project: Project, hydrated: Hydrated, image: str = "", *, label: str = "", mounts: Collection[str] = ()
) -> Report:
    """The report on an image of the engine (default: the environment's own); what was not checked is said on stderr.

    `image` is a reference or an id, `label` its name in messages, `mounts` are secret mounts besides those that the
    Dockerfile names. Raises BuildFailed (no such image) and ToolMissing.
    """
    from ..audit import NotChecked, audit

    image = image or image_settings(project).reference(hydrated.environment)
    credentials, mounts = Credentials.of(project, hydrated), {*mounts, *_mounts(project)}
    child_env = Steering.of(hydrated, project.allow_steering).docker_env(credentials.child_env)
    with save_image(image, child_env, redactor=credentials.redactor(mounts)) as archive:
        report = audit(
            archive,
            secrets=hydrated.secrets,
            credentials=credentials.values(mounts),
            public_keys=_public_keys(project),
            image=label or image,
        )
    unknown = [
        NotChecked(name, "a secret mount of the Dockerfile that is not set here")
        for name in sorted(mounts)
        if not credentials.child_env.get(name)
    ]
    report = replace(report, not_checked=(*report.not_checked, *unknown))
    for skipped in report.not_checked:
        console.say("note", console.one_line(f"not checked: {skipped.what}: {skipped.reason}"))
    return report


def _mounts(project: Project) -> frozenset[str]:
    """The secret mounts of the project's Dockerfile, where there is one: an image of it may hold their values."""
    settings = image_settings(project)
    return frozenset(secret_mounts(settings.dockerfile_text()) if settings.file.is_file() else ())


def _public_keys(project: Project) -> dict[str, str]:
    """The public keys that the project's env files name, by which a private key in an image is recognized."""
    inventories = map(inventory.read, project.environments.values())
    return {name: key for each in inventories for name, key in each.public_keys.items()}


def _audit_check(project: Project, hydrated: Hydrated, mounts: Collection[str] = ()) -> AuditCheck:
    def check(image: str, label: str) -> None:
        if error := audit_image(project, hydrated, image, label=label, mounts=mounts).error():
            raise error

    return check


def push(
    reference: str, child_env: Mapping[str, str], *, check: AuditCheck, redactor: Redactor
) -> PushedImage:
    """Audit an image of the engine, push it, and compare what the registry has with what was audited.

    Raises LeakFound before anything is sent; BuildFailed (no such image, a registry that refuses, another
    image under the tag) and ToolMissing.
    """
    with docker_client(child_env, what=f"{reference} was not pushed", redactor=redactor) as client:
        image = str(client.image.inspect(reference).id)
        check(image, reference)
        client.image.push(reference, quiet=True)
        _compare(client, reference, image)
    return PushedImage(reference, (image,))


def push_by_digest(
    reference: str, digest: str, child_env: Mapping[str, str], *, check: AuditCheck, redactor: Redactor
) -> PushedImage:
    """Audit an image that is in the registry without a tag, each platform, and only then give it the tag.

    Raises LeakFound, with nothing under the tag; BuildFailed and ToolMissing.
    """
    repository = repository_of(reference)
    source = f"{repository}@{digest}"
    with docker_client(child_env, what=f"{reference} was not tagged", redactor=redactor) as client:
        imagetools = client.buildx.imagetools
        images = tuple(
            _pull_and_check(client, f"{repository}@{part}", check)
            for part in _platform_digests(client, source, digest)
        )
        imagetools.create(sources=[source], tags=[reference])
        if imagetools.inspect(reference) != imagetools.inspect(source):
            raise _replaced(reference, digest)
    return PushedImage(reference, images)


def _platform_digests(client: DockerClient, source: str, digest: str) -> tuple[str, ...]:
    """The digests of an index's images, one a platform, attestations left out; of one image, its own."""
    manifests = client.buildx.imagetools.inspect(source).manifests
    if manifests is None:
        return (digest,)
    return tuple(
        str(manifest.digest)
        for manifest in manifests
        if manifest.platform is None or manifest.platform.os != "unknown"
    )


def _pull_and_check(client: DockerClient, source: str, check: AuditCheck) -> str:
    """Pull one image by its digest, audit it, and remove it unless the engine had it before."""
    from python_on_whales.exceptions import DockerException

    existed = client.image.exists(source)
    client.image.pull(source, quiet=True)
    try:
        image = str(client.image.inspect(source).id)
        check(image, source)
    finally:
        if not existed:
            with suppress(DockerException):  # it may be in use; what the audit found is not to be lost
                client.image.remove(source)
    return image


def _compare(client: DockerClient, reference: str, image: str) -> None:
    """Raise BuildFailed unless the registry's manifest names this config or, with containerd's store, is this one."""
    imagetools = client.buildx.imagetools
    manifest = imagetools.inspect(reference)
    if manifest.config is not None and manifest.config.digest == image:
        return
    by_digest = f"{repository_of(reference)}@{image}"
    if by_digest not in client.image.inspect(image).repo_digests or imagetools.inspect(by_digest) != manifest:
        raise _replaced(reference, image)


def _replaced(reference: str, image: str) -> BuildFailed:
    return BuildFailed(
        f"What the registry has under {reference} is not the image that was audited ({image}).",
        hint="another client has pushed this tag meanwhile: look there, then push again",
    )


def audit_command(project: Project, hydrated: Hydrated, image: str = "") -> list[str]:
    """The docker command whose output an audit of the image reads."""
    return save_command(image or image_settings(project).reference(hydrated.environment))


def docker_env(project: Project, hydrated: Hydrated) -> dict[str, str]:
    """The environment of a docker command for this environment, secrets among its variables by name."""
    steering = Steering.of(hydrated, project.allow_steering)
    return steering.docker_env(hydrated.child_env(), arguments=steering.secrets)


def run_command(
    project: Project,
    hydrated: Hydrated,
    command: Sequence[str] = (),
    *,
    variables: Collection[str] | None = None,
    tag: str | None = None,
    publish: Sequence[str] = (),
    terminal: bool = False,
) -> list[str]:
    """The `docker run` command for this environment's image, to be run in `docker_env`.

    It names those of the `variables` (the settings class's; None: the allowlist's) that the environment has. With
    `terminal` the container gets one. Raises ConfigInvalid when there is neither.
    """
    settings = image_settings(project)
    options = ["--tty"] if terminal else []
    if tag is None and settings.registry is None:
        options.append("--pull=never")  # an image of this name in a public registry is somebody else's
    steering = Steering.of(hydrated, project.allow_steering)
    names = _container_variables(project, hydrated, variables)
    options += [f"--env={steering.argument(name)}" for name in names]
    options += [f"--publish={ports}" for ports in publish]
    reference = tag or settings.reference(hydrated.environment)
    return [PROGRAM, "run", "--rm", "--init", "--interactive", *options, reference, *command]


def _container_variables(
    project: Project, hydrated: Hydrated, variables: Collection[str] | None
) -> list[str]:
    from .. import kubernetes

    present = dict.fromkeys([hydrated.variable, *hydrated])
    if variables is not None:
        return [name for name in present if name in variables]
    allowed = kubernetes.allowed_names(project, hydrated.environment, present)
    if allowed is None:
        raise ConfigInvalid(
            "Nothing says which variables the container gets: there is no settings class and no allowlist.",
            hint='set [tool.envtasks] settings = "app.settings:Settings", or list names in deploy/env.allowlist',
        )
    return list(allowed)
