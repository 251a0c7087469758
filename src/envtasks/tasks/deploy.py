"""`inv deploy.*`: an environment as Kubernetes objects, compared with its cluster and put into it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from .. import console
from ..context import Context
from ..declare import task
from ..invocation import current_invocation
from ..redaction.ci_log import group

if TYPE_CHECKING:
    from ..kubernetes import Comparison, Plan


@task(
    confirm=False,
    requires_environment=True,
    help={
        "reveal": "Show secret values",
        "output": "Write files with the values into this folder (mode 0600, ignored by git)",
        "format": "manifests, kustomize or helm-values",
    },
)
def render(c: Context, reveal: bool = False, output: str = "", format: str = "manifests") -> None:  # noqa: A002 - the flag
    """Print the Secret and the ConfigMap of an environment, secret values hidden."""
    from .. import kubernetes

    plan = _plan(c)
    if not output:
        console.write_utf8(kubernetes.render(plan, form=format, reveal=reveal))
        return
    for path in kubernetes.render_files(plan, Path(output), form=format):
        console.say("note", f"wrote {path.as_posix()}")


@task(confirm=False, requires_environment=True, help={"json": "Print JSON"})
def diff(c: Context, json: bool = False) -> None:
    """Compare the cluster with what would be applied, by name; exit code 0 if equal, 1 if not."""
    from .. import kubernetes

    comparison = kubernetes.diff(_plan(c))
    if json:
        console.print_json({"equal": not comparison.differences, **_as_json(comparison)})
    else:
        _show(comparison)
    if comparison.differences:
        raise Exit(code=1)


@task(
    confirm=False,  # asked below, once it is known what would change
    requires_environment=True,
    help={
        "image": "Set the workloads' image in the same step",
        "dry-run": "Try everything, change nothing",
        "adopt": "Take over keys that another manager set",
        "wait": "Follow the rollout to its end",
        "with-manifests": "Apply the project's own manifests too",
    },
)
def apply(
    c: Context,
    image: str = "",
    dry_run: bool = False,
    adopt: bool = False,
    wait: bool = False,
    with_manifests: bool = False,
) -> None:
    """Put the environment's values into its cluster, and restart the pods if a value changed."""
    with group(f"deploy.apply {c.environment}", os.environ):
        from ..kubernetes import delivery

        plan = _plan(c)
        options = delivery.Options(image or None, adopt=adopt, wait=wait, with_manifests=with_manifests)
        prepared, comparison = delivery.prepare(plan, options, say=_say)
        cluster = prepared.cluster
        _say(f"{plan.target.environment} -> {cluster.namespace} on {cluster.server} ({cluster.context})")
        _show(comparison)
        if dry_run or c.config.run.dry:
            _say("dry run: nothing was changed")
            return
        _confirm(c)
        delivery.carry_out(prepared)


@task(confirm=False, requires_environment=True, help={"json": "Print JSON"})
def status(c: Context, json: bool = False) -> None:
    """Check that every name that the manifests of deploy/ refer to is rendered (needs no cluster)."""
    from .. import kubernetes
    from ..kubernetes import references

    plan = _plan(c)
    found = kubernetes.status(plan)
    if json:
        console.print_json(asdict(found))
        if found.findings:
            raise Exit(code=5)
        return
    for note in found.notes:
        console.say("note", note)
    references.refuse(found.findings, plan.target.environment)
    secret, config = plan.target.objects
    rows = [[secret, str(len(found.secret)), " ".join(found.secret)]]
    rows.append([config, str(len(found.config)), " ".join(found.config)])
    console.table(["object", "names", "which"], rows)


def _plan(c: Context) -> Plan:
    from .. import kubernetes, settings_class

    project = current_invocation(c).project
    return kubernetes.plan(project, c.hydrated, secret_names=settings_class.secret_names(project))


def _confirm(c: Context) -> None:
    current_invocation(c).confirm(c.call_options, what="deploy.apply", confirm=None)


def _show(comparison: Comparison) -> None:
    from .. import kubernetes

    if comparison.differences:
        console.table(["change", "name", "object", "value", ""], kubernetes.rows(comparison.differences))
    for note in comparison.notes:
        console.say("note", note)
    if not comparison.differences:
        _say("the cluster holds exactly this")


def _as_json(comparison: Comparison) -> dict[str, Any]:
    return {"differences": [asdict(each) for each in comparison.differences], "notes": list(comparison.notes)}


def _say(text: str) -> None:
    print(text, flush=True)
