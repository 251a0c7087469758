"""Applying with a scripted kubectl: how long a rollout is followed, and what is reported when a run ends early."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from envtasks.errors import ClusterFailed, ConfigInvalid
from envtasks.kubernetes import Inputs, Options, prepare_apply, rollout
from envtasks.kubernetes.apply import RUN_AGAIN, Apply, StepLog, run_apply
from envtasks.kubernetes.kubectl import Cluster, Result
from envtasks.kubernetes.references import Documents
from envtasks.redaction import Redactor
from tests.kubernetes.deployments import Scripted, live, selection, target


def test_a_rollout_is_followed_for_the_declared_seconds() -> None:
    """kubectl itself counts them; a rollout that it gives up on is an error that names them."""
    kubectl, printed = Scripted(_never_ready), list[str]()
    prepared = _prepared(kubectl, printed, Options(wait=True), timeout=60)
    with pytest.raises(ClusterFailed, match=r"did not become ready \(waited up to 60 s\)"):
        run_apply(prepared)
    assert kubectl.calls[-1][0][:4] == ("rollout", "status", "deployment/shop", "--timeout=60s")
    assert printed[-1] == "Waiting"


def test_templates_cannot_be_applied_as_manifests() -> None:
    """They are no YAML before Helm has filled them in, and leaving them out would not be noticed."""
    inputs = Inputs(
        target=target(),
        selection=selection(),
        documents=Documents(templates=("deploy/chart.yaml",)),
        workloads=(),
        redactor=Redactor([]),
        environment={},
    )
    kubectl = Scripted(lambda argv: Result(0, "", ""))
    with pytest.raises(ConfigInvalid, match=r"--with-manifests cannot apply templates: deploy/chart\.yaml\."):
        prepare_apply(inputs, Options(with_manifests=True), echo=print, program=kubectl)
    assert kubectl.calls == []


def test_a_rollout_key_that_is_gone_right_after_the_apply_is_an_error() -> None:
    """Without it no digest can be made, so what overwrites the Secret has to be found first."""
    kubectl = Scripted(lambda argv: Result(0, json.dumps(live("Secret", {})) if argv[0] == "get" else "", ""))
    with pytest.raises(ClusterFailed, match="its rollout key is gone: another client overwrites it"):
        run_apply(_prepared(kubectl, [], Options()))


def _never_ready(argv: Sequence[str]) -> Result:
    """A cluster with the Secret and a Deployment whose pods do not start."""
    if argv[0] == "get":
        return Result(0, json.dumps(live("Secret", {}, annotations={rollout.KEY: rollout.new_key()})), "")
    return Result(1 if argv[0] == "rollout" else 0, "Waiting\n", "")


def _prepared(kubectl: Scripted, printed: list[str], options: Options, **changes: Any) -> Apply:
    cluster = Cluster("staging", "https://staging.example.com:6443", "shop-staging", kubectl, Redactor([]))
    return Apply(
        target=target(**changes),
        selection=selection(),
        documents=(),
        workloads=("deployment/shop",),
        options=options,
        cluster=cluster,
        live={"deployment/shop": {}},
        key="",
        echo=printed.append,
    )


def _apply_and_fail(log: StepLog) -> None:
    log.record("secret/a", "applied")
    raise ClusterFailed("connection refused")


def test_an_error_in_the_middle_says_what_was_done_and_what_was_not() -> None:
    """No step goes unmentioned, for an error as for Ctrl-C."""
    printed: list[str] = []
    log = StepLog(printed.append, ["secret/a", "configmap/b"])
    with pytest.raises(ClusterFailed) as caught, log.reporting():
        _apply_and_fail(log)
    summary = "Done: secret/a. Not confirmed: configmap/b."
    assert (caught.value.message, caught.value.hint) == (f"connection refused\n  {summary}", RUN_AGAIN)
    with pytest.raises(KeyboardInterrupt), log.reporting():
        raise KeyboardInterrupt
    assert printed == ["secret/a applied", f"Interrupted. {summary} To finish, {RUN_AGAIN}."]
