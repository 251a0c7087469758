"""What the unit tests of a deployment start from: hydrated values without a file, a target, a kubectl that answers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from envtasks.config import Environment, Project
from envtasks.hydration.result import Hydrated, Origin
from envtasks.kubernetes.allowlist import Selection
from envtasks.kubernetes.kubectl import Result
from envtasks.kubernetes.settings import Target

ROOT = Path("/project")


def hydrated(
    values: Mapping[str, str],
    *,
    secrets: Sequence[str] = (),
    process: Sequence[str] = (),
    name: str = "staging",
    variable: str = "APP_ENV",
) -> Hydrated:
    """The values of one environment; `secrets` are encrypted in their file, `process` came from outside."""
    origins = {
        key: Origin(
            file=f".env.{name}",
            line=line,
            encrypted=key in secrets,
            secret=key in secrets,
            process=key in process,
        )
        for line, key in enumerate(values, 1)
    }
    environment = Environment(name, ROOT, (ROOT / f".env.{name}",), variable=variable)
    return Hydrated(environment, values, origins=origins, process={"PATH": "/bin"})


def project(
    deploy: Mapping[str, Any], *, root: Path = ROOT, environments: Sequence[str] = ("staging", "production")
) -> Project:
    """A project named Shop with this `[tool.envtasks.deploy]`."""
    known = {name: Environment(name, root, (root / f".env.{name}",)) for name in environments}
    return Project(root, "Shop", known, tables={"deploy": deploy})


def target(**changes: Any) -> Target:
    """The target of staging, fully declared."""
    values: dict[str, Any] = {
        "environment": "staging",
        "app": "shop",
        "secret": "shop-env",
        "config": "shop-config",
        "allowlist": ROOT / "deploy" / "env.allowlist",
        "namespace": "shop-staging",
        "context": "staging",
        "server": "https://staging.example.com:6443",
    }
    return Target(**{**values, **changes})


def selection(secret: Mapping[str, str] | None = None, config: Mapping[str, str] | None = None) -> Selection:
    """Selected values."""
    return Selection(secret=secret or {}, config=config or {})


def live(
    kind: str, data: Mapping[str, str], *entries: dict[str, Any], annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A Secret or ConfigMap as the cluster holds it, with these entries of managedFields."""
    values = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": "shop-env" if kind == "Secret" else "shop-config",
            "managedFields": list(entries),
            "annotations": dict(annotations or {}),
        },
        "data": values if kind == "Secret" else dict(data),
    }


@dataclass(slots=True)
class Scripted:
    """A kubectl with scripted answers that records its calls."""

    answer: Callable[[Sequence[str]], Result]
    calls: list[tuple[tuple[str, ...], str | None]] = field(default_factory=list)

    def run(self, argv: Sequence[str], stdin: str | None) -> Result:
        self.calls.append((tuple(argv), stdin))
        return self.answer(argv)

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None]) -> int:
        result = self.run(argv, None)
        for text in result.stdout.splitlines():
            on_line(text)
        return result.code
