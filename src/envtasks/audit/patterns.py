"""Paths that may not be in an image, whatever is in them, and names whose values may."""

from __future__ import annotations

import re
from typing import Final

SIGNS: Final = (b"env", b"keys")
"""One of these is in every such path: a quick test before the real one."""

_EXAMPLE: Final = ".env.example"
_DOTENVX: Final = re.compile(
    r"(?:^|/)(?:"
    r"dotenvx(?:\.(?:exe|cmd|ps1|sh))?"  # the command, or the script that npm puts in front of it
    r"|@dotenvx/[^/]+/package\.json"
    r"|python_dotenvx-[^/]+\.dist-info/METADATA"
    r"|dotenvx/(?:__init__\.py|_native[^/]*)"
    r"|(?:python[_-])?dotenvx-\d[^/]*\.(?:whl|tar\.gz|tgz|zip)"
    r")\Z"
)
_USER_NAME: Final = re.compile(r"UV_INDEX_\w+_USERNAME")


def forbidden(path: str) -> str:
    """`env file`, `key file` or `dotenvx` for the path of a file that is one, else empty."""
    name = path.rsplit("/", 1)[-1]
    if name == ".env.keys" or (name.startswith(".env.") and name.endswith(".keys")):
        return "key file"
    if name == ".env" or (name.startswith(".env.") and name != _EXAMPLE):
        return "env file"
    return "dotenvx" if _DOTENVX.search(path) else ""


def is_user_name(name: str) -> bool:
    """Whether the variable holds the user name for an index, which is no secret unless it is declared one."""
    return bool(_USER_NAME.fullmatch(name))
