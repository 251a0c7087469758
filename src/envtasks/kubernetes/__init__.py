"""An environment as a Secret and a ConfigMap: render them, compare them with the cluster, apply them.

Facts of the API: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigInvalid, did_you_mean
from ..redaction import Redactor
from . import allowlist, drift, kubectl, manifests, references, rollout, settings
from .allowlist import Finding, Selection
from .apply import Apply, Echo, Options, dry_run, run_apply
from .drift import Comparison, Difference
from .kubectl import Cluster, Kubectl
from .references import Documents, refuse_findings
from .settings import Target, declared_environments

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated

__all__ = [
    "FORMATS",
    "Comparison",
    "Difference",
    "Finding",
    "Inputs",
    "Options",
    "Status",
    "allowed_names",
    "check_names",
    "declared_environments",
    "diff",
    "prepare_apply",
    "read_inputs",
    "refuse_findings",
    "render",
    "run_apply",
    "status",
    "uses",
    "write_rendered",
]
FORMATS: Final = ("manifests", "kustomize")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one environment has for its cluster, read and checked; nothing is sent yet."""

    target: Target
    selection: Selection
    documents: Documents
    workloads: tuple[str, ...]
    redactor: Redactor = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)  # what kubectl and git get

    def connect(self, program: Kubectl | None) -> Cluster:
        """The declared cluster. Raises ToolMissing and Refused."""
        return kubectl.connect(
            self.target, program or kubectl.Program.find(self.environment), redactor=self.redactor
        )


@dataclass(frozen=True, slots=True)
class Status:
    """What the manifests ask for that is not rendered, what could not be checked, and what is rendered."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    secret: tuple[str, ...]
    config: tuple[str, ...]


def read_inputs(project: Project, hydrated: Hydrated, *, secret_names: Collection[str] = ()) -> Inputs:
    """Read settings, allowlist and manifests, and select the values.

    Raises ConfigInvalid, VariableMissing, LeakFound and SettingsInvalid before anything is sent.
    """
    target = settings.read_target(project, hydrated.environment)
    label = project.environment(hydrated.environment).label(target.allowlist)
    rules = allowlist.read_rules(target.allowlist, label)
    selection = allowlist.select(rules, hydrated, secret_names=secret_names, label=label)
    documents = references.read_documents(project.root, target.manifests)
    workloads = target.workloads or references.workloads_using(documents, target)
    for_kubectl = [name for name in hydrated if any(fnmatchcase(name, each) for each in target.needs)]
    return Inputs(
        target=target,
        selection=selection,
        documents=documents,
        workloads=workloads or (f"deployment/{target.app}",),
        redactor=Redactor((*hydrated.secrets.values(), *selection.secret.values())),
        environment=hydrated.child_env(for_kubectl),
    )


def allowed_names(project: Project, environment: str, names: Iterable[str]) -> tuple[str, ...] | None:
    """Those of the names that the environment's allowlist lets through; None where there is no allowlist.

    Raises ConfigInvalid.
    """
    path = settings.read_target(project, environment).allowlist
    if not path.exists():
        return None
    return tuple(allowlist.allowed_names(allowlist.read_rules(path, path.name), names))


def check_names(
    project: Project, environment: str, secrets: Mapping[str, bool]
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What `status` would find and what it could not check, from names; `secrets` says of each whether it is one.

    Nothing where there is no allowlist. Raises ConfigInvalid.
    """
    target = settings.read_target(project, environment)
    if not target.allowlist.exists():
        return (), ()
    label = project.environment(environment).label(target.allowlist)
    rules = allowlist.read_rules(target.allowlist, label)
    names = {project.environment_variable: False, **secrets}
    found, selection = allowlist.select_names(rules, names, label=label)
    documents = references.read_documents(project.root, target.manifests)
    problems = references.find_problems(documents, target, selection=selection)
    return (*found, *problems), references.unchecked(documents, target, selection=selection)


def uses(project: Project, environment: str, name: str) -> tuple[tuple[str, str, int, str], ...]:
    """Where a variable is let into the cluster and where manifests ask for it: kind, file, line, how.

    Raises ConfigInvalid.
    """
    target = settings.read_target(project, environment)
    if not target.allowlist.exists():
        return ()
    label = project.environment(environment).label(target.allowlist)
    rule = allowlist.allowed_names(allowlist.read_rules(target.allowlist, label), [name]).get(name)
    if rule is None:
        return ()
    how = f"{rule.name} lets it into the cluster{f' as {rule.kind}' if rule.kind else ''}"
    documents = references.read_documents(project.root, target.manifests)
    found = [r for r in references.references(documents) if r.key == name]
    return (
        ("allowlist", label, rule.line, how),
        *(
            ("manifest", r.document.label, r.line, f"{r.document.key} reads it from {r.kind}/{r.name}")
            for r in found
        ),
    )


def render(inputs: Inputs, *, format: str = "manifests", reveal: bool = False) -> str:  # noqa: A002 - the flag
    """The objects as text, secret values redacted unless `reveal`. Raises ConfigInvalid for an unknown format."""
    if format not in FORMATS:
        near = did_you_mean(format, FORMATS)
        raise ConfigInvalid(f"{format!r} is not a format{near}", hint=f"expected: {', '.join(FORMATS)}")
    redact = None if reveal else inputs.redactor.text
    note = "" if reveal else manifests.REDACTED_NOTE
    if format == "kustomize":
        return note + manifests.kustomization(inputs.target, inputs.selection, redact=redact)
    objects = manifests.build(inputs.target, inputs.selection)
    return note + manifests.to_yaml(manifests.redacted(objects, redact) if redact else objects)


def write_rendered(
    inputs: Inputs,
    folder: Path,
    *,
    format: str = "manifests",  # noqa: A002 - the flag
    dry: bool = False,
) -> tuple[Path, ...]:
    """Write the objects with their values, unless `dry`, into files that git ignores, mode 0600. Returns their paths.

    Raises Refused where git would add them, ConfigInvalid for an unknown format.
    """
    if format == "manifests":
        secret, config = manifests.build(inputs.target, inputs.selection)
        files = {"secret.yaml": manifests.to_yaml([secret]), "configmap.yaml": manifests.to_yaml([config])}
    else:
        files = {"kustomization.yaml": render(inputs, format=format, reveal=True)}
    if dry:
        return tuple(folder / name for name in files)
    return manifests.write_files(files, folder, environment=inputs.environment)


def status(inputs: Inputs) -> Status:
    """What would keep a pod from starting, found without a cluster."""
    documents, target, selection = inputs.documents, inputs.target, inputs.selection
    return Status(
        references.find_problems(documents, target, selection=selection),
        references.unchecked(documents, target, selection=selection),
        tuple(selection.secret),
        tuple(selection.config),
    )


def diff(inputs: Inputs, *, program: Kubectl | None = None) -> Comparison:
    """How the cluster differs from what would be rendered, and which pods run with older values.

    Raises ToolMissing, Refused, ClusterFailed.
    """
    live = inputs.connect(program).get([*inputs.target.objects, *inputs.workloads])
    return drift.compare(inputs.target, inputs.selection, workloads=inputs.workloads, live=live)


def prepare_apply(
    inputs: Inputs, options: Options, *, echo: Echo, program: Kubectl | None = None
) -> tuple[Apply, Comparison]:
    """Read the cluster and try everything without changing it, so that an error changes nothing.

    Raises VariableMissing for what manifests miss, Refused for another cluster, ClusterFailed for what the
    server rejects, conflicts by name. `run_apply` then changes the cluster.
    """
    target, documents = inputs.target, inputs.documents
    findings = references.find_problems(documents, target, selection=inputs.selection)
    refuse_findings(findings, target.environment)
    if options.image:
        rollout.check_image(options.image)
    if options.with_manifests and documents.templates:
        raise ConfigInvalid(f"--with-manifests cannot apply templates: {', '.join(documents.templates)}.")
    cluster = inputs.connect(program)
    live = cluster.get([*target.objects, *inputs.workloads])
    prepared = Apply(
        target=target,
        selection=inputs.selection,
        documents=documents.all if options.with_manifests else (),
        workloads=inputs.workloads,
        options=options,
        cluster=cluster,
        live=live,
        key=rollout.key_of(live.get(target.objects[0])) or rollout.new_key(),
        echo=echo,
    )
    dry_run(prepared)
    comparison = drift.compare(
        target, inputs.selection, workloads=inputs.workloads, live=live, adopt=options.adopt
    )
    return prepared, comparison
