"""sessions.py: our flags among the positional arguments, and what is put into a session."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any, cast

import nox
import pytest

from envtasks.errors import ConfigInvalid
from envtasks.sessions import _apply, _take_flags


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
