"""Applying an environment to its cluster: everything is tried first, then sent, then the pods are rolled.

Every step is computed from the state of the cluster, so that a run after an interruption carries on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .. import kubernetes
from ..errors import ClusterFailed, ConfigInvalid
from . import Comparison, Plan, manifests, references, rollout, takeover
from .cluster import MANAGER, Cluster, Kubectl
from .documents import Document
from .journal import Journal, Say

APPLY: Final = ("apply", "--server-side", f"--field-manager={MANAGER}")
DRY: Final = "--dry-run=server"
NO_DIGEST: Final = "0" * 64  # stands for the digest while nothing is sent


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked of one `deploy.apply`."""

    image: str | None = None
    adopt: bool = False
    wait: bool = False
    with_manifests: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One apply with everything known: the cluster as it is, and what goes there."""

    plan: Plan
    options: Options
    cluster: Cluster
    live: dict[str, Any] = field(repr=False)
    key: str = field(repr=False)
    say: Say = field(repr=False)

    @property
    def objects(self) -> str:
        """The Secret and the ConfigMap as they are sent."""
        annotations = {rollout.KEY: self.key}
        return manifests.dump(manifests.build(self.plan.target, self.plan.selection, annotations=annotations))

    @property
    def files(self) -> tuple[Document, ...]:
        """The project's own manifests, if they are wanted."""
        return self.plan.documents.all if self.options.with_manifests else ()

    @property
    def sent(self) -> tuple[str, ...]:
        """The names of those manifests."""
        return tuple(document.key for document in self.files)

    @property
    def patched(self) -> tuple[str, ...]:
        """The workloads that are rolled by a patch: those that exist and are not sent as manifests."""
        return tuple(name for name in self.plan.workloads if name in self.live and name not in self.sent)

    @property
    def force(self) -> tuple[str, ...]:
        """The flag that takes fields from other managers, if that is wanted."""
        return ("--force-conflicts",) if self.options.adopt else ()

    def container(self, name: str, workload: dict[str, Any]) -> str:
        """The container of a workload that `--image` is for."""
        target = self.plan.target
        return rollout.container_of(workload, name, wanted=target.container, app=target.app)


def prepare(
    plan: Plan, options: Options, *, say: Say, kubectl: Kubectl | None = None
) -> tuple[Delivery, Comparison]:
    """Read the cluster and try everything without changing it, so that a refusal changes nothing.

    Raises VariableMissing for what manifests miss, Refused for another cluster, ClusterFailed for what the
    server would not take, conflicts explained by name.
    """
    found = references.findings(plan.documents, plan.target, plan.selection)
    references.refuse(found, plan.target.environment)
    if options.image:
        rollout.check_image(options.image)
    if options.with_manifests and plan.documents.templates:
        raise ConfigInvalid(
            f"--with-manifests cannot apply templates: {', '.join(plan.documents.templates)}."
        )
    cluster = plan.connect(kubectl)
    live = cluster.get([*plan.target.objects, *plan.workloads])
    key = rollout.key_of(live.get(plan.target.objects[0])) or rollout.new_key()
    delivery = Delivery(plan, options, cluster, live, key, say)
    _try(delivery)
    return delivery, kubernetes.compare(plan, live)


def carry_out(delivery: Delivery) -> None:
    """Change the cluster. Raises ClusterFailed, which says what was done by then and what was not."""
    plan = delivery.plan
    steps = [*plan.target.objects, *delivery.sent, *(f"{name} rollout" for name in delivery.patched)]
    journal = Journal(delivery.say, steps)
    with journal.accounted():
        for name in plan.target.objects if delivery.options.adopt else ():
            if name in delivery.live and takeover.adopt(delivery.cluster, delivery.live[name]):
                delivery.say(f"{name} adopted")
        _send(delivery, journal, plan.target.objects, delivery.objects, force=delivery.force)
        content = _content(delivery)
        if delivery.files:
            _send_files(delivery, journal, content)
        for name in delivery.patched:
            _roll(delivery, journal, name, content)
    there = [name for name in plan.workloads if name in delivery.live or name in delivery.sent]
    for name in plan.workloads:
        if name not in there:
            delivery.say(f"{name} is not in the cluster yet, so nothing was rolled")
    if delivery.options.wait:
        _wait(delivery, there)


def _try(delivery: Delivery) -> None:
    """The same calls as dry runs: admission, quotas, permissions and ownership all answer."""
    reply = delivery.cluster.reply(*APPLY, DRY, *delivery.force, "-f", "-", stdin=delivery.objects)
    if reply.code:
        raise takeover.explained(delivery.plan, delivery.live, delivery.cluster.message(reply))
    if delivery.files:
        _force_for_files(delivery, _files_text(delivery, NO_DIGEST))
    for name in delivery.patched:
        words = _patch(delivery, name, NO_DIGEST)
        delivery.cluster.ask("patch", name, f"--field-manager={MANAGER}", DRY, *words)


def _force_for_files(delivery: Delivery, text: str) -> tuple[str, ...]:
    """Try the project's manifests; the flag that they need if our own earlier patches stand against them."""
    reply = delivery.cluster.reply(*APPLY, DRY, *delivery.force, "-f", "-", stdin=text)
    if reply.code == 0:
        return delivery.force
    message = delivery.cluster.message(reply)
    if not takeover.only_ours(message):
        raise takeover.explained(delivery.plan, delivery.live, message)
    return ("--force-conflicts",)


def _send(
    delivery: Delivery, journal: Journal, names: Sequence[str], text: str, *, force: Sequence[str]
) -> None:
    """Apply documents; what kubectl reports as applied is noted even if a later one fails."""
    reply = delivery.cluster.reply(*APPLY, *force, "-f", "-", stdin=text)
    lines = reply.stdout.splitlines()
    applied = {_short(line.split(" ")[0]) for line in lines if line.endswith("serverside-applied")}
    for name in names:
        if name in applied:
            journal.did(name, "applied")
    if reply.code:
        raise ClusterFailed(delivery.cluster.message(reply))


def _short(printed: str) -> str:
    """`deployment.apps/app` as `deployment/app`."""
    kind, _, name = printed.partition("/")
    return f"{kind.partition('.')[0]}/{name}"


def _content(delivery: Delivery) -> str:
    """The digest of what the cluster holds now, other hands' keys included: a pod gets those too."""
    secret, config = delivery.plan.target.objects
    live = delivery.cluster.get([secret, config])
    key = rollout.key_of(live.get(secret))
    if key is None:
        raise ClusterFailed(
            f"{secret} was applied, and its rollout key is gone again: something else writes it."
        )
    return rollout.digest(key, rollout.values_of(live.get(secret), live.get(config)))


def _roll(delivery: Delivery, journal: Journal, name: str, content: str) -> None:
    workload, image = delivery.live[name], delivery.options.image
    delivery.cluster.ask("patch", name, f"--field-manager={MANAGER}", *_patch(delivery, name, content))
    unchanged = rollout.rolled_for(workload) == content and (
        image is None or rollout.image_of(workload, delivery.container(name, workload)) == image
    )
    journal.did(f"{name} rollout", "not needed: its pods have these values" if unchanged else "started")


def _patch(delivery: Delivery, name: str, content: str) -> tuple[str, ...]:
    image = delivery.options.image
    container = delivery.container(name, delivery.live[name]) if image else ""
    patch = rollout.template_patch(content, image=image, container=container)
    return rollout.patch_words(patch, image=image)


def _send_files(delivery: Delivery, journal: Journal, content: str) -> None:
    text = _files_text(delivery, content)
    _send(delivery, journal, delivery.sent, text, force=_force_for_files(delivery, text))


def _files_text(delivery: Delivery, content: str) -> str:
    """The project's manifests; the digest and the image go into the workloads, so that pods start once."""
    return "---\n".join(_file_text(delivery, document, content) for document in delivery.files)


def _file_text(delivery: Delivery, document: Document, content: str) -> str:
    if document.key not in delivery.plan.workloads:
        return document.text
    container = delivery.container(document.key, document.value)
    kept = rollout.kept_image(delivery.live.get(document.key), container)
    image = delivery.options.image or kept
    if image and image == kept and content != NO_DIGEST:
        delivery.say(f"{document.key} keeps the image {image}, set by an earlier --image")
    patch = rollout.template_patch(content, image=image, container=container)
    words = rollout.patch_words(patch, image=image)
    # kubectl reads the author's YAML itself: PyYAML would turn `0o644` or `22:22` into something else
    reply = delivery.cluster.kubectl.run(["patch", "--local", "-f", "-", "-o", "yaml", *words], document.text)
    if reply.code:
        raise ConfigInvalid(f"{document.label}:{document.line}: {delivery.cluster.message(reply)}")
    return reply.stdout


def _wait(delivery: Delivery, names: Sequence[str]) -> None:
    timeout, cluster = delivery.plan.target.timeout, delivery.cluster
    for name in names:
        code = cluster.follow("rollout", "status", name, f"--timeout={timeout}s", line=delivery.say)
        if code:
            where = f"--context={cluster.context} --namespace={cluster.namespace}"
            raise ClusterFailed(
                f"{name} did not become ready (waited up to {timeout} s); its older pods go on running.",
                hint=f"kubectl describe {name} {where}",
            )
