"""The manual: what its first page and its how-to pages tell a reader to do works, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guides import REPOSITORY, File, Shell, steps
from tests.projects import Sandbox

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform == "win32", reason="the pages' lines are a POSIX shell's"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]
PAGES = ["docs/index.md", "docs/tutorial-fastapi.md", "docs/troubleshooting.md"]
PAGES += sorted(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("howto-*.md"))
PACKAGES = {"docs/howto-django.md": ["django"]}  # what a page's reader has installed


@pytest.fixture
def packages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages that a page needs besides."""
    folder = tmp_path_factory.mktemp("packages")
    if names := PACKAGES.get(request.getfixturevalue("page"), []):
        subprocess.run(["uv", "pip", "install", "--quiet", "--target", folder, *names], check=True)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_shows(page: str, sandbox: Sandbox, packages: Path) -> None:
    """Its files are written and its commands run; exit codes and output are those that the page shows."""
    folder = sandbox.root / "shop"
    folder.mkdir()
    for name in ("pyproject.toml", "tasks.py"):
        (sandbox.root / name).unlink()
    identity = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    modules = os.pathsep.join([sandbox.env["PYTHONPATH"], str(packages)])
    env = {**sandbox.env, **identity, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": modules}
    shell, ran = Shell(folder, env), 0
    for step in steps(page):
        if isinstance(step, File):
            step.write(folder)
        else:
            shell.follow(step)
            ran += 1

    assert ran > 2


@pytest.mark.browser
def test_the_copy_button_gives_the_commands_alone(tmp_path: Path) -> None:
    """Of a console block it copies neither the prompts nor what the commands print; of other blocks all, as ever."""
    (tmp_path / "page.html").write_text(
        '<button data-clipboard-target="#a > code"></button><pre id="a"><code>$ cd shop\n# a comment\n$ inv run\n'
        '</code></pre><button data-clipboard-target="#b > code"></button><pre id="b"><code>run = 1\n</code></pre>'
        f'<script src="{(REPOSITORY / "docs/console.js").as_uri()}"></script>'
        '<script>document.querySelectorAll("button").forEach((button) => button.click())</script>',
        encoding="utf-8",
    )
    words = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'user'}",
    ]

    done = subprocess.run(
        [*words, "--allow-file-access-from-files", "--dump-dom", (tmp_path / "page.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert re.findall(r'<button [^>]*#(\w) &gt; code"(?: data-clipboard-text="([^"]*)")?>', done.stdout) == [
        ("a", "cd shop\ninv run\n"),
        ("b", ""),
    ]
