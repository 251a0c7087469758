"""Other shapes of the same values: a kustomization with generators, and values for a Helm chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .manifests import HIDDEN, Hide, labels, quoted, to_yaml

if TYPE_CHECKING:
    from .allowlist import Selection
    from .settings import Target


def kustomization(target: Target, selection: Selection, *, hide: Hide | None = None) -> str:
    """A kustomization whose generators make the Secret and the ConfigMap, their names hashed by kustomize.

    With `hide`, a secret's literal has no `=`, and kustomize refuses it: nobody deploys `***` by mistake.
    """
    secret = [
        _literal(name, value) if hide is None else quoted(f"{name}: {HIDDEN}")
        for name, value in selection.secret.items()
    ]
    config = [
        _literal(name, value if hide is None else hide(value)) for name, value in selection.config.items()
    ]
    document: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    if target.namespace:
        document["namespace"] = target.namespace
    options = {"labels": labels(target)}
    document["secretGenerator"] = [
        {"name": target.secret, "type": "Opaque", "options": options, "literals": secret}
    ]
    document["configMapGenerator"] = [{"name": target.config, "options": options, "literals": config}]
    return to_yaml(document)


def _literal(name: str, value: str) -> str:
    # kustomize takes one pair of quotes off a literal's value; with a pair of ours the value stays as it is
    return quoted(f"{name}='{value}'")


def helm_values(target: Target, selection: Selection) -> str:
    """Names for a chart, to put under `envFrom`. No value: Helm keeps all values in its release."""
    names: Mapping[str, Any] = {
        "envtasks": {
            "environment": target.environment,
            "secret": {"name": target.secret, "keys": list(selection.secret)},
            "config": {"name": target.config, "keys": list(selection.config)},
        },
        "envFrom": [{"secretRef": {"name": target.secret}}, {"configMapRef": {"name": target.config}}],
    }
    return to_yaml(names)
