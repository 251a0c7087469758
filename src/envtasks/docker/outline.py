"""What a build will really ask for: BuildKit's own outline of a target, before anything is built."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .client import docker_output
from .dockerfile import Argument, Declared, SecretMount, Stage

if TYPE_CHECKING:
    from ..redaction import Redactor
    from .settings import Recipe


def outline(
    recipe: Recipe, child_env: Mapping[str, str], *, plain: Sequence[str], hide: Redactor
) -> Declared:
    """What the recipe's target declares, as BuildKit reads it.

    `plain` are the names whose values may decide what is reachable (`FROM ${VARIANT}`): those that the
    Dockerfile mentions are passed, by name. No secret is among them: the outline prints what it was given.
    Raises BuildFailed with BuildKit's message when the Dockerfile is wrong, and ToolMissing.
    """
    text = recipe.text()
    mentioned = set(re.findall(r"\w+", text))
    words = ["buildx", "build", "--file", str(recipe.file)]
    words += [f"--build-arg={name}" for name in plain if name in mentioned]
    what = f"{recipe.label} cannot be built"

    def call(method: str, *more: str) -> dict[str, Any]:
        argv = [*words, f"--call={method},format=json", *more, str(recipe.context)]
        return dict(json.loads(docker_output(argv, child_env, what=what, redactor=hide)))

    target = [f"--target={recipe.target}"] if recipe.target else []
    found = call("outline", *target)
    stages = _stages(call("targets")["targets"])
    sources = found.get("sources") or []
    return Declared(
        target=found.get("name") or recipe.target or stages[-1].name,
        arguments=tuple(Argument(a["name"], a.get("value"), _line(a)) for a in found.get("args") or ()),
        mounts=tuple(
            SecretMount(s["name"], bool(s.get("required")), _line(s)) for s in found.get("secrets") or ()
        ),
        stages=stages,
        text=base64.b64decode(sources[0]).decode("utf-8", "replace") if sources else text,
    )


def _stages(targets: Sequence[Mapping[str, Any]]) -> tuple[Stage, ...]:
    return tuple(
        Stage(target.get("name") or str(number), target["base"], _line(target))
        for number, target in enumerate(targets)
    )


def _line(found: Mapping[str, Any]) -> int:
    return int(found["location"]["ranges"][0]["start"]["line"])
