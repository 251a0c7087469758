"""errors.py: one code per row of the table, and the README shows the same table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from envtasks import errors
from envtasks.errors import EnvtasksError

README = Path(__file__).parents[1] / "README.md"


def _classes() -> dict[int, set[str]]:
    rows: dict[int, set[str]] = {}
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, EnvtasksError) and value is not EnvtasksError:
            rows.setdefault(value.code, set()).add(value.__name__)
    return rows


def test_each_code_is_one_row() -> None:
    """The classes and their exit codes are the ones that the design agreed on."""
    assert _classes() == {
        2: {"ConfigInvalid", "UnknownEnvironment"},
        3: {"EnvFileMissing", "EnvFileInvalid"},
        4: {"KeyMissing", "DecryptionFailed"},
        5: {"VariableMissing", "SettingsInvalid"},
        6: {"Refused"},
        7: {"ToolMissing"},
        8: {"BuildFailed", "StackFailed"},
        9: {"LeakFound"},
        10: {"ClusterFailed"},
    }


def test_readme_lists_the_same_codes() -> None:
    """The README's table of exit codes names every class beside its code."""
    table = {
        int(code): set(re.findall(r"`(\w+)`", names))
        for code, names in re.findall(
            r"^\| (\d+) \| ([^|]*) \|", README.read_text(encoding="utf-8"), re.MULTILINE
        )
    }

    assert _classes() == table


def test_message_and_hint() -> None:
    """An error reads as its sentence and, on the next line, its hint."""
    error = errors.Refused("Not here.", hint="inv there")

    assert str(error) == "Not here.\n  hint: inv there"
    assert str(errors.Refused("Not here.")) == "Not here."


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--jsno", ": did you mean --json?"),
        ("--reveel", ": did you mean --reveal?"),
        ("--yes", ": did you mean --yes?"),
        ("--sarif", "."),
        ("yes", ": did you mean --yes?"),
        ("", "."),
    ],
)
def test_a_near_name(word: str, said: str) -> None:
    """Letters decide, not the dashes that all flags have: `--yes` is never what somebody meant by `--sarif`."""
    assert errors.did_you_mean(word, ["--yes", "--json", "--reveal"]) == said
