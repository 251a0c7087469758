"""Which words come next on a command line."""

from __future__ import annotations

import pytest

from envtasks.completion.cache import Flag, Names, TaskNames
from envtasks.completion.candidates import candidates, core_words, split_bash_words


def flag(*names: str, kind: str = "", value: bool = True, many: bool = False) -> Flag:
    """A flag; `value` says whether one follows."""
    return {"names": list(names), "value": value, "kind": kind, "help": "", "many": many}


def task(
    *flags: Flag, positionals: tuple[str, ...] = (), environment: str = "", only: list[str] | None = None
) -> TaskNames:
    """A task with `--env` and these flags."""
    env = flag("--env", "-e", kind="environment")
    return {
        "help": "",
        "flags": [*flags, env],
        "positionals": list(positionals),
        "environment": environment,
        "only": only,
    }


NAMES: Names = {
    "core": [
        flag("--help", "-h", kind="task"),
        flag("--echo", value=False),
        flag("--list-format", kind="one of flat json"),
    ],
    "tasks": {
        "run": task(flag("--fast", value=False), environment="local"),
        "migrate": task(only=["staging"]),
        "env.get": task(positionals=("variable",)),
        "compose.up": task(positionals=("services",)),
        "compose.exec": task(positionals=("service", "command")),
        "tag": task(flag("--also", many=True)),
    },
    "environments": {"local": ["A", "ONLY_LOCAL"], "staging": ["A", "ONLY_STAGING"]},
    "services": ["app", "db"],
    "files": [],
    "folders": [],
}
TASKS = list(NAMES["tasks"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", TASKS),
        ("r", ["run"]),
        ("run ", TASKS),
        ("run -", ["--fast", "--env", "-e", "--help", "-h", "--echo"]),
        ("run --", ["--fast", "--env", "--help", "--echo"]),
        ("run --fast --", ["--env", "--help", "--echo"]),
        ("run -e local --", ["--fast", "--help", "--echo"]),
        ("tag --also 1 --al", ["--also"]),
        ("run --env ", ["local", "staging"]),
        ("run --env=l", ["--env=local"]),
        ("run -e s", ["staging"]),
        ("migrate --env ", ["staging"]),
        ("run --env local mig", ["migrate"]),
        ("env.get ", ["A", "ONLY_LOCAL", "ONLY_STAGING"]),
        ("env.get --env staging ONLY", ["ONLY_STAGING"]),
        ("env.get -e=local ONLY", ["ONLY_LOCAL"]),
        ("env.get A ", TASKS),
        ("env.get A --", ["--env", "--help", "--echo"]),
        ("compose.up ", ["app", "db", *TASKS]),
        ("compose.up app d", ["db"]),
        ("compose.up app run --f", ["--fast"]),
        ("compose.exec ", ["app", "db"]),
        ("compose.exec app ", []),
        ("compose.exec app psql ", []),
        ("run -- ", []),
        ("run -- --", []),
        ("--l", ["--list-format"]),
        ("--list-format ", ["flat", "json"]),
        ("--help ru", ["run"]),
        ("run --unknown ", TASKS),
        ("unknown ", TASKS),
        ("unknown --", ["--help", "--echo", "--list-format"]),
    ],
)  # fmt: skip
def test_what_comes_next(line: str, expected: list[str]) -> None:
    """Tasks, flags that are not yet given, and the values of flags and positional arguments."""
    *words, current = line.split(" ")

    assert [each.value for each in candidates(NAMES, words, current)] == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["inv", "run"], (["inv"], "run")),
        (["inv", "run", ""], (["inv", "run"], "")),
        (["inv", "run", "--env", "=", "lo"], (["inv", "run"], "--env=lo")),
        (["inv", "run", "--env", "="], (["inv", "run"], "--env=")),
        (["inv", "run", "--env", "=", "local", "b"], (["inv", "run", "--env=local"], "b")),
        (["inv", "run", "--env=lo"], (["inv", "run"], "--env=lo")),
    ],
)
def test_bash_splits_words_at_equals(words: list[str], expected: tuple[list[str], str]) -> None:
    """`--env=local` is one word again, whether bash has split it or not."""
    assert split_bash_words(words) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run --env local", []),
        ("-c other run", ["-c", "other"]),
        ("--echo --search-root=../x run", ["--search-root=../x"]),
        ("-F flat -r .. run -c no", ["-r", ".."]),
        ("-c", []),
    ],
)
def test_flags_that_choose_the_tasks(line: str, expected: list[str]) -> None:
    """Another collection or search root, before the first task."""
    assert core_words(line.split(" ")) == expected
