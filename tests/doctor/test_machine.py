"""`doctor`: what a project needs on this machine; only that can fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envtasks import completion
from envtasks.config import Project
from envtasks.doctor import Check, check_machine
from tests.ci.pipeline_projects import commit
from tests.projects import Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
PYPROJECT = '[project]\nname = "shop"\nversion = "1"\n'


@pytest.fixture
def machine(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A project without anything, on a machine whose PATH has the folder `bin` alone."""
    (sandbox.root / "tasks.py").unlink()
    (sandbox.root / "bin").mkdir()
    sandbox.write("home/.keep", "")
    monkeypatch.setattr(sys, "executable", str(sandbox.root / "bin/python"))
    return Sandbox(
        sandbox.root,
        {"PATH": str(sandbox.root / "bin"), "HOME": str(sandbox.root / "home")},
        sandbox.private_keys,
    )


def program(machine: Sandbox, name: str, script: str) -> None:
    """Put a program on the PATH."""
    machine.write(f"bin/{name}", f"#!/bin/sh\n{script}\n").chmod(0o755)


def found(machine: Sandbox, **env: str) -> dict[str, Check]:
    """The checks by what they are about."""
    return {each.what: each for each in check_machine(Project.load(machine.root), {**machine.env, **env})}


def states(machine: Sandbox, **env: str) -> dict[str, str]:
    """The state of each check."""
    return {what: each.state for what, each in found(machine, **env).items()}


def test_a_project_that_needs_nothing_lacks_nothing(machine: Sandbox) -> None:
    """Programs that nothing here needs may be missing; each says what it would be for, and how to get it."""
    checks = found(machine)

    assert {each.code for each in checks.values()} == {0, 7}  # 7: uv, the package manager
    assert [each.what for each in checks.values() if each.code] == ["uv"]
    assert {what for what, each in checks.items() if each.missing} == {
        "uv", "git", "nox", "docker", "docker buildx", "docker compose", "kubectl", "dotenvx",
    }  # fmt: skip
    assert all(each.hint and each.needed_by for each in checks.values() if each.missing)


@pytest.mark.parametrize(
    ("files", "tool"),
    [
        ({"Dockerfile": ""}, "docker"),
        ({"Dockerfile": ""}, "docker buildx"),
        ({"compose.yaml": "services: {}\n"}, "docker compose"),
        ({"docker/compose.yaml": "services: {}\n"}, "docker"),
        ({"noxfile.py": ""}, "nox"),
        ({".git/HEAD": ""}, "git"),
        ({"uv.lock": ""}, "uv"),
        ({"poetry.lock": ""}, "poetry"),
        ({"pyproject.toml": f'{PYPROJECT}[tool.envtasks]\nengine = "dotenvx"\n'}, "dotenvx"),
        ({"pyproject.toml": f'{PYPROJECT}requires-python = "<3"\n'}, "Python"),
        (
            {
                "pyproject.toml": f"{PYPROJECT}[tool.envtasks.deploy.environments.staging]\n"
                'context = "s"\nserver = "https://staging.example.com"\nnamespace = "shop"\n',
                ".env.staging": "A=1\n",
            },
            "kubectl",
        ),
    ],
)
def test_what_the_project_needs_fails_when_it_is_missing(
    machine: Sandbox, files: dict[str, str], tool: str
) -> None:
    """Code 7, with what needs it and the command that gets it."""
    for name, text in files.items():
        machine.write(name, text)

    check = found(machine)[tool]

    assert (check.state, check.code, bool(check.needed_by), bool(check.hint)) == ("FAILED", 7, True, True)


def test_versions_that_are_too_old(machine: Sandbox) -> None:
    """buildx below 0.17, compose below 2.20 and kubectl below 1.32 do not serve, and say what is needed."""
    machine.write("Dockerfile", "")
    program(
        machine,
        "docker",
        'case "$*" in --version) echo Docker version 28.2.2, build 1;; *buildx*) echo buildx v0.9.1;; '
        "*compose*) echo 2.40.3;; *context*) echo unix:///x;; *) echo 28.5.2;; esac",
    )
    program(machine, "kubectl", "echo Client Version: v1.30.1")
    checks = found(machine)

    assert (checks["docker"].found, checks["docker engine"].found) == ("28.2.2", "28.5.2")
    assert (checks["docker buildx"].code, checks["docker buildx"].found) == (7, "0.9.1 is too old")
    assert checks["docker buildx"].needed == "0.17 or newer"
    assert (checks["docker compose"].state, checks["docker compose"].found) == ("ok", "2.40.3")
    assert (checks["kubectl"].state, checks["kubectl"].found) == ("none", "1.30.1 is too old")


def test_an_engine_that_does_not_answer(machine: Sandbox) -> None:
    """The command is there, the engine is not: code 7 where an image is built, and how to start it."""
    machine.write("Dockerfile", "")
    answers = "--version) echo Docker version 28.2.2;; *context*) echo unix:///x;;"
    program(
        machine,
        "docker",
        f'case "$*" in {answers} *) echo "Cannot connect to the Docker daemon" >&2; exit 1;; esac',
    )
    engine = found(machine)["docker engine"]

    assert (engine.code, engine.hint != "") == (7, True)
    assert "Cannot connect to the Docker daemon" in engine.found


def test_what_docker_lacks_is_said_by_its_first_line(machine: Sandbox) -> None:
    """Not by the advice at its end; an engine that is not for this user is not to be started."""
    machine.write("Dockerfile", "")
    advice = "printf 'docker: unknown command\\n\\nRun docker --help\\n' >&2; exit 1"
    denied = "echo permission denied while trying to connect to the docker API >&2; exit 1"
    program(
        machine,
        "docker",
        f'case "$*" in --version) echo 28.2.2;; *context*) echo unix:///x;; buildx*) {advice};; *) {denied};; esac',
    )
    checks = found(machine)

    assert checks["docker buildx"].found == "`docker buildx version` failed: docker: unknown command"
    assert "usermod -aG docker" in checks["docker engine"].hint


def test_an_engine_elsewhere_is_not_asked(machine: Sandbox) -> None:
    """doctor uses no network: docker is not called where its engine is on another machine."""
    program(machine, "docker", 'echo "$*" >> "$CALLS"; echo 28.2.2')
    calls = machine.root / "calls"
    engine = found(machine, CALLS=str(calls), DOCKER_HOST="ssh://build.example.com")["docker engine"]

    assert engine.found == "on another machine, which is not asked"
    assert set(calls.read_text(encoding="utf-8").split("\n")) == {
        "--version", "buildx version", "compose version", "",
    }  # fmt: skip


def test_a_program_beside_this_python_counts(machine: Sandbox) -> None:
    """nox is found in the environment that runs this, although it is not activated."""
    machine.write("noxfile.py", "")
    program(machine, "nox", "echo 2026.10.20")

    assert found(machine, PATH="/nowhere")["nox"].found == "2026.10.20"


def test_keys_that_are_here_and_not(machine: Sandbox) -> None:
    """A key that is not here fails nothing: not everybody has each; no key and no value is shown."""
    machine.environment("local", TOKEN="s3cret-value")
    machine.environment("staging", TOKEN="s3cret-value")
    path = machine.root / ".env.keys"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(lines[0] + "\n", encoding="utf-8")
    machine.write(".env.plain", "A=1\n")
    checks = found(machine)

    assert checks["key of local"] == Check(
        "key of local", "DOTENV_PRIVATE_KEY_LOCAL in .env.keys", needed_by="--env local"
    )
    assert (checks["key of staging"].state, checks["key of staging"].found) == (
        "none",
        "DOTENV_PRIVATE_KEY_STAGING, which opens .env.staging, is not here",
    )
    assert "env.keys --env staging --import" in checks["key of staging"].hint
    assert "key of plain" not in checks
    assert not any(secret in repr(checks) for secret in ("s3cret-value", *machine.private_keys.values()))


def test_key_files_that_others_can_read(machine: Sandbox) -> None:
    """A warning with the command that mends it."""
    machine.environment("local", TOKEN="s3cret-value")
    (machine.root / ".env.keys").chmod(0o644)

    check = found(machine)["key file"]

    assert (check.state, check.hint) == ("warning", "chmod 600 .env.keys")


def test_an_env_file_that_cannot_be_read(machine: Sandbox) -> None:
    """Its own code, and the checks go on."""
    machine.write(".env.local", "").unlink()
    (machine.root / ".env.local").mkdir()
    machine.write(
        "pyproject.toml", f"{PYPROJECT}[tool.envtasks.environments]\nlocal = {{}}\nstaging = {{}}\n"
    )
    machine.environment("staging", TOKEN="s3cret-value")
    checks = found(machine)

    assert (checks["key of local"].code, checks["key of staging"].state) == (3, "ok")


def test_a_table_that_is_wrong(machine: Sandbox) -> None:
    """Code 2 on its own line, and the checks go on."""
    machine.write("pyproject.toml", f"{PYPROJECT}[tool.envtasks.docker]\nimag = 1\n")
    checks = found(machine)

    assert (checks["programs"].code, "imag" in checks["programs"].found) == (2, True)
    assert "stray env files" in checks


def test_stray_env_files(machine: Sandbox) -> None:
    """What belongs to no environment is named; not what is declared, an example, keys, or installed."""
    machine.write(
        "pyproject.toml",
        f'{PYPROJECT}[tool.envtasks.environments]\nlocal = {{ files = [".env", ".env.local"] }}\n',
    )
    for name in (
        ".env", ".env.local", ".env.example", ".env.keys", ".env.old", ".env.forgotten", "worker/.env", "worker/.env.x",
        ".venv/.env", "node_modules/a/.env", "a/b/c/d/.env", "a/b/c/d/e/.env",
    ):  # fmt: skip
        machine.write(name, "")
    strays = {
        each.found.partition(" ")[0]
        for each in check_machine(Project.load(machine.root), machine.env)
        if each.what == "stray env file"
    }

    assert strays == {".env.forgotten", "worker/.env", "a/b/c/d/.env"}


def test_an_env_file_above(machine: Sandbox) -> None:
    """python-dotenv looks for `.env` in the folders above."""
    machine.write(".env", "A=1\n")
    inner = Sandbox(machine.root / "inner", machine.env)
    inner.write("pyproject.toml", PYPROJECT)

    assert found(inner)["stray env file"].found.startswith(str(machine.root / ".env"))


def test_overrides_in_git(machine: Sandbox) -> None:
    """`.env` is a developer's own."""
    machine.write(".env", "A=1\n")
    machine.write(".env.local", "A=1\n")
    commit(machine.root)

    check = found(machine, PATH=os.environ["PATH"])["stray env file"]

    assert (check.state, check.found, check.hint) == ("warning", ".env is in git", "git rm --cached .env")


def test_shell_completion(machine: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the user's own shell: where it is set up, or the command that does; nothing in CI or for other shells."""
    monkeypatch.setenv("HOME", machine.env["HOME"])
    assert found(machine, SHELL="/bin/zsh")["shell completion"].hint == completion.setup_command("zsh")

    machine.write("home/.zshrc", completion.script("zsh"))
    assert states(machine, SHELL="/bin/zsh")["shell completion"] == "ok"
    assert "shell completion" not in found(machine, SHELL="/bin/ksh")
    assert "shell completion" not in found(machine, SHELL="/bin/zsh", CI="true")


@pytest.mark.parametrize("module", ["invoke", "envtasks"])
def test_the_task(sandbox: Sandbox, module: str) -> None:
    """Lines for people, JSON for programs, code 7 for what the project needs, commands in the caller's own name."""
    sandbox.write("poetry.lock", "")
    env = {"PATH": f"{Path(sys.executable).parent}:/bin", "SHELL": "/bin/fish"}
    lines = sandbox.python("-m", module, "doctor", **env)
    answer = sandbox.python("-m", module, "doctor", "--json", **env)

    assert (lines.returncode, lines.stderr) == (7, "")
    assert "FAILED  poetry: poetry is not on PATH (for this project's dependencies)\n        " in lines.stdout
    assert lines.stdout.endswith("\n1 of what this project needs is missing.\n")
    rows = {row["what"]: row for row in json.loads(answer.stdout)}
    assert (answer.returncode, rows["poetry"]["code"], rows["Python"]["state"]) == (7, 7, "ok")
    (sandbox.root / "poetry.lock").unlink()
    assert (
        subprocess.run(
            [sys.executable, "-m", module, "doctor"],
            cwd=sandbox.root,
            env={**sandbox.env, **env},
            check=False,
        ).returncode
        == 0
    )
