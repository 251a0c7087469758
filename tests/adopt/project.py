"""Projects as they are before envtasks comes: files, a git repository, and `envtasks init` run in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envtasks import adopt
from tests.authoring.repositories import commit_all, git
from tests.projects import Sandbox

FRESH = {
    "pyproject.toml": """\
        [project]
        name = "shop"
        version = "0.1.0"
        requires-python = ">=3.11"
        dependencies = []
        """,
    "main.py": """\
        import os

        def main():
            print("hello from", os.environ["APP_ENV"])

        if __name__ == "__main__":
            main()
        """,
    ".gitignore": ".venv",
}


class Found:
    """A project that is found: its files are written and committed, then `init` is run there."""

    def __init__(self, root: Path, files: Mapping[str, str], *, repository: bool = True) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        root.mkdir(parents=True, exist_ok=True)
        self.sandbox = Sandbox(root, {**os.environ, "PATH": path, "PYTHONUTF8": "1"})
        self.root = root
        for name, text in files.items():
            self.sandbox.write(name, text)
        if repository:
            git(root, "init", "-q")
            commit_all(root)

    def init(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`envtasks init` with its defaults; no package is added, as the tests have all of them."""
        return self.sandbox.python("-m", "envtasks", "init", "--answer", "dependency=no", *words)

    def adopted(self, *answers: str) -> Found:
        """The project after `init`, which has to succeed."""
        done = self.init(*(word for answer in answers for word in ("--answer", answer)))
        assert done.returncode == 0, done.stdout + done.stderr
        return self

    def plan(self, *answers: str) -> dict[str, Any]:
        """The plan as JSON; nothing is changed."""
        done = self.init("--dry", "--json", *(word for answer in answers for word in ("--answer", answer)))
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def draw_up(self, **given: str) -> adopt.Plan:
        """The plan as an object, of this process."""
        env = self.sandbox.env
        return adopt.draw_up(adopt.look(self.root, env), adopt.Answers({"dependency": "no", **given}))

    def text(self, name: str) -> str:
        """A file's text."""
        return (self.root / name).read_text(encoding="utf-8")

    def content(self) -> dict[str, bytes]:
        """Every file with its bytes, those of git's folder and caches left out."""
        skipped = {".git", "__pycache__", ".pytest_cache", ".nox"}
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and skipped.isdisjoint(path.relative_to(self.root).parts)
        }

    def status(self) -> str:
        """What git says of the files."""
        return git(self.root, "status", "--porcelain")

    def works(self, *, check: int = 0) -> str:
        """The output of `inv run`, after `inv env.check` and `nox -s unit` have ended as they should."""
        ran = self.sandbox.inv("run", "--env", "local")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        checked = self.sandbox.inv("env.check")
        assert checked.returncode == check, checked.stdout + checked.stderr
        tested = self.sandbox.nox("-s", "unit")
        assert tested.returncode == 0, tested.stdout + tested.stderr
        return ran.stdout
