"""`[tool.envtasks.deploy]`: which cluster and namespace each environment goes to, and what its objects are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..config import Table
from ..errors import ConfigInvalid, did_you_mean

if TYPE_CHECKING:
    from ..config import Project

# of one environment only: shared ones would send the values of staging to production
ENVIRONMENT_KEYS: Final = ("context", "server")
WORKLOAD_KINDS: Final = ("deployment", "statefulset", "daemonset")
SHORT_KINDS: Final = {"deploy": "deployment", "sts": "statefulset", "ds": "daemonset"}
ALLOWLIST: Final = "deploy/env.allowlist"
MANIFESTS: Final = ("deploy/*.yaml", "deploy/*.yml")
NEEDS: Final = ("KUBECONFIG", "PATH", "HOME", "*_PROXY")
TIMEOUT: Final = 300
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and …/labels/
DNS: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
SUBDOMAIN: Final = rf"(?=.{{1,253}}$){DNS}"
DNS_LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
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
    timeout: int = TIMEOUT  # seconds that `--wait` waits

    @property
    def objects(self) -> tuple[str, str]:
        """The two rendered objects as kubectl names them."""
        return f"secret/{self.secret}", f"configmap/{self.config}"


# a key of the table has the name of its field
KEYS: Final = tuple(each.name for each in fields(Target) if each.name != "environment")
COMMON_KEYS: Final = tuple(key for key in KEYS if key not in ENVIRONMENT_KEYS)


def read_target(project: Project, environment: str) -> Target:
    """The target of one environment. Raises ConfigInvalid, which names table, key and what was expected."""
    deploy = project.table("deploy")
    declared = deploy.table("environments")
    for name in declared.values:
        if name not in project.environments:
            raise ConfigInvalid(
                f"pyproject.toml: [{declared.name}.{name}]: there is no such environment"
                f"{did_you_mean(name, project.environments)}",
                hint=f"environments: {', '.join(project.environments)}",
            )
    target = _target(project, deploy, environment)
    for other in declared.values:
        if other != environment and target.server is not None:
            _refuse_shared_objects(target, _target(project, deploy, other))
    return target


def declared_environments(project: Project) -> tuple[str, ...]:
    """The environments that have a cluster. Raises ConfigInvalid."""
    return tuple(name for name in project.environments if read_target(project, name).server)


def object_name(text: str) -> str:
    """A name that Kubernetes accepts, made of any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:200] or "app"


def _target(project: Project, deploy: Table, environment: str) -> Target:
    own = deploy.table("environments").table(environment)
    _refuse_unknown_keys(deploy, own)
    table = Table(
        project.root,
        {**deploy.values, **own.values},
        deploy.name,
        origins=dict.fromkeys(own.values, own.name),
    )
    name = "a name that Kubernetes accepts: lower-case letters, digits, '-' and '.'"
    app = table.string("app", name, pattern=SUBDOMAIN) or object_name(project.name)
    namespace = "a namespace: lower-case letters, digits and '-', 63 at most"
    return Target(
        environment=environment,
        app=app,
        secret=table.string("secret", name, pattern=SUBDOMAIN) or f"{app}-env",
        config=table.string("config", name, pattern=SUBDOMAIN) or f"{app}-config",
        allowlist=project.root / (table.string("allowlist") or ALLOWLIST),
        namespace=table.string("namespace", namespace, pattern=DNS_LABEL),
        context=table.string("context"),
        server=_server(table),
        labels=MappingProxyType({**_labels(deploy), **_labels(own)}),
        workloads=_workloads(table),
        container=table.string("container"),
        manifests=_strings(table, "manifests", MANIFESTS),
        needs=_strings(table, "needs", NEEDS),
        timeout=table.seconds("timeout", TIMEOUT),
    )


def _refuse_unknown_keys(deploy: Table, own: Table) -> None:
    for key in ENVIRONMENT_KEYS:
        if key in deploy.values:
            raise ConfigInvalid(
                f"pyproject.toml: [{deploy.name}] has {key!r}, which belongs to one environment, not to all.",
                hint="write it under [tool.envtasks.deploy.environments.<name>]",
            )
    deploy.allow_only(*COMMON_KEYS, "environments")
    own.allow_only(*KEYS)


def _server(table: Table) -> str | None:
    expected = "the API server's URL, such as 'https://staging.example.com:6443'"
    value = table.string("server", expected)
    if value is None:
        return None
    try:
        url = urlsplit(value)
        known = url.hostname and (url.port is None or url.port > 0)
    except ValueError:  # an invalid port or address
        raise table.invalid("server", expected) from None
    is_local = url.hostname in ("localhost", "127.0.0.1", "::1")
    if not known or url.scheme not in (("https", "http") if is_local else ("https",)):
        raise table.invalid("server", expected)
    return value


def _labels(table: Table) -> Mapping[str, str]:
    labels = table.table("labels").values
    for name, value in labels.items():
        if not LABEL_KEY.fullmatch(name) or not isinstance(value, str) or not LABEL_VALUE.fullmatch(value):
            raise ConfigInvalid(
                f"pyproject.toml: [{table.name}] labels: {name!r} or its value is not a valid Kubernetes label."
            )
    return labels


def _workloads(table: Table) -> tuple[str, ...]:
    expected = "a list such as ['deployment/app', 'statefulset/worker']"
    found = []
    for text in table.strings("workloads", expected, single=True):
        kind, _, name = text.partition("/")
        kind = SHORT_KINDS.get(kind, kind)
        if kind not in WORKLOAD_KINDS or not re.fullmatch(SUBDOMAIN, name):
            raise table.invalid("workloads", expected)
        found.append(f"{kind}/{name}")
    return tuple(found)


def _strings(table: Table, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    return table.strings(key, single=True) if key in table.values else default


def _refuse_shared_objects(target: Target, other: Target) -> None:
    """Refuse two environments that write the same object: each apply would undo the other's."""
    same_place = (target.server, target.namespace) == (other.server, other.namespace)
    shared = set(target.objects) & set(other.objects)
    if same_place and shared:
        raise ConfigInvalid(
            f"pyproject.toml: {target.environment} and {other.environment} would both write {min(shared)} "
            f"in namespace {target.namespace or 'default'} of {target.server}.",
            hint="give one of them another namespace, secret and config",
        )
