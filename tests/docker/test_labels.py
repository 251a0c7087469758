"""The image's labels: what is told of a remote, and what of a folder without git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envtasks.docker.labels import labels, public_address


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://git.example.com/team/shop.git", "https://git.example.com/team/shop.git"),
        (
            "https://ci:glpat-x@git.example.com:8443/team/shop.git",
            "https://git.example.com:8443/team/shop.git",
        ),
        ("https://git.example.com/shop?access_token=x#y", "https://git.example.com/shop"),
        ("git@git.example.com:team/shop.git", "ssh://git.example.com/team/shop.git"),
        ("ssh://git@git.example.com:2222/team/shop.git", "ssh://git.example.com:2222/team/shop.git"),
        ("/home/somebody/shop", ""),
        ("../shop", ""),
        ("file:///srv/shop.git", ""),
        ("C:\\Users\\somebody\\shop", ""),
        ("https://git.example.com:port/x", ""),
        ("", ""),
    ],
)
def test_of_a_remote_only_its_public_address_is_told(remote: str, address: str) -> None:
    """User, password, token and query are left out; a path on this machine is nobody's business."""
    assert public_address(remote) == address


@pytest.mark.parametrize(
    ("pyproject", "expected"),
    [
        ('[project]\nname = "x"\nversion = "1.2"\n', {"org.opencontainers.image.version": "1.2"}),
        ("project = 3\n", {}),
        ("not toml", {}),
        (None, {}),
    ],
)
def test_without_git_only_the_version_is_told(
    tmp_path: Path, pyproject: str | None, expected: dict[str, str]
) -> None:
    """No git command, and no repository, leave out what only they know."""
    if pyproject is not None:
        (tmp_path / "pyproject.toml").write_text(pyproject, encoding="utf-8")

    assert labels(tmp_path, {"PATH": str(tmp_path)}) == expected
    assert labels(tmp_path, {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}) == expected
