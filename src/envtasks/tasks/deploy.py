"""`inv deploy.*`: an environment as Kubernetes objects, compared with its cluster and put into it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from .. import console
from ..context import Context
from ..declare import task
from ..errors import VariableMissing
from ..invocation import current_invocation
from ..redaction.ci_log import group

if TYPE_CHECKING:
    from ..kubernetes import Comparison, Difference, Inputs


@task(
    confirm=False,
    requires_environment=True,
    help={
        "reveal": "Show secret values",
        "output": "Write files with the values into this folder (mode 0600, ignored by git)",
        "format": "manifests or kustomize",
    },
)
def render(c: Context, reveal: bool = False, output: str = "", format: str = "manifests") -> None:  # noqa: A002 - the flag
    """Print the Secret and the ConfigMap of an environment, secret values redacted."""
    from .. import kubernetes

    inputs = _inputs(c)
    if not output:
        console.write_utf8(kubernetes.render(inputs, format=format, reveal=reveal))
        return
    dry = bool(c.config.run.dry)
    for path in kubernetes.write_rendered(inputs, Path(output), format=format, dry=dry):
        console.say("note", f"{'would write' if dry else 'wrote'} {path.as_posix()}")


@task(confirm=False, requires_environment=True, help={"json": "Print JSON"})
def diff(c: Context, json: bool = False) -> None:
    """Compare the cluster with what would be applied, by name; exit code 0 if equal, 1 if not."""
    from .. import kubernetes

    comparison = kubernetes.diff(_inputs(c))
    if json:
        console.print_json({"equal": not comparison.differences, **asdict(comparison)})
    else:
        _show(comparison)
    if comparison.differences:
        raise Exit(code=1)


@task(
    requires_environment=True,
    confirm=False,  # asked below, once it is known what would change
    help={
        "image": "Set the workloads' image in the same step",
        "dry-run": "Try everything, change nothing",
        "adopt": "Overwrite values that another client set",
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
    from .. import kubernetes

    with group(f"deploy.apply {c.environment}", os.environ):
        options = kubernetes.Options(image or None, adopt=adopt, wait=wait, with_manifests=with_manifests)
        prepared, comparison = kubernetes.prepare_apply(_inputs(c), options, echo=_echo)
        cluster = prepared.cluster
        _echo(f"{c.environment} -> {cluster.namespace} on {cluster.server} ({cluster.context})")
        _show(comparison)
        if dry_run or c.config.run.dry:
            _echo("dry run: nothing was changed")
            return
        current_invocation(c).confirm(c.call_options, what="deploy.apply", confirm=None)
        kubernetes.run_apply(prepared)


@task(confirm=False, requires_environment=True, help={"json": "Print JSON"})
def status(c: Context, json: bool = False) -> None:
    """Check that every name that the manifests of deploy/ refer to is rendered (needs no cluster)."""
    from .. import kubernetes

    inputs = _inputs(c)
    found = kubernetes.status(inputs)
    if json:
        console.print_json(asdict(found))
        if found.findings:
            raise Exit(code=VariableMissing.code)
        return
    for note in found.notes:
        console.say("note", note)
    kubernetes.refuse_findings(found.findings, inputs.target.environment)
    rows = [
        [name, str(len(values)), " ".join(values)]
        for name, values in zip(inputs.target.objects, (found.secret, found.config), strict=True)
    ]
    console.table(["object", "names", "which"], rows)


def _inputs(c: Context) -> Inputs:
    from .. import kubernetes, settings_class

    project = current_invocation(c).project
    return kubernetes.read_inputs(project, c.hydrated, secret_names=settings_class.secret_names(project))


def _show(comparison: Comparison) -> None:
    if comparison.differences:
        rows = [_row(each) for each in comparison.differences]
        console.table(["change", "name", "object", "value", ""], rows)
    for note in comparison.notes:
        console.say("note", note)
    if not comparison.differences:
        _echo("the cluster holds exactly this")


def _row(each: Difference) -> list[str]:
    value = each.live or each.wanted
    if each.live and each.wanted and each.live != each.wanted:
        value = f"{each.live} -> {each.wanted}"
    who = f"by {each.by}" if each.by else f"from {each.source}" if each.source else ""
    return [each.what, each.name or "-", each.object, value, who]


def _echo(text: str) -> None:
    print(text, flush=True)
