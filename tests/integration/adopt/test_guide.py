"""docs/guide-makefile.md: the Makefile that it shows becomes the tasks.py that it shows."""

from __future__ import annotations

import ast
import re
import shutil
import sys

import pytest

from tests.guides import REPOSITORY, blocks, commands
from tests.projects import Sandbox

PAGE = "docs/guide-makefile.md"

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the guide's lines are a POSIX shell's"),
    pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed"),
]


def test_the_guide_shows_what_is_printed_and_written(sandbox: Sandbox) -> None:
    """The command prints its report, writes tasks.py, and the forwarding Makefile has the line that is shown."""
    (sandbox.root / "tasks.py").unlink()
    makefile, forwarding = blocks(PAGE, "make")
    sandbox.write("Makefile", makefile)
    (command,) = commands(PAGE)

    done = command.run(sandbox.root, sandbox.env, together=True)

    assert done.stdout.replace("envtasks env.new", "inv env.new") == command.output
    assert done.returncode == command.exit_code
    assert (sandbox.root / "tasks.py").read_text(encoding="utf-8") == blocks(PAGE, "python")[0]
    assert (
        sandbox.inv("--dry", "push", "--tag", "7").stdout.splitlines()[-1]
        == "docker push ghcr.io/acme/orders:7"
    )
    git = [
        ["init", "-q"],
        ["add", "Makefile"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ]
    for words in git:
        sandbox.python(
            "-c", "import subprocess, sys; subprocess.run(['git', *sys.argv[1:]], check=True)", *words
        )
    kept = sandbox.python("-m", "envtasks", "migrate", "--defaults", "--keep-makefile")
    assert kept.returncode == 0, kept.stderr
    assert forwarding in (sandbox.root / "Makefile").read_text(encoding="utf-8")


def test_the_guide_names_flags_that_exist() -> None:
    """Every flag of migrate that the guide names is a parameter of the task."""
    source = (REPOSITORY / "src/envtasks/tasks/migrate.py").read_text(encoding="utf-8")
    task = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "migrate"
    )
    flags = {each.arg.replace("_", "-") for each in task.args.args}
    text = (REPOSITORY / PAGE).read_text(encoding="utf-8")

    named = set(re.findall(r"`(?:envtasks migrate )?--([a-z-]+)`", text)) - {"env"}

    assert named
    assert named <= flags
