"""Apply an environment to its cluster: try everything as a dry run, send it, then restart the pods.

Every step is computed from what the cluster holds, so that running again after an interruption does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ..errors import ClusterFailed, ConfigInvalid
from . import drift, manifests, rollout
from .kubectl import MANAGER, Cluster, LiveObject, LiveObjects

if TYPE_CHECKING:
    from .allowlist import Selection
    from .references import Document
    from .settings import Target

APPLY: Final = ("apply", "--server-side", f"--field-manager={MANAGER}")
PATCH: Final = ("patch", f"--field-manager={MANAGER}")
DRY_RUN: Final = "--dry-run=server"
FORCE: Final = "--force-conflicts"
NO_DIGEST: Final = "0" * 64  # in place of the digest in a dry run, when the values are not in the cluster yet
RUN_AGAIN: Final = "run deploy.apply again: it does what is left"
Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of one `deploy.apply`."""

    image: str | None = None
    adopt: bool = False
    wait: bool = False
    with_manifests: bool = False


@dataclass(frozen=True, slots=True)
class Apply:
    """One prepared apply: what is sent, and the cluster as it was read before."""

    target: Target
    selection: Selection
    documents: tuple[Document, ...]  # the project's own manifests, if they are applied too
    workloads: tuple[str, ...]
    options: Options
    cluster: Cluster
    live: LiveObjects = field(repr=False)
    key: str = field(repr=False)
    echo: Echo = field(repr=False)

    @property
    def objects(self) -> str:
        """The Secret and the ConfigMap as they are sent."""
        annotations = {rollout.KEY: self.key}
        return manifests.to_yaml(manifests.build(self.target, self.selection, annotations=annotations))

    @property
    def document_names(self) -> tuple[str, ...]:
        """The names of the project's own manifests."""
        return tuple(document.key for document in self.documents)

    @property
    def patched(self) -> tuple[str, ...]:
        """The workloads that are restarted by a patch: those that exist and are not sent as manifests."""
        return tuple(name for name in self.workloads if name in self.live and name not in self.document_names)

    @property
    def force(self) -> tuple[str, ...]:
        """The flag that overwrites fields of other managers, with --adopt."""
        return (FORCE,) if self.options.adopt else ()


@dataclass(slots=True)
class StepLog:
    """The steps of one apply and those that are done; an error or Ctrl-C is reported with both."""

    echo: Echo
    steps: Sequence[str]
    done: list[str] = field(default_factory=list)

    def record(self, step: str, outcome: str) -> None:
        """Record a step as done, and print how it went."""
        self.done.append(step)
        self.echo(f"{step} {outcome}")

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Add to whatever ends the block early what was done by then and what was not."""
        try:
            yield
        except ClusterFailed as error:
            raise ClusterFailed(
                f"{error.message}\n  {self.summary()}", hint=error.hint or RUN_AGAIN
            ) from None
        except BaseException:
            self.echo(f"Interrupted. {self.summary()} To finish, {RUN_AGAIN}.")
            raise

    def summary(self) -> str:
        """One sentence on what was done and what is not known to be done."""
        left = ", ".join(step for step in self.steps if step not in self.done) or "nothing"
        return f"Done: {', '.join(self.done) or 'nothing'}. Not confirmed: {left}."


def dry_run(apply: Apply) -> None:
    """Send everything as dry runs, so that admission, quotas, permissions and ownership are checked first.

    Raises ClusterFailed, conflicts by name; ConfigInvalid where `--image` has no container to go to.
    """
    result = apply.cluster.run(*APPLY, DRY_RUN, *apply.force, "-f", "-", stdin=apply.objects)
    if result.code:
        raise _rejected(apply, apply.cluster.message(result))
    if apply.documents:
        _force_for_documents(apply, _documents_yaml(apply, NO_DIGEST))
    for name in apply.patched:
        apply.cluster.output(*PATCH, DRY_RUN, name, *_workload_patch(apply, name, NO_DIGEST))


def run_apply(apply: Apply) -> None:
    """Change the cluster. Raises ClusterFailed, which says what was done by then and what was not."""
    objects, cleanup = apply.target.objects, _with_last_applied(apply)
    steps = [*objects, *cleanup, *apply.document_names, *(f"{name} rollout" for name in apply.patched)]
    log = StepLog(apply.echo, steps)
    with log.reporting():
        _send(apply, log, objects, apply.objects, apply.force)
        for step, name in cleanup.items():  # kubectl itself has removed some of them with the apply
            apply.cluster.output("annotate", f"--field-manager={MANAGER}", name, f"{drift.LAST_APPLIED}-")
            log.record(step, "removed")
        content = _content(apply)
        if apply.documents:
            text = _documents_yaml(apply, content)
            _send(apply, log, apply.document_names, text, _force_for_documents(apply, text))
        for name in apply.patched:
            _restart(apply, log, name, content)
    existing = [name for name in apply.workloads if name in apply.live or name in apply.document_names]
    for name in apply.workloads:
        if name not in existing:
            apply.echo(f"{name} is not in the cluster yet, so no pod was restarted")
    if apply.options.wait:
        _wait(apply, existing)


def _with_last_applied(apply: Apply) -> dict[str, str]:
    """The objects that `--adopt` removes kubectl's copy of old values from, by the name of the step."""
    if not apply.options.adopt:
        return {}
    annotated = [name for name in apply.target.objects if drift.has_last_applied(apply.live.get(name, {}))]
    return {f"{name} last-applied-configuration": name for name in annotated}


def _send(apply: Apply, log: StepLog, names: Sequence[str], text: str, force: Sequence[str]) -> None:
    """Apply documents; what kubectl reports as applied is recorded even if a later one fails."""
    result = apply.cluster.run(*APPLY, *force, "-f", "-", stdin=text)
    lines = result.stdout.splitlines()
    applied = {_short(line.split(" ")[0]) for line in lines if line.endswith("serverside-applied")}
    for name in names:
        if name in applied:
            log.record(name, "applied")
    if result.code:
        raise ClusterFailed(apply.cluster.message(result))


def _short(printed: str) -> str:
    """`deployment.apps/app` as `deployment/app`."""
    kind, _, name = printed.partition("/")
    return f"{kind.partition('.')[0]}/{name}"


def _content(apply: Apply) -> str:
    """The digest of all that both objects hold now, keys of other managers included: a pod gets those too."""
    secret, config = apply.target.objects
    live = apply.cluster.get(apply.target.objects)
    key = rollout.key_of(live.get(secret))
    if key is None:
        raise ClusterFailed(
            f"{secret} was applied, and its rollout key is gone: another client overwrites it."
        )
    return rollout.digest(key, rollout.values_of(live.get(secret), live.get(config)))


def _restart(apply: Apply, log: StepLog, name: str, content: str) -> None:
    workload, image = apply.live[name], apply.options.image
    apply.cluster.output(*PATCH, name, *_workload_patch(apply, name, content))
    same_image = image is None or rollout.image_of(workload, _container(apply, name, workload)) == image
    unchanged = rollout.content_of(workload) == content and same_image
    log.record(f"{name} rollout", "not needed: its pods have these values" if unchanged else "started")


def _workload_patch(apply: Apply, name: str, content: str) -> tuple[str, ...]:
    image = apply.options.image
    container = _container(apply, name, apply.live[name]) if image else ""
    return rollout.template_patch(content, image=image, container=container)


def _container(apply: Apply, name: str, workload: LiveObject) -> str:
    return rollout.container_of(workload, name, declared=apply.target.container, app=apply.target.app)


def _documents_yaml(apply: Apply, content: str) -> str:
    """The project's manifests; the digest and the image go into the workloads, so that pods start once."""
    return "---\n".join(_document_yaml(apply, document, content) for document in apply.documents)


def _document_yaml(apply: Apply, document: Document, content: str) -> str:
    if document.key not in apply.workloads:
        return document.text
    container = _container(apply, document.key, document.value)
    kept = rollout.kept_image(apply.live.get(document.key), container)
    image = apply.options.image or kept
    if image and image == kept and content != NO_DIGEST:
        apply.echo(f"{document.key} keeps the image {image}, set by an earlier --image")
    words = rollout.template_patch(content, image=image, container=container)
    # kubectl reads the author's YAML itself: PyYAML would turn `0o644` or `22:22` into something else
    cluster = apply.cluster
    result = cluster.kubectl.run(["patch", "--local", "-f", "-", "-o", "yaml", *words], document.text)
    if result.code:
        raise ConfigInvalid(f"{document.label}:{document.line}: {cluster.message(result)}")
    return result.stdout


def _force_for_documents(apply: Apply, text: str) -> tuple[str, ...]:
    """Try the project's manifests. Returns the flag that they need where only our earlier patches conflict."""
    result = apply.cluster.run(*APPLY, DRY_RUN, *apply.force, "-f", "-", stdin=text)
    if result.code == 0:
        return apply.force
    message = apply.cluster.message(result)
    found = list(drift.conflicts(message))
    if found and all(manager == MANAGER for manager, _ in found):
        return (FORCE,)
    raise _rejected(apply, message)


def _rejected(apply: Apply, message: str) -> ClusterFailed:
    """The error of a dry run: conflicts by name, with who set what when; else kubectl's message."""
    found = list(drift.conflicts(message))
    if found:
        lines = sorted({_conflict_line(apply, manager, path) for manager, path in found})
        return ClusterFailed(
            "Conflict: these fields are managed by another client; nothing was changed:\n  "
            + "\n  ".join(lines),
            hint=f"inv deploy.diff --env {apply.target.environment} shows them; --adopt overwrites them",
        )
    namespace = apply.target.namespace
    return ClusterFailed(
        f"kubectl or the cluster rejected the request; nothing was changed: {message}",
        hint=f"kubectl create namespace {namespace}"
        if f'namespaces "{namespace}" not found' in message
        else "",
    )


def _conflict_line(apply: Apply, manager: str, path: str) -> str:
    name = path.removeprefix(".data.")
    kind = apply.selection.kind_of(name) if name != path else None
    if kind is None:
        return f"{path}: set by {manager}"
    where = apply.target.objects[kind == "config"]
    owner = drift.conflicting_manager(apply.live[where], name) if where in apply.live else None
    return f"{name} in {where}: set by {owner or manager}"


def _wait(apply: Apply, names: Sequence[str]) -> None:
    timeout, cluster = apply.target.timeout, apply.cluster
    for name in names:
        code = cluster.stream("rollout", "status", name, f"--timeout={timeout}s", on_line=apply.echo)
        if code:
            where = f"--context={cluster.context} --namespace={cluster.namespace}"
            raise ClusterFailed(
                f"{name} did not become ready (waited up to {timeout} s); its older pods go on running.",
                hint=f"kubectl describe {name} {where}",
            )
