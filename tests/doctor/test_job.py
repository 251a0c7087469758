"""`ci.doctor`: a line for the key, the values, the settings class and each tool; what fails says what mends it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from envtasks.config import Project
from envtasks.doctor import Check, check_job
from envtasks.envfiles import generate_keys
from envtasks.settings_class import INSTALL
from tests.ci.pipeline_projects import commit
from tests.projects import Sandbox

SETTINGS = """
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DB_")
    host: str
    port: int = 5432
    password: SecretStr
"""
PYPROJECT = '[project]\nname = "shop"\n\n[tool.envtasks]\nsettings = "shop.settings:Settings"\n'
VARIABLE = "DOTENV_PRIVATE_KEY_STAGING"


@pytest.fixture
def project(sandbox: Sandbox) -> Sandbox:
    """A shop with a settings class that fits staging, and the key beside it."""
    sandbox.write("pyproject.toml", PYPROJECT)
    sandbox.write("src/shop/settings.py", SETTINGS)
    sandbox.environment("staging", "DB_HOST=localhost\n", DB_PASSWORD="s3cret-value")
    return sandbox


def checks(sandbox: Sandbox, *tools: str, environment: str = "staging", **env: str) -> list[Check]:
    """What is found for an environment and these tools."""
    loaded = Project.load(sandbox.root)
    found = check_job(loaded, [loaded.environment(environment)], tools, {**sandbox.env, **env})
    return [check for _, check in found]


def test_a_job_that_has_everything(project: Sandbox) -> None:
    """Where the key came from, how many values there are, that they fit the settings class; no value, no key."""
    (project.root / ".env.keys").unlink()
    found = checks(project, **{VARIABLE: project.private_keys["staging"]})
    assert found == [
        Check("key", f"{VARIABLE} in the process environment"),
        Check("values", "2 variables, 1 of them secret, from .env.staging"),
        Check("settings", "the values fit shop.settings:Settings"),
    ]


def test_one_variable_is_counted_as_one(project: Sandbox) -> None:
    """A count has its noun in the singular."""
    project.write(".env.staging", "A=1\n")
    assert [check.found for check in checks(project)][1] == "1 variable, 0 of them secret, from .env.staging"


def test_a_missing_key_names_its_variable(project: Sandbox) -> None:
    """Code 4, where it was looked for, and nothing after it is tried."""
    (project.root / ".env.keys").unlink()
    looked = (
        f"{VARIABLE} in the process environment: not set; .env.staging.keys: not there; .env.keys: not there"
    )
    assert checks(project) == [
        Check(
            "key",
            f"{VARIABLE} is not set ({looked})",
            4,
            "ask somebody who has it for the output of `inv env.keys --env staging --export`, and store that with "
            "`inv env.keys --env staging --import`",
        )
    ]
    [in_job] = checks(project, CI="true", GITLAB_CI="true")
    assert in_job.hint.startswith(
        f"Settings, CI/CD, Variables: {VARIABLE}, masked, for the environment staging"
    )


def test_a_key_that_does_not_open_the_file(project: Sandbox) -> None:
    """There is a key, and it is another one: code 4 on the line of the values."""
    (project.root / ".env.keys").unlink()
    key, values = checks(project, **{VARIABLE: generate_keys()[0]})
    assert (key.code, values.what, values.code) == (0, "values", 4)
    assert "DB_PASSWORD" in values.found


@pytest.mark.parametrize(
    ("plain", "found"),
    [("", "DB_HOST (missing)"), ("DB_HOST=x\nDB_PORT=five-s3cret\n", "DB_PORT (int_parsing)")],
)
def test_values_that_do_not_fit_the_settings_class(project: Sandbox, plain: str, found: str) -> None:
    """Code 5; every variable with what is wrong about it, never its value."""
    (project.root / ".env.keys").unlink()
    project.environment("staging", plain, DB_PASSWORD="s3cret-value")
    settings = checks(project)[-1]
    assert settings == Check("settings", f"shop.settings:Settings: {found}", 5, "inv env.show --env staging")


def test_a_settings_class_that_cannot_be_imported(project: Sandbox) -> None:
    """What is not installed is named by its kind; the traceback, which may hold values, is not shown."""
    project.write(
        "src/shop/settings.py", "import os\nraise RuntimeError(os.environ['DB_PASSWORD'])\nSettings = 0\n"
    )
    assert checks(project)[-1] == Check(
        "settings",
        "pyproject.toml: [tool.envtasks] settings = 'shop.settings:Settings' cannot be imported: RuntimeError.",
        5,
        INSTALL,
    )


def test_an_environment_without_secrets_needs_no_key(sandbox: Sandbox) -> None:
    """Nothing encrypted: said, and no failure."""
    sandbox.write(".env.local", "A=1\n")
    assert checks(sandbox, environment="local")[0] == Check(
        "key", "none needed: nothing is encrypted in local"
    )


def test_a_missing_baseline_is_said(sandbox: Sandbox) -> None:
    """Code 3, as everywhere."""
    table = '[tool.envtasks.environments]\nstaging = { files = [".env.staging"] }\n'
    sandbox.write("pyproject.toml", table)
    assert [(check.what, check.code) for check in checks(sandbox)] == [("key", 0), ("values", 3)]


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
def test_tools_are_started(sandbox: Sandbox, tmp_path: Path) -> None:
    """A tool that is there says its version; one that fails, and one that is missing, are code 7."""
    sandbox.write(".env.local", "A=1\n")
    bin_ = tmp_path / "bin"
    no_buildx = (
        'case "$1" in --version) echo Docker version 28.2.2, build 1;; *) echo no buildx >&2; exit 1;; esac'
    )
    for name, script in {"good": "echo good 1.2", "docker": no_buildx}.items():
        path = sandbox.write(f"bin/{name}", f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    good, docker, buildx, missing = checks(
        sandbox, "good", "docker", "absent", environment="local", PATH=f"{bin_}{os.pathsep}/bin"
    )[2:]
    assert good == Check("good", "good 1.2")
    assert docker == Check("docker", "28.2.2")
    assert (buildx.code, buildx.found) == (7, "`docker buildx version` failed: no buildx")
    assert (missing.code, missing.found) == (7, "absent is not on PATH")


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
def test_tools_get_no_key(sandbox: Sandbox) -> None:
    """A tool is asked for its version, and needs nothing else."""
    sandbox.write(".env.local", "A=1\n")
    sandbox.write("bin/spy", '#!/bin/sh\necho "key: $DOTENV_PRIVATE_KEY_STAGING"\n').chmod(0o755)
    path = f"{sandbox.root / 'bin'}{os.pathsep}/bin"
    spied = checks(sandbox, "spy", environment="local", PATH=path, **{VARIABLE: "f" * 64})[-1]
    assert spied == Check("spy", "key:")


def test_a_key_file_in_git_is_a_warning(project: Sandbox) -> None:
    """Whoever has a clone has the key; no failure, as the job itself can run; a public environment's may be there."""
    commit(project.root)
    assert checks(project)[0] == Check(
        "key file",
        ".env.keys is in git, so whoever has a clone can read what is encrypted for staging",
        hint="encrypt with a new key, git rm --cached .env.keys, and write .env.keys into .gitignore",
        warning=True,
    )
    assert (checks(project)[0].state, checks(project)[1].what) == ("warning", "key")
    table = "\n[tool.envtasks.environments]\nstaging = { public = true }\n"
    project.write("pyproject.toml", PYPROJECT + table)
    assert checks(project)[0].what == "key"


def test_only_the_environment_whose_key_is_in_git_is_warned_of(project: Sandbox) -> None:
    """A tracked key file that has the key of another environment says nothing about this one."""
    keys = (project.root / ".env.keys").read_text(encoding="utf-8")
    project.environment("production", TOKEN="s3cret-value")
    project.write(".env.staging.keys", keys)
    project.write(".env.keys", (project.root / ".env.keys").read_text(encoding="utf-8").removeprefix(keys))
    project.write(".gitignore", ".env.keys\n")
    commit(project.root)
    assert checks(project)[0].what == "key file"
    assert checks(project, environment="production")[0].what == "key"


def test_one_unreadable_file_does_not_end_the_checks(project: Sandbox) -> None:
    """A baseline that cannot be read is a failed check with its code; the other environments are looked at too."""
    project.write(
        "pyproject.toml", f"{PYPROJECT}\n[tool.envtasks.environments]\nlocal = {{}}\nstaging = {{}}\n"
    )
    (project.root / ".env.local").mkdir()
    loaded = Project.load(project.root)
    found = list(check_job(loaded, [loaded.environment(n) for n in ("local", "staging")], [], project.env))
    assert [(name, check.what, check.code) for name, check in found] == [
        ("local", "values", 3),
        ("staging", "key", 0),
        ("staging", "values", 0),
        ("staging", "settings", 0),
    ]


@pytest.mark.skipif(os.name == "nt", reason="Linux's limit for one variable, and a shell script")
def test_values_too_large_for_any_process(project: Sandbox) -> None:
    """Neither the settings class nor a tool can be started: a failed check each, the size named, never the value."""
    (project.root / ".env.keys").unlink()
    project.environment("staging", f"DB_HOST=x\nBIG={'a-large-value' * 20_000}\n", DB_PASSWORD="s3cret-value")
    settings = checks(project)[-1]
    assert (settings.what, settings.code) == ("settings", 5)
    assert settings.found == "No process can be started with these values: BIG has 260,000 characters."
    project.write("bin/tool", "#!/bin/sh\n").chmod(0o755)
    path = f"{project.root / 'bin'}{os.pathsep}{os.environ['PATH']}"
    tool = checks(project, "tool", environment="staging", PATH=path, HUGE="a-large-value" * 20_000)[-1]
    assert (tool.what, tool.code) == ("tool", 7)
    assert "The largest: HUGE (260,006 bytes)" in tool.found


def test_a_key_that_key_command_gives(project: Sandbox) -> None:
    """Where no key is at hand, key-command is run for the values, and what it gives opens them or does not."""
    (project.root / ".env.keys").unlink()
    script = project.write("custody.py", f"print({project.private_keys['staging']!r})\n")
    table = f"[tool.envtasks.environments]\nstaging = {{ key-command = {json.dumps([sys.executable, str(script)])} }}\n"
    project.write("pyproject.toml", PYPROJECT + table)

    assert checks(project)[:2] == [
        Check("key", f"none at hand, so key-command ({sys.executable}) is run"),
        Check("values", "2 variables, 1 of them secret, from .env.staging"),
    ]
    project.write("custody.py", "print('null')\n")
    failed = checks(project)[1]
    assert (failed.code, f"key-command ({sys.executable}): printed no private key" in failed.hint) == (
        4,
        True,
    )
