"""Environments made of a few env files in a temporary folder, with throwaway keys for fake values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envtasks.config import Environment
from envtasks.envfiles import encrypt, public_key
from envtasks.errors import EnvtasksError
from envtasks.hydration import Hydrated, hydrate

# throwaway keys, for tests only
PRIVATE = "1f" * 32
OTHER = "2e" * 32
PUBLIC = public_key(PRIVATE)
KEY = {"DOTENV_PRIVATE_KEY_LOCAL in the process environment": PRIVATE}  # as the secrets of `hydrated` have it


def encrypted(value: str) -> str:
    """A ciphertext that PRIVATE decrypts."""
    return encrypt(value, PUBLIC)


def environment(
    folder: Path, files: Mapping[str, str], *, name: str = "local", **options: Any
) -> Environment:
    """An environment of these files, in this order; a file without text is not written."""
    for file, text in files.items():
        if text:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
    return Environment(name=name, root=folder, files=tuple(folder / file for file in files), **options)


def hydrated(
    folder: Path,
    text: str | Mapping[str, str],
    env: Mapping[str, str] | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    **arguments: Any,
) -> Hydrated:
    """A hydrated environment of one baseline with this text, or of these files, with PRIVATE as its key."""
    files = {".env.local": text} if isinstance(text, str) else text
    made = environment(folder, files, **(options or {}))
    return hydrate(made, {"DOTENV_PRIVATE_KEY_LOCAL": PRIVATE, **(env or {})}, **arguments)


def error_message(
    error: type[EnvtasksError], folder: Path, text: str | Mapping[str, str], **arguments: Any
) -> str:
    """The message of the error with which an environment of this text or these files is not hydrated."""
    with pytest.raises(error) as caught:
        hydrated(folder, text, **arguments)
    return caught.value.message
