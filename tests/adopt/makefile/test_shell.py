"""Recipe lines: a program and its arguments where that is enough, else a line for a shell."""

from __future__ import annotations

import pytest

from envtasks.adopt.makefile.shell import Step, Word, printed, steps


def _words(*texts: str) -> tuple[Word, ...]:
    return tuple(map(Word, texts))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pytest -m 'not integration'", ("pytest", "-m", "not integration")),
        ('git commit -m "a \\"b\\""', ("git", "commit", "-m", 'a "b"')),
        ("find . -name \\*.pyc -exec rm {} \\;", ("find", ".", "-name", "*.pyc", "-exec", "rm", "{}", ";")),
        ("pip install -e .[dev]", ("pip", "install", "-e", ".[dev]")),
        ("docker build \\\n    -t app .", ("docker", "build", "-t", "app", ".")),
        ("true ''", ("true", "")),
    ],
)
def test_a_program_needs_no_shell(line: str, words: tuple[str, ...]) -> None:
    """Quotes, escapes and continued lines are arguments."""
    assert steps(line, {}) == (Step(_words(*words)),)


@pytest.mark.parametrize(
    "line",
    [
        "cat a | sort", "rm -f *.pyc", "echo $HOME", 'echo "$HOME"', "a || b", "a; b", "a > b", "ls ~/x", "export A=1",
        "source .venv/bin/activate", "[ -f a ]", "if a; then b; fi", "a &", "echo `date`", "A=1", 'echo "\\033[0m"',
        "echo 'open",
    ],
)  # fmt: skip
def test_everything_else_is_a_line_for_a_shell(line: str) -> None:
    """Pipes, globs, variables, built-ins and the like stay as they are."""
    assert steps(line, {}) == (Step(line=line),)


def test_commands_that_are_joined_are_steps() -> None:
    """`cd folder && a && b` are two programs in this folder."""
    assert steps("cd web && npm ci && npm run build", {}) == (
        Step(_words("npm", "ci"), folder="web"),
        Step(_words("npm", "run", "build"), folder="web"),
    )
    assert steps("cd web && npm ci | tee log", {}) == (Step(line="npm ci | tee log", folder="web"),)
    assert steps("cd web && a || b", {}) == (Step(line="cd web && a || b"),)


def test_an_ignored_failure_covers_the_whole_line() -> None:
    """`-a && b` is one line: as two steps, b would run although a failed."""
    assert steps("a && b", {}, warn=True) == (Step(line="a && b", warn=True),)
    assert steps("a", {}, warn=True) == (Step(_words("a"), warn=True),)


def test_variables_and_env_files_of_a_command() -> None:
    """`NAME=value` before a command and the files of dotenvx are taken off it."""
    assert steps("A=1 B='x y' pytest", {}) == (Step(_words("pytest"), variables=(("A", "1"), ("B", "x y"))),)
    assert steps("npx dotenvx run -f .env -f .env.local -- pytest -x", {}) == (
        Step(_words("pytest", "-x"), env_files=(".env", ".env.local")),
    )
    assert steps("dotenvx run -f .env.dev -- a | b", {}) == (Step(line="a | b", env_files=(".env.dev",)),)
    assert steps("dotenvx run -f .env.dev -- a || b", {}) == (Step(line="dotenvx run -f .env.dev -- a || b"),)


@pytest.mark.parametrize(
    ("line", "differs"),
    [
        ("[[ a == b ]]", True),
        ("a &> b", True),
        ("cp {a,b} c", True),
        ('echo "\\n" | a', True),
        ("a | b", False),
        ("docker ps --format '{{.ID}}' | wc", False),
    ],
)
def test_where_bash_differs_from_sh(line: str, differs: bool) -> None:
    """Such a line names the plain sh, which make uses."""
    assert steps(line, {})[0].needs_posix_shell == differs


def test_what_an_echo_prints() -> None:
    """A plain echo is a text; one with an option or in a folder is a command."""
    assert [printed(step) for step in steps("echo 'a  b' c", {})] == ["a  b c"]
    assert [printed(step) for step in steps("echo", {})] == [""]
    assert [printed(step) for step in steps("echo -n a", {})] == [None]
