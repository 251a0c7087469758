"""The marker of a hydration, and what another hydration inside makes of it."""

from __future__ import annotations

from envtasks.hydration.nesting import Outer, enter, marker


def test_without_a_marker_only_app_env_goes() -> None:
    """A process environment that nobody hydrated counts as it is, but for APP_ENV."""
    assert enter({"A": "1", "APP_ENV": "shell"}, "local") == ({"A": "1"}, Outer())


def test_what_another_environment_put_there_goes() -> None:
    """Inside a hydration of another environment, none of its values is left."""
    env = {"A": "1", "B": "2", "APP_ENV": "dev", **marker("dev", ["A"], ["A"])}
    assert enter(env, "local") == ({"B": "2"}, Outer())


def test_what_the_same_environment_put_there_stays() -> None:
    """Inside a hydration of the same environment, values stay and it is known what was said of them."""
    env = {"A": "1", "B": "2", **marker("local", ["A", "B"], ["B"])}
    assert enter(env, "local") == ({"A": "1", "B": "2"}, Outer("local", frozenset("AB"), frozenset("B")))


def test_names_are_folded_on_windows() -> None:
    """On Windows the names of the process environment and of the marker have one spelling."""
    env = {"Path": "x", "db_host": "h", **marker("dev", ["DB_Host"], [])}
    assert enter(env, "local", windows=True) == ({"PATH": "x"}, Outer())
    env = {"Path": "x", "db_host": "h", **marker("local", ["DB_Host"], ["db_host"])}
    assert enter(env, "local", windows=True) == (
        {"PATH": "x", "DB_HOST": "h"},
        Outer("local", frozenset({"DB_HOST"}), frozenset({"DB_HOST"})),
    )


def test_a_long_marker_fits_into_variables() -> None:
    """50,000 names are carried in several variables, each short enough for every system, and read back."""
    names = [f"VARIABLE_{number}" for number in range(50_000)]
    variables = marker("local", names, ["A"])
    assert max(map(len, variables.values())) <= 30_000
    process, outer = enter(variables, "local")
    assert (process, outer) == ({}, Outer("local", frozenset(names), frozenset("A")))


def test_a_marker_that_makes_no_sense_is_dropped() -> None:
    """A marker written by someone else does no harm and goes away."""
    assert enter({"A": "1", "ENVTASKS_HYDRATED": "x"}, "local") == ({"A": "1"}, Outer())
