"""Env files for the tests of authoring: an environment with its key file, and its target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envtasks.authoring import TargetFile, find_target
from envtasks.config import Environment
from envtasks.hydration import Hydrated, hydrate
from tests.dotenv_files import PRIVATE, PUBLIC

HEADER = f'DOTENV_PUBLIC_KEY_STAGING="{PUBLIC}"\n'
LINES = HEADER.count("\n")


def staging(folder: Path, text: str, *, key: bool = True, **options: Any) -> Environment:
    """The environment staging, one env file with this text; with `key` its private key is in .env.keys."""
    path = folder / ".env.staging"
    path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
    if key:
        keys = folder / ".env.keys"
        keys.write_text(f"DOTENV_PRIVATE_KEY_STAGING={PRIVATE}\n", encoding="utf-8")
        keys.chmod(0o600)
    return Environment("staging", folder, (path,), **options)


def target(folder: Path, text: str, **options: Any) -> TargetFile:
    """The env file of staging, to be changed."""
    return find_target(staging(folder, text, **options), {})


def text_of(target: TargetFile) -> str:
    """The text of the env file now."""
    return target.path.read_text(encoding="utf-8", errors="surrogateescape")


def hydrated(target: TargetFile, env: Mapping[str, str] | None = None) -> Hydrated:
    """What a process gets of the environment now."""
    return hydrate(target.environment, env or {})
