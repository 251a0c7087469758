"""Variables that Invoke's configuration gives to commands count as process environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from invoke.collection import Collection

from envtasks import task
from envtasks.context import Context
from tests.conftest import Inv

SHOW = "import os; print([os.environ.get(n) for n in ('WHERE', 'OWN', 'HOME_OF')])"


@task(env="local")
def show(c: Context) -> None:
    """Show what commands get."""
    c.exec("python", "-c", SHOW)


def _configure(**variables: str | int | None) -> None:
    lines = [f"    {name}: {'null' if value is None else value}\n" for name, value in variables.items()]
    Path.home().joinpath(".invoke.yaml").write_text("run:\n  env:\n" + "".join(lines), encoding="utf-8")


def test_they_win_over_the_files_and_that_is_reported(inv: Inv, capfd: pytest.CaptureFixture[str]) -> None:
    """`run: {env: …}` of ~/.invoke.yaml wins over an env file with a warning, for commands and for c.env alike."""
    _configure(WHERE="configured", OWN="one")
    seen: list[Any] = []

    @task(env="local")
    def look(c: Context) -> None:
        """Look."""
        seen.append((c.env["WHERE"], c.env.origin("WHERE").process))
        show(c)

    assert inv([look], "look") == 0
    out, err = capfd.readouterr()
    assert (seen, out.splitlines()) == ([("configured", True)], ["['configured', 'one', None]"])
    assert err == (
        "warning: the process environment wins over .env.local with another value: WHERE\n"
        "note: run.env of Invoke's configuration sets WHERE\n"
    )


def test_they_are_refused_in_a_protected_environment(inv: Inv, capfd: pytest.CaptureFixture[str]) -> None:
    """What shadows a protected baseline is refused, wherever Invoke has it from, and the message says where."""
    _configure(WHERE="configured")

    assert inv([show], "show", "--env", "production", "--yes") == 6
    out, err = capfd.readouterr()
    assert out == ""
    assert "note: run.env of Invoke's configuration sets WHERE\n" in err
    assert "error: production is protected" in err


def test_neither_keys_nor_switches_come_from_there(
    inv: Inv, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Private keys and ENVTASKS_* of Invoke's configuration neither steer envtasks nor reach a command."""
    _configure(
        DOTENV_PRIVATE_KEY_LOCAL="a" * 64,
        ENVTASKS_CONFIRM="production",
        ENVTASKS_HYDRATED="0000;local;WHERE;",
        OWN="one",
    )
    code = "import os; print([n for n in os.environ if n.startswith(('DOTENV_PRIVATE', 'ENVTASKS_CONF'))])"

    @task
    def names(c: Context) -> None:
        """Show names."""
        c.exec("python", "-c", code)

    assert inv([names], "names") == 0
    assert inv([names], "names", "--env", "local") == 0
    assert inv([names], "names", "--env", "production") == 6
    assert capfd.readouterr().out.splitlines() == ["[]", "[]"]


def test_a_collection_s_own_are_for_its_tasks(inv: Inv, capfd: pytest.CaptureFixture[str]) -> None:
    """What `Collection.configure` sets holds for the tasks of that collection only."""
    inner = Collection("inner", show)
    inner.configure({"run": {"env": {"WHERE": "inner"}}})
    again = task(env="local", name="again")(show.body)

    assert inv([again, inner], "again", "inner.show") == 0
    assert capfd.readouterr().out.splitlines() == ["['local', None, None]", "['inner', None, None]"]


def test_one_that_is_none_is_removed(
    inv: Inv, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A null takes a variable of the process environment away, with an environment and without."""
    monkeypatch.setenv("HOME_OF", "shell")
    _configure(HOME_OF=None)
    bare = task(name="bare")(show.body)

    assert inv([show, bare], "show", "bare") == 0
    assert capfd.readouterr().out.splitlines() == ["['local', None, None]", "[None, None, None]"]
    assert os.environ["HOME_OF"] == "shell"


def test_a_value_that_is_no_text_is_named(inv: Inv, capfd: pytest.CaptureFixture[str]) -> None:
    """YAML makes a number of what is not in quotes; the message has the name and not the value."""
    _configure(OWN=48213)
    bare = task(name="bare")(show.body)

    assert inv([show], "show") == 2
    assert inv([bare], "bare") == 2
    err = capfd.readouterr().err
    assert err.count("run.env of Invoke's configuration: OWN is a int; variables are text.") == 2
    assert "48213" not in err


def test_a_task_without_an_environment_has_them_as_in_invoke(
    inv: Inv, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without an environment a command gets them, unless the call has an `env` of its own."""
    _configure(OWN="one")

    @task
    def bare(c: Context) -> None:
        """Bare."""
        c.exec("python", "-c", SHOW)
        c.exec("python", "-c", SHOW, env={"HOME_OF": "two"})

    assert inv([bare], "bare") == 0
    assert capfd.readouterr().out.splitlines() == ["[None, 'one', None]", "[None, None, 'two']"]
