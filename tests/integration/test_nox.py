"""The real `nox`, as a process, in a temporary project."""

from __future__ import annotations

import json
import sys

import pytest

from tests.projects import Sandbox

pytestmark = pytest.mark.integration

SECRET = "correct-horse-battery"
NOXFILE = """
import nox
from envtasks.sessions import session

nox.options.default_venv_backend = "none"
NAMES = ("A", "PW", "APP_ENV", "ONLY_STAGING")
SHOW = f"import os, sys; print('saw', *(os.environ.get(n) for n in {NAMES}), *sys.argv[1:])"

@session(env="local", tags=["quick"])
def unit(session):
    "The unit tests."
    session.run("python", "-c", SHOW, *session.posargs)

@session(env="staging", only=["staging", "production"], default=False)
@nox.parametrize("n", [1, 2])
def matrix(session, n):
    session.run("python", "-c", SHOW, str(n), *session.posargs)

@session(env="local", needs=["A", "MISSING"], default=False)
def needy(session):
    session.run("python", "-c", SHOW)

@session
def plain(session):
    "No environment."
    session.run("python", "-c", SHOW)
"""


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with a noxfile and three environments."""
    sandbox.environment("local", "A=1\n", PW="pw-" + SECRET)
    sandbox.environment("staging", "A=2\nONLY_STAGING=yes\n", PW=SECRET)
    sandbox.environment("production", "A=3\n", PW=SECRET)
    sandbox.write("noxfile.py", NOXFILE)
    return sandbox


def _saw(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("saw ")]


def test_sessions_run_in_their_environment_hidden(shop: Sandbox) -> None:
    """Each session sees its environment, secrets hidden in the output; a session without one sees none."""
    done = shop.nox()

    assert done.returncode == 0, done.stderr
    assert _saw(done.stdout) == ["saw 1 *** local None", "saw None None None None"]


def test_posargs_choose_another_environment(shop: Sandbox) -> None:
    """`-- --env NAME` chooses another environment; the rest reaches the body."""
    done = shop.nox("-s", "unit", "--", "--env", "staging", "-k", "x")

    assert _saw(done.stdout) == ["saw 2 *** staging yes -k x"]


def test_parametrized_sessions_each_get_the_environment(shop: Sandbox) -> None:
    """Parametrized sessions keep their parameters and all see `-- --env`."""
    done = shop.nox("-s", "matrix", "--", "--env", "production", ENVTASKS_CONFIRM="production")

    assert _saw(done.stdout) == ["saw 3 *** production None 1", "saw 3 *** production None 2"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-s", "unit", "--", "--env", "stagin"], "did you mean staging?"),
        (["-s", "matrix(n=1)", "--", "--env", "local"], "is not for local: only for staging, production."),
        (["-s", "unit", "--", "--env", "production"], "ENVTASKS_CONFIRM=production"),
        (["-s", "needy"], "MISSING"),
    ],
)
def test_our_errors_are_session_errors(shop: Sandbox, args: list[str], message: str) -> None:
    """An error of ours ends the session with its message and hint, without a traceback, and nothing runs."""
    done = shop.nox(*args)

    assert done.returncode == 1
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert _saw(done.stdout) == []


def test_list_json_and_tags_know_the_sessions(shop: Sandbox) -> None:
    """nox --list, --json and tags see our sessions as any others."""
    listed = shop.nox("--list")
    described = json.loads(shop.nox("--list", "--json").stdout)
    tagged = shop.nox("-t", "quick")

    assert "* unit [quick] -> The unit tests." in listed.stdout
    assert (described[0]["session"], described[0]["tags"]) == ("unit", ["quick"])
    assert _saw(tagged.stdout) == ["saw 1 *** local None"]


def test_uv_backend_installs_with_the_values(shop: Sandbox) -> None:
    """In a real virtual environment made by uv, with a python list and -r, installs and commands get the values."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shop.write(
        "noxfile.py",
        f"""
        from envtasks.sessions import session

        @session(env="staging", python=["{version}"], venv_backend="uv")
        def installed(session):
            session.run_install("python", "-c", "import os; print('installing with', os.environ['A'])")
            code = "import os, sys; print('in venv', sys.prefix != sys.base_prefix, os.environ['A'])"
            session.run("python", "-c", code)
        """,
    )

    first = shop.nox("-s", "installed")
    again = shop.nox("-r", "-s", f"installed-{version}")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert "installing with 2" in first.stdout
    assert "in venv True 2" in first.stdout
    assert "in venv True 2" in again.stdout


def test_what_nox_says_after_the_body_is_hidden_too(shop: Sandbox) -> None:
    """A secret in session.error, or in an exception of the body, is *** in what nox prints of it."""
    shop.write(
        "noxfile.py",
        """
        import nox
        from envtasks.sessions import session
        nox.options.default_venv_backend = "none"

        @session(env="staging")
        def says(session):
            session.error("it is " + session.env["PW"])

        @session(env="staging")
        def raises(session):
            raise RuntimeError("it is " + session.env["PW"])
        """,
    )

    done = shop.nox()

    assert done.returncode == 1
    assert (done.stdout + done.stderr).count("it is ***") >= 2
    assert SECRET not in done.stdout + done.stderr


def test_too_large_an_environment_is_a_session_error(shop: Sandbox) -> None:
    """A value that no process can be given ends the session with the variable's name, not with a traceback."""
    shop.environment("big", "A=" + "x" * 5_000_000 + "\n")

    done = shop.nox("-s", "unit", "--", "--env", "big")

    assert done.returncode == 1
    assert "The largest: A (5,000,0" in done.stderr
    assert "Traceback" not in done.stderr


def test_inv_nox_inv_never_mix_environments(shop: Sandbox) -> None:
    """inv in production, nox in staging, inv in local: each sees only its own values."""
    shop.write(
        "show.py", "import os; print('saw', *(os.environ.get(n) for n in ('A', 'ONLY_STAGING', 'APP_ENV')))"
    )
    shop.write(
        "noxfile.py",
        """
        import nox
        from envtasks.sessions import session
        nox.options.default_venv_backend = "none"

        @session(env="staging")
        def middle(session):
            session.run("python", "show.py")
            session.run("python", "-m", "invoke", "exec", "-e", "local", "--", "python", "show.py")
        """,
    )

    done = shop.inv("exec", "-e", "production", "-y", "--", "python", "-m", "nox", "-s", "middle")

    assert _saw(done.stdout) == ["saw 2 yes staging", "saw 1 None local"], done.stderr
