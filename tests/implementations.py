"""The two implementations of decryption, each on its own: python-dotenvx's compiled one and `cryptography`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest

from envtasks.envfiles import encryption

HAS_COMPILED = find_spec("dotenvx") is not None
needs_compiled = pytest.mark.skipif(not HAS_COMPILED, reason="python-dotenvx is not installed (extra fast)")
# "both" is what users have: the compiled one where it is installed, and `cryptography` for what it leaves
IMPLEMENTATIONS = [pytest.param("compiled", marks=needs_compiled), "cryptography", "both"]


@contextmanager
def only(implementation: str) -> Iterator[None]:
    """Let `decrypt` use this implementation alone."""
    with pytest.MonkeyPatch.context() as patch:
        if implementation == "compiled":
            assert encryption._compiled() is not None
            patch.setattr(encryption, "_decrypt_with_cryptography", lambda *_: {})
        elif implementation == "cryptography":
            patch.setattr(encryption, "_compiled", lambda: None)
        yield
