"""The allowlist and the manifests, checked by names alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.kubernetes import check_names, uses

PYPROJECT = """
[project]
name = "shop"
[tool.envtasks.environments]
staging = { files = [".env.staging"] }
"""
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers:
        - name: shop
          env:
            - name: TOKEN
              valueFrom: {secretKeyRef: {name: shop-env, key: TOKEN}}
"""
NAMES = {"TOKEN": True, "HOST": False}


def _project(root: Path, allowlist: str) -> Project:
    (root / "deploy").mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (root / "deploy/env.allowlist").write_text(allowlist, encoding="utf-8")
    (root / "deploy/app.yaml").write_text(MANIFEST, encoding="utf-8")
    return Project.load(root)


@pytest.mark.parametrize(
    ("allowlist", "found"),
    [
        ("TOKEN\nHOST\n", []),
        ("TOKEN\nHOTS\n", [("missing-name", 2, "HOTS is not set: did you mean HOST?", "HOTS")]),
        ("TOKEN\nOLD optional\nNO_*\n", [("missing-name", 3, "NO_* is not set.", "NO_*")]),
        (
            "*\nTOKEN config\n",
            [("secret-as-config", 2, "TOKEN is a secret, and this line declares it as config.", "TOKEN")],
        ),
        ("HOST\n", [("missing-key", 12, "TOKEN is not in secret/shop-env.", "")]),
        (
            "TOKEN\nDOTENV_PRIVATE_KEY\n",
            [("missing-name", 2, "DOTENV_PRIVATE_KEY is not set.", "DOTENV_PRIVATE_KEY")],
        ),
    ],
)
def test_what_the_allowlist_says(
    tmp_path: Path, allowlist: str, found: list[tuple[str, int, str, str]]
) -> None:
    """Names that are not set, secrets as config, and manifests that ask for what is not let through."""
    findings, unchecked = check_names(_project(tmp_path, allowlist), "staging", NAMES)

    assert [(each.id, each.line, each.sentence, each.name) for each in findings] == found
    assert unchecked == ()


def test_a_private_key_is_named(tmp_path: Path) -> None:
    """A pattern never lets one through, its own name does."""
    project = _project(tmp_path, "TOKEN\nDOTENV_PRIVATE_KEY\n")

    (finding,), _ = check_names(project, "staging", {**NAMES, "DOTENV_PRIVATE_KEY": True})

    assert (finding.id, finding.name) == ("secret-as-config", "DOTENV_PRIVATE_KEY")


def test_without_an_allowlist_there_is_nothing_to_check(tmp_path: Path) -> None:
    """Nothing reaches a cluster."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    project = Project.load(tmp_path)

    assert check_names(project, "staging", NAMES) == ((), ())
    assert uses(project, "staging", "TOKEN") == ()


def test_where_a_variable_is_used(tmp_path: Path) -> None:
    """The rule that decides, and each manifest that asks for it."""
    project = _project(tmp_path, "*\nTOKEN secret\n")

    assert uses(project, "staging", "TOKEN") == (
        ("allowlist", "deploy/env.allowlist", 2, "TOKEN lets it into the cluster as secret"),
        ("manifest", "deploy/app.yaml", 12, "deployment/shop reads it from secret/shop-env"),
    )
