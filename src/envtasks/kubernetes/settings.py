"""`[tool.envtasks.deploy]`: where each environment goes in which cluster, and under which names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from ..config import Project

TABLE: Final = "[tool.envtasks.deploy]"
SHARED: Final = (
    "app",
    "allowlist",
    "manifests",
    "secret",
    "config",
    "namespace",
    "labels",
    "workloads",
    "container",
)
SHARED_TOO: Final = ("needs", "timeout")
OWN: Final = (
    "context",
    "server",
)  # of one environment only: a shared one would send staging's values to production
KINDS: Final = {"deploy": "deployment", "sts": "statefulset", "ds": "daemonset"}
WORKLOADS: Final = ("deployment", "statefulset", "daemonset")
NEEDS: Final = ("KUBECONFIG", "PATH", "HOME", "*_PROXY")
MANIFESTS: Final = ("deploy/*.yaml", "deploy/*.yml")
PATIENCE: Final = 300
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and …/labels/
DNS: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
SUBDOMAIN: Final = re.compile(rf"(?=.{{1,253}}$){DNS}")
LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE: Final = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
LABEL_KEY: Final = re.compile(rf"({DNS}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the values of one environment go: the objects, the cluster, the workloads that read them."""

    environment: str
    app: str
    secret: str
    config: str
    allowlist: Path
    namespace: str | None = None
    context: str | None = None
    server: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    workloads: tuple[str, ...] = ()  # `deployment/name`; empty: those of the project's own manifests
    container: str | None = None
    manifests: tuple[str, ...] = MANIFESTS
    needs: tuple[str, ...] = NEEDS  # which variables of the env files kubectl itself gets
    timeout: int = PATIENCE  # seconds that `--wait` waits

    @property
    def objects(self) -> tuple[str, str]:
        """The two rendered objects as kubectl names them."""
        return f"secret/{self.secret}", f"configmap/{self.config}"


def read(project: Project, environment: str) -> Target:
    """The target of one environment. Raises ConfigInvalid, which names table, key and what was expected."""
    target = _target(project, environment)
    for other in _declared(project.tables.get("deploy", {})):
        if other != environment and target.server is not None and other in project.environments:
            _refuse_sharing(target, _target(project, other))
    return target


def object_name(text: str) -> str:
    """A name that Kubernetes takes, made of any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:200] or "app"


def _target(project: Project, environment: str) -> Target:
    table = project.tables.get("deploy", {})
    declared = _declared(table)
    _known_environments(declared, project.environments)
    _known_keys(table, TABLE, (*SHARED, *SHARED_TOO, "environments"))
    own = declared.get(environment, {})
    where = f"[tool.envtasks.deploy.environments.{environment}]"
    _known_keys(own, where, (*SHARED, *SHARED_TOO, *OWN))
    values = _Values({**table, **own}, {key: where if key in own else TABLE for key in (*table, *own)})
    app = values.name("app", object_name(project.name))
    return Target(
        environment=environment,
        app=app,
        secret=values.name("secret", f"{app}-env"),
        config=values.name("config", f"{app}-config"),
        allowlist=project.root / values.text("allowlist", "deploy/env.allowlist"),
        namespace=values.namespace(),
        context=values.text("context", "") or None,
        server=values.server(),
        labels=MappingProxyType({**_labels(table, TABLE), **_labels(own, where)}),
        workloads=values.workloads(),
        container=values.text("container", "") or None,
        manifests=values.strings("manifests", MANIFESTS),
        needs=values.strings("needs", NEEDS),
        timeout=values.seconds("timeout", PATIENCE),
    )


def _declared(table: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    declared = table.get("environments", {})
    if not isinstance(declared, Mapping) or not all(
        isinstance(value, Mapping) for value in declared.values()
    ):
        raise ConfigInvalid(
            f"pyproject.toml: {TABLE} environments must be a table with one table per environment."
        )
    return declared


def _known_environments(declared: Collection[str], known: Collection[str]) -> None:
    for name in declared:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigInvalid(
                f"pyproject.toml: [tool.envtasks.deploy.environments.{name}]: there is no such environment"
                + (f": did you mean {near[0]}?" if near else "."),
                hint=f"environments: {', '.join(known)}",
            )


def _known_keys(table: Mapping[str, Any], where: str, known: Collection[str]) -> None:
    for key in table:
        if key in known:
            continue
        if key in OWN:
            raise ConfigInvalid(
                f"pyproject.toml: {where} has {key!r}, which belongs to one environment, not to all.",
                hint="write it under [tool.envtasks.deploy.environments.<name>]",
            )
        near = difflib.get_close_matches(key, known, n=1)
        raise ConfigInvalid(
            f"pyproject.toml: {where} has no key {key!r}" + (f": did you mean {near[0]}?" if near else "."),
            hint=f"expected: {', '.join(known)}",
        )


def _refuse_sharing(target: Target, other: Target) -> None:
    """Two environments that wrote the same object would undo each other."""
    same_place = (target.server, target.namespace) == (other.server, other.namespace)
    shared = set(target.objects) & set(other.objects)
    if same_place and shared:
        raise ConfigInvalid(
            f"pyproject.toml: {target.environment} and {other.environment} would both write {min(shared)} "
            f"in namespace {target.namespace or 'default'} of {target.server}.",
            hint="give one of them another namespace, secret and config",
        )


def _labels(table: Mapping[str, Any], where: str) -> Mapping[str, str]:
    labels = table.get("labels", {})
    if not isinstance(labels, Mapping):
        raise ConfigInvalid(f"pyproject.toml: {where} labels must be a table of label names and values.")
    for name, value in labels.items():
        if not LABEL_KEY.fullmatch(name) or not isinstance(value, str) or not LABEL_VALUE.fullmatch(value):
            raise ConfigInvalid(
                f"pyproject.toml: {where} labels: {name!r} is no label that Kubernetes takes."
            )
    return labels


@dataclass(frozen=True, slots=True)
class _Values:
    """Typed reads of the merged table; a failure names the table that the key stands in."""

    table: Mapping[str, Any]
    where: Mapping[str, str]

    def wrong(self, key: str, expected: str) -> ConfigInvalid:
        return ConfigInvalid(f"pyproject.toml: {self.where[key]} {key} must be {expected}.")

    def text(self, key: str, default: str) -> str:
        value = self.table.get(key, default)
        if not isinstance(value, str) or (key in self.table and not value):
            raise self.wrong(key, "a string")
        return value

    def name(self, key: str, default: str) -> str:
        value = self.text(key, default)
        if not SUBDOMAIN.fullmatch(value):
            raise self.wrong(key, "a name that Kubernetes takes: lower-case letters, digits, '-' and '.'")
        return value

    def namespace(self) -> str | None:
        value = self.text("namespace", "") or None
        if value is not None and not LABEL.fullmatch(value):
            raise self.wrong("namespace", "a namespace: lower-case letters, digits and '-', 63 at most")
        return value

    def server(self) -> str | None:
        value = self.text("server", "") or None
        if value is None:
            return None
        url = urlsplit(value)
        local = url.hostname in ("localhost", "127.0.0.1", "::1")
        if not url.hostname or url.scheme not in (("https", "http") if local else ("https",)):
            raise self.wrong("server", "the API server's URL, such as 'https://staging.example.com:6443'")
        return value

    def strings(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.table.get(key, list(default))
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.wrong(key, "a list of strings")
        return tuple(value)

    def workloads(self) -> tuple[str, ...]:
        found = []
        for text in self.strings("workloads", ()):
            kind, _, name = text.partition("/")
            kind = KINDS.get(kind, kind)
            if kind not in WORKLOADS or not SUBDOMAIN.fullmatch(name):
                raise self.wrong("workloads", "a list such as ['deployment/app', 'statefulset/worker']")
            found.append(f"{kind}/{name}")
        return tuple(found)

    def seconds(self, key: str, default: int) -> int:
        value = self.table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self.wrong(key, f"a number of seconds, for example {PATIENCE}")
        return value
