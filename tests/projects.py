"""Temporary projects for tests: env files encrypted with fresh keys, `inv` and `nox` run in them as real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from envtasks.envfiles import encrypt, generate_keys

PYPROJECT = '[project]\nname = "shop"\nversion = "1"\n'
TASKS = """
from envtasks import namespace, task

@task(env="local")
def show(c, name="A"):
    "Print one variable as a child process sees it."
    c.exec("python", "-c", "import os, sys; print(os.environ.get(sys.argv[1]))", name)

ns = namespace(__name__)
"""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A project folder and the clean process environment in which its commands run."""

    root: Path
    env: Mapping[str, str]
    private_keys: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project; indented text is dedented."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8", newline="\n")
        return path

    def environment(self, name: str, plain: str = "", **secrets: str) -> Path:
        """Write `.env.<name>` with plain text and encrypted values, and its key into `.env.keys`."""
        private, public = generate_keys()
        suffix = name.upper().replace("-", "_")
        lines = [f'DOTENV_PUBLIC_KEY_{suffix}="{public}"']
        lines += [f"{key}='{encrypt(value, public)}'" for key, value in secrets.items()]
        path = self.write(f".env.{name}", "\n".join(lines) + "\n" + textwrap.dedent(plain))
        self.private_keys[name] = private
        with (self.root / ".env.keys").open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"DOTENV_PRIVATE_KEY_{suffix}={private}\n")
        (self.root / ".env.keys").chmod(0o600)
        return path

    def inv(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `inv` here, its output piped."""
        return self.python("-m", "invoke", *args, **env)

    def inv_with_input(self, text: str | None, *args: str, **env: str) -> subprocess.CompletedProcess[bytes]:
        """Run `inv` here with a text piped to it, or with nothing; what it prints to stdout and stderr is together."""
        return subprocess.run(
            [sys.executable, "-m", "invoke", *args],
            cwd=self.root,
            env={**self.env, **env},
            input=None if text is None else text.encode(),
            stdin=subprocess.DEVNULL if text is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )

    def nox(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `nox` here, its output piped."""
        return self.python("-m", "nox", *args, **env)

    def python(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run this interpreter here, its output piped and decoded as UTF-8."""
        return subprocess.run(
            [sys.executable, *args],
            cwd=self.root,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )


def make_sandbox(root: Path) -> Sandbox:
    """An empty project with a tasks.py, with the clean process environment that `isolation` in conftest left."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    sandbox = Sandbox(root, {**os.environ, "PATH": path})
    sandbox.write("pyproject.toml", PYPROJECT)
    sandbox.write("tasks.py", TASKS)
    return sandbox
