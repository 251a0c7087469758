"""What shadows the values of a baseline is reported, refused in a protected environment, or noted."""

from __future__ import annotations

from pathlib import Path

from envtasks.errors import (
    Refused,
)
from envtasks.hydration import hydrate
from tests.dotenv_files import KEY, PUBLIC, encrypted, environment, error_message, hydrated


def test_a_shadowed_secret_is_redacted_too(tmp_path: Path) -> None:
    """Where the process environment replaces a secret, both values are to be redacted."""
    result = hydrated(tmp_path, f"A='{encrypted('one')}'\n", {"A": "two"})
    assert dict(result.secrets) == {"A": "two", "A in .env.local:1": "one", **KEY}


def test_reports_once_what_the_process_environment_shadows(tmp_path: Path) -> None:
    """Names with another value in the process environment are one line, without equal values and overrides."""
    files = {
        ".env": "O=1\nM=1\n",
        ".env.local": f"A=1\nB=x-$A\nS='{encrypted('s')}'\nM=2\nE=1\nDOTENV_PUBLIC_KEY_LOCAL={PUBLIC}\n",
    }
    env = {
        "O": "2",
        "A": "2",
        "B": "x-1",
        "S": "t",
        "M": "1",
        "E": "",
        "DOTENV_PUBLIC_KEY_LOCAL": "x",
        "OTHER": "1",
    }
    result = hydrated(tmp_path, files, env)
    assert result.warnings == ("the process environment wins over .env.local with another value: A, S, E",)
    assert hydrated(tmp_path, files, env, reported={"A", "S"}).warnings == (
        "the process environment wins over .env.local with another value: E",
    )


def test_a_secret_that_cannot_be_compared_counts_as_shadowed(tmp_path: Path) -> None:
    """Without a key it is not known whether the values differ, so the name is reported."""
    made = environment(tmp_path, {".env.local": f"A='{encrypted('x')}'\nB=$A"})
    result = hydrate(made, {"A": "x", "B": "x"})
    assert dict(result.secrets) == {"A": "x", "B": "x"}
    assert result.warnings == ("the process environment wins over .env.local with another value: A, B",)


def test_values_of_a_protected_environment_may_not_be_shadowed(tmp_path: Path) -> None:
    """In a protected environment the process environment may not replace values, unless they are listed."""
    text, env = "A=1\nB=2\nC=3", {"A": "x", "B": "y", "C": "3"}
    assert error_message(Refused, tmp_path, text, env=env, options={"protected": True}) == (
        "local is protected, and the process environment sets other values than .env.local: A, B."
    )
    allowed = hydrated(tmp_path, text, env, options={"protected": True, "allow_overrides": ("A", "B")})
    assert dict(allowed) == {"A": "x", "B": "y", "C": "3"}
    assert allowed.warnings == ("the process environment wins over .env.local with another value: A, B",)


def test_notes_what_overrides_shadow(tmp_path: Path) -> None:
    """Overrides that replace a baseline's other value are one note, apart from the warnings."""
    files = {".env": "A=1\nB=2\nC=3\nD=4\n", ".env.local": "A=1\nB=x\nC=y\n"}
    result = hydrated(tmp_path, files, {"C": "p"})
    assert result.notes == (".env overrides .env.local: B",)


def test_only_overrides_that_replace_a_value_are_noted(tmp_path: Path) -> None:
    """Of several overrides those are named that win over a baseline."""
    files = {".env": "N=1\n", ".env.mine": "B=2\n", ".env.local": "A=1\nB=x\n"}
    optional = (tmp_path / ".env", tmp_path / ".env.mine")
    noted = hydrated(tmp_path, files, options={"optional_files": optional}).notes
    both = hydrated(tmp_path, {**files, ".env": "A=2\n"}, options={"optional_files": optional}).notes

    assert noted == (".env.mine overrides .env.local: B",)
    assert both == (".env and .env.mine override .env.local: A, B",)
