"""The leak hunt: nothing that a real `inv` or `nox` prints, passes on argv or writes holds a secret of staging."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from tests.projects import Sandbox
from tests.watching import watched_processes

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif("not sys.platform.startswith('linux')", reason="samples /proc/*/cmdline"),
]

SECRETS = {"DB_PASSWORD": "hunter2-marked-Zq81/+x", "TOKEN": "first-marked-line\nsecond-marked-line"}
SERVICE = """
import base64, json, os, subprocess, sys, time
for name in ("DB_PASSWORD", "TOKEN"):
    value = os.environ[name]
    print(name, value, flush=True)
    print(json.dumps(value), base64.b64encode(value.encode()).decode(), file=sys.stderr, flush=True)
subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)"])
time.sleep(0.3)
"""
NOXFILE = """
import nox
from envtasks.sessions import session

nox.options.default_venv_backend = "none"

@session(env="staging")
def integration(session):
    session.run("python", "service.py")
    session.error("the body fails after its command")
"""


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project whose staging is not public and whose service prints its secrets."""
    sandbox.environment("staging", "URL=db://app:${DB_PASSWORD}@host\n", **SECRETS)
    sandbox.write("service.py", SERVICE)
    sandbox.write("noxfile.py", NOXFILE)
    sandbox.write(
        "tasks.py",
        """
        from envtasks import namespace, task

        @task(env="local")
        def run(c):
            "Run the service, then a command that fails with its output captured."
            c.exec("python", "service.py")
            c.run("python service.py && exit 3", hide=True)

        ns = namespace(__name__)
        """,
    )
    return sandbox


def _forms() -> list[bytes]:
    values = [*SECRETS.values(), *SECRETS["TOKEN"].split("\n")]
    plain = [value.encode() for value in values]
    encoded = [base64.b64encode(value) for value in plain]
    quoted = [urllib.parse.quote(value, safe="").encode() for value in values]
    return [*plain, *encoded, *quoted]


def _watched(shop: Sandbox, *args: str) -> tuple[int, bytes, set[bytes]]:
    """Run a Python module in the project; give its exit code, all output, and the argv of every process seen."""
    with watched_processes() as seen:
        ran = subprocess.run(
            [sys.executable, "-m", *args],
            cwd=shop.root,
            env={**shop.env, "TMPDIR": str(shop.root / "tmp")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
    return ran.returncode, ran.stdout, seen


@pytest.mark.parametrize(
    ("args", "code"), [(["invoke", "run", "--env", "staging"], 3), (["nox", "-s", "integration"], 1)]
)
def test_no_secret_leaves(shop: Sandbox, args: list[str], code: int) -> None:
    """Output, argv of all processes and every file made or changed hold no secret, in no form, even when it fails."""
    (shop.root / "tmp").mkdir()
    before = {path: path.stat().st_mtime_ns for path in shop.root.rglob("*") if path.is_file()}

    exit_code, output, argv = _watched(shop, *args)

    assert (exit_code, b"DB_PASSWORD ***" in output) == (code, True)
    assert any(b"service.py" in line for line in argv), "the sampler saw nothing"
    changed = [
        path
        for path in shop.root.rglob("*")
        if path.is_file() and before.get(path) != path.stat().st_mtime_ns
    ]
    home = Path(os.environ["HOME"])
    texts = {"output": output, "argv": b"\n".join(argv)}
    texts |= {
        str(path): path.read_bytes() for path in [*changed, *(p for p in home.rglob("*") if p.is_file())]
    }
    found = [(where, form[:4]) for where, text in texts.items() for form in _forms() if form in text]
    assert found == []
