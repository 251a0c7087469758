"""Redaction over very many generated cases, and in every place that docs/redaction.md lists."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.projects import Sandbox
from tests.ptys import Typist
from tests.redaction.fuzzing import leaks
from tests.redaction.test_table import table

pytestmark = pytest.mark.integration
posix = pytest.mark.skipif(sys.platform == "win32", reason="shell lines and terminals of POSIX")

SECRET = "correct-horse-battery"
TASKS = """
import os, sys
from envtasks import namespace, task

@task(env="local")
def run(c):
    "Prints the secret by a command."
    c.run("echo $PW; echo $PW >&2")

@task(env="local")
def own(c):
    "Gives a command streams of its own, and standard ones."
    with open("own.txt", "w") as file:
        result = c.run("echo $PW", out_stream=file)
    assert result.stdout.strip() == c.env["PW"]
    c.run("echo $PW", out_stream=sys.stderr)
    c.run("echo $PW", out_stream=sys.stdout)

@task(env="local")
def write(c):
    "Lets a command write a file."
    c.run("echo $PW > own.txt")

@task(env="local")
def body(c):
    "Prints it by itself."
    print(c.env["PW"], flush=True)
    os.system(f"echo {c.env['PW']} >&2")

@task(env="local")
def echo(c):
    "Shows the command line."
    c.run("true " + c.env["PW"], echo=True)

@task(env="local")
def fail(c):
    "Raises."
    secret = c.env["PW"]
    raise RuntimeError(secret)

@task(env="local")
def leave(c):
    "Exits."
    sys.exit(c.env["PW"])

@task(env="local")
def missing(c):
    "Starts what is not there."
    c.exec(c.env["PW"])

ns = namespace(__name__)
"""
NOXFILE = """
import nox
from envtasks.sessions import session

@session(env="local", venv_backend="none")
def show(session):
    print(session.env["PW"], flush=True)
    session.run("sh", "-c", "echo $PW", external=True)
"""


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with an encrypted local environment."""
    sandbox.environment("local", PW=SECRET)
    sandbox.write("tasks.py", TASKS)
    sandbox.write("noxfile.py", NOXFILE)
    return sandbox


def _all(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def _on_terminal(shop: Sandbox, *args: str) -> str:
    argv = [sys.executable, "-m", "invoke", *args]
    with Typist(argv, env=shop.env, cwd=str(shop.root)) as typist:
        return typist.finish()[1]


def _own(shop: Sandbox) -> str:
    done = shop.inv("own")
    assert (SECRET in _all(done), _all(done).count("***")) == (False, 2)
    return (shop.root / "own.txt").read_text(encoding="utf-8")


def _written(shop: Sandbox) -> str:
    assert SECRET not in _all(shop.inv("write"))
    return (shop.root / "own.txt").read_text(encoding="utf-8")


PLACES: dict[str, Callable[[Sandbox], str]] = {
    "by a command, in a pipe, into a file or in CI": lambda shop: (
        _all(shop.inv("run")) + _all(shop.inv("exec", "--env", "local", "--", "sh", "-c", "echo $PW", CI="1"))
    ),
    "by a command, on a terminal": lambda shop: _on_terminal(shop, "run"),
    "by a command, into a stream of your own (`out_stream=`), and in `Result.stdout`": _own,
    "by a command, with `--no-mask`": lambda shop: _all(shop.inv("run", "--no-mask")),
    "by a body, by `print` or by what it starts": lambda shop: _all(shop.inv("body")),
    "in the command line that `--echo` shows": lambda shop: _all(shop.inv("echo")),
    "in an exception of a body, with its traceback": lambda shop: _all(shop.inv("fail")),
    "by `sys.exit` of a body": lambda shop: _all(shop.inv("leave")),
    "by a command or a body of a nox session": lambda shop: _all(shop.nox("-s", "show")),
    "in an error message of envtasks, on a terminal too": lambda shop: (
        _all(shop.inv("missing")) + _on_terminal(shop, "missing")
    ),
    "by `env.show`": lambda shop: _all(shop.inv("env.show", "--env", "local")),
    "by `env.get` and `env.show --reveal`": lambda shop: _all(shop.inv("env.get", "PW", "--env", "local")),
    "into a file that a command opens itself, or over the network": _written,
}
PRINTED = table("Where it is printed")


def test_nothing_of_a_secret_is_seen_in_50_000_cases() -> None:
    """Encodings, places in what was encoded, line breaks, chunk borders, values with `+/=%`: nothing leaks."""
    assert leaks(50_000, seed=2) == []


def test_the_table_of_places_is_complete() -> None:
    """Every row is tried, and everything that is tried has its row."""
    assert list(PRINTED) == list(PLACES)


@posix
@pytest.mark.parametrize("place", PLACES)
def test_place(shop: Sandbox, place: str) -> None:
    """What the table calls redacted is, and what it does not call so is not."""
    shown = PLACES[place](shop)
    assert (SECRET not in shown and "***" in shown) is PRINTED[place].startswith("yes"), shown


@posix
@pytest.mark.parametrize(
    ("call", "noted"),
    [
        ("exec --env local -- sh -c 'echo $PW' > out.sql", True),
        ("body > out.sql", True),
        ("run > out.sql", True),
        ("exec --env local --no-mask -- sh -c 'echo $PW' > out.sql", False),
        ("exec --env local -- echo nothing > out.sql", False),
        ("exec --env local -- sh -c 'echo $PW >&2' > out.sql", False),
        ("body > out.sql 2>&1", False),
        ("body | cat", False),
    ],
)
def test_a_file_that_lacks_secrets_is_noted(shop: Sandbox, call: str, noted: bool) -> None:
    """A dump with `***` in it is of no use: once, on stderr, where stdout alone goes into a file."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m invoke {call}"],
        cwd=shop.root,
        env=shop.env,
        capture_output=True,
        text=True,
        check=True,
    )
    note = "note: secrets in the output were replaced by ***; --no-mask writes them as they are\n"
    assert done.stderr.count(note) == noted
