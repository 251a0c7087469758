"""What is read for one environment before the cluster is asked: values to hide, workloads, kubectl's environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envtasks.errors import ConfigInvalid
from envtasks.kubernetes import Inputs, allowed_names, declared_environments, read_inputs
from tests.kubernetes.deployments import hydrated, project

VALUES = {"DB_HOST": "db.example.com", "DB_USER": "marked-user", "DB_PASSWORD": "hunter2", "AWS_PROFILE": "p"}
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, envFrom: [{secretRef: {name: shop-env}}]}]}}}
"""


def inputs(
    root: Path, deploy: Mapping[str, Any], *, allowlist: str = "DB_*\n", manifest: str | None = None
) -> Inputs:
    (root / "deploy").mkdir()
    (root / "deploy" / "env.allowlist").write_text(allowlist, encoding="utf-8")
    if manifest is not None:
        (root / "deploy" / "app.yaml").write_text(manifest, encoding="utf-8")
    return read_inputs(project(deploy, root=root), hydrated(VALUES, secrets=["DB_PASSWORD"]))


def test_what_only_the_allowlist_declares_secret_is_hidden_too(tmp_path: Path) -> None:
    """kubectl and the server may quote it in an error, as they may an encrypted value."""
    found = inputs(tmp_path, {}, allowlist="DB_*\nDB_USER secret\n")
    assert (
        found.redactor.text("denied: marked-user hunter2 db.example.com") == "denied: *** *** db.example.com"
    )
    assert "marked-user" not in repr(found)


@pytest.mark.parametrize(
    ("deploy", "manifest", "workloads"),
    [
        ({}, None, ("deployment/shop",)),
        ({}, DEPLOYMENT, ("deployment/web",)),
        ({"workloads": ["sts/queue"]}, DEPLOYMENT, ("statefulset/queue",)),
    ],
)
def test_the_workloads_are_the_declared_those_of_the_manifests_or_the_apps(
    tmp_path: Path, deploy: Mapping[str, Any], manifest: str | None, workloads: tuple[str, ...]
) -> None:
    """In this order; a project without manifests has a Deployment of its own name."""
    assert inputs(tmp_path, deploy, manifest=manifest).workloads == workloads


@pytest.mark.parametrize(("deploy", "names"), [({}, set()), ({"needs": ["AWS_*"]}, {"AWS_PROFILE"})])
def test_kubectl_gets_no_value_but_those_that_it_needs(
    tmp_path: Path, deploy: Mapping[str, Any], names: set[str]
) -> None:
    """The values themselves go to it on stdin."""
    assert VALUES.keys() & inputs(tmp_path, deploy).environment.keys() == names


def test_the_names_that_an_allowlist_lets_through(tmp_path: Path) -> None:
    """Those of the environment's own file; None where there is none, and an error where it cannot be read."""
    (tmp_path / "own.allowlist").write_text("DB_*\nLEVEL optional\n", encoding="utf-8")
    found = project({"environments": {"staging": {"allowlist": "own.allowlist"}}}, root=tmp_path)
    names = ["DB_HOST", "OTHER", "DOTENV_PUBLIC_KEY_STAGING", "LEVEL"]
    assert allowed_names(found, "staging", names) == ("DB_HOST", "LEVEL")
    assert allowed_names(found, "production", names) is None
    (tmp_path / "own.allowlist").write_text("A=1\n", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match=r"^own\.allowlist:1: "):
        allowed_names(found, "staging", names)


def test_the_environments_with_a_cluster_are_those_that_declare_a_server(tmp_path: Path) -> None:
    """A pipeline deploys these."""
    deploy = {"environments": {"staging": {"server": "https://staging.example.com:6443"}, "production": {}}}
    assert declared_environments(project(deploy, root=tmp_path)) == ("staging",)
