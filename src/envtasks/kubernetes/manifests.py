"""The Secret and the ConfigMap of an environment as YAML: the same input gives the same bytes."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import git
from ..envfiles import write_atomic, writing
from ..errors import Refused
from ..yaml_nodes import Quoted, dump

if TYPE_CHECKING:
    from .allowlist import Selection
    from .settings import Target

REDACTED: Final = "***"  # no base64: the API server refuses a redacted Secret that is applied by mistake
REDACTED_NOTE: Final = "# Secret values are redacted; --reveal shows them.\n"
# kubectl's YAML reader finds more numbers and booleans than PyYAML does: `N`, `y`, `1e3`, `0o17`
PLAIN: Final = re.compile(r"(?![yYnN]\Z)[A-Za-z][\w./-]*")
Object = dict[str, Any]
Redact = Callable[[str], str]


def build(
    target: Target, selection: Selection, *, annotations: Mapping[str, str] | None = None
) -> tuple[Object, Object]:
    """The Secret (with these annotations) and the ConfigMap, both always, so that `envFrom` finds each.

    Secret values are base64 `data`: keys applied as `stringData` would stay when they are no longer applied
    (kubernetes/kubernetes#108008).
    """
    about = _metadata(target, target.secret) | ({"annotations": dict(annotations)} if annotations else {})
    data = {name: encode(value) for name, value in selection.secret.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "Opaque", "data": data}
    about = _metadata(target, target.config)
    return secret, {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": about,
        "data": dict(selection.config),
    }


def encode(value: str) -> str:
    """A value as a Secret's `data` holds it."""
    return base64.b64encode(value.encode("utf-8")).decode("ascii")


def labels(target: Target) -> dict[str, str]:
    """The labels of everything rendered: Kubernetes' recommended ones and the project's own."""
    app, environment = target.app[:40].rstrip("-."), target.environment[:20].strip("-_")
    found = {
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/instance": f"{app}-{environment}",
        "app.kubernetes.io/managed-by": "envtasks",
        **target.labels,
    }
    return dict(sorted(found.items()))


def redacted(objects: Sequence[Object], redact: Redact) -> list[Object]:
    """The objects with every secret value redacted, in config values too."""
    return [
        {
            **each,
            "data": {
                name: REDACTED if each["kind"] == "Secret" else redact(value)
                for name, value in each["data"].items()
            },
        }
        for each in objects
    ]


def to_yaml(objects: Sequence[Object]) -> str:
    """The objects as YAML documents, every value in quotes."""
    quoted = [
        {**each, "data": {name: Quoted(value) for name, value in each["data"].items()}} for each in objects
    ]
    return "---\n".join(dump(_unambiguous(each)) for each in quoted)


def kustomization(target: Target, selection: Selection, *, redact: Redact | None = None) -> str:
    """A kustomization whose generators make the Secret and the ConfigMap, their names hashed by kustomize.

    With `redact`, a secret's literal has no `=`, and kustomize refuses it, so that `***` is not deployed by mistake.
    """
    secret = [
        _literal(name, value) if redact is None else Quoted(f"{name}: {REDACTED}")
        for name, value in selection.secret.items()
    ]
    config = [_literal(name, redact(value) if redact else value) for name, value in selection.config.items()]
    document: Object = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    if target.namespace:
        document["namespace"] = target.namespace
    options = {"labels": labels(target)}
    document["secretGenerator"] = [
        {"name": target.secret, "type": "Opaque", "options": options, "literals": secret}
    ]
    document["configMapGenerator"] = [{"name": target.config, "options": options, "literals": config}]
    return dump(_unambiguous(document))


def write_files(
    files: Mapping[str, str], folder: Path, *, environment: Mapping[str, str]
) -> tuple[Path, ...]:
    """Write files (name to text) with mode 0600 into a folder that git ignores. Returns their paths.

    A folder that is new gets a `.gitignore` of its own. Raises Refused where git would add the files.
    """
    with writing(folder):
        is_new = not folder.exists() or not any(folder.iterdir())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if is_new:
        write_atomic(folder / ".gitignore", "*\n")
    # None, where there is no git or no repository, is as good as ignored
    visible = [name for name in files if git.is_ignored(folder, Path(name), environment) is False]
    if visible:
        raise Refused(
            f"{folder} would hold secrets that git adds: {', '.join(visible)} is not ignored there.",
            hint=f"choose a folder that does not exist yet, or add {folder.name}/ to .gitignore",
        )
    paths = tuple(folder / name for name in files)
    for path, text in zip(paths, files.values(), strict=True):
        with writing(path):
            if path.is_symlink():
                path.unlink()  # it may point to a place that git sees, or that others can read
        write_atomic(path, text.encode("utf-8"), mode=0o600)
    return paths


def _metadata(target: Target, name: str) -> Object:
    found: Object = {"name": name}
    if target.namespace:
        found["namespace"] = target.namespace
    return {**found, "labels": labels(target)}


def _literal(name: str, value: str) -> Quoted:
    # kustomize removes one pair of quotes around a literal's value; with a pair of ours the value stays as it is
    return Quoted(f"{name}='{value}'")


def _unambiguous(value: Any) -> Any:
    """The data with every string in quotes, keys included, that some YAML reader does not read as a string."""
    if isinstance(value, Mapping):
        return {_unambiguous(key): _unambiguous(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_unambiguous(each) for each in value]
    return value if PLAIN.fullmatch(value) else Quoted(value)
