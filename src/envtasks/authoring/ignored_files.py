"""What git ignores: key files and overrides are kept out, env files of environments are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..envfiles import write_atomic
from ..errors import EnvFileInvalid

GITIGNORE: Final = ".gitignore"


def ignore(root: Path, patterns: Sequence[str]) -> None:
    """Add lines to the project's .gitignore, with its own line ends. Raises EnvFileInvalid."""
    path = root / GITIGNORE
    try:
        before = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise EnvFileInvalid(f"{GITIGNORE} cannot be read: {error.strerror}.") from None
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    gap = newline if before and not before.endswith(b"\n") else b""
    lines = b"".join(pattern.encode() + newline for pattern in patterns)
    write_atomic(path, before + gap + lines)
