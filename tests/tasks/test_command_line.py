"""Command lines with a slip: what is probably meant is said, and `exec` takes a command without `--`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from envtasks.tasks.command_line import exec_command
from tests.commands import with_sources
from tests.projects import Sandbox

TASKS = """
from envtasks import namespace, task

@task(env="local", iterable=["tag"])
def run(c, port=80, rate=1.5, dry_days=0, tag=None):
    \"\"\"Run.\"\"\"
    print("ran")

ns = namespace(__name__)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    (tmp_path / "tasks.py").write_text(TASKS, encoding="utf-8")
    for name in ("local", "staging"):
        (tmp_path / f".env.{name}").write_text(f"WHERE={name}\n", encoding="utf-8")
    return tmp_path


def _run(shop: Path, program: str, *argv: str) -> subprocess.CompletedProcess[str]:
    module = {"inv": "invoke", "envtasks": "envtasks"}[program]
    return subprocess.run(
        [sys.executable, "-m", module, *argv],
        cwd=shop,
        env=with_sources(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["runn"], "error: There is no task 'runn': did you mean run?\n  hint: inv --list shows all tasks\n"),
        (
            ["env.show", "staging"],
            "error: staging is an environment, not a task.\n  hint: inv env.show --env staging\n",
        ),
        (
            ["env.diff", "staging", "local", "staging"],
            "error: staging is an environment, not a task.\n  hint: inv env.diff --help\n",
        ),
        (["--env", "staging", "run"], "error: --env goes after the task.\n  hint: inv TASK --env NAME\n"),
        (["--lst"], "error: There is no flag --lst: did you mean --list?\n  hint: inv --help\n"),
        (
            ["--list", "evn"],
            "error: There is no collection 'evn': did you mean env?\n  hint: inv --list shows all tasks\n",
        ),
        (
            ["--list", "-F", "jsn"],
            "error: There is no format 'jsn' of the list: did you mean json?\n  hint: one of flat, nested, json\n",
        ),
        (
            ["--help", "runn"],
            "error: There is no task 'runn': did you mean run?\n  hint: inv --list shows all tasks\n",
        ),
        (["env"], "error: env is a collection of tasks, not a task.\n  hint: inv --list env\n"),
        (["help"], "error: There is no task 'help', but a flag: --help.\n  hint: inv --help\n"),
        (
            ["ci.doctr"],
            "error: There is no task 'ci.doctr': did you mean ci.doctor?\n  hint: inv --list shows all tasks\n",
        ),
        (["run", "--env"], "error: --env needs a value.\n  hint: inv run --help\n"),
        (["env.get"], "error: env.get needs NAME.\n  hint: inv env.get --help\n"),
        (["exec"], "error: exec needs a command.\n  hint: inv exec --help\n"),
        (
            ["compose.exec"],
            "error: compose.exec needs SERVICE, a command.\n  hint: inv compose.exec --help\n",
        ),
        (
            ["env.set", "TOKEN", "value", "--env", "staging"],
            (
                "error: env.set takes no value on the command line, which a shell keeps in its history.\n"
                "  hint: it is asked for, or piped: printf %s … | inv env.set NAME --env NAME; or --from-file PATH\n"
            ),
        ),
        (
            ["run", "--evn", "staging"],
            "error: There is no flag --evn: did you mean --env?\n  hint: inv run --help\n",
        ),
    ],
)
def test_an_unknown_word_gets_advice(shop: Path, argv: list[str], message: str) -> None:
    """Code 1, as Invoke's own, and one sentence with a hint."""
    done = _run(shop, "inv", *argv)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


@pytest.mark.parametrize(
    ("program", "argv", "sentence"),
    [
        ("inv", "run --port x", "--port takes a whole number, not 'x'."),
        ("inv", "run -px", "--port takes a whole number, not 'x'."),
        ("inv", "run --rate=fast", "--rate takes a number, not 'fast'."),
        ("inv", "run --dry-days x", "--dry-days takes a whole number, not 'x'."),
        ("inv", "run --dry-days", "--dry-days needs a value."),
        ("inv", "run -T soon", "--command-timeout takes a whole number, not 'soon'."),
        ("envtasks", "compose.logs --lines abc", "--lines takes a whole number, not 'abc'."),
        ("envtasks", "-D x", "--list-depth takes a whole number, not 'x'."),
        ("envtasks", "-f", "--config needs a value."),
    ],
)
def test_a_value_of_another_type_is_one_sentence(shop: Path, program: str, argv: str, sentence: str) -> None:
    """Of the project's own tasks, the built-in ones and Invoke's flags; the hint names the help that has the flag."""
    done = _run(shop, program, *argv.split())

    task = "" if argv.startswith("-") or "-T" in argv else f" {argv.split()[0]}"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {sentence}\n  hint: {program}{task} --help\n"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ("exec --env local --env staging -- env", "--env is given twice."),
        ("exec --env local --env staging env", "--env is given twice."),
        ("run --env=local -estaging", "-e is given twice."),
        ("run --port 1 --tag a --port=2", "--port is given twice."),
        ("run --yes=1", "--yes takes no value."),
        ("run --yes 1", "There is no task '1'."),
        ("run -e local --tag a --tag b run -e staging x", "There is no task 'x'."),
    ],
)
def test_a_flag_given_twice_is_named(shop: Path, argv: str, sentence: str) -> None:
    """Invoke takes the second value for a task; lists take several, and each task of a line has its own flags."""
    done = _run(shop, "inv", *argv.split())

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {sentence}\n  hint: inv ")


def test_an_error_of_the_projects_own_code_is_not_taken_for_a_wrong_value(shop: Path) -> None:
    """Only what a type says of a word of the command line becomes a sentence."""
    text = (shop / "tasks.py").read_text(encoding="utf-8")
    (shop / "tasks.py").write_text(text.replace('print("ran")', 'int("x")'), encoding="utf-8")
    assert "ValueError: invalid literal" in _run(shop, "inv", "run", "--port", "1").stderr


def test_the_envtasks_command_says_who_runs_tasks_py(shop: Path) -> None:
    """It has the built-in tasks alone."""
    done = _run(shop, "envtasks", "run")

    assert done.stderr == (
        "error: There is no task 'run'.\n  hint: tasks.py is for inv: its tasks run with inv NAME\n"
    )


@pytest.mark.parametrize("program", ["inv", "envtasks"])
@pytest.mark.parametrize("dashes", [[], ["--"]])
def test_exec_takes_flags_of_the_command_with_and_without_dashes(
    shop: Path, program: str, dashes: list[str]
) -> None:
    """What follows the first plain word is the command, its own flags included."""
    code = "import os, sys; print(os.environ['WHERE'], sys.argv[1:])"
    done = _run(
        shop, program, "exec", "--env", "staging", *dashes, sys.executable, "-c", code, "-la", "--env", "x y"
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "staging ['-la', '--env', 'x y']\n", "")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["exec", "--env", "staging", "python", "-V"], ["python", "-V"]),
        (["run", "exec", "-e", "staging", "-y", "ls", "-la"], ["ls", "-la"]),
        (["exec", "--env=staging", "echo hi"], []),
        (["exec", "--env", "staging"], []),
        (["run"], []),
    ],
)
def test_where_the_command_begins(
    words: list[str], command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After exec's own flags; a single word is a shell line and left to Invoke."""
    monkeypatch.setattr(sys, "argv", ["inv", *words])

    assert exec_command(words) == command


def test_the_projects_own_tasks_are_listed_first(shop: Path) -> None:
    """Under Invoke's heading the project's own, collections too; below them those of envtasks."""
    with (shop / "tasks.py").open("a", encoding="utf-8") as file:
        file.write("\n\nfrom invoke import Collection\nns.add_collection(Collection(run), 'zebra')\n")

    listed = _run(shop, "inv", "--list").stdout
    own, _, ours = listed.partition("\nTasks of envtasks:\n\n")

    assert own.startswith("Available tasks:\n\n")
    assert re.findall(r"^  (\S+)", own, re.MULTILINE) == ["run", "zebra.run"]
    assert {"doctor", "exec", "env.get", "ci.doctor"} <= set(re.findall(r"^  (\S+)", ours, re.MULTILINE))
    scoped = _run(shop, "inv", "--list", "env").stdout
    assert (scoped.partition("\n")[0], "Tasks of envtasks" in scoped) == ("Available 'env' tasks:", False)
    depth = _run(shop, "inv", "--list", "--list-depth", "1").stdout
    assert re.findall(r"^  (\S+)", depth.partition("\nTasks of envtasks:\n\n")[0], re.MULTILINE) == [
        "run",
        "zebra",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="/dev/full")
@pytest.mark.parametrize(
    "argv",
    [
        ("--list",),
        ("--list", "env"),
        ("-l", "-F", "nested"),
        ("-l", "-F", "json"),
        ("--help", "run"),
    ],
)
def test_a_list_or_help_that_cannot_be_written_is_one_sentence(shop: Path, argv: tuple[str, ...]) -> None:
    """As the output of a task is; a reader that has closed the pipe gets no message at all."""
    command = [sys.executable, "-u", "-m", "invoke", *argv]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command,
            cwd=shop,
            env=with_sources(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stderr == "error: The output could not be written: No space left on device.\n"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command,
        cwd=shop,
        env=with_sources(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_task_called_like_a_built_in_collection_leaves_it_there(shop: Path) -> None:
    """`env` is a usual name for a task, and without `env.list` no hint of envtasks could be followed."""
    with (shop / "tasks.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n\n@task(help={'to': 'where'})\ndef env(c, to='there'):\n    '''Our own.'''\n    print('own', to)\n"
            "ns = namespace(__name__)\n"
        )

    own, built_in = _run(shop, "inv", "env", "--to", "x"), _run(shop, "inv", "env.list")
    both = _run(shop, "inv", "env", "env.list")
    listed = _run(shop, "inv", "--list").stdout.partition("\nTasks of envtasks:\n\n")

    assert own.stdout == "own x\n"
    assert built_in.stdout.startswith("ENVIRONMENT")
    assert both.stdout == f"own there\n{built_in.stdout}"
    assert "  env   Our own.\n" in listed[0]
    assert "  env.list " in listed[2]


def test_a_job_name_writes_no_line_of_its_own(sandbox: Sandbox) -> None:
    """Names in a pipeline are foreign text: escape sequences and line breaks in them are escaped."""
    sandbox.environment("production", TOKEN="s3cret-token")
    sandbox.write(
        ".gitlab-ci.yml",
        '"a\\e[31m\\n::error::x":\n  variables:\n    DOTENV_PRIVATE_KEY_PRODUCTION: $DOTENV_PRIVATE_KEY_PRODUCTION\n'
        '  script: ["inv exec --env production -- true"]\n',
    )
    done = sandbox.python("-m", "envtasks", "ci.check")

    assert "\\x1b[31m\\n::error::x" in done.stdout
    assert "\x1b" not in done.stdout
    assert not [line for line in done.stdout.splitlines() if line.startswith("::")]
