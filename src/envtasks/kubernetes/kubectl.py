"""Calls to kubectl: always with the declared context, server and namespace, values on stdin only."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from ..errors import ClusterFailed, Refused
from ..process import LineWriter, Runner, find_program, start_errors

if TYPE_CHECKING:
    from ..redaction import Redactor
    from .settings import Target

MANAGER: Final = "envtasks"  # the field manager of everything that is sent
REQUEST_TIMEOUT: Final = "30s"  # of one request; kubectl's own default is never
# a kuberc file may give subcommands other defaults; the second name is kubectl 1.33's, where it was an alpha
NO_PREFERENCES: Final = {"KUBERC": "off", "KUBECTL_KUBERC": "false"}
_LOG_LINE: Final = re.compile(r"^[EWI]\d{4} [\d:.]+ +\d+ \S+\] .*\n?", re.MULTILINE)  # of kubectl's own log
LiveObject = Mapping[str, Any]  # an object as the cluster holds it
LiveObjects = Mapping[str, LiveObject]  # by name: `secret/app-env`


@dataclass(frozen=True, slots=True)
class Result:
    """Exit code and output of one call. Neither stream is shown in a repr: `get` prints Secrets."""

    code: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)


class Kubectl(Protocol):
    """The program, replaced in tests."""

    def run(self, argv: Sequence[str], stdin: str | None) -> Result:
        """Run it to its end, both streams captured."""

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None]) -> int:
        """Run it and call `on_line` with each line of its output. Returns the exit code."""


@dataclass(frozen=True, slots=True)
class Program:
    """The kubectl on this machine, run with this environment and nothing else."""

    path: str
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> Program:
        """The first kubectl on the PATH of this environment. Raises ToolMissing."""
        return cls(find_program("kubectl", environment), {**environment, **NO_PREFERENCES})

    def run(self, argv: Sequence[str], stdin: str | None) -> Result:
        """Run it to its end, both streams captured."""
        with start_errors(self.path, self.environment, argv):
            done = subprocess.run(
                [self.path, *argv],
                input=(stdin or "").encode("utf-8"),
                env=dict(self.environment),
                capture_output=True,
                check=False,
            )
        return Result(
            done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        )

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None]) -> int:
        """Run it and call `on_line` with each line of its output. Returns the exit code."""
        lines = LineWriter(on_line)
        runner = Runner.outside_task(self.environment, capture=False)
        streams = {"in_stream": False, "out_stream": lines, "err_stream": lines}
        done = runner.run_argv([self.path, *argv], warn=True, encoding="utf-8", **streams)
        lines.finish()
        return int(done.exited)


@dataclass(frozen=True, slots=True)
class Cluster:
    """One namespace of the declared cluster, its server compared with the kubeconfig's."""

    context: str
    server: str
    namespace: str
    kubectl: Kubectl = field(repr=False)
    redactor: Redactor = field(repr=False)
    tls_name: str = ""

    def run(self, *words: str, stdin: str | None = None) -> Result:
        """The result of a call, whatever its exit code."""
        verb, *rest = words
        flags = (*self._flags(), f"--request-timeout={REQUEST_TIMEOUT}")
        return self.kubectl.run([verb, *flags, *rest], stdin)

    def output(self, *words: str, stdin: str | None = None) -> str:
        """What a call prints. Raises ClusterFailed with kubectl's own message, secrets redacted."""
        result = self.run(*words, stdin=stdin)
        if result.code:
            raise ClusterFailed(self.message(result))
        return result.stdout

    def stream(self, *words: str, on_line: Callable[[str], None]) -> int:
        """Call `on_line` with each line that a call prints, secrets redacted. Returns the exit code."""
        return self.kubectl.stream([*words, *self._flags()], lambda text: on_line(self.redactor.text(text)))

    def get(self, names: Sequence[str]) -> LiveObjects:
        """The objects of these names that exist, with who manages each field. Raises ClusterFailed."""
        text = self.output("get", *names, "--ignore-not-found", "--show-managed-fields", "-o", "json")
        found: dict[str, Any] = _mapping(text) if text.strip() else {"kind": "List", "items": []}
        items = found["items"] if found.get("kind") == "List" else [found]
        return {f"{item['kind'].lower()}/{item['metadata']['name']}": item for item in items}

    def message(self, result: Result) -> str:
        """kubectl's message, secrets redacted, without its advice on flags that are not ours."""
        text = self.redactor.text(_message(result))
        return text.partition("\nPlease review the fields above")[0].removeprefix("error: ")

    def _flags(self) -> Iterator[str]:
        yield f"--context={self.context}"
        yield f"--server={self.server}"
        yield f"--namespace={self.namespace}"
        if self.tls_name:  # --server makes kubectl forget the kubeconfig's own
            yield f"--tls-server-name={self.tls_name}"


def connect(target: Target, kubectl: Kubectl, *, redactor: Redactor) -> Cluster:
    """The declared cluster of an environment, after its kubeconfig was compared with the declaration.

    A context is only a name in one person's kubeconfig, so the server's URL has to agree too. Raises Refused, and
    ClusterFailed where kubectl cannot read its kubeconfig.
    """
    if not (target.context and target.server and target.namespace):
        raise _undeclared(target)
    result = kubectl.run(["config", "view", "--minify", f"--context={target.context}", "-o", "json"], None)
    clusters = [] if result.code else _mapping(result.stdout).get("clusters") or []
    if not clusters:
        raise Refused(
            f"{target.environment} is declared to use the context {target.context!r}, "
            f"which this kubeconfig does not have{_known_contexts(kubectl)}.",
            hint="set KUBECONFIG, or add the context: kubectl config set-context --help",
        )
    found: Mapping[str, Any] = clusters[0]["cluster"]
    server = str(found.get("server", ""))
    if _normalized(server) != _normalized(target.server):
        raise Refused(
            f"The context {target.context!r} of this kubeconfig points to {server}, "
            f"but {target.environment} is declared to be {target.server}: nothing was sent.",
            hint="use the right kubeconfig, or correct server in "
            f"[tool.envtasks.deploy.environments.{target.environment}]",
        )
    tls_name = str(found.get("tls-server-name", ""))
    return Cluster(target.context, target.server, target.namespace, kubectl, redactor, tls_name)


def _undeclared(target: Target) -> Refused:
    declared = {"context": target.context, "server": target.server, "namespace": target.namespace}
    example = {
        "context": target.environment,
        "server": "https://kubernetes.example.com:6443",
        "namespace": target.app,
    }
    lines = [f"[tool.envtasks.deploy.environments.{target.environment}]"]
    lines += [f'{name} = "{value or example[name]}"' for name, value in declared.items()]
    missing = ", ".join(name for name, value in declared.items() if not value)
    return Refused(
        f"{target.environment} has no declared cluster (not declared: {missing}): nothing can be sent.",
        hint="write in pyproject.toml, with your own values:\n    " + "\n    ".join(lines),
    )


def _known_contexts(kubectl: Kubectl) -> str:
    result = kubectl.run(["config", "get-contexts", "-o", "name"], None)
    if result.code:
        raise ClusterFailed(f"kubectl cannot read its kubeconfig: {_message(result).removeprefix('error: ')}")
    names = result.stdout.split()
    return f" (it has {', '.join(names)})" if names else ""


def _mapping(text: str) -> dict[str, Any]:
    """The JSON object that kubectl printed. Raises ClusterFailed."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ClusterFailed("kubectl printed something else than the JSON that was asked for.")
    return found


def _message(result: Result) -> str:
    """What kubectl says of a failure, without the lines of its log that say the same."""
    said = result.stderr.strip() or result.stdout.strip()
    return _LOG_LINE.sub("", said).strip() or said or f"kubectl ended with {result.code}"


def _normalized(server: str) -> tuple[str, str, int, str]:
    """A server's URL in a form in which two spellings of one server are equal."""
    try:
        url = urlsplit(server)
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError:  # no URL
        return "", server, 0, ""
    return url.scheme, (url.hostname or "").lower(), port, url.path.rstrip("/")
