"""Hydrated environments for the tests of the integrations: a folder with one env file, read by the real `hydrate`."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from envtasks.config import Environment
from envtasks.hydration import Hydrated, hydrate


def hydrated(
    root: Path,
    text: str = "",
    *,
    name: str = "staging",
    secret: Collection[str] = (),
    process: Mapping[str, str] | None = None,
    protected: bool = False,
    public: bool = False,
) -> Hydrated:
    """The environment that this text describes; `secret` are the names that a settings class declares secret."""
    path = root / f".env.{name}"
    path.write_text(text, encoding="utf-8")
    environment = Environment(name, root, (path,), protected=protected, public=public)
    return hydrate(environment, {"PATH": os.environ["PATH"], **(process or {})}, secret_names=secret)
