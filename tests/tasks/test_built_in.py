"""Every built-in task ends its errors as the entry point translates them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.program import Program

from envtasks.declare import Task
from envtasks.errors import BuildFailed
from envtasks.tasks import built_in

ARGUMENTS = {
    "ci.render": ["github"],
    "compose.exec": ["app", "true"],
    "env.get": ["A"],
    "exec": ["true"],
    "completion": ["fish"],
}
ARGUMENTS |= {name: ["A"] for name in ("env.decrypt", "env.explain", "env.new", "env.set", "env.unset")}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one environment; the current folder."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    (tmp_path / ".env.local").write_text("A=1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _failing(body: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(body)
    def fail(*args: Any, **kwargs: Any) -> None:
        raise BuildFailed("It failed.", hint="mend it")

    return fail


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("name", sorted(built_in().task_names))
def test_an_error_ends_with_its_message_hint_and_code(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An EnvtasksError of a built-in task's body is two lines on stderr and its exit code, not a traceback."""
    root = built_in()
    monkeypatch.setattr(root[name], "body", _failing(root[name].body))
    plain = ("completion", "doctor", "env.diff", "env.example", "init", "migrate")
    without = name.startswith("ci.") or name in plain
    environment = [] if without else ["--env", "local"]
    program = Program(name="envtasks", binary="envtasks", namespace=root)

    with pytest.raises(SystemExit) as ended:
        program.run(["envtasks", name, *ARGUMENTS.get(name, []), *environment])

    assert (ended.value.code, capsys.readouterr().err) == (8, "error: It failed.\n  hint: mend it\n")


@pytest.mark.parametrize("name", ["env.get", "env.set", "env.keys", "compose.up", "docker.run", "exec"])
def test_a_message_names_a_built_in_task_as_it_is_typed(name: str) -> None:
    """`compose.up runs in production`, with its collection."""
    task = built_in()[name]

    assert isinstance(task, Task)
    assert task.full_name == name


def test_every_flag_has_its_help_each_time(shop: Path) -> None:
    """`--help` after a task makes its arguments twice."""
    tasks = built_in()
    for name in tasks.task_names:
        for _ in range(2):
            assert [each.name for each in tasks[name].get_arguments() if not each.help] == [], name


@pytest.mark.usefixtures("shop")
def test_a_flag_that_can_be_repeated_collects_its_values() -> None:
    """What `iterable` names is a list; Invoke takes a default of another type for its kind, and splits the text."""
    tasks = built_in()
    repeated = {
        (name, argument.name): argument.kind
        for name in tasks.task_names
        for argument in tasks[name].get_arguments()
        if argument.name in tasks[name].iterable
    }

    assert ("docker.run", "publish") in repeated
    assert {key for key, kind in repeated.items() if kind is not list} == set()


@pytest.mark.usefixtures("shop")
def test_a_negative_number_of_seconds_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """compose.up would start the stack, and then not wait for it."""
    with pytest.raises(SystemExit) as ended:
        Program(namespace=built_in()).run(["envtasks", "compose.up", "--timeout", "-1"])

    assert (ended.value.code, "expected a number of seconds" in capsys.readouterr().err) == (2, True)
