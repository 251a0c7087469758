"""The image labels of the Open Container Initiative: which commit, from where, which version, of when."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_OCI: Final = "org.opencontainers.image"  # github.com/opencontainers/image-spec, annotations.md


def labels(root: Path, child_env: Mapping[str, str]) -> dict[str, str]:
    """The labels `revision`, `version`, `source` and `created`, those that can be told.

    `created` is the commit's time, not now, so that a build that changes nothing gives the same image again.
    A revision ends with `-dirty` where tracked files differ from it.
    """
    revision = _git(root, child_env, "rev-parse", "HEAD")
    if revision and _git(root, child_env, "status", "--porcelain", "--untracked-files=no"):
        revision += "-dirty"
    found = {
        "revision": revision,
        "created": _git(root, child_env, "show", "--no-patch", "--format=%cI", "HEAD"),
        "source": public_address(_git(root, child_env, "config", "--get", "remote.origin.url")),
        "version": _version(root) or _git(root, child_env, "describe", "--tags", "--always"),
    }
    return {f"{_OCI}.{name}": value for name, value in found.items() if value}


def public_address(remote: str) -> str:
    """Where a remote is, without user, password and query; empty for a path on this machine."""
    scp = re.fullmatch(
        r"(?:[^@/]+@)?([\w.-]{2,}):(?!//)(.+)", remote
    )  # git@host:team/project.git; not C:\folder
    if scp:
        return f"ssh://{scp[1]}/{scp[2].lstrip('/')}"
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "ssh", "git") or not host:
        return ""
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


def _version(root: Path) -> str:
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return ""
    return str(project.get("version", "")) if isinstance(project, dict) else ""


def _git(root: Path, child_env: Mapping[str, str], *words: str) -> str:
    """What git says; empty where there is no git, no repository or no commit."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, env=dict(child_env), capture_output=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""
