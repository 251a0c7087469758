"""Bytecode of what is imported while `inv` runs, which `inv` keeps Python from writing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def writing_bytecode() -> Iterator[None]:
    """Within, let Python write the bytecode of what is imported, as it does outside of `inv`.

    `inv` switches that off before it loads tasks.py. What is imported later, of this package and of libraries, would be
    compiled on every call (3.7 ms per 1,000 lines) where the installer has not done so, as uv does not. Modules of the
    project's own are left to Invoke.
    """
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
