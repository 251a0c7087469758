"""No command that a task, a session or a built-in task starts gets a private key, with an environment or without."""

from __future__ import annotations

import sys

import pytest

from tests.projects import Sandbox

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        sys.platform == "win32", reason="the tools that record their environment are shell scripts"
    ),
]

KEYS = {"DOTENV_PRIVATE_KEY": "a" * 64, "DOTENV_PRIVATE_KEY_PRODUCTION": "b" * 64}
SHOW = "import os; print('keys:', [n for n in os.environ if n.startswith('DOTENV_PRIVATE')], os.environ.get('KEPT'))"
NONE = "keys: [] yes"
TASKS = f"""
from envtasks import namespace, task

SHOW = {SHOW!r}

@task
def bare(c):
    c.exec("python", "-c", SHOW)
    c.exec("python", "-c", SHOW, env={{"DOTENV_PRIVATE_KEY_STAGING": "c" * 64}})
    c.run(f'python -c "{{SHOW}}"')
    c.run(f'python -c "{{SHOW}}"', pty=True)
    print(c.run(f'python -c "{{SHOW}}"', asynchronous=True).join().stdout, end="")
    c.sudo(f'python -c "{{SHOW}}"')

@task(env="local")
def declared(c):
    bare(c)

ns = namespace(__name__)
"""
NOXFILE = f"""
import nox
from envtasks.sessions import session

nox.options.default_venv_backend = "none"
SHOW = {SHOW!r}

def show(session):
    session.run("python", "-c", SHOW)
    session.run_install("python", "-c", SHOW)
    session.run("python", "-c", SHOW, env={{"MORE": "1"}})

@session
def bare(session):
    show(session)

@session(env="local")
def declared(session):
    show(session)
"""
PYPROJECT = """
[project]
name = "shop"
version = "1"

[tool.envtasks.deploy.environments.local]
context = "kind"
server = "https://127.0.0.1:6443"
namespace = "shop"
"""
RECORD = """#!/bin/sh
echo "$0 $*" >> {folder}/calls
env | grep ^DOTENV_PRIVATE | cut -d= -f1 >> {folder}/keys
exit 1
"""


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with a local environment that needs no key, and keys of others in the process environment."""
    sandbox.write(".env.local", "A=1\n")
    sandbox.write("tasks.py", TASKS)
    sandbox.write("noxfile.py", NOXFILE)
    _tool(sandbox, "sudo", '#!/bin/sh\nwhile [ "$1" != python ]; do shift; done\nexec "$@"\n')
    return sandbox


def _tool(shop: Sandbox, name: str, script: str) -> None:
    shop.write(f"bin/{name}", script).chmod(0o755)


def _with_tools(shop: Sandbox) -> dict[str, str]:
    return {**KEYS, "KEPT": "yes", "PATH": f"{shop.root / 'bin'}:{shop.env['PATH']}"}


@pytest.mark.parametrize("task", ["bare", "declared"])
def test_no_command_of_a_task_gets_a_key(shop: Sandbox, task: str) -> None:
    """exec, run and sudo, also on a pseudo-terminal and asynchronously, with an environment and without."""
    done = shop.inv(task, **_with_tools(shop))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [NONE] * 6


@pytest.mark.parametrize("session", ["bare", "declared"])
def test_no_command_of_a_session_gets_a_key(shop: Sandbox, session: str) -> None:
    """run and run_install, with an environment and without."""
    done = shop.nox("-s", session, **_with_tools(shop))

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("keys:")] == [NONE] * 3


BUILT_IN = [
    ("docker", "docker.build --no-audit"),
    ("docker", "docker.audit"),
    ("docker", "docker.push --env local"),
    ("docker", "docker.run"),
    ("docker", "compose.up"),
    ("docker", "compose.down"),
    ("docker", "compose.logs"),
    ("docker", "compose.exec app -- true"),
    ("docker", "compose.build"),
    ("kubectl", "deploy.diff --env local"),
    ("kubectl", "deploy.apply --env local"),
    ("git", "ci.render github"),
    ("docker", "ci.doctor --tools docker"),
]


@pytest.mark.parametrize(("tool", "line"), BUILT_IN)
def test_no_command_of_a_built_in_task_gets_a_key(shop: Sandbox, tool: str, line: str) -> None:
    """docker, kubectl and git are started without any key."""
    shop.write("pyproject.toml", PYPROJECT)
    shop.write("docker/Dockerfile", "FROM scratch\n")
    shop.write("docker/compose.yaml", "services: {app: {image: app}}\n")
    shop.write("deploy/env.allowlist", "A\n")
    for name in ("docker", "kubectl", "git"):
        _tool(shop, name, RECORD.format(folder=shop.root))

    done = shop.inv(*line.split(), **_with_tools(shop))

    calls = shop.root / "calls"
    assert calls.exists(), done.stderr
    assert f"/{tool} " in calls.read_text()
    assert (shop.root / "keys").read_text() == ""
