"""Build an image: names on the command line, values in docker's environment alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .. import console
from ..errors import BuildFailed
from .build_inputs import advice
from .client import docker_client, find_docker
from .labels import labels
from .steps import run_steps

if TYPE_CHECKING:
    from .plan import Plan


@dataclass(frozen=True, slots=True)
class Built:
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


def build(plan: Plan, *, no_cache: bool = False) -> Built:
    """Build the image. Raises BuildFailed with the failed step's output last, values hidden."""
    first, *more = advice(plan.declared, plan.travel.credentials, recipe=plan.recipe) or [""]
    if first:
        console.say("note", "\n".join([first, *more]))
    with TemporaryDirectory(prefix="envtasks-") as folder:
        metadata = Path(folder, "metadata.json")
        run_steps(
            [*command(plan, no_cache=no_cache), f"--metadata-file={metadata}"],
            plan.child_env,
            what=f"{plan.reference} was not built",
            hide=plan.hide,
            credentials=[*plan.travel.credentials, *plan.travel.mounts],
        )
        found = json.loads(metadata.read_text(encoding="utf-8"))
    return Built(
        reference=plan.reference,
        image="" if plan.by_digest else _loaded(plan, found),
        digest=str(found.get("containerimage.digest", "")) if plan.by_digest else "",
        environment=plan.environment,
        target=plan.declared.target,
        platforms=plan.recipe.platforms,
        build_args=plan.travel.build_args,
        secrets=plan.travel.mounts,
    )


def _loaded(plan: Plan, found: Mapping[str, Any]) -> str:
    """The engine's id for the image: its config's digest or, with the containerd image store, its manifest's."""
    built = [found.get("containerimage.config.digest"), found.get("containerimage.digest")]
    what = f"{plan.reference} was built, but is not there"
    with docker_client(plan.child_env, what=what, redactor=plan.hide) as client:
        image = str(client.image.inspect(plan.reference).id)
    if image not in built:
        raise BuildFailed(
            f"{plan.reference} is not the image that was built: something else has taken the tag meanwhile."
        )
    return image


def command(plan: Plan, *, no_cache: bool = False) -> list[str]:
    """docker's command line for a plan, to be run in its child environment. Raises ToolMissing."""
    words = [find_docker(plan.child_env), "buildx", "build", str(plan.recipe.context), *_words(plan)]
    return [*words, "--no-cache"] if no_cache else words


def _words(plan: Plan) -> Iterator[str]:
    """docker's options; a value of the environment is in none of them."""
    recipe = plan.recipe
    yield f"--file={recipe.file}"
    if recipe.target:
        yield f"--target={recipe.target}"
    yield from plan.travel.flags()
    for name, value in labels(recipe.root, plan.child_env).items():
        yield f"--label={name}={value}"
    if recipe.platforms:
        yield f"--platform={','.join(recipe.platforms)}"
    if recipe.network:
        yield f"--network={recipe.network}"
        if recipe.network == "host" and plan.driver != "docker":
            yield "--allow=network.host"
    for host, address in recipe.add_hosts.items():
        yield f"--add-host={host}:{address}"
    yield from _provenance(plan)
    if plan.by_digest:
        repository = plan.reference.rpartition(":")[0]
        yield f"--output=type=image,name={repository},push-by-digest=true,name-canonical=true,push=true"
    else:
        yield from ("--load", f"--tag={plan.reference}")


def _provenance(plan: Plan) -> Iterator[str]:
    """The attestation: none where it would hold a credential, the small one on what goes to a registry right away.

    What is loaded is left to buildx: asked for one, it cannot load the image (moby/buildkit: "docker exporter does not
    currently support exporting manifest lists"), and the docker driver refuses to be asked at all.
    """
    if plan.travel.credentials:
        yield "--provenance=false"
    elif plan.by_digest:
        yield "--provenance=mode=min"
