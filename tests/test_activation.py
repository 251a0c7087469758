"""activation.py: what is said about an environment, once per call and in a few lines."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from envtasks import task
from envtasks.activation import ask_whether
from envtasks.context import Context
from tests.conftest import Inv

MISTAKES = "".join(f"A{number}=$x{number}\n" for number in range(9))


@task(env="local")
def here(c: Context) -> None:
    """Here."""


@task(env="staging")
def there(c: Context) -> None:
    """There."""


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("\n", True), ("Y\n", True), ("no\n", False), ("maybe\nyes\n", True), ("x\nN\n", False)],
)
def test_a_question_is_answered_with_yes_or_no(
    monkeypatch: pytest.MonkeyPatch, typed: str, answer: bool
) -> None:
    """Enter alone is yes; what is neither is asked for again."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert ask_whether("Go on?") is answer


def test_the_end_of_what_is_typed_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-D at a question ends the command, and answers it neither with yes nor with no."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("maybe\n"))
    with pytest.raises(SystemExit) as caught:
        ask_whether("Encrypt it?")
    assert caught.value.code == 130


@pytest.mark.parametrize("argv", [["here"], ["here", "there", "--env", "staging"], ["here", "-e", "local"]])
def test_a_project_in_order_prints_nothing(
    inv: Inv, capsys: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    """Without anything to warn of, a task adds no line to its output."""
    assert inv([here, there], *argv) == 0
    assert capsys.readouterr() == ("", "")


def test_five_lines_at_most_and_the_command_for_the_others(
    inv: Inv, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of nine likely mistakes five are printed, and the command that lists all of them."""
    (shop / ".env.local").write_text(MISTAKES, encoding="utf-8")

    assert inv([here], "here") == 0

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["warning"] * 5 + ["note"]
    assert lines[-1] == "note: 4 more: inv env.check --env local lists them"


def test_what_is_not_about_a_line_comes_first(
    inv: Inv, shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many mistakes a file has, what the process environment does is among the five lines."""
    (shop / ".env.local").write_text(f"{MISTAKES}WHERE=local\n", encoding="utf-8")
    monkeypatch.setenv("WHERE", "shell")
    monkeypatch.setenv("APP_ENV", "staging")

    assert inv([here], "here") == 0

    note, warning, *others = capsys.readouterr().err.splitlines()
    assert note.startswith("note: APP_ENV of the process environment chooses no environment")
    assert warning == "warning: the process environment wins over .env.local with another value: WHERE"
    assert len(others) == 4


def test_a_line_is_printed_once_per_call(inv: Inv, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two environments that share a file, and two tasks in one environment, say each line once."""
    (shop / "pyproject.toml").write_text(
        "[tool.envtasks.environments]\n"
        'local = { files = [".env.local", ".env.shared"] }\nstaging = { files = [".env.staging", ".env.shared"] }\n',
        encoding="utf-8",
    )
    (shop / ".env.shared").write_text("A=$nothing\n", encoding="utf-8")

    assert inv([here, there], "here", "there", "here") == 0
    assert capsys.readouterr().err == "warning: .env.shared:1: A refers to nothing, which is not set\n"


def test_app_env_of_the_shell_is_said_to_choose_nothing(
    inv: Inv, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who sets APP_ENV=staging before a task of local reads where it runs, once."""
    monkeypatch.setenv("APP_ENV", "staging")

    assert inv([here], "here", "here") == 0
    assert capsys.readouterr().err == (
        "note: APP_ENV of the process environment chooses no environment: this runs in local; --env chooses another\n"
    )

    assert inv([here], "here", "--env", "staging") == 0
    assert capsys.readouterr().err == ""


def test_the_variable_is_the_project_s_own(
    inv: Inv, shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `environment-variable` another variable holds the environment's name, and APP_ENV is any variable."""
    (shop / "pyproject.toml").write_text(
        '[tool.envtasks]\nenvironment-variable = "FLASK_ENV"\n', encoding="utf-8"
    )
    monkeypatch.setenv("APP_ENV", "staging")
    assert inv([here], "here") == 0
    assert capsys.readouterr().err == ""

    monkeypatch.setenv("FLASK_ENV", "staging")
    assert inv([here], "here") == 0
    assert capsys.readouterr().err.startswith("note: FLASK_ENV of the process environment")


NESTED = """
import sys
from envtasks import task
from invoke.collection import Collection
from invoke.program import Program

@task(env="local")
def outer(c):
    c.exec("python", __file__, "inner")

@task(env="staging")
def inner(c):
    print(c.environment)

Program(namespace=Collection(outer, inner)).run(["inv", *sys.argv[1:]])
"""


def test_a_nested_call_says_nothing_of_app_env(shop: Path, tmp_path: Path) -> None:
    """APP_ENV of an outer hydration is ours: a task of another environment inside it says nothing."""
    program = tmp_path / "nested.py"
    program.write_text(NESTED, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, str(program), "outer"], capture_output=True, encoding="utf-8", check=True, timeout=60
    )

    assert (done.stdout, done.stderr) == ("staging\n", "")
