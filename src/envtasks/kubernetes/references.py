"""The project's own manifests, and what they ask of the rendered Secret and ConfigMap that a pod would miss."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from ..errors import ConfigInvalid, VariableMissing, did_you_mean
from ..yaml_nodes import child, entries, items, line, load_all, plain, read_text, scalar, walk
from .allowlist import SUGGESTIONS, Finding
from .settings import WORKLOAD_KINDS

if TYPE_CHECKING:
    from .allowlist import Selection
    from .settings import Target

SECRET: Final = "secret"  # noqa: S105 - a kind, not a password
CONFIG: Final = "configmap"
KINDS: Final = {SECRET: "Secret", CONFIG: "ConfigMap"}
KEY_REFERENCES: Final = {SECRET: "secretKeyRef", CONFIG: "configMapKeyRef"}
NOT_FOR_THE_CLUSTER: Final = ("Kustomization", "Component")
Keys = Mapping[tuple[str, str], frozenset[str]]  # of every known Secret and ConfigMap, by kind and name


@dataclass(frozen=True, slots=True)
class Document:
    """One object as its author wrote it."""

    label: str  # the file, relative to the project
    text: str = field(repr=False)
    node: yaml.MappingNode = field(repr=False)

    @property
    def line(self) -> int:
        """The line that it begins on."""
        return line(self.node)

    @property
    def kind(self) -> str:
        """The object's kind as written: `Deployment`."""
        return scalar(self.node, "kind") or ""

    @property
    def name(self) -> str:
        """The object's name."""
        return scalar(self.node, "metadata", "name") or ""

    @property
    def key(self) -> str:
        """As kubectl names it: `deployment/app`."""
        return f"{self.kind.lower()}/{self.name}"

    @property
    def value(self) -> dict[str, Any]:
        """The object as dicts, lists and texts."""
        value: dict[str, Any] = plain(self.node)
        return value


@dataclass(frozen=True, slots=True)
class Documents:
    """All documents, and the files that are templates and so cannot be read."""

    all: tuple[Document, ...] = ()
    templates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """One place of a manifest that names a Secret or a ConfigMap, as a whole (`key` is "") or one key."""

    document: Document
    kind: str
    name: str
    key: str
    line: int


def read_documents(root: Path, patterns: Sequence[str]) -> Documents:
    """The manifests that these glob patterns find below `root`. Raises ConfigInvalid with file and line."""
    found: list[Document] = []
    templates = []
    for path in sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()}):
        label = path.relative_to(root).as_posix()
        text = (read_text(path) or "").removeprefix("\ufeff").replace("\r\n", "\n")
        try:
            found += _documents(text, label)
        except ConfigInvalid:
            if "{{" not in text:
                raise
            templates.append(label)
    return Documents(tuple(found), tuple(templates))


def _documents(text: str, label: str) -> Iterator[Document]:
    for node in load_all(text, label, in_order=True):
        kind = scalar(node, "kind")
        if not isinstance(node, yaml.MappingNode):
            continue
        if kind == "List":
            for item in items(child(node, "items")):
                if isinstance(item, yaml.MappingNode):
                    yield Document(label, yaml.serialize(item, Dumper=yaml.SafeDumper), item)
        elif kind not in NOT_FOR_THE_CLUSTER and scalar(node, "apiVersion"):
            own = text[node.start_mark.index : node.end_mark.index]
            yield Document(label, own.rstrip() + "\n", node)


def find_problems(documents: Documents, target: Target, *, selection: Selection) -> tuple[Finding, ...]:
    """Everything in the manifests that does not fit what is rendered."""
    known = _known_keys(documents, target, selection)
    found: list[Finding] = []
    for reference in references(documents):
        near = len(found) < SUGGESTIONS
        found += filter(None, [_unmet(reference, target, known, selection=selection, near=near)])
    return (
        *_defined_twice(documents, target),
        *found,
        *_literal_secrets(documents, selection),
    )


def unchecked(documents: Documents, target: Target, *, selection: Selection) -> tuple[str, ...]:
    """What could not be checked, one sentence each."""
    known = _known_keys(documents, target, selection)
    others = sorted({(KINDS[r.kind], r.name) for r in references(documents) if (r.kind, r.name) not in known})
    return (
        *(f"{label} is a template and was not checked." for label in documents.templates),
        *(f"{kind} {name} is not rendered here and was not checked." for kind, name in others),
    )


def refuse_findings(findings: Sequence[Finding], environment: str) -> None:
    """Raise VariableMissing that names every finding, if there is one."""
    if findings:
        lines = [
            f"{each.file}:{each.line}: {each.sentence}" + (f" ({each.hint})" if each.hint else "")
            for each in findings
        ]
        raise VariableMissing(
            f"The manifests and what {environment} renders do not agree:\n  " + "\n  ".join(lines),
            hint=f"inv deploy.status --env {environment} checks this without a cluster",
        )


def workloads_using(documents: Documents, target: Target) -> tuple[str, ...]:
    """The workloads of the manifests that read a rendered object, such as `deployment/app`."""
    rendered = {(SECRET, target.secret), (CONFIG, target.config)}
    using = [r.document.key for r in references(documents) if (r.kind, r.name) in rendered]
    return tuple(dict.fromkeys(key for key in using if key.partition("/")[0] in WORKLOAD_KINDS))


def references(documents: Documents) -> Iterator[Reference]:
    """Every required reference to a Secret or a ConfigMap; an optional one keeps no pod from starting."""
    for document in documents.all:
        for pod in _pods(document.node):
            for container in _containers(pod):
                for source in items(child(container, "envFrom")):
                    yield from _in_source(document, source, ("secretRef", "name"), ("configMapRef", "name"))
                for variable in items(child(container, "env")):
                    value = child(variable, "valueFrom")
                    yield from _in_source(
                        document, value, ("secretKeyRef", "name"), ("configMapKeyRef", "name")
                    )
            for volume in items(child(pod, "volumes")):
                yield from _in_source(document, volume, ("secret", "secretName"), ("configMap", "name"))
                for source in items(child(volume, "projected", "sources")):
                    yield from _in_source(document, source, ("secret", "name"), ("configMap", "name"))


def _in_source(
    document: Document, source: yaml.Node | None, secret: tuple[str, str], config: tuple[str, str]
) -> Iterator[Reference]:
    """The references in one source of values. A pair: the key of a reference and, in it, that of the name."""
    for kind, (outer, inner) in ((SECRET, secret), (CONFIG, config)):
        node = child(source, outer)
        if node is None or scalar(node, "optional") == "true":
            continue
        name = scalar(node, inner) or ""
        keys = [child(each, "key") for each in (node, *items(child(node, "items")))]
        keyed = [
            Reference(document, kind, name, scalar(key) or "", line(key)) for key in keys if key is not None
        ]
        yield from keyed or [Reference(document, kind, name, "", line(child(node, inner) or node))]


def _pods(node: yaml.Node) -> Iterator[yaml.Node]:
    """Every pod specification, wherever a kind keeps it: the mapping that has `containers`."""
    return (each for each in walk(node) if isinstance(child(each, "containers"), yaml.SequenceNode))


def _containers(pod: yaml.Node) -> tuple[yaml.Node, ...]:
    return (*items(child(pod, "containers")), *items(child(pod, "initContainers")))


def _known_keys(documents: Documents, target: Target, selection: Selection) -> Keys:
    """The keys of every Secret and ConfigMap that is rendered or among the manifests themselves."""
    known = {}
    for document in documents.all:
        if document.kind in KINDS.values():
            parts = [child(document.node, part) for part in ("data", "stringData", "binaryData")]
            known[document.kind.lower(), document.name] = frozenset(
                name for part in parts for name in entries(part)
            )
    known[SECRET, target.secret] = frozenset(selection.secret)
    known[CONFIG, target.config] = frozenset(selection.config)
    return known


def _unmet(
    reference: Reference, target: Target, known: Keys, *, selection: Selection, near: bool
) -> Finding | None:
    """The finding on a reference whose object or key is not there; None where both are, or the object is unknown.

    `near`: whether to look for a name that may have been meant.
    """
    where = (reference.document.label, reference.line)
    keys = known.get((reference.kind, reference.name))
    if keys is None:
        return _missing_object(reference, target, known)
    if not reference.key or reference.key in keys:
        return None
    shown = f"{reference.kind}/{reference.name}"
    rendered = {SECRET: target.secret, CONFIG: target.config}
    other = CONFIG if reference.kind == SECRET else SECRET
    is_rendered = reference.name == rendered[reference.kind]
    if is_rendered and selection.kind_of(reference.key):
        sentence = f"{reference.key} is in {other}/{rendered[other]}, not in {shown}."
        return Finding("other-object", *where, sentence, f"use {KEY_REFERENCES[other]}")
    sentence = f"{reference.key} is not in {shown}{did_you_mean(reference.key, keys) if near else '.'}"
    hint = "correct the name, or add it to the allowlist" if is_rendered else ""
    return Finding("missing-key", *where, sentence, hint)


def _missing_object(reference: Reference, target: Target, known: Keys) -> Finding | None:
    """The finding on a name that is almost a rendered one, or has the other kind; None for any other object."""
    where = (reference.document.label, reference.line)
    shown = f"{reference.kind}/{reference.name}"
    if any(name == reference.name for _, name in known):
        other = CONFIG if reference.kind == SECRET else SECRET
        return Finding("wrong-kind", *where, f"There is no {shown}.", f"{reference.name} is a {KINDS[other]}")
    rendered = target.secret if reference.kind == SECRET else target.config
    if difflib.SequenceMatcher(None, reference.name, rendered).ratio() > 0.85:
        return Finding("missing-object", *where, f"There is no {shown}: did you mean {rendered}?")
    return None


def _defined_twice(documents: Documents, target: Target) -> Iterator[Finding]:
    for document in documents.all:
        if document.key in target.objects:
            yield Finding(
                "defined-twice",
                document.label,
                document.line,
                f"{document.key} is rendered from the env files, and this manifest would overwrite it.",
                "take it out of the manifest",
            )


def _literal_secrets(documents: Documents, selection: Selection) -> Iterator[Finding]:
    """Secrets whose value is written into `env`: it wins over `envFrom`, and it is in git."""
    for document in documents.all:
        for pod in _pods(document.node):
            for container in _containers(pod):
                for variable in items(child(container, "env")):
                    name = scalar(variable, "name")
                    if name in selection.secret and child(variable, "value") is not None:
                        yield Finding(
                            "literal-secret",
                            document.label,
                            line(variable),
                            f"{name} is a secret, and its value is written here.",
                            "take the entry out",
                        )
