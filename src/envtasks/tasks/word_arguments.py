"""Tasks that take services or environments as plain words: `inv compose.up app db`, `inv env.diff local staging`."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import Any

from invoke.parser.argument import Argument

from ..config import Project
from ..declare import Task
from ..error_translation import PlainTask
from ..errors import EnvtasksError


class Words(Argument):
    """A positional list of `expected` words, which may be none: Invoke itself has no such argument."""

    def __init__(self, argument: Argument, expected: int) -> None:
        super().__init__(names=argument.names, kind=list, help=argument.help, positional=expected > 0)
        self.expected = expected

    @property
    def value(self) -> Any:
        """None, which means missing to Invoke, until all expected words are there."""
        return self._value if len(self._value or ()) >= self.expected else None

    @value.setter
    def value(self, word: str) -> None:
        self._value = [*(self._value or ()), word]
        self.raw_value = word


class OnServices(Task):
    """A task with a parameter `services`; a word is a service if the compose files have it, else the next task."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The body's own arguments, `services` among them as a list of words."""
        found = super().get_arguments(ignore_unknown_help)
        with_value = {
            name
            for argument in found
            if argument.takes_value
            for name in argument.names
            if name != "services"
        }
        asked = any(word.rpartition(".")[2] == self.name for word in sys.argv[1:])
        expected = count(sys.argv[1:], str(self.name), known_services(), with_value) if asked else 0
        return [Words(argument, expected) if argument.name == "services" else argument for argument in found]


class OfTwoEnvironments(PlainTask):
    """A task with a parameter `environments`: one or two plain words."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The body's own arguments, `environments` among them as a list of words."""
        found = super().get_arguments(ignore_unknown_help)
        with_value = {
            name for each in found if each.takes_value for name in each.names if each.name != "environments"
        }
        words = [word for word in sys.argv[1:] if not word.startswith("-")]
        expected = count(sys.argv[1:], str(self.name), words, with_value)
        return [Words(each, min(expected, 2)) if each.name == "environments" else each for each in found]


def count(words: Sequence[str], task: str, services: Collection[str], with_value: Collection[str]) -> int:
    """How many services follow the task in a command line; `with_value`: flags that take the next word."""
    start = next((i for i, word in enumerate(words) if word.rpartition(".")[2] == task), len(words)) + 1
    number, before = 0, ""
    for word in words[start:]:
        if word == "--":
            break
        if before.startswith("-") and before.lstrip("-") in with_value:
            before = ""
            continue
        if word in services:
            number += 1
        elif not word.startswith("-"):
            break
        before = word
    return number


def known_services() -> frozenset[str]:
    """The services that the compose files declare; none if they cannot be read, which the task itself reports."""
    from .. import compose

    try:
        return compose.service_names(Project.load())
    except EnvtasksError:
        return frozenset()
