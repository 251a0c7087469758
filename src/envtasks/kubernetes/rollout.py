"""When pods have to restart: a keyed digest of what the cluster holds, kept in the pod template.

The key is 32 random bytes in an annotation of the Secret: who can read it can read the values anyway, and who
sees the digest in a pod cannot try weak values against it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import ConfigInvalid

KEY: Final = "envtasks/rollout-key"
CONTENT: Final = "envtasks/content"
IMAGE: Final = "envtasks/image"
KEY_BYTES: Final = 32


def new_key() -> str:
    """A new key, as the annotation holds it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def key_of(secret: Mapping[str, Any] | None) -> str | None:
    """The key that a Secret in the cluster carries; None if it has none that can be used."""
    text = ((secret or {}).get("metadata", {}).get("annotations") or {}).get(KEY, "")
    try:
        return text if len(base64.b64decode(text, validate=True)) == KEY_BYTES else None
    except (binascii.Error, ValueError):
        return None


def values_of(secret: Mapping[str, Any] | None, config: Mapping[str, Any] | None) -> dict[str, bytes]:
    """What both objects give a pod through `envFrom`, by name."""
    plain = {name: value.encode("utf-8") for name, value in ((config or {}).get("data") or {}).items()}
    return plain | {
        name: base64.b64decode(value) for name, value in ((secret or {}).get("data") or {}).items()
    }


def digest(key: str, values: Mapping[str, bytes]) -> str:
    """HMAC-SHA256 over names and values, 64 hexadecimal digits; which object a value stands in is all one."""
    mac = hmac.new(base64.b64decode(key), digestmod=hashlib.sha256)
    for name in sorted(values):
        mac.update(f"{len(name)}:{name}{len(values[name])}:".encode())
        mac.update(values[name])
    return mac.hexdigest()


def fingerprint(key: str, value: bytes) -> str:
    """Eight hexadecimal digits that tell two values apart and, without the key, nothing else."""
    return hmac.new(base64.b64decode(key), b"fingerprint" + value, hashlib.sha256).hexdigest()[:8]


def rolled_for(workload: Mapping[str, Any]) -> str | None:
    """The digest that a workload's pods were started for."""
    template = workload.get("spec", {}).get("template", {}).get("metadata", {})
    found: str | None = (template.get("annotations") or {}).get(CONTENT)
    return found


def template_patch(content: str, *, image: str | None = None, container: str = "") -> dict[str, Any]:
    """The patch that rolls a workload: the digest and, in the same step, one container's image."""
    template: dict[str, Any] = {"metadata": {"annotations": {CONTENT: content}}}
    patch: dict[str, Any] = {"spec": {"template": template}}
    if image:
        template["spec"] = {"containers": [{"name": container, "image": image}]}
        patch["metadata"] = {"annotations": {IMAGE: image}}
    return patch


def patch_words(patch: Mapping[str, Any], *, image: str | None) -> tuple[str, ...]:
    """kubectl's flags for a patch. A merge patch would replace all containers, so an image takes another."""
    return f"--type={'strategic' if image else 'merge'}", "-p", json.dumps(patch, separators=(",", ":"))


def container_of(workload: Mapping[str, Any], name: str, *, wanted: str | None, app: str) -> str:
    """The container whose image `--image` sets: the declared, the one named like the app, the only one."""
    names = [each["name"] for each in workload["spec"]["template"]["spec"]["containers"]]
    candidate = wanted or (app if app in names else names[0] if len(names) == 1 else None)
    if candidate in names:
        return str(candidate)
    raise ConfigInvalid(
        f"{name} has no container {wanted or app!r} whose image could be set: it has {', '.join(names)}.",
        hint='say which one: [tool.envtasks.deploy] container = "…"',
    )


def image_of(workload: Mapping[str, Any], container: str) -> str:
    """The image of one container."""
    containers: Sequence[Mapping[str, Any]] = workload["spec"]["template"]["spec"]["containers"]
    return next(str(each.get("image", "")) for each in containers if each["name"] == container)


def kept_image(live: Mapping[str, Any] | None, container: str) -> str | None:
    """The image that an earlier `--image` set and that still runs: the manifests must not take it back."""
    if live is None:
        return None
    said: str | None = (live["metadata"].get("annotations") or {}).get(IMAGE)
    containers = [each["name"] for each in live["spec"]["template"]["spec"]["containers"]]
    return said if said and container in containers and image_of(live, container) == said else None


def check_image(image: str) -> None:
    """Refuse what is no image name. Raises ConfigInvalid."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.:/@-]{0,500}", image):
        raise ConfigInvalid(
            f"{image!r} is no image name.", hint="for example: --image registry.example.com/app:1.4.0"
        )
