"""The project whose parts agree, copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.check.shop import Shop


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without a fault."""
    root = tmp_path_factory.mktemp("shop")
    Shop(root)
    return root


@pytest.fixture
def shop(clean: Path, tmp_path: Path) -> Shop:
    """A copy of the project without a fault."""
    copy = Shop.__new__(Shop)
    copy.root = tmp_path / "shop"
    shutil.copytree(clean, copy.root)
    text = {name: copy.text(f".env.{name}") for name in ("local", "staging", "production")}
    copy.public = {name: each.split('"')[1] for name, each in text.items()}
    return copy
