"""The real `nox`, as a process, in a temporary project."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.projects import Sandbox
from tests.ptys import Typist

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

SAYS = """
import subprocess
import nox
from envtasks import Project
from envtasks.sessions import session
nox.options.default_venv_backend = "none"

@session(env="staging")
def says(session):
    pw = session.env["PW"]
    {body}
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


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('session.error("it is " + pw)', "aborted: it is ***"),
        ('session.error({"pw": pw})', "aborted: {'pw': '***'}"),
        ('session.skip("it is " + pw)', "skipped: it is ***"),
        ('session.log("it is %s", pw)', "it is ***"),
        ("print(pw)", "***"),
        ('print(session.env["ENVTASKS_HYDRATED"])', "***;staging;"),
        ('raise SystemExit("it is " + pw)', "it is ***"),
        ('raise RuntimeError("it is " + pw)', "raised exception RuntimeError('it is ***')"),
        ("raise RuntimeError({1: [pw.encode()]})", "RuntimeError: {1: [b'***']}"),
        ("raise RuntimeError from KeyError(pw)", "KeyError: '***'"),
        (
            'raise subprocess.CalledProcessError(1, ["false", pw])',
            "Command '['false', '***']' returned non-zero exit status 1.",
        ),
        (
            'session.run("python", "-c", "exit(3)", pw)',
            "Command python -c 'exit(3)' *** failed with exit code 3",
        ),
        ("Project.load().environment(pw)", "There is no environment '***'"),
    ],
)
def test_what_nox_says_of_a_body_is_redacted(shop: Sandbox, body: str, shown: str) -> None:
    """A secret that a session prints, logs, raises or names in a message is *** in all that nox prints."""
    shop.write("noxfile.py", SAYS.format(body=body))

    done = shop.nox()

    assert shown in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_a_session_s_error_without_a_secret_is_nox_s_own(shop: Sandbox) -> None:
    """A traceback with no secret in it is printed by nox as ever."""
    shop.write("noxfile.py", SAYS.format(body='raise ValueError("broken")'))

    done = shop.nox()

    assert "nox > Session says raised exception ValueError('broken')\nTraceback" in done.stderr
    assert done.stderr.count("ValueError: broken") == 1


def test_what_a_code_page_lacks_is_printed(shop: Sandbox) -> None:
    """What a body and its commands print into a pipe is UTF-8; on Linux the pipe's encoding is forced."""
    shop.write(
        "noxfile.py", SAYS.format(body="print('body ✓'); session.run('python', '-c', 'print(\"child ✓\")')")
    )
    forced = {} if sys.platform == "win32" else {"PYTHONIOENCODING": "cp1252"}
    done = shop.nox("-s", "says", **forced)

    assert "body ✓" in done.stdout
    assert forced or "child ✓" in done.stdout


@pytest.mark.skipif("sys.platform == 'win32'", reason="a pseudo-terminal")
@pytest.mark.parametrize(("env", "shown"), [({}, SECRET), ({"CI": "true"}, "***")])
def test_a_terminal_shows_a_session_s_output_but_not_that_of_a_ci(
    shop: Sandbox, env: dict[str, str], shown: str
) -> None:
    """On a terminal secrets in a session's output are shown, in a CI not; in an exception in neither."""
    shop.write("noxfile.py", SAYS.format(body='session.run("sh", "-c", "echo saw $PW"); raise KeyError(pw)'))

    argv = [sys.executable, "-m", "nox"]
    with Typist(argv, env={**shop.env, **env}, cwd=str(shop.root)) as terminal:
        _, screen = terminal.finish()

    assert f"saw {shown}" in screen
    assert "KeyError: '***'" in screen


@pytest.mark.parametrize(
    ("outer", "inner", "saw"),
    [
        (
            'session(name="a", env="local")',
            'session(name="b", env="staging")',
            ["saw 1 local", "saw 2 staging"],
        ),
        ('session(name="a")', 'session(name="b", env="staging")', ["saw None None", "saw 2 staging"]),
        ('session(name="a", env="local")', 'nox.session(name="b")', ["saw 1 local", "saw None None"]),
    ],
)
def test_stacked_sessions_each_run_in_their_own_environment(
    shop: Sandbox, outer: str, inner: str, saw: list[str]
) -> None:
    """Two decorators over one function are two sessions, each in the environment that its own decorator declares."""
    shop.write(
        "noxfile.py",
        f"""
        import nox
        from envtasks.sessions import session
        nox.options.default_venv_backend = "none"
        SHOW = "import os; print('saw', os.environ.get('A'), os.environ.get('APP_ENV'))"

        @{outer}
        @{inner}
        def both(session):
            session.run("python", "-c", SHOW)
        """,
    )

    done = shop.nox("-s", "a", "b")

    assert (done.returncode, _saw(done.stdout)) == (0, saw), done.stderr


def test_env_holds_for_sessions_that_are_notified(shop: Sandbox) -> None:
    """`-- --env` is for the whole run: for a notified session with posargs of its own too, unless they name another."""
    shop.write(
        "noxfile.py",
        """
        import nox
        from envtasks.sessions import session
        nox.options.default_venv_backend = "none"
        SHOW = "import os, sys; print('saw', os.environ.get('APP_ENV'), *sys.argv[1:])"

        @session(env="local")
        def first(session):
            session.notify("plain")
            session.notify("given", posargs=["-k", "x"])
            session.notify("handed", posargs=session.posargs)
            session.notify("other", posargs=["--env", "local", "y"])

        @session(name="plain", env="local")
        @session(name="given", env="local")
        @session(name="handed")
        @session(name="other", env="staging")
        def shows(session):
            session.run("python", "-c", SHOW, *session.posargs)
        """,
    )

    done = shop.nox("-s", "first", "--", "--env", "staging", "z")

    assert _saw(done.stdout) == ["saw staging z", "saw staging -k x", "saw staging z", "saw local y"], (
        done.stderr
    )


@pytest.mark.parametrize("body", ["async def says(session): pass", "def says(session): yield"])
def test_a_session_that_a_call_would_not_run_is_refused(shop: Sandbox, body: str) -> None:
    """An async function or a generator, of which nox would run nothing, is one sentence and code 2."""
    shop.write("noxfile.py", f"from envtasks.sessions import session\n@session(env='local')\n{body}\n")

    done = shop.nox()

    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        "error: Session says is async or a generator: a call of it runs nothing.",
    )


@pytest.mark.skipif("sys.platform == 'win32'", reason="/dev/full")
def test_output_that_cannot_be_written_is_a_session_error(shop: Sandbox) -> None:
    """A full disk ends a session with one sentence."""
    shop.write("noxfile.py", SAYS.format(body='session.run("seq", "99999", external=True)'))

    line = f"{sys.executable} -m nox -s says > /dev/full"
    done = subprocess.run(
        ["bash", "-c", line], cwd=shop.root, env=shop.env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "Session says aborted: The output could not be written: No space left on device." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif("sys.platform == 'win32'", reason="Windows has another limit")
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
