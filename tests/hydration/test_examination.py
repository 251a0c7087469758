"""Env files examined: what hydrating would find, as data, with whatever keys are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envtasks.errors import EnvFileInvalid, EnvFileMissing
from envtasks.hydration import examine, hydrate
from envtasks.hydration.examination import Examination, examine_files
from tests.dotenv_files import PRIVATE, PUBLIC, encrypted, environment

KEY = {"DOTENV_PRIVATE_KEY_DEV": PRIVATE}


def _examine(root: Path, text: str, process: Mapping[str, str] = {}, **options: Any) -> Examination:
    return examine(environment(root, {".env.dev": text}, **options), process)


def _mistakes(root: Path, text: str, process: Mapping[str, str] = {}) -> list[tuple[str, str]]:
    return [(each.kind, str(each)) for each in _examine(root, text, process).mistakes]


def test_values_are_those_of_hydrate_where_a_key_is_at_hand(tmp_path: Path) -> None:
    """Decrypted and expanded; the process environment wins over no file."""
    text = f"DOTENV_PUBLIC_KEY_DEV={PUBLIC}\nA='{encrypted('s')}'\nB=${{A}}-x\nC=$OUT\n"
    found = _examine(tmp_path, text, {**KEY, "A": "mine", "OUT": "o"})

    assert dict(found.values) == {"A": "s", "B": "s-x", "C": "o"}
    assert set(found.definitions) == {"A", "B", "C"}
    assert found.secret == {"A", "B"}
    assert found.mistakes == ()


def test_without_a_key_what_is_known_is_there(tmp_path: Path) -> None:
    """Neither an encrypted value nor one that is made from it; no error."""
    found = _examine(tmp_path, f"A='{encrypted('s')}'\nB=${{A}}-x\nC=1\n")

    assert dict(found.values) == {"C": "1"}
    assert found.secret == {"A", "B"}


@pytest.mark.parametrize(
    ("line", "kind", "sentence"),
    [
        (
            "A='x",
            "text",
            "A: the quote is not closed, so the value ends with its line and the quote is part of it",
        ),
        ("A=1\njust words", "text", "this line is not an assignment and is ignored"),
        ("A=1\nA=2", "duplicate", "A is set again (first in line 1): the last one counts"),
        ("A=pa$word", "expansion", "A refers to word, which is not set"),
        ("A=$A_", "expansion", "A refers to A_, which is not set"),
        ("A=${B:?}", "expansion", "A requires B, which is not set"),
        ("A=$(id)", "command", "A: $(…) in the value would run a command"),
        ("A=op://team/x", "reference", "A refers to a password manager (op://), which nothing asks"),
        ("LD_PRELOAD=x", "steering", "LD_PRELOAD makes programs run or load code, and an env file is data"),
        ("ENVTASKS_CONFIRM=x", "steering", "ENVTASKS_CONFIRM controls envtasks, which no env file may"),
        ("toString=1", "name", "toString: dotenvx loses the whole file because of this name"),
    ],
)
def test_mistakes(tmp_path: Path, line: str, kind: str, sentence: str) -> None:
    """One for each, with its place; where hydrating raises an error, there is a mistake."""
    number = line.count("\n") + 1
    assert _mistakes(tmp_path, f"{line}\n") == [(kind, f".env.dev:{number}: {sentence}")]


def test_a_name_of_javascript_s_is_found_on_windows_too(tmp_path: Path) -> None:
    """Names have no case there for processes; in a file, for dotenvx, they have."""
    dev = environment(tmp_path, {".env.dev": "toString=1\nTOSTRING=1\n"})

    mistakes = [str(each) for each in examine_files(dev, {}, windows=True).mistakes if each.kind == "name"]

    assert mistakes == [".env.dev:1: toString: dotenvx loses the whole file because of this name"]


@pytest.mark.parametrize("shape", ["{} x", '"{}', "{}@@", "https://u:{}@h", "encrypted:abc"])
def test_ciphertexts_that_are_none(tmp_path: Path, shape: str) -> None:
    """Text around a ciphertext, a quote that is lost, damaged base64: found without a key."""
    text = f"A={shape.format(encrypted('s'))}\n"

    assert "ciphertext" in [kind for kind, _ in _mistakes(tmp_path, text)]


def test_a_value_that_is_encrypted_twice(tmp_path: Path) -> None:
    """Found where the key is at hand."""
    text = f"A='{encrypted(encrypted('s'))}'\n"

    assert [kind for kind, _ in _mistakes(tmp_path, text, KEY)] == ["ciphertext"]


def test_a_decrypted_value_whose_dollar_is_expanded(tmp_path: Path) -> None:
    """In double quotes: found with the key, named as what `--repair` mends."""
    text = f'A="{encrypted("pa$word")}"\n'

    assert [kind for kind, _ in _mistakes(tmp_path, text, KEY)] == ["changed"]
    assert _mistakes(tmp_path, text) == []


def test_the_warnings_are_those_of_hydrate(tmp_path: Path) -> None:
    """Both say the same of a file that runs all the same."""
    text = "A=1\nA=2\nB=p@ss#word\nC=$NOT_SET\nD=${B:+x}\n"
    declared = environment(tmp_path, {".env.dev": text})

    assert list(hydrate(declared, {}).warnings) == [str(each) for each in examine(declared, {}).mistakes]


def test_allowed_steering_is_no_mistake(tmp_path: Path) -> None:
    """What pyproject.toml lists may be set."""
    assert _examine(tmp_path, "EDITOR=vi\n", allow_steering=("EDITOR",)).mistakes == ()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """As when hydrating."""
    with pytest.raises(EnvFileInvalid, match="conflict markers"):
        _examine(tmp_path, "<<<<<<< a\n")
    (tmp_path / ".env.dev").unlink()
    with pytest.raises(EnvFileMissing):
        examine(environment(tmp_path, {".env.dev": ""}), {})
