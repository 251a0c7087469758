"""Hydrated values: immutable, never shown, and the environment of a child process."""

from __future__ import annotations

import copy
import pickle
import traceback
from pathlib import Path

import pytest

from envtasks.errors import VariableMissing
from envtasks.hydration.nesting import marker
from envtasks.hydration.result import Hydrated
from tests.dotenv_files import PRIVATE, encrypted, hydrated

SWITCHES = {"COMPOSE_DISABLE_ENV_FILE": "1", "PYTHON_DOTENV_DISABLED": "1", "UV_NO_ENV_FILE": "1"}


@pytest.fixture
def values(tmp_path: Path) -> Hydrated:
    text = f"DB_HOST=db\nDB_PASSWORD='{encrypted('hunter2!')}'\nCACHE=c\n"
    return hydrated(tmp_path, text, {"HOME": "/h", "CACHE": "", "APP_ENV": "shell"})


def test_is_a_mapping_in_file_order(values: Hydrated) -> None:
    """It holds what the files define, with effective values, and nothing of the rest of the process environment."""
    assert list(values.items()) == [("DB_HOST", "db"), ("DB_PASSWORD", "hunter2!"), ("CACHE", "")]
    assert (len(values), "HOME" in values, values.get("HOME")) == (3, False, None)
    assert (values.environment, values.protected, values.public) == ("local", False, False)


def test_asking_whether_a_name_is_there_looks_for_no_near_one(
    values: Hydrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`in` is asked for every variable of the process environment, and among thousands of names that takes seconds."""
    monkeypatch.setattr("envtasks.hydration.result.did_you_mean", None)
    assert ([name for name in ("PATH", "GONE", *values) if name in values], None in values) == (
        list(values),
        False,
    )


def test_the_child_gets_the_process_environment_and_the_values(values: Hydrated) -> None:
    """A child has the process environment without private keys, the values, APP_ENV, the switches and the marker."""
    assert values.child_env() == {
        "HOME": "/h",
        "DB_HOST": "db",
        "DB_PASSWORD": "hunter2!",
        "CACHE": "",
        "APP_ENV": "local",
        **SWITCHES,
        **marker(
            "local",
            {**{name: values[name] for name in ("DB_HOST", "DB_PASSWORD")}, "APP_ENV": "local"},
            ["CACHE"],
        ),
    }


def test_needs_leave_out_the_other_variables(values: Hydrated) -> None:
    """With needs a child gets only those variables of the env files, not even from the process environment."""
    assert values.child_env(["DB_PASS*", "HOME"]) == {
        "HOME": "/h",
        "DB_PASSWORD": "hunter2!",
        "APP_ENV": "local",
        **SWITCHES,
        **marker("local", {"DB_PASSWORD": "hunter2!", "APP_ENV": "local"}, ["CACHE"]),
    }
    assert "CACHE" not in values.child_env([])


def test_every_missing_need_is_named(values: Hydrated) -> None:
    """Names must be set, even if empty, and patterns match one that is; all that are not are named at once."""
    with pytest.raises(VariableMissing) as caught:
        values.child_env(["B", "CACHE", "APP_ENV", "A", "Z_*", "A", "CA*", "HO?E"])
    assert caught.value.message == "B, A, Z_* are needed but not set in local (.env.local)."
    assert caught.value.hint == "inv env.set B --env local"
    with pytest.raises(VariableMissing) as caught:
        values.child_env(["Z_*"])
    assert caught.value.hint == "inv env.set NAME --env local"


def test_a_missing_need_has_a_near_name(values: Hydrated) -> None:
    """A single need that nothing matches is said with a variable that is nearly called so."""
    with pytest.raises(
        VariableMissing, match=r"^DBB_\* is needed but not set in local \(.env.local\): did you mean DB_"
    ):
        values.child_env(["DBB_*"])


def test_app_env_of_the_files_is_not_filtered(tmp_path: Path) -> None:
    """APP_ENV as the files define it is in the child environment, needed or not."""
    assert hydrated(tmp_path, "APP_ENV=x\nA=1").child_env(["A"])["APP_ENV"] == "x"


def test_never_shows_a_value(values: Hydrated) -> None:
    """Neither repr nor str nor an error message has a value in it."""
    assert f"{values!r} {values}" == " ".join(["<Hydrated local: 3 variables, 1 of them secret>"] * 2)
    with pytest.raises(KeyError) as caught:
        values["NONE"]
    assert "hunter2!" not in "".join(traceback.format_exception(caught.value))


def test_cannot_be_pickled(values: Hydrated) -> None:
    """Pickling is refused with an error without a value."""
    with pytest.raises(TypeError) as caught:
        pickle.dumps(values)
    assert str(caught.value) == "Hydrated values cannot be pickled: secrets would leave the process."


def test_does_not_change(values: Hydrated) -> None:
    """Nothing can be set or removed; a copy is the same object; what it returns is a copy."""
    with pytest.raises(AttributeError, match="do not change"):
        values.public = True
    with pytest.raises(AttributeError, match="do not change"):
        del values.public
    with pytest.raises(TypeError):
        values.secrets["A"] = "1"  # type: ignore[index]
    assert copy.deepcopy(values) is copy.copy(values) is values
    values.child_env()["DB_HOST"] = "other"
    assert values.child_env()["DB_HOST"] == "db"


def test_private_keys_are_stripped(tmp_path: Path) -> None:
    """No variable whose name begins with DOTENV_PRIVATE_KEY reaches a child, whatever it holds."""
    env = {"DOTENV_PRIVATE_KEY": PRIVATE, "DOTENV_PRIVATE_KEY_X": "x", "DOTENV_PUBLIC_KEY": "p"}
    child = hydrated(tmp_path, "A=1\nDOTENV_PRIVATE_KEY_Y=y", env).child_env()
    assert [name for name in child if name.startswith("DOTENV_")] == ["DOTENV_PUBLIC_KEY"]
