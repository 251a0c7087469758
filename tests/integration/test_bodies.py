"""What a task body prints and how it ends: redacted where a command's output is, and never with a traceback of ours."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.projects import Sandbox
from tests.ptys import Typist

pytestmark = pytest.mark.integration
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX file descriptors, signals and terminals")

SECRET = "correct-horse-battery"
TASKS = """
import io, logging, os, subprocess, sys, time
from invoke import Exit
from envtasks import namespace, task

@task(env="local")
def body(c):
    "The body."
    {body}

@task
def outer(c):
    "Calls the body, and prints what it knows from there."
    body(c)
    print("outer", os.environ["KNOWN"])

@task(env=None)
def plain(c):
    "Invoke's own."
    body(c)

ns = namespace(__name__)
"""
KNOWN = {"KNOWN": SECRET}


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with an encrypted local environment."""
    sandbox.environment("local", PW=SECRET)
    return sandbox


def _body(shop: Sandbox, body: str) -> None:
    shop.write("tasks.py", TASKS.format(body=body.strip()))


@pytest.mark.parametrize(
    "body",
    [
        'print(c.env["PW"])',
        'print("a" + c.env["PW"], end="")',
        'sys.stderr.write(c.env["PW"])',
        'os.write(1, c.env["PW"].encode())',
        'logging.basicConfig(); logging.error("%s", c.env["PW"])',
        'subprocess.run(["echo", c.env["PW"]], check=True)',
        'c.run("cat", in_stream=io.StringIO(c.env["PW"]), echo_stdin=True)',
        'raise RuntimeError("it is " + c.env["PW"])',
        'raise KeyError({"a": [c.env["PW"].encode()]})',
        'raise RuntimeError from KeyError(c.env["PW"])',
        'subprocess.run(["false", c.env["PW"]], check=True)',
        'open(c.env["PW"])',
        'sys.exit("it is " + c.env["PW"])',
        'sys.exit({"pw": c.env["PW"]})',
        'raise Exit("it is " + c.env["PW"])',
        'c.exec(c.env["PW"])',
        'c.exec("false", c.env["PW"], hide=True)',
        'c.run("echo $PW; sleep 60", hide=True, timeout=2)',
    ],
)
def test_nothing_that_a_body_prints_or_raises_shows_a_secret(shop: Sandbox, body: str) -> None:
    """In a pipe prints, logs, other processes, tracebacks, exits and messages have the mask in place of a secret."""
    _body(shop, body)

    done = shop.inv("body")

    assert SECRET not in done.stdout + done.stderr
    assert "***" in done.stdout + done.stderr


def test_the_caller_of_a_body_is_redacted_as_well(shop: Sandbox) -> None:
    """What the environment of a called task holds is hidden in the rest of the call, without an environment too."""
    _body(shop, 'print(c.env["PW"])')

    done, plain = shop.inv("outer", **KNOWN), shop.inv("plain")

    assert (done.stdout, plain.stdout) == ("***\nouter ***\n", "***\n")


def test_a_result_that_invoke_prints_is_redacted(shop: Sandbox) -> None:
    """What a task with autoprint returns is printed like a body's own words; a body that calls it gets the value."""
    shop.write(
        "tasks.py",
        """
        from envtasks import namespace, task

        @task(env="local", autoprint=True)
        def url(c):
            "The URL."
            return ["x://" + c.env["PW"]]

        @task(env="local", pre=[url])
        def length(c):
            "Its length."
            print(len(url(c)[0]))

        ns = namespace(__name__)
        """,
    )

    done = shop.inv("length", "url")

    assert done.stdout == f"{len(SECRET) + 4}\n['x://***']\n"
    assert shop.inv("url", "--no-mask").stdout == f"['x://{SECRET}']\n"


def test_no_mask_shows_what_a_body_prints(shop: Sandbox) -> None:
    """--no-mask is for the body too, and for this task of the call only."""
    _body(shop, 'print(c.env["PW"])')

    done = shop.inv("body", "--no-mask", "body", "--env", "local", "outer", **KNOWN)

    assert done.stdout == f"{SECRET}\n***\nouter ***\n"


def test_a_traceback_without_a_secret_is_left_alone(shop: Sandbox) -> None:
    """An exception of the body ends as in plain Invoke: its traceback, code 1."""
    _body(shop, 'raise RuntimeError("broken")')

    done = shop.inv("body")

    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith("RuntimeError: broken\n")


def test_lines_of_a_body_and_its_commands_stay_in_order(shop: Sandbox) -> None:
    """Prints and commands come out in the order in which they ran."""
    _body(shop, 'print(1); c.run("echo 2"); print(3); c.run("echo $PW"); print(5)')

    assert shop.inv("body").stdout.split() == ["1", "2", "3", "***", "5"]


@posix
@pytest.mark.parametrize(("env", "shown"), [({}, SECRET), ({"CI": "true"}, "***")])
def test_a_terminal_shows_what_is_printed_but_not_that_of_a_ci(
    shop: Sandbox, env: Mapping[str, str], shown: str
) -> None:
    """On a terminal commands and bodies show secrets, in a CI they do not; in no case does a message or a traceback."""
    _body(
        shop,
        'print("body", c.env["PW"]); c.run("echo command $PW"); raise RuntimeError("it is " + c.env["PW"])',
    )

    with Typist(
        [sys.executable, "-m", "invoke", "body"], env={**shop.env, **env}, cwd=str(shop.root)
    ) as terminal:
        code, screen = terminal.finish()

    assert (code, f"body {shown}" in screen, f"command {shown}" in screen) == (1, True, True)
    assert "RuntimeError: it is ***" in screen


@posix
def test_a_task_that_a_body_calls_can_ask(shop: Sandbox) -> None:
    """While stdout is a pipe, and output so redacted, a question still comes to the terminal and is answered."""
    shop.environment("production", PW="prod-horse-battery")
    _body(shop, 'last(c, env="production")')
    (shop.root / "tasks.py").write_text(
        (shop.root / "tasks.py").read_text().replace("ns = ", '@task\ndef last(c):\n    print("ran")\nns = ')
    )
    line = f"{sys.executable} -m invoke body | cat"

    with Typist(["sh", "-c", line], env=shop.env, cwd=str(shop.root)) as terminal:
        terminal.expect("Type production to go on: ")
        terminal.type("production\n")
        _, screen = terminal.finish()

    assert "ran" in screen


# not sleep(60): Python runs no handler for a signal that comes right before a sleep until it is over
SLEEP = 'print("ready", flush=True); [time.sleep(0.1) for _ in range(600)]'


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (1, 129)])
@pytest.mark.parametrize("task", ["body", "outer"])
def test_a_signal_in_a_body_s_own_code_ends_with_its_number(
    shop: Sandbox, task: str, number: int, code: int
) -> None:
    """Ctrl-C in a body's own sleep ends `inv` with 130, without a traceback, as TERM and HUP (1) do with theirs."""
    _body(shop, SLEEP)
    with subprocess.Popen(
        [sys.executable, "-m", "invoke", task],
        cwd=shop.root,
        env=shop.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)

    assert (process.returncode, errors) == (code, "")


UNWRITABLE = [
    (">/dev/full", "error: The output could not be written: No space left on device.\n"),
    (">&-", "error: The output could not be written: Bad file descriptor.\n"),
    (">/dev/full 2>&1", ""),
    (">&- 2>&-", ""),
    ("<&- >&-", "error: The output could not be written: Bad file descriptor.\n"),
]


@posix
@pytest.mark.parametrize(("redirection", "message"), UNWRITABLE)
@pytest.mark.parametrize(
    "call",
    [
        "invoke body",
        "invoke plain",
        "invoke exec --env local -- seq 9",
        "invoke env.list",
        "invoke env.get PW --env local",
        "invoke env.show --env local --json",
        "envtasks --list",
    ],
)
def test_output_that_cannot_be_written_is_one_sentence(
    shop: Sandbox, call: str, redirection: str, message: str
) -> None:
    """A full disk and a closed stdout end bodies, commands and answers with one sentence and code 1."""
    _body(shop, 'print("much" * 100_000); c.run("seq 99999")')

    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m {call} {redirection}"],
        cwd=shop.root,
        env=shop.env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, message)


@posix
def test_a_closed_stream_that_nothing_writes_to_does_no_harm(shop: Sandbox) -> None:
    """Without stdin, stdout and stderr a task runs, and its files do not take their places."""
    _body(shop, 'c.run("echo $PW > made", in_stream=False); open("made2", "w").write("x")')

    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m invoke body <&- >&- 2>&-"],
        cwd=shop.root,
        env=shop.env,
        check=False,
    )

    assert done.returncode == 0
    assert (shop.root / "made").read_text() == f"{SECRET}\n"


@posix
def test_a_reader_that_stops_ends_a_body_quietly(shop: Sandbox) -> None:
    """`inv body | head` ends without a traceback, whoever writes last."""
    echoed = 'c.run("cat", in_stream=io.StringIO("x\\n" * 50_000), echo_stdin=True)'
    for body in ('print("x\\n" * 100_000)', 'c.run("seq 99999")', echoed):
        _body(shop, body)
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {sys.executable} -m invoke body | head -n 1"],
            cwd=shop.root,
            env=shop.env,
            capture_output=True,
            text=True,
            check=False,
        )
        # a command whose output was all in the pipe has ended well
        assert (done.returncode in (141, 0) if body == echoed else done.returncode == 141, done.stderr) == (
            True,
            "",
        )


@posix
def test_a_deleted_folder_is_one_sentence(shop: Sandbox) -> None:
    """Where the current folder is gone, in a body or from the start, one sentence says so."""
    _body(
        shop,
        'os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone"); c.exec("true", echo=True); os.getcwd()',
    )

    body = shop.inv("body")
    line = f"mkdir there && cd there && rmdir ../there && exec {sys.executable} -P -m envtasks exec -e local -- true"
    command = subprocess.run(
        ["bash", "-c", line], cwd=shop.root, env=shop.env, capture_output=True, text=True, check=False
    )

    for done in (body, command):
        assert (done.returncode, done.stderr.splitlines()[0]) == (
            1,
            "error: The current folder is not there any more.",
        )


@posix
def test_too_large_a_command_of_the_body_is_one_sentence(shop: Sandbox) -> None:
    """What the system refuses a process that the body starts itself is said in one sentence."""
    _body(shop, 'subprocess.run(["true", "x" * 5_000_000])')

    done = shop.inv("body")

    assert done.returncode == 1
    assert done.stderr.startswith("error: The command line or the environment of a command is too large")
    assert "Traceback" not in done.stderr
