"""Everything that a build needs to know, and every reason not to build, found before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ..errors import ConfigInvalid, ToolMissing
from .build_inputs import Travel, refuse_push, travel
from .client import docker_client
from .credentials import is_credential
from .dockerfile import Declared
from .hiding import hiding
from .outline import outline
from .settings import Recipe, recipe_of

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated
    from ..redaction import Redactor

# else the metadata file and `docker buildx history` hold every build arg with its value
SWITCHES: Final = {"BUILDX_METADATA_PROVENANCE": "disabled"}


@dataclass(frozen=True, slots=True)
class Plan:
    """One build: by which recipe, to which image, with which names, by which builder."""

    recipe: Recipe
    reference: str
    declared: Declared
    travel: Travel
    driver: str
    push: bool
    environment: str
    child_env: Mapping[str, str] = field(repr=False)
    hide: Redactor = field(repr=False)

    @property
    def by_digest(self) -> bool:
        """Whether it goes to the registry without a tag and is audited there: it cannot be loaded."""
        return self.push and len(self.recipe.platforms) > 1


def plan(
    project: Project,
    hydrated: Hydrated,
    *,
    tag: str | None = None,
    target: str | None = None,
    platforms: Sequence[str] = (),
    push: bool = False,
) -> Plan:
    """The plan for this environment's image.

    Raises ConfigInvalid, VariableMissing (all names at once), Refused (a push whose history would hold a
    credential), BuildFailed (BuildKit cannot read the Dockerfile) and ToolMissing.
    """
    recipe = recipe_of(project)
    recipe = replace(recipe, target=target or recipe.target, platforms=tuple(platforms) or recipe.platforms)
    child_env = hydrated.child_env() | SWITCHES
    plain = [name for name in dict.fromkeys(["APP_ENV", *hydrated]) if not is_credential(name, hydrated)]
    declared = outline(recipe, child_env, plain=plain, hide=hiding(hydrated, child_env))
    found = travel(declared, hydrated, child_env, recipe=recipe)
    if push:
        refuse_push(declared, found, hydrated, recipe=recipe)
    hide = hiding(hydrated, child_env, [*found.credentials, *found.mounts])
    with docker_client(child_env, what="The builder cannot be told", redactor=hide) as client:
        driver = str(client.buildx.inspect().driver)
    _check_platforms(recipe, driver, push=push)
    return Plan(
        recipe=recipe,
        reference=tag or recipe.reference(hydrated.environment),
        declared=declared,
        travel=found,
        driver=driver,
        push=push,
        environment=hydrated.environment,
        child_env=child_env,
        hide=hide,
    )


def _check_platforms(recipe: Recipe, driver: str, *, push: bool) -> None:
    if len(recipe.platforms) < 2:
        return
    names = ", ".join(recipe.platforms)
    if push and driver == "docker":
        # buildx itself refuses push-by-digest there, also with the containerd image store
        raise ToolMissing(
            f"An image for {names} cannot be pushed by the builder in use: its driver is docker.",
            hint="use one that can: docker buildx create --use --driver docker-container",
        )
    if not push and driver != "docker":
        raise ConfigInvalid(
            f"An image for {names} cannot be loaded into the engine by a builder of the {driver} driver.",
            hint=f"add --push, or build for one platform: --platform {recipe.platforms[0]}",
        )
