"""Push an image: what arrives in the registry is what was audited, and only that gets the tag."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import BuildFailed
from .client import docker_client

if TYPE_CHECKING:
    from python_on_whales import DockerClient

    from ..redaction import Redactor

Audit = Callable[[str, str], object]
"""Looks into an image of the engine, given its id and how messages call it. Raises LeakFound."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image in a registry, by tag, and the configs (image ids) that were audited and are there."""

    reference: str
    images: tuple[str, ...]


def push(reference: str, child_env: Mapping[str, str], *, audit: Audit, hide: Redactor) -> Pushed:
    """Audit an image of the engine, push it, and compare what the registry has with what was audited.

    Raises LeakFound before anything is sent; BuildFailed (no such image, a registry that refuses, another
    image under the tag) and ToolMissing.
    """
    with docker_client(child_env, what=f"{reference} was not pushed", redactor=hide) as client:
        image = client.image.inspect(reference).id
        audit(image, reference)
        client.image.push(reference, quiet=True)
        _compare(client, reference, image)
    return Pushed(reference, (image,))


def push_from_digest(
    reference: str, digest: str, child_env: Mapping[str, str], *, audit: Audit, hide: Redactor
) -> Pushed:
    """Audit an image that is in the registry without a tag, each platform, and only then give it the tag.

    Raises LeakFound, with nothing under the tag; BuildFailed and ToolMissing.
    """
    repository = repository_of(reference)
    source = f"{repository}@{digest}"
    with docker_client(child_env, what=f"{reference} was not tagged", redactor=hide) as client:
        images = tuple(
            _audited(client, f"{repository}@{part}", audit) for part in _parts(client, source, digest)
        )
        client.buildx.imagetools.create(sources=[source], tags=[reference])
        if client.buildx.imagetools.inspect(reference) != client.buildx.imagetools.inspect(source):
            raise _other(reference, digest)
    return Pushed(reference, images)


def repository_of(reference: str) -> str:
    """A reference without its tag; the colon of a registry's port is none."""
    folder, slash, name = reference.rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}"


def _parts(client: DockerClient, source: str, digest: str) -> tuple[str, ...]:
    """The digests of an index's images, one a platform, attestations left out; of one image, its own."""
    manifests = client.buildx.imagetools.inspect(source).manifests
    if manifests is None:
        return (digest,)
    return tuple(
        str(manifest.digest)
        for manifest in manifests
        if manifest.platform is None or manifest.platform.os != "unknown"
    )


def _audited(client: DockerClient, source: str, audit: Audit) -> str:
    """Fetch one image by its digest, audit it, and leave the engine as it was."""
    was_there = client.image.exists(source)
    client.image.pull(source, quiet=True)
    try:
        image = client.image.inspect(source).id
        audit(image, source)
    finally:
        if not was_there:
            client.image.remove(source)
    return str(image)


def _compare(client: DockerClient, reference: str, image: str) -> None:
    """The registry's manifest names this config, or (with the containerd image store) is this manifest."""
    manifest = client.buildx.imagetools.inspect(reference)
    if manifest.config is not None and manifest.config.digest == image:
        return
    digests = client.image.inspect(image).repo_digests
    if f"{repository_of(reference)}@{image}" not in digests:
        raise _other(reference, image)
    if client.buildx.imagetools.inspect(f"{repository_of(reference)}@{image}") != manifest:
        raise _other(reference, image)


def _other(reference: str, image: str) -> BuildFailed:
    return BuildFailed(
        f"What the registry has under {reference} is not the image that was audited ({image}).",
        hint="somebody else has pushed this tag meanwhile: look there, then push again",
    )
