"""Warnings about values that are not what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.dotenv_files import encrypted, hydrated


@pytest.mark.parametrize(
    ("files", "value", "warning"),
    [
        ("A=pa$word", "pa", ".env.local:1: A refers to word, which is not set"),
        (
            "A=p@ss#word",
            "p@ss",
            ".env.local:1: A: # without a blank before it starts a comment; put the value in quotes",
        ),
        (
            "A=#fff",
            "",
            ".env.local:1: A: # without a blank before it starts a comment; put the value in quotes",
        ),
        ("A=$2b$10$abc", "$2b$10", ".env.local:1: A refers to abc, which is not set"),
        ('A="pa$$word@"', "pa$@", ".env.local:1: A refers to word, which is not set"),
        ("A=${B:=x}", "", ".env.local:1: A refers to ${B:=x}, which dotenvx does not know: it gives nothing"),
        (
            {".env": "A=http://${HOST}/", ".env.local": "HOST=db"},
            "http:///",
            ".env:1: A refers to HOST, which only a later file sets (.env.local:1)",
        ),
        ("A=$B\nB=1", "", ".env.local:1: A refers to B, which only a later line sets (.env.local:2)"),
    ],
)
def test_one_warning_each(tmp_path: Path, files: str | Mapping[str, str], value: str, warning: str) -> None:
    """The value is dotenvx's, and one sentence says why it is not what it looks like."""
    result = hydrated(tmp_path, files)

    assert (result["A"], result.warnings) == (value, (warning,))


@pytest.mark.parametrize(
    "text",
    [
        'A="x"\nA="$A y"\n',
        'A=x\nA="${A} y"\nA="${A} z"\n',
        "A=${B:-x}\n",
        "A=${B-x}\n",
        "A=${B:+x}\n",
        "A='pa$word#x'\n",
        "A=x # comment\n",
        "A= # comment\n",
        "A='x'#comment\n",
        "A=\\$word\n",
    ],
)
def test_what_is_meant_gives_no_warning(tmp_path: Path, text: str) -> None:
    """Continued values, defaults, literals, comments and escaped dollar signs are in order."""
    assert hydrated(tmp_path, text).warnings == ()


def test_a_secret_with_an_intended_reference_gives_no_warning(tmp_path: Path) -> None:
    """A reference in an encrypted value is reported only where it names nothing, or is no reference at all."""
    url = encrypted("postgres://app:${DB_PASSWORD}@db")
    result = hydrated(tmp_path, f'DB_PASSWORD="{encrypted("hush")}"\nURL="{url}"\n')

    assert (result["URL"], result.warnings) == ("postgres://app:hush@db", ())

    changed = hydrated(tmp_path, f'A="{encrypted("pa$word")}"\nB="{encrypted("pa" + chr(92) + "$x")}"\n')

    assert [line.split(": ")[1] for line in changed.warnings] == ["A", "B"]
    assert "env.encrypt --repair" in changed.warnings[0]
