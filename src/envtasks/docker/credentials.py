"""Which variables are credentials: the names that uv and pip take an index's from, and every secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..hydration import Hydrated

# UV_INDEX_<NAME>_USERNAME and _PASSWORD, UV_INDEX, UV_DEFAULT_INDEX, UV_INDEX_URL, UV_EXTRA_INDEX_URL; pip's two URLs
_OF_AN_INDEX: Final = re.compile(r"UV_\w*INDEX\w*|PIP_(?:EXTRA_)?INDEX_URL")
_SWITCHES: Final = frozenset({"UV_INDEX_STRATEGY", "UV_NO_INDEX"})
_PRIVATE_KEY: Final = "DOTENV_PRIVATE_KEY"


def of_an_index(name: str) -> bool:
    """Whether uv or pip takes a package index's credentials from a variable of this name."""
    return bool(_OF_AN_INDEX.fullmatch(name)) and name not in _SWITCHES


def is_credential(name: str, hydrated: Hydrated) -> bool:
    """Whether the variable is a credential: an index's by its name, a private key, or a secret of the environment."""
    secret = name in hydrated and hydrated.origin(name).secret
    return secret or of_an_index(name) or name.startswith(_PRIVATE_KEY)


def credentials(hydrated: Hydrated, process_env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The credentials of an environment and their values.

    With `process_env`, also those for an index that come from there alone, as in a CI that keeps them itself.
    """
    found = {name: value for name, value in (process_env or {}).items() if of_an_index(name)}
    found |= {name: value for name, value in hydrated.items() if is_credential(name, hydrated)}
    return found
