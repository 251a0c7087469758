"""How this project's image is built: `[tool.envtasks.docker]`, checked, with its defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..config import label
from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from ..config import Project

_KEYS: Final = ("file", "context", "image", "target", "platforms", "registry", "network", "add-hosts")
_DOCKERFILES: Final = ("docker/Dockerfile", "Dockerfile")
# the name part of an image reference (distribution/reference), without registry and tag
_IMAGE: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_REGISTRY: Final = r"[A-Za-z0-9.-]+(?::\d+)?(?:/[a-z0-9._/-]+)?"


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """Which Dockerfile, from which context, to which image."""

    root: Path
    file: Path
    context: Path
    image: str
    target: str | None = None
    platforms: tuple[str, ...] = ()
    registry: str | None = None
    network: str | None = None
    add_hosts: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The Dockerfile as messages show it: relative to the project where it is inside."""
        return label(self.root, self.file)

    def reference(self, tag: str) -> str:
        """The image with this tag, in the registry if one is set: `registry/image:tag`."""
        name = f"{self.registry.rstrip('/')}/{self.image}" if self.registry else self.image
        return f"{name}:{tag}"

    def dockerfile_text(self) -> str:
        """The Dockerfile's text. Raises ConfigInvalid."""
        try:
            return self.file.read_text(encoding="utf-8-sig", errors="replace")
        except FileNotFoundError:
            raise ConfigInvalid(
                f"There is no {self.label}, so there is no image to build.",
                hint='write it, or name another: [tool.envtasks.docker] file = "path/to/Dockerfile"',
            ) from None
        except OSError as error:
            raise ConfigInvalid(f"{self.label} cannot be read: {error.strerror}.") from None


def image_settings(project: Project) -> ImageSettings:
    """The project's image settings. Raises ConfigInvalid naming the table, the key and what is expected there."""
    table, root = project.table("docker"), project.root
    table.allow_only(*_KEYS)
    default = next((name for name in _DOCKERFILES if (root / name).is_file()), _DOCKERFILES[0])
    return ImageSettings(
        root=root,
        file=root / (table.string("file", 'a path such as "docker/Dockerfile"') or default),
        context=root / (table.string("context", 'a path such as "."') or "."),
        image=table.string("image", 'a lower-case image name such as "team/app"', pattern=_IMAGE)
        or _image_name(project.name),
        target=table.string("target", 'a stage such as "runtime"'),
        platforms=table.strings("platforms", 'a list such as ["linux/amd64", "linux/arm64"]'),
        registry=table.string(
            "registry", 'a host such as "registry.example.com", without https://', pattern=_REGISTRY
        ),
        network=table.string("network", '"default", "none" or "host"'),
        add_hosts=table.string_map("add-hosts", 'a table such as { "index.example.com" = "10.0.0.7" }'),
    )


def _image_name(project: str) -> str:
    """A project's name as an image name: lower case, each run of other characters one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-") or "app"
