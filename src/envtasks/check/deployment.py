"""The allowlist and the manifests: the names exist, and no secret is where everybody can read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .. import kubernetes
from . import findings
from .findings import Finding, Kind, NotChecked, Result
from .inputs import Inputs

_KINDS: Final[Mapping[str, Kind]] = {
    "missing-name": findings.ALLOWLIST_MISSING,
    "secret-as-config": findings.ALLOWLIST_SECRET,
    "literal-secret": findings.MANIFEST_LITERAL,
}


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about the environments that have a cluster."""
    clusters = kubernetes.declared_environments(inputs.project)
    for environment, found in inputs.judged:
        if environment.name not in clusters:
            continue
        secrets = {name: inputs.is_secret_in(found, name) for name in found.definitions}
        problems, unchecked = kubernetes.check_names(inputs.project, environment.name, secrets)
        for each in problems:
            kind = _KINDS.get(each.id, findings.MANIFEST)
            action = "env.set" if kind is findings.ALLOWLIST_MISSING else "deploy.status"
            name = f" {each.name}" if kind is findings.ALLOWLIST_MISSING else ""
            sentence = each.sentence.replace(" is not set", f" is not in {environment.name}")
            yield Finding(
                kind,
                each.file,
                each.line,
                sentence + (f" ({each.hint})" if each.hint else ""),
                f"inv {action}{name} --env {environment.name}",
                environment.name,
                each.name,
            )
        for sentence in unchecked:
            yield NotChecked("deployment", sentence.removesuffix("."))
