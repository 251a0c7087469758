"""How this project's image is built: `[tool.envtasks.docker]`, checked, with its defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from ..config import Project

TABLE: Final = "[tool.envtasks.docker]"
USUAL: Final = ("docker/Dockerfile", "Dockerfile")
_KEYS: Final = ("file", "context", "image", "target", "platforms", "registry", "network", "add-hosts")
# the name part of an image reference (distribution/reference), without registry and tag
_IMAGE: Final = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_REGISTRY: Final = re.compile(r"[A-Za-z0-9.-]+(?::\d+)?(?:/[a-z0-9._/-]+)?")


@dataclass(frozen=True, slots=True)
class Recipe:
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
        """The Dockerfile as messages show it."""
        return (
            self.file.relative_to(self.root).as_posix()
            if self.file.is_relative_to(self.root)
            else str(self.file)
        )

    def reference(self, tag: str) -> str:
        """The image with this tag, in the registry if one is set: `registry/image:tag`."""
        name = f"{self.registry.rstrip('/')}/{self.image}" if self.registry else self.image
        return f"{name}:{tag}"

    def text(self) -> str:
        """The Dockerfile's text. Raises ConfigInvalid."""
        try:
            return self.file.read_text(encoding="utf-8-sig", errors="replace")
        except FileNotFoundError:
            raise ConfigInvalid(
                f"There is no {self.label}, so there is no image to build.",
                hint=f'write it, or say where it is: {TABLE} file = "path/to/Dockerfile"',
            ) from None
        except OSError as error:
            raise ConfigInvalid(f"{self.label} cannot be read: {error.strerror}.") from None


def recipe_of(project: Project) -> Recipe:
    """The project's recipe. Raises ConfigInvalid naming the table, the key and what is expected there."""
    read = _Table(project.tables.get("docker", {}))
    read.refuse_unknown()
    root = project.root
    usual = next((name for name in USUAL if (root / name).is_file()), USUAL[0])
    return Recipe(
        root=root,
        file=root / (read.text("file", 'a path such as "docker/Dockerfile"') or usual),
        context=root / (read.text("context", 'a path such as "."') or "."),
        image=read.matching("image", _IMAGE, 'a lower-case image name such as "team/app"')
        or _as_image(project.name),
        target=read.text("target", 'a stage such as "runtime"'),
        platforms=read.texts("platforms", 'a list such as ["linux/amd64", "linux/arm64"]'),
        registry=read.matching(
            "registry", _REGISTRY, 'a host such as "registry.example.com", without https://'
        ),
        network=read.text("network", '"default", "none" or "host"'),
        add_hosts=read.hosts("add-hosts", 'a table such as { "index.example.com" = "10.0.0.7" }'),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    table: Mapping[str, Any]

    def refuse_unknown(self) -> None:
        import difflib

        for key in self.table:
            if key not in _KEYS:
                near = difflib.get_close_matches(key, _KEYS, n=1)
                raise ConfigInvalid(
                    f"pyproject.toml: {TABLE} has no key {key!r}"
                    + (f": did you mean {near[0]}?" if near else "."),
                    hint=f"expected: {', '.join(_KEYS)}",
                )

    def text(self, key: str, expected: str) -> str | None:
        value = self.table.get(key)
        if value is not None and not (isinstance(value, str) and value):
            raise _wrong(key, expected)
        return value

    def matching(self, key: str, pattern: re.Pattern[str], expected: str) -> str | None:
        value = self.text(key, expected)
        if value is not None and not pattern.fullmatch(value):
            raise _wrong(key, expected)
        return value

    def texts(self, key: str, expected: str) -> tuple[str, ...]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise _wrong(key, expected)
        return tuple(value)

    def hosts(self, key: str, expected: str) -> Mapping[str, str]:
        value = self.table.get(key, {})
        if not isinstance(value, Mapping) or not all(
            isinstance(item, str) and item for item in value.values()
        ):
            raise _wrong(key, expected)
        return value


def _wrong(key: str, expected: str) -> ConfigInvalid:
    return ConfigInvalid(f"pyproject.toml: {TABLE} {key} must be {expected}.")


def _as_image(name: str) -> str:
    """A project's name as an image name: lower case, each run of other characters one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "app"
