"""One environment and one cluster: render the objects, compare, check manifests; `kubernetes.delivery` applies.

Facts of the API: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigInvalid
from ..redaction import Redactor
from . import (
    allowlist,
    cluster,
    documents,
    drift,
    kustomize,
    manifests,
    output_folder,
    references,
    rollout,
    settings,
)
from .allowlist import Selection
from .cluster import Cluster, Kubectl
from .documents import Documents
from .drift import Difference
from .references import Finding
from .settings import Target

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration.result import Hydrated

FORMATS: Final = ("manifests", "kustomize", "helm-values")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one environment has for the cluster: checked, and nothing sent yet."""

    target: Target
    selection: Selection
    documents: Documents
    workloads: tuple[str, ...]
    redactor: Redactor = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)  # what kubectl and git get

    def connect(self, kubectl: Kubectl | None = None) -> Cluster:
        """The declared cluster. Raises ToolMissing and Refused."""
        return cluster.connect(self.target, kubectl or cluster.Program.find(self.environment), self.redactor)


@dataclass(frozen=True, slots=True)
class Status:
    """What the manifests ask for that is not rendered, what could not be checked, and what is rendered."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    secret: tuple[str, ...]
    config: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the cluster differs: what would change, and notes on what it holds besides."""

    target: Target
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def plan(project: Project, hydrated: Hydrated, *, secret_names: Collection[str] = ()) -> Plan:
    """Read settings, allowlist and manifests, and select the values.

    Raises ConfigInvalid, VariableMissing, LeakFound and SettingsInvalid before anything is sent.
    """
    target = settings.read(project, hydrated.environment)
    label = project.environment(hydrated.environment).label(target.allowlist)
    selection = allowlist.select(
        allowlist.read(target.allowlist, label), hydrated, secret_names=secret_names, label=label
    )
    found = documents.read(project.root, target.manifests)
    workloads = target.workloads or references.workloads_using(found, target, settings.WORKLOADS)
    return Plan(
        target=target,
        selection=selection,
        documents=found,
        workloads=workloads or (f"deployment/{target.app}",),
        redactor=Redactor((*hydrated.secrets.values(), *selection.secret.values())),
        environment=hydrated.child_env(_for_kubectl(hydrated, target)),
    )


def _for_kubectl(hydrated: Hydrated, target: Target) -> list[str]:
    """The variables of the env files that kubectl itself needs, such as KUBECONFIG."""
    return [name for name in hydrated if any(fnmatchcase(name, pattern) for pattern in target.needs)]


def render(plan: Plan, *, form: str = "manifests", reveal: bool = False) -> str:
    """The objects as text, secret values hidden unless `reveal`; `form` is one of FORMATS."""
    hide = None if reveal else plan.redactor.text
    if form == "helm-values":
        return kustomize.helm_values(plan.target, plan.selection)
    if form == "kustomize":
        note = "" if reveal else manifests.HIDDEN_NOTE
        return note + kustomize.kustomization(plan.target, plan.selection, hide=hide)
    if form != "manifests":
        raise ConfigInvalid(f"{form!r} is no format.", hint=f"expected: {', '.join(FORMATS)}")
    objects = manifests.build(plan.target, plan.selection)
    if hide is None:
        return manifests.dump(objects)
    return manifests.HIDDEN_NOTE + manifests.dump(manifests.hidden(objects, hide))


def render_files(plan: Plan, folder: Path, *, form: str = "manifests") -> tuple[Path, ...]:
    """Write the objects with their values into `folder`, mode 0600, where git does not look, or Refused."""
    if form == "manifests":
        secret, config = manifests.build(plan.target, plan.selection)
        files = {"secret.yaml": manifests.dump([secret]), "configmap.yaml": manifests.dump([config])}
    else:
        name = "kustomization.yaml" if form == "kustomize" else "values.yaml"
        files = {name: render(plan, form=form, reveal=True)}
    return output_folder.write(files, folder, plan.environment)


def status(plan: Plan) -> Status:
    """What would keep a pod from starting, found without a cluster."""
    arguments = (plan.documents, plan.target, plan.selection)
    return Status(
        references.findings(*arguments),
        references.notes(*arguments),
        tuple(plan.selection.secret),
        tuple(plan.selection.config),
    )


def diff(plan: Plan, *, kubectl: Kubectl | None = None) -> Comparison:
    """How the cluster differs from what would be rendered, and which pods run with older values."""
    connected = plan.connect(kubectl)
    live = connected.get([*plan.target.objects, *plan.workloads])
    return compare(plan, live)


def compare(plan: Plan, live: drift.Live) -> Comparison:
    """The comparison with objects that were read already."""
    known = rollout.key_of(live.get(plan.target.objects[0]))
    secret, config = (live.get(name) for name in plan.target.objects)
    content = rollout.digest(known, rollout.values_of(secret, config)) if known else None
    differences = drift.compare(plan.target, plan.selection, live, known or rollout.new_key())
    workloads = tuple(drift.of_workloads(plan.workloads, live, content))
    notes = [
        f"{name} keeps a copy of older values in kubectl's last-applied-configuration; --adopt removes it."
        for name in drift.leftovers(plan.target, live)
    ]
    notes += [f"{each.object} is not in the cluster yet." for each in workloads if each.what == "absent"]
    if plan.selection.from_process:
        notes.append(
            f"From the process environment, not from the env files: {', '.join(plan.selection.from_process)}."
        )
    pending = tuple(each for each in workloads if each.what == "pending")
    return Comparison(plan.target, (*differences, *pending), tuple(notes))


def rows(differences: Sequence[Difference]) -> list[list[str]]:
    """The differences as a table: what, name, object, the two fingerprints, who."""
    return [[each.what, each.name or "-", each.object, _prints(each), _who(each)] for each in differences]


def _prints(each: Difference) -> str:
    if each.live and each.wanted and each.live != each.wanted:
        return f"{each.live} -> {each.wanted}"
    return each.live or each.wanted


def _who(each: Difference) -> str:
    return f"by {each.by}" if each.by else f"from {each.source}" if each.source else ""
