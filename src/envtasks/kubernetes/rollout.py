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
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from .kubectl import LiveObject

KEY: Final = "envtasks/rollout-key"
CONTENT: Final = "envtasks/content"
IMAGE: Final = "envtasks/image"
KEY_BYTES: Final = 32


def new_key() -> str:
    """A new key, as the annotation holds it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def key_of(secret: LiveObject | None) -> str | None:
    """The key that a Secret in the cluster carries; None if it has none that can be used."""
    text = ((secret or {}).get("metadata", {}).get("annotations") or {}).get(KEY, "")
    try:
        return text if len(base64.b64decode(text, validate=True)) == KEY_BYTES else None
    except (binascii.Error, ValueError):
        return None


def values_of(secret: LiveObject | None, config: LiveObject | None) -> dict[str, bytes]:
    """What both objects give a pod through `envFrom`, by name."""
    plain = {name: value.encode("utf-8") for name, value in ((config or {}).get("data") or {}).items()}
    encoded = (secret or {}).get("data") or {}
    return plain | {name: base64.b64decode(value) for name, value in encoded.items()}


def digest(key: str, values: Mapping[str, bytes]) -> str:
    """HMAC-SHA256 over all names and values, as hexadecimal digits; the object that holds a value is not in it."""
    mac = hmac.new(base64.b64decode(key), digestmod=hashlib.sha256)
    for name in sorted(values):
        mac.update(f"{len(name)}:{name}{len(values[name])}:".encode())
        mac.update(values[name])
    return mac.hexdigest()


def fingerprint(key: str, value: bytes) -> str:
    """Eight hexadecimal digits that tell two values apart and, without the key, nothing else."""
    return hmac.new(base64.b64decode(key), b"fingerprint" + value, hashlib.sha256).hexdigest()[:8]


def content_of(workload: LiveObject) -> str | None:
    """The digest that a workload's pods were started for."""
    template = workload.get("spec", {}).get("template", {}).get("metadata", {})
    found: str | None = (template.get("annotations") or {}).get(CONTENT)
    return found


def template_patch(content: str, *, image: str | None = None, container: str = "") -> tuple[str, ...]:
    """kubectl's flags for the patch that restarts a workload: the digest and, in the same step, one image."""
    template: dict[str, Any] = {"metadata": {"annotations": {CONTENT: content}}}
    patch: dict[str, Any] = {"spec": {"template": template}}
    if image:
        template["spec"] = {"containers": [{"name": container, "image": image}]}
        patch["metadata"] = {"annotations": {IMAGE: image}}
    # a merge patch would replace the whole list of containers
    return f"--type={'strategic' if image else 'merge'}", "-p", json.dumps(patch, separators=(",", ":"))


def container_of(workload: LiveObject, name: str, *, declared: str | None, app: str) -> str:
    """The container whose image `--image` sets: the declared, the one named like the app, the only one.

    Raises ConfigInvalid.
    """
    names = [each["name"] for each in workload["spec"]["template"]["spec"]["containers"]]
    candidate = declared or (app if app in names else names[0] if len(names) == 1 else None)
    if candidate in names:
        return str(candidate)
    raise ConfigInvalid(
        f"{name} has no container {declared or app!r} whose image could be set: it has {', '.join(names)}.",
        hint='say which one: [tool.envtasks.deploy] container = "…"',
    )


def image_of(workload: LiveObject, container: str) -> str:
    """The image of one container; "" where there is no such container."""
    containers: Sequence[LiveObject] = workload["spec"]["template"]["spec"]["containers"]
    return next((str(each.get("image", "")) for each in containers if each["name"] == container), "")


def kept_image(live: LiveObject | None, container: str) -> str | None:
    """The image that an earlier `--image` set and that still runs: manifests applied later must not undo it."""
    if live is None:
        return None
    image: str | None = (live["metadata"].get("annotations") or {}).get(IMAGE)
    return image if image and image_of(live, container) == image else None


def check_image(image: str) -> None:
    """Refuse what is not the name of an image. Raises ConfigInvalid."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.:/@-]{0,500}", image):
        raise ConfigInvalid(
            f"{image!r} is not the name of an image.",
            hint="for example: --image registry.example.com/app:1.4.0",
        )
