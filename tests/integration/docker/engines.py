"""A second Docker engine: with the containerd image store, in a network of its own, and its BuildKit bare.

The usual engine builds for one platform and keeps images in the older store. Docker Desktop and new installations use
containerd's, where an image's id is another digest; builders of other drivers than docker's make images for several
platforms. This engine does both. It shares nothing with the first one: in a network namespace of its own it cannot
change bridges and rules, and its mounts end with its mount namespace.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.integration.docker.servers import registry
from tests.projects import Sandbox

NEEDED = ("dockerd", "unshare", "nsenter", "docker-registry")


@dataclass(frozen=True, slots=True)
class Engine:
    """A running second engine, the builder `bare` that uses its BuildKit directly, and a registry in its network."""

    pid: int
    host: str
    builder: str
    builders: Path
    registry: str

    def run(
        self, *words: str, cwd: Path | None = None, builder: str = "", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the engine's network, against this engine, by its own builder or by `builder`."""
        chosen = {"BUILDX_BUILDER": builder} if builder else {}
        return subprocess.run(
            ["nsenter", f"--net=/proc/{self.pid}/ns/net", *words],
            cwd=cwd,
            env={
                **os.environ,
                **env,
                "DOCKER_HOST": self.host,
                "BUILDX_CONFIG": str(self.builders),
                **chosen,
            },
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def inv(self, sandbox: Sandbox, *words: str, builder: str = "") -> subprocess.CompletedProcess[str]:
        """Run inv in a sandbox, in this engine's network."""
        return self.run(
            sys.executable, "-m", "invoke", *words, cwd=sandbox.root, builder=builder, **sandbox.env
        )


def lacking() -> str:
    """Why there can be no second engine here; empty if there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a second engine needs Linux and root"
    return ", ".join(f"{name} is not installed" for name in NEEDED if shutil.which(name) is None)


@contextmanager
def second_engine(folder: Path) -> Iterator[Engine]:
    """Start the engine with its builder and registry, and end and remove them after the body."""
    folder.mkdir()
    sock = folder / "docker.sock"
    options = [f"--{name}={folder}/{name}" for name in ("data-root", "exec-root", "pidfile")]
    options += [
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--feature=containerd-snapshotter=true",
    ]
    start = f"ip link set lo up && exec dockerd --host=unix://{sock} {' '.join(options)}"
    with _process(["unshare", "--net", "--mount", "sh", "-c", start], folder / "dockerd.log") as daemon:
        _until_ready(daemon, f"unix://{sock}", folder / "dockerd.log")
        with _bare_buildkit(folder / "buildkit.sock", sock), _in_network_of(daemon.pid, folder) as address:
            builders = folder / "buildx"
            create = [
                "docker",
                "buildx",
                "create",
                "--name=bare",
                "--driver=remote",
                f"unix://{folder}/buildkit.sock",
            ]
            subprocess.run(
                create, env={**os.environ, "BUILDX_CONFIG": str(builders)}, check=True, capture_output=True
            )
            yield Engine(daemon.pid, f"unix://{sock}", "bare", builders, address)


@contextmanager
def _in_network_of(pid: int, folder: Path) -> Iterator[str]:
    with registry(folder / "registry", before=["nsenter", f"--net=/proc/{pid}/ns/net"]) as address:
        yield address


@contextmanager
def _process(argv: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=30)


def _until_ready(process: subprocess.Popen[bytes], host: str, log: Path) -> None:
    until = time.monotonic() + 60
    while subprocess.run(["docker", "--host", host, "version"], capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(log.read_text(encoding="utf-8")[-2000:])
        time.sleep(0.1)


@contextmanager
def _bare_buildkit(path: Path, engine: Path) -> Iterator[None]:
    """A socket that speaks BuildKit's protocol: the engine has it behind an HTTP upgrade (POST /grpc)."""
    listener = socket.socket(socket.AF_UNIX)  # type: ignore[attr-defined,unused-ignore]
    listener.bind(str(path))
    listener.listen(50)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=_relay, args=(client, engine), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _relay(client: socket.socket, engine: Path) -> None:
    with client, socket.socket(socket.AF_UNIX) as upstream:  # type: ignore[attr-defined,unused-ignore]
        upstream.connect(str(engine))
        upstream.sendall(
            b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += upstream.recv(1)
        back = threading.Thread(target=_copy, args=(client, upstream), daemon=True)
        back.start()
        _copy(upstream, client)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
