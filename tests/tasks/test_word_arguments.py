"""Services as plain words after a task's name."""

from __future__ import annotations

import pytest
from invoke.parser.argument import Argument

from envtasks.tasks.word_arguments import Words, count
from tests.projects import Sandbox

SERVICES = {"app", "db", "local"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("compose.up", 0),
        ("compose.up app", 1),
        ("compose.up app db --build", 2),
        ("compose.up --env local app", 1),
        ("compose.up -e local --env=local app db", 2),
        ("compose.up --build app migrate app", 1),
        ("compose.up migrate app", 0),
        ("compose.up app -- db", 1),
        ("test compose.up db", 1),
        ("test app", 0),
    ],
)
def test_words_that_are_services_are_counted(line: str, expected: int) -> None:
    """Up to the first word that is no service, flag or flag's value: the next task's name stays the next task's."""
    assert count(line.split(), "up", SERVICES, {"env", "e"}) == expected


def test_invoke_is_asked_for_as_many_words_as_there_are() -> None:
    """Invoke takes the argument for missing until all its words are there."""
    words = Words(Argument(names=("services", "s"), kind=list), expected=2)
    assert (words.positional, words.value) == (True, None)
    words.value = "app"
    assert words.value is None
    words.value = "db"
    assert words.value == ["app", "db"]
    assert Words(Argument(name="services"), expected=0).positional is False


def test_a_word_that_is_no_service_is_the_next_task(sandbox: Sandbox) -> None:
    """`inv compose.ps nosuch` is Invoke's own error, and help names the flag that takes services."""
    sandbox.environment("local", A="1234")
    sandbox.write("docker/compose.yaml", "services: {app: {image: x}}\n")
    done = sandbox.inv("compose.ps", "nosuch")
    assert (done.returncode, done.stderr) == (
        1,
        "error: There is no service 'nosuch'.\n  hint: services: app\n",
    )
    assert "-s, --services" in sandbox.inv("compose.ps", "--help").stdout
