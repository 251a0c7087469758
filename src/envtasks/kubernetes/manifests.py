"""The two objects that are rendered, a Secret and a ConfigMap: the same input gives the same bytes."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from .allowlist import Selection
    from .settings import Target

HIDDEN: Final = "***"  # no base64, so that a hidden Secret that is piped into kubectl after all is refused
HIDDEN_NOTE: Final = "# Secret values are hidden; --reveal shows them.\n"
PLAIN: Final = re.compile(r"[A-Za-z][\w./-]*")
Object = dict[str, Any]
Hide = Callable[[str], str]


def build(
    target: Target, selection: Selection, *, annotations: Mapping[str, str] | None = None
) -> tuple[Object, Object]:
    """The Secret (with these annotations) and the ConfigMap, both always, so that `envFrom` never misses one.

    Secret values are base64 `data`: keys applied as `stringData` would stay when they are no longer applied
    (kubernetes/kubernetes#108008).
    """
    about = metadata(target, target.secret) | ({"annotations": dict(annotations)} if annotations else {})
    data = {name: encode(value) for name, value in selection.secret.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "Opaque", "data": data}
    about = metadata(target, target.config)
    return secret, {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": about,
        "data": dict(selection.config),
    }


def encode(value: str) -> str:
    """A value as a Secret's `data` holds it."""
    return base64.b64encode(value.encode("utf-8")).decode("ascii")


def metadata(target: Target, name: str) -> Object:
    """Name, namespace and labels of a rendered object."""
    found: Object = {"name": name}
    if target.namespace:
        found["namespace"] = target.namespace
    return {**found, "labels": labels(target)}


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


def hidden(objects: Sequence[Object], hide: Hide) -> list[Object]:
    """The objects with every secret value hidden, in config values too."""
    return [
        {
            **each,
            "data": {
                name: HIDDEN if each["kind"] == "Secret" else hide(value)
                for name, value in each["data"].items()
            },
        }
        for each in objects
    ]


def dump(objects: Sequence[Mapping[str, Any]]) -> str:
    """The objects as YAML documents. Strings in `data` are quoted: `1e3` or `on` is no string to kubectl."""
    quoted = [
        {**each, "data": {name: _Quoted(value) for name, value in each["data"].items()}}
        if "data" in each
        else each
        for each in objects
    ]
    return "---\n".join(_yaml(each) for each in quoted)


class _Quoted(str):
    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _represent(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # kubectl's reader takes more for a number or a boolean than PyYAML does: `N`, `y`, `1e3`, `0o17`
    plain = not isinstance(value, _Quoted) and PLAIN.fullmatch(value) and value.lower() not in ("y", "n")
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style=None if plain else '"')


_Dumper.add_representer(str, _represent)
_Dumper.add_representer(_Quoted, _represent)


def quoted(value: str) -> str:
    """Text that `to_yaml` always writes in double quotes."""
    return _Quoted(value)


def to_yaml(document: Mapping[str, Any]) -> str:
    """One YAML document, keys in the order given, no line folded."""
    return _yaml(document)


def _yaml(document: Mapping[str, Any]) -> str:
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=2**31
    )
    return text
