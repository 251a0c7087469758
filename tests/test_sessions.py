"""sessions.py: our flags among the positional arguments, and what is put into a session."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any, cast

import nox
import pytest

from envtasks.errors import ConfigInvalid
from envtasks.sessions import _apply, _take_flags, session


@pytest.mark.parametrize(
    ("posargs", "env", "mask", "rest"),
    [
        ([], None, True, []),
        (["-k", "x"], None, True, ["-k", "x"]),
        (["--env", "dev", "-k", "x"], "dev", True, ["-k", "x"]),
        (["-x", "--env=dev"], "dev", True, ["-x"]),
        (["--env", "dev", "--no-mask"], "dev", False, []),
        (["-e", "."], None, True, ["-e", "."]),
        (["--", "--env", "dev"], None, True, ["--", "--env", "dev"]),
    ],
)
def test_our_flags_are_taken_out(posargs: list[str], env: str | None, mask: bool, rest: list[str]) -> None:
    """--env and --no-mask are taken out of the positional arguments; `-e` is pip's, a second `--` protects the rest."""
    given = list(posargs)
    assert _take_flags(posargs) == (env, mask, "--no-check" not in given)
    assert posargs == rest


def test_env_without_a_name_is_config_invalid() -> None:
    """`-- --env` at the end names no environment."""
    with pytest.raises(ConfigInvalid, match="--env needs the name of an environment"):
        _take_flags(["--env"])


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"env": 3}, "@session(env=3): expected the name of an environment, such as 'local'."),
        ({"only": "staging"}, "@session(only='staging'): expected a list of names, such as ['staging']."),
        ({"needs": [3]}, "@session(needs=[3]): expected a list of names, such as ['staging']."),
    ],
)
def test_wrong_declarations_are_refused_at_definition(
    declared: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a task's: a string in place of a list, of which every part would be a name, is code 2 and one sentence."""
    with pytest.raises(SystemExit) as caught:
        session(**declared)(lambda session: None)
    assert (caught.value.code, capsys.readouterr().err) == (2, f"error: {message}\n")


def test_only_differences_reach_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process environment has already is left to nox; what must not be there is set to None."""
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("DOTENV_PRIVATE_KEY", "f" * 64)
    session = cast(nox.Session, SimpleNamespace(env={}))
    child: dict[str, Any] = {**os.environ, "NEW": "2"}
    del child["DOTENV_PRIVATE_KEY"]

    _apply(session, child)

    utf8 = {"PYTHONUTF8": "1"} if sys.platform == "win32" else {}
    assert session.env == {"NEW": "2", "DOTENV_PRIVATE_KEY": None, **utf8}


def test_python_prints_utf_8_in_sessions_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe it would print in a code page, which lacks characters."""
    monkeypatch.delenv("PYTHONUTF8", raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    session = cast(nox.Session, SimpleNamespace(env={}))

    _apply(session, os.environ)

    assert session.env == {"PYTHONUTF8": "1"}
