"""Real servers on loopback for the container tests: a private package index with basic auth, and a registry."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port

PACKAGE = "acme-internal"


@dataclass(frozen=True, slots=True)
class Index:
    """A running private index, the one account that it lets in, and its address."""

    port: int
    username: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """The address of its simple API, without credentials."""
        return f"http://127.0.0.1:{self.port}/simple/"


@contextmanager
def private_index(folder: Path, *, username: str, password: str) -> Iterator[Index]:
    """pypiserver with one package, which it gives to nobody but this user."""
    packages = folder / "packages"
    packages.mkdir(parents=True)
    _write_wheel(packages)
    accounts = folder / "htpasswd"
    digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()
    accounts.write_text(f"{username}:{{SHA}}{digest}\n", encoding="utf-8")
    port = free_port()
    options = ["-i", "127.0.0.1", "-p", str(port), "-P", str(accounts), "-a", "list,download,update"]
    argv = [sys.executable, "-m", "pypiserver", "run", *options, "--disable-fallback", str(packages)]
    with _running(argv, port, folder / "index.log"):
        yield Index(port, username, password)


@contextmanager
def registry(folder: Path, *, before: Sequence[str] = ()) -> Iterator[str]:
    """Debian's docker-registry on a loopback port; the value is its `host:port`.

    `before` are words that start it somewhere else, such as in another network namespace.
    """
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n",
        encoding="utf-8",
    )
    words = [*before, "docker-registry", "serve", str(config)]
    with _running(words, port, folder / "registry.log", wait=not before):
        yield f"127.0.0.1:{port}"


@contextmanager
def _running(argv: Sequence[str], port: int, log: Path, *, wait: bool = True) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output)
        try:
            if wait:
                _wait_for(process, port, log)
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server did not come up: {log.read_text(encoding='utf-8', errors='replace')}")


def _write_wheel(folder: Path) -> None:
    """One small wheel, by hand: no build backend has to be fetched for it."""
    info = "acme_internal-1.0.dist-info"
    files = {
        "acme_internal/__init__.py": "GREETING = 'from the private index'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / "acme_internal-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(name, text)
