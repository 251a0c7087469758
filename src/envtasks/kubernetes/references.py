"""What the project's own manifests ask of the rendered objects, and what a pod would miss."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from ..errors import VariableMissing
from .documents import Document, Documents, get, items, line, scalar

if TYPE_CHECKING:
    from .allowlist import Selection
    from .settings import Target

SECRET: Final = "secret"  # noqa: S105 - a kind, not a password
CONFIG: Final = "configmap"
SHOWN: Final = {SECRET: "Secret", CONFIG: "ConfigMap"}
KEYED_BY: Final = {SECRET: "secretKeyRef", CONFIG: "configMapKeyRef"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One place of a manifest that names a Secret or a ConfigMap, as a whole (`key` is "") or one key."""

    document: Document
    kind: str
    name: str
    key: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that would keep a pod from starting, or put a secret where it may not be."""

    id: str
    file: str
    line: int
    sentence: str
    hint: str = ""


def findings(documents: Documents, target: Target, selection: Selection) -> tuple[Finding, ...]:
    """Everything in the manifests that does not fit what is rendered."""
    known = _known(documents, target, selection)
    found = [_finding(reference, target, known, selection) for reference in references(documents)]
    return (
        *_redefined(documents, target),
        *(finding for finding in found if finding is not None),
        *_literals(documents, selection),
    )


def notes(documents: Documents, target: Target, selection: Selection) -> tuple[str, ...]:
    """What could not be checked, one sentence each."""
    known = _known(documents, target, selection)
    foreign = sorted(
        {(SHOWN[r.kind], r.name) for r in references(documents) if (r.kind, r.name) not in known}
    )
    return (
        *(f"{label} is a template and was not checked." for label in documents.templates),
        *(f"{kind} {name} is not rendered here and was not checked." for kind, name in foreign),
    )


def refuse(found: Sequence[Finding], environment: str) -> None:
    """Raise VariableMissing that names every finding, if there is one."""
    if found:
        lines = [
            f"{each.file}:{each.line}: {each.sentence}" + (f" ({each.hint})" if each.hint else "")
            for each in found
        ]
        raise VariableMissing(
            f"The manifests and what {environment} renders do not agree:\n  " + "\n  ".join(lines),
            hint=f"inv deploy.status --env {environment} checks this without a cluster",
        )


def workloads_using(documents: Documents, target: Target, kinds: Sequence[str]) -> tuple[str, ...]:
    """The workloads of the manifests that read a rendered object."""
    ours = {(SECRET, target.secret), (CONFIG, target.config)}
    using = [r.document.key for r in references(documents) if (r.kind, r.name) in ours]
    return tuple(dict.fromkeys(key for key in using if key.partition("/")[0] in kinds))


def references(documents: Documents) -> Iterator[Reference]:
    """Every required reference to a Secret or a ConfigMap; an optional one keeps no pod from starting."""
    for document in documents.all:
        for pod in _pods(document.node):
            for container in (*items(get(pod, "containers")), *items(get(pod, "initContainers"))):
                for source in items(get(container, "envFrom")):
                    yield from _whole(document, source, ("secretRef", "name"), ("configMapRef", "name"))
                for variable in items(get(container, "env")):
                    yield from _keyed(document, get(variable, "valueFrom"))
            for volume in items(get(pod, "volumes")):
                yield from _volume(document, volume, "secretName")
                for source in items(get(volume, "projected", "sources")):
                    yield from _volume(document, source, "name")


def _pods(node: yaml.Node) -> Iterator[yaml.Node]:
    """Every pod specification, wherever a kind keeps it: the mapping that has `containers`."""
    if isinstance(node, yaml.MappingNode):
        if isinstance(get(node, "containers"), yaml.SequenceNode):
            yield node
        for _, value in node.value:
            yield from _pods(value)


def _whole(
    document: Document, source: yaml.Node | None, secret: tuple[str, str], config: tuple[str, str]
) -> Iterator[Reference]:
    for kind, (outer, inner) in ((SECRET, secret), (CONFIG, config)):
        node = get(source, outer)
        if node is not None and scalar(node, "optional") != "true":
            yield Reference(document, kind, scalar(node, inner), "", line(get(node, inner) or node))


def _keyed(document: Document, source: yaml.Node | None) -> Iterator[Reference]:
    for kind, outer in KEYED_BY.items():
        node = get(source, outer)
        if node is not None and scalar(node, "optional") != "true":
            yield Reference(
                document, kind, scalar(node, "name"), scalar(node, "key"), line(get(node, "key") or node)
            )


def _volume(document: Document, source: yaml.Node, secret_name: str) -> Iterator[Reference]:
    yield from _whole(document, source, ("secret", secret_name), ("configMap", "name"))
    for kind, outer, name in ((SECRET, "secret", secret_name), (CONFIG, "configMap", "name")):
        node = get(source, outer)
        if scalar(node, "optional") == "true":
            continue
        for item in items(get(node, "items")):
            yield Reference(document, kind, scalar(node, name), scalar(item, "key"), line(item))


def _known(
    documents: Documents, target: Target, selection: Selection
) -> dict[tuple[str, str], frozenset[str]]:
    """The keys of every Secret and ConfigMap that is known: rendered, or among the manifests themselves."""
    known = {}
    for document in documents.all:
        if document.kind in SHOWN.values():
            nodes = [get(document.node, part) for part in ("data", "stringData", "binaryData")]
            keys = [
                key.value for node in nodes if isinstance(node, yaml.MappingNode) for key, _ in node.value
            ]
            known[document.kind.lower(), document.name] = frozenset(keys)
    known[SECRET, target.secret] = frozenset(selection.secret)
    known[CONFIG, target.config] = frozenset(selection.config)
    return known


def _finding(
    reference: Reference,
    target: Target,
    known: Mapping[tuple[str, str], frozenset[str]],
    selection: Selection,
) -> Finding | None:
    where = (reference.document.label, reference.line)
    keys = known.get((reference.kind, reference.name))
    if keys is None:
        return _unknown_object(reference, target, known)
    if not reference.key or reference.key in keys:
        return None
    other = CONFIG if reference.kind == SECRET else SECRET
    rendered = {SECRET: target.secret, CONFIG: target.config}
    if selection.kind_of(reference.key) and reference.name == rendered[reference.kind]:
        return Finding(
            "other-object",
            *where,
            f"{reference.key} is in {other}/{rendered[other]}, not in {reference.kind}/{reference.name}.",
            f"use {KEYED_BY[other]}",
        )
    near = difflib.get_close_matches(reference.key, keys, n=1)
    sentence = f"{reference.key} is not in {reference.kind}/{reference.name}"
    hint = f"did you mean {near[0]}?" if near else f"add {reference.key} to the allowlist"
    return Finding(
        "missing-key", *where, f"{sentence}.", hint if reference.name == rendered[reference.kind] else ""
    )


def _unknown_object(
    reference: Reference, target: Target, known: Mapping[tuple[str, str], frozenset[str]]
) -> Finding | None:
    """A name that is almost ours, or ours with the other kind, is a mistake; any other is not our object."""
    where = (reference.document.label, reference.line)
    shown = f"{reference.kind}/{reference.name}"
    if any(name == reference.name for _, name in known):
        other = CONFIG if reference.kind == SECRET else SECRET
        return Finding("wrong-kind", *where, f"There is no {shown}.", f"{reference.name} is a {SHOWN[other]}")
    ours = target.secret if reference.kind == SECRET else target.config
    if difflib.SequenceMatcher(None, reference.name, ours).ratio() > 0.85:
        return Finding("missing-object", *where, f"There is no {shown}.", f"did you mean {ours}?")
    return None


def _redefined(documents: Documents, target: Target) -> Iterator[Finding]:
    for key in target.objects:
        document = documents.find(key)
        if document is not None:
            sentence = f"{key} is rendered from the env files, and this manifest would overwrite it."
            yield Finding(
                "defined-twice", document.label, document.line, sentence, "take it out of the manifest"
            )


def _literals(documents: Documents, selection: Selection) -> Iterator[Finding]:
    """A value written into `env` wins over `envFrom`; for a secret it is a secret in git too."""
    for document in documents.all:
        for pod in _pods(document.node):
            for container in (*items(get(pod, "containers")), *items(get(pod, "initContainers"))):
                for variable in items(get(container, "env")):
                    name = scalar(variable, "name")
                    if name in selection.secret and get(variable, "value") is not None:
                        sentence = f"{name} is a secret, and its value is written here."
                        yield Finding(
                            "literal-secret", document.label, line(variable), sentence, "take the entry out"
                        )
