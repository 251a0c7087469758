"""Hydration inside hydration: the marker, and its effect on the inner hydration."""

from __future__ import annotations

import re
from pathlib import Path

from envtasks.hydration import hydrate
from envtasks.hydration.nesting import Outer, checksums, enter, marker, without_outer
from envtasks.redaction import Redactor
from tests.dotenv_files import encrypted, environment, hydrated


def test_without_a_marker_only_app_env_is_removed() -> None:
    """A process environment without a marker is used unchanged, except for APP_ENV."""
    assert enter({"A": "1", "APP_ENV": "shell"}, "local") == ({"A": "1"}, Outer())


def test_values_of_another_environment_are_removed() -> None:
    """Inside a hydration of another environment, none of its values is left."""
    env = {"A": "1", "B": "2", "APP_ENV": "dev", **marker("dev", {"A": "1"}, ["A"])}
    assert enter(env, "local") == ({"B": "2"}, Outer())


def test_values_of_the_same_environment_stay() -> None:
    """Inside a hydration of the same environment, values stay, and what was reported about them is known."""
    env = {"A": "1", "B": "2", **marker("local", {"A": "1", "B": "2"}, ["B"])}
    assert enter(env, "local") == ({"A": "1", "B": "2"}, Outer("local", frozenset("AB"), frozenset("B")))


def test_names_are_folded_on_windows() -> None:
    """On Windows the names of the process environment and of the marker have one spelling."""
    env = {"Path": "x", "db_host": "h", **marker("dev", {"DB_Host": "h"}, [])}
    assert enter(env, "local", windows=True) == ({"PATH": "x"}, Outer())
    env = {"Path": "x", "db_host": "h", **marker("local", {"DB_Host": "h"}, ["db_host"])}
    assert enter(env, "local", windows=True) == (
        {"PATH": "x", "DB_HOST": "h"},
        Outer("local", frozenset({"DB_HOST"}), frozenset({"DB_HOST"})),
    )


def test_a_long_marker_fits_into_variables() -> None:
    """50,000 names are stored in several variables, each short enough for every system, and read back."""
    values = {f"VARIABLE_{number}": str(number) for number in range(50_000)}
    variables = marker("local", values, ["A"])
    assert max(map(len, variables.values())) <= 30_000
    process, outer = enter({**values, **variables}, "local")
    assert (process, outer) == (values, Outer("local", frozenset(values), frozenset("A")))


def test_an_invalid_marker_is_removed() -> None:
    """A marker that envtasks did not write is removed and has no effect."""
    assert enter({"A": "1", "ENVTASKS_HYDRATED": "x"}, "local") == ({"A": "1"}, Outer())


def test_another_environment_inside_has_nothing_of_the_outer_one(tmp_path: Path) -> None:
    """Hydrated inside a child of another environment, neither names nor values of the outer one are left."""
    outer = hydrated(tmp_path / "a", "A=outer\nB=outer\nAPP_ENV=dev", {"HOME": "h"}, options={"name": "dev"})
    made = environment(tmp_path / "b", {".env.local": "A=inner\nC=${B:-none}"})
    inner = hydrate(made, outer.child_env())
    child = inner.child_env()
    assert (dict(inner), inner.warnings) == ({"A": "inner", "C": "none"}, ())
    assert {name: child.get(name) for name in ("A", "B", "C", "APP_ENV", "HOME")} == {
        "A": "inner",
        "B": None,
        "C": "none",
        "APP_ENV": "local",
        "HOME": "h",
    }


def test_the_same_environment_inside_keeps_its_values(tmp_path: Path) -> None:
    """Hydrated again inside its own child, without the key, values are the same, and nothing is reported twice."""
    text = f"A=1\nS='{encrypted('secret')}'\nU=x-$S\nA2=1\n'"
    outer = hydrated(tmp_path, text, {"A2": "2"})
    assert len(outer.warnings) == 2
    inner = hydrate(environment(tmp_path, {".env.local": text}), outer.child_env())
    assert (dict(inner), inner.warnings) == (dict(outer), ())
    assert dict(inner.secrets) == {"S": "secret", "U": "x-secret"}
    assert inner.child_env() == outer.child_env()


def test_a_change_between_two_of_the_same_environment_wins_and_is_reported(tmp_path: Path) -> None:
    """A value that was changed between the outer and the inner hydration wins, and is reported in one line."""
    outer = hydrated(tmp_path, "A=1\nB=$A")
    inner = hydrate(environment(tmp_path, {".env.local": "A=1\nB=$A"}), {**outer.child_env(), "A": "2"})
    assert (dict(inner), inner.warnings) == (
        {"A": "2", "B": "1"},
        ("the process environment wins over .env.local with another value: A",),
    )


def test_a_protected_environment_can_be_hydrated_inside_itself(tmp_path: Path) -> None:
    """A value of the outer hydration shadows nothing, although there is no key to compare."""
    text, options = f"S='{encrypted('secret')}'\nA=1", {"protected": True, "name": "production"}
    outer = hydrated(tmp_path, text, options=options)
    inner = hydrate(
        environment(tmp_path, {".env.local": text}, protected=True, name="production"), outer.child_env()
    )
    assert dict(inner) == {"S": "secret", "A": "1"}


def test_a_value_that_somebody_changed_inside_is_theirs(tmp_path: Path) -> None:
    """`inv exec --env dev -- env A=mine inv exec --env staging`: A is of the process environment, and reported."""
    outer = hydrated(tmp_path / "a", "A=outer\nB=outer", options={"name": "dev"})
    made = environment(tmp_path / "b", {".env.local": "A=inner\nB=inner"})

    inner = hydrate(made, {**outer.child_env(), "A": "mine"})

    assert (inner["A"], inner["B"], inner.origin("A").process) == ("mine", "inner", True)
    assert inner.warnings == ("the process environment wins over .env.local with another value: A",)


def test_what_the_process_environment_set_outside_is_kept(tmp_path: Path) -> None:
    """A variable that the outer environment's files did not supply stays for the inner one, two levels down too."""
    outer = hydrated(tmp_path / "a", "LOG_LEVEL=debug\nX=1", {"LOG_LEVEL": "info"}, options={"name": "dev"})
    again = hydrate(environment(tmp_path / "a", {".env.local": ""}, name="dev"), outer.child_env())
    made = environment(tmp_path / "b", {".env.local": "Y=2"})

    for child in (outer.child_env(), again.child_env()):
        inner = hydrate(made, child).child_env()
        assert (inner["LOG_LEVEL"], "X" in inner) == ("info", False)


def test_what_an_outer_hydration_set_switches_nothing(tmp_path: Path) -> None:
    """CI or GITHUB_ACTIONS of an env file are not those of the process environment for a nested call."""
    outer = hydrated(tmp_path, "GITHUB_ACTIONS=true\nCI=1", {"HOME": "h"})
    child = outer.child_env()

    assert child["CI"] == "1"
    assert {"CI", "GITHUB_ACTIONS"}.isdisjoint(without_outer(child))
    assert without_outer({**child, "CI": "yes"})["CI"] == "yes"


def test_another_environment_inside_finds_programs(tmp_path: Path) -> None:
    """A PATH that a file of the outer environment adds to stays: what it was before is not known any more."""
    options = {"name": "dev", "file_wins": ("PATH",)}
    outer = hydrated(tmp_path / "a", "PATH=/mine:$PATH\nA=1", {"PATH": "/usr/bin"}, options=options)
    inner = hydrate(environment(tmp_path / "b", {".env.local": "B=1"}), outer.child_env()).child_env()

    assert (inner["PATH"], inner.get("A"), inner["B"]) == ("/mine:/usr/bin", None, "1")


def test_the_marker_has_checksums_which_are_redacted(tmp_path: Path) -> None:
    """The marker has four digits for each value, all in one text, and nothing else of it."""
    child = hydrated(tmp_path, f"A={encrypted('marked-secret')}").child_env()

    (text,) = checksums(child)
    assert re.fullmatch(r"crc:[0-9a-f]{8}", text)
    assert child["ENVTASKS_HYDRATED"] == f"{text};local;A,APP_ENV;"
    assert checksums({"A": "1"}) == []


def test_the_checksum_of_a_single_value_is_redacted() -> None:
    """Four digits alone would be left alone as a number is, or redacted wherever a program prints that number."""
    variables = marker("local", {"PIN": "pin-0"}, [])

    assert variables["ENVTASKS_HYDRATED"] == "crc:2332;local;PIN;"
    text = Redactor(checksums(variables)).text(f"{variables['ENVTASKS_HYDRATED']} 2332")
    assert text == "***;local;PIN; 2332"


def test_checksums_in_several_variables_are_redacted_in_each() -> None:
    """Where the checksums alone are longer than one variable, each of its parts is a text to redact."""
    values = {f"VARIABLE_{number}": str(number) for number in range(10_000)}
    variables = marker("local", values, [])

    first, second = checksums(variables)
    assert variables["ENVTASKS_HYDRATED"] == first
    assert variables["ENVTASKS_HYDRATED_2"].startswith(f"{second};local;VARIABLE_0,")
    assert len(first + second) == len("crc:") + 40_000
