"""`inv` in a pipe with a code page (Windows; PYTHONIOENCODING elsewhere): what it prints is UTF-8, and complete."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.projects import Sandbox

TASKS = """
from envtasks import namespace, task

@task(env="local")
def body(c):
    "Prüft ✓."
    print("body ✓")

@task(env="local")
def copy(c):
    c.exec("python", "-c", "import sys; sys.stdout.buffer.write('a\\\\r\\\\n✓\\\\nend'.encode())")

@task(env="local")
def prints(c):
    c.exec("python", "-c", "print('child ✓')")

ns = namespace(__name__)
"""


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with characters that cp1252 lacks."""
    sandbox.write("tasks.py", TASKS)
    sandbox.environment("local", 'GREETING="Grüße ✓"\n', TOKEN="Schlüssel✓-0123")
    return sandbox


def piped(shop: Sandbox, *words: str, **env: str) -> tuple[bytes, bytes]:
    """The output of `inv`, byte by byte."""
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=shop.root,
        env={**shop.env, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("env.show --env local", "Grüße ✓"),
        ("env.get GREETING --env local", "Grüße ✓"),
        ("body", "body ✓"),
        ("--dry exec --env local -- echo ✓", "✓"),
        ("--list", "Prüft ✓."),
        ("--help body", "Prüft ✓."),
    ],
)
def test_what_a_code_page_lacks_is_printed(shop: Sandbox, line: str, expected: str) -> None:
    """Output is UTF-8 whatever Python takes for the encoding of the pipe."""
    out, _ = piped(shop, *line.split(), PYTHONIOENCODING="cp1252")

    assert expected in out.decode()


def test_the_bytes_of_a_command_pass_unchanged(shop: Sandbox) -> None:
    """Line ends are as the command wrote them, and characters are neither lost nor converted."""
    assert piped(shop, "copy")[0] == "a\r\n✓\nend".encode()


def test_python_commands_print_utf_8(shop: Sandbox) -> None:
    """A command in Python prints what a code page lacks."""
    assert piped(shop, "prints")[0].decode().strip() == "child ✓"


def test_github_gets_masks_in_utf_8(shop: Sandbox) -> None:
    """GitHub compares the bytes of the log with those of the mask."""
    _, errors = piped(shop, "body", GITHUB_ACTIONS="true", PYTHONIOENCODING="cp1252")

    assert "::add-mask::Schlüssel✓-0123".encode() in errors.splitlines()
