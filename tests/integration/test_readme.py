"""README.md: its tasks.py and noxfile.py work, and its commands do what the comments beside them say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from tests.guides import REPOSITORY, blocks
from tests.projects import Sandbox

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for alembic is a shell script"),
]
ALEMBIC = '#!/bin/sh\necho "$@" $DB_HOST $DB_PASSWORD ${OTHER-none}\n'
EXPECTED = {  # exit code, and a pattern of what is printed
    "run": (0, "the service runs in local"),
    "migrate --env production": (6, "migrate runs in production, which is protected"),
    "exec --env staging python -V": (0, r"Python 3"),
    "env.list": (0, r"production +\.env\.production .*protected +yes, from \.env\.keys"),
    "env.show --env staging": (0, r"DB_PASSWORD +\*\*\* +\.env\.staging:2 +encrypted"),
    "env.get DB_HOST --env staging": (0, "^db.staging$"),
    "env.set DB_PASSWORD --env staging": (2, "no terminal to ask on"),
    "env.explain DB_HOST": (0, r"\.env\.staging:3"),
    "env.diff staging production": (0, "DB_HOST"),
    "doctor": (0, "Everything that this project needs is here"),
    "env.check": (9, r"ET\d+ "),
    "env.edit --env staging": (0, r"nothing changed in \.env\.staging"),
    "env.keys --env staging": (0, "DOTENV_PRIVATE_KEY_STAGING in .env.keys"),
    "env.rotate --env staging --prepare": (0, "a new key for .env.staging is prepared"),
    "env.git-setup": (2, "in no git repository"),
}


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with the README's tasks.py and noxfile.py."""
    tasks, noxfile = blocks("README.md", "python")
    sandbox.write("tasks.py", tasks)
    sandbox.write("noxfile.py", noxfile)
    sandbox.write("app/__init__.py", "")
    sandbox.write("app/__main__.py", "import os; print('the service runs in', os.environ['APP_ENV'])\n")
    sandbox.write("bin/alembic", ALEMBIC).chmod(0o755)
    for name in ("local", "dev", "staging", "production"):
        sandbox.environment(name, f"DB_HOST=db.{name}\nOTHER=1\n", DB_PASSWORD="correct-horse")
    return sandbox


def test_the_commands_without_docker_and_cluster(shop: Sandbox) -> None:
    """Each prints what it is for; those of the integrations have their guides and tests."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `inv (.*?)` \| ", text, re.MULTILINE)
    assert set(EXPECTED) <= set(lines)
    assert {line.partition(".")[0] for line in set(lines) - set(EXPECTED)} == {
        "docker",
        "compose",
        "deploy",
        "ci",
    }

    for line, (code, pattern) in EXPECTED.items():
        done = shop.inv(*shlex.split(line), EDITOR="cat")
        assert (line, done.returncode) == (line, code), done.stderr
        assert re.search(pattern, done.stdout + done.stderr), done.stdout + done.stderr


def test_from_a_plain_file_to_an_encrypted_environment(sandbox: Sandbox) -> None:
    """The lines that README gives: `.env` becomes the environment `local`, and the service gets its values."""
    [lines] = [block for block in blocks("README.md", "") if "env.encrypt" in block]
    sandbox.write(".env", "DB_HOST=localhost\nDB_PASSWORD=correct-horse # battery\n")
    subprocess.run(["git", "init", "-q"], cwd=sandbox.root, check=True)
    before = sandbox.python("-m", "envtasks", "env.list")

    done = subprocess.run(
        ["sh", "-e", "-c", lines], cwd=sandbox.root, env=sandbox.env, capture_output=True, encoding="utf-8"
    )

    assert "no environment" in before.stderr
    assert done.returncode == 0, done.stderr
    assert "correct-horse" not in (sandbox.root / ".env.local").read_text(encoding="utf-8")
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=sandbox.root, capture_output=True, encoding="utf-8", check=True
    )
    assert tracked.stdout.split() == [".env.local", ".gitignore"]
    assert sandbox.inv("env.get", "DB_PASSWORD", "--env", "local").stdout == "correct-horse"
    ignored = ["git", "check-ignore", "-q", ".env.keys"]
    assert subprocess.run(ignored, cwd=sandbox.root, check=False).returncode == 0


def test_a_code_line_has_no_explanation_that_a_shell_would_read() -> None:
    """`#` begins no comment in cmd, so a line that is copied from README or CONTRIBUTING has none."""
    for page in ("README.md", "CONTRIBUTING.md"):
        lines = "".join(blocks(page, "") + blocks(page, "powershell")).splitlines()
        assert lines
        assert [line for line in lines if " # " in line] == []


def test_no_node_is_needed(sandbox: Sandbox) -> None:
    """With no program on PATH but Python, an environment is made and changed, and a command gets its values."""
    programs = sandbox.root / "programs"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    env = {"PATH": str(programs)}

    made = sandbox.python("-m", "envtasks", "env.new", "dev", **env)
    changed = subprocess.run(
        [sys.executable, "-m", "envtasks", "env.set", "TOKEN", "--env", "dev"],
        cwd=sandbox.root, env={**sandbox.env, **env}, input="correct-horse", encoding="utf-8", capture_output=True,
    )  # fmt: skip
    code = "import os; print(os.environ['TOKEN'] == 'correct-horse')"
    used = sandbox.inv("exec", "--env", "dev", "--", "python", "-c", code, **env)

    assert (made.returncode, changed.returncode) == (0, 0), made.stderr + changed.stderr
    assert (used.returncode, used.stdout) == (0, "True\n"), used.stderr


def test_needs_keeps_the_other_variables_out(shop: Sandbox) -> None:
    """`migrate` gets DB_* of staging and nothing else of its env file; the password is redacted."""
    done = shop.inv("migrate", PATH=f"{shop.root / 'bin'}:{shop.env['PATH']}")

    assert (done.returncode, done.stdout) == (0, "upgrade head db.staging *** none\n")


def test_the_session_is_listed(shop: Sandbox) -> None:
    """nox takes the noxfile."""
    assert "* unit" in shop.nox("--list").stdout
