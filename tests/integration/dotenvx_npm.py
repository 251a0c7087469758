"""The dotenvx command, and its own code asked many times: a node process that keeps the npm package loaded."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

SERVER: Final = Path(__file__).with_name("dotenvx_server.cjs")


def package() -> Path:
    """The folder of the installed npm package; skips where dotenvx was installed another way."""
    script = Path(shutil.which("dotenvx") or "").resolve()
    folder = script.parents[2] if len(script.parents) > 2 else script
    if not (folder / "package.json").is_file():
        pytest.skip("dotenvx was not installed by npm")
    return folder


def dotenvx_command(folder: Path, *words: str, **env: str) -> str:
    """What the command prints in a folder, with no variable of ours; it has to succeed."""
    done = subprocess.run(
        [shutil.which("dotenvx") or "dotenvx", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "DOTENVX_NO_NATIVE": "true", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:1000]
    return done.stdout


@dataclass(frozen=True, slots=True)
class Answer:
    """What dotenvx makes of the files: each variable's value, and the code of an error, if it had one."""

    values: Mapping[str, str]
    error: str | None


@dataclass
class Dotenvx:
    """The node process; started anew after a question on which dotenvx hangs."""

    folder: Path
    _process: subprocess.Popen[str] | None = None
    _lines: queue.Queue[str] = field(default_factory=queue.Queue)

    def ask(self, files: Sequence[Path], env: Mapping[str, str], *, patience: float) -> Answer | None:
        """What dotenvx makes of these files in this process environment; None if it takes too long."""
        process = self._process or self._start()
        assert process.stdin is not None
        process.stdin.write(json.dumps({"path": [str(path) for path in files], "env": dict(env)}) + "\n")
        process.stdin.flush()
        try:
            answer = json.loads(self._lines.get(timeout=patience))
        except queue.Empty:
            self.stop()
            return None
        return Answer(answer["values"], answer["error"])

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["node", str(SERVER), str(package())],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        lines: queue.Queue[str] = queue.Queue()

        def read() -> None:
            assert process.stdout is not None
            with process.stdout as stream:
                for line in stream:
                    lines.put(line)

        threading.Thread(target=read, daemon=True).start()
        self._process, self._lines = process, lines
        return process

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None
