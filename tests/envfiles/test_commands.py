"""Commands in values: found as dotenvx finds them, and replaced by their output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envtasks.envfiles.commands import evaluate, find_commands, run_in_shell, variables_in
from envtasks.envfiles.expansion import EndlessExpansion
from tests.deadlines import ended


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a$(b)c$(d)", ["b", "d"]),
        ("\\$(b)", ["b"]),
        ("$(b))", ["b"]),
        ("$()", [""]),
        ("$(b $(c))", ["b $(c)"]),
        ('$(b ")")', ['b ")"']),
        ("$(b ')' \\))", ["b ')' \\)"]),
        ('$(b "$(c ")")")', ['b "$(c ")")"']),
        ("$(b", []),
        ("$(b $(c)", ["c"]),
        ("$(b ' $(c)", ["c"]),
        ("$b (c)", []),
    ],
)
def test_finds_commands(value: str, expected: list[str]) -> None:
    """A command ends at its own closing parenthesis, where quotes and backslashes protect others."""
    assert [value[start + 2 : end - 1] for start, end in find_commands(value)] == expected


def test_finding_commands_takes_a_bounded_time() -> None:
    """A value made of opening parentheses is given up on, rather than searched for minutes."""
    assert isinstance(ended(lambda: find_commands("$(" * 200_000)), EndlessExpansion)


def test_replaces_commands_by_their_output() -> None:
    """Each command is replaced by its output, `$` in it as in JavaScript; if one fails the value stays."""
    outputs = {"a": "1$$", "b": "$(a)", "c": None}
    values = ["x$(a)y$(b)", "$(a)$(c)", "plain"]
    assert [evaluate(value, outputs.__getitem__) for value in values] == ["x1$y$(a)", None, None]


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell line")
def test_runs_a_shell_line(tmp_path: Path) -> None:
    """A command gets the given environment and folder; line breaks at the end are removed; None if it fails."""
    env = {"PATH": "/usr/bin:/bin", "A": "1"}
    assert run_in_shell('printf \'%s %s\\n\\n\' "$A" "$(pwd)"', env, tmp_path) == f"1 {tmp_path.resolve()}"
    assert run_in_shell("echo half; exit 3", env, tmp_path) is None
    assert run_in_shell("echo x", env, tmp_path / "absent") is None


def test_finds_the_variables_that_a_command_may_read() -> None:
    """They are the names after a dollar sign or between percent signs."""
    assert variables_in("x$(echo $A ${B_2} %C%)") == {"A", "B_2", "C"}
