"""The settings class imported in a child process: its fields, and what is missing or wrong in values."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..config import Project
from ..errors import ConfigInvalid, SettingsInvalid

INSTALL: Final = "uv sync, or what else installs this project's dependencies"
_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class SettingsField:
    """One field of the settings class: its variables, upper-cased, and what a reader wants to know of it."""

    field: str
    variables: tuple[str, ...]
    required: bool
    secret: bool
    type: str
    default: str | None  # None: none, or none that is plain text
    description: str | None
    nested: str  # the delimiter of its parts
    file: str
    line: int

    def reads(self, name: str) -> bool:
        """Whether a variable gives this field, or a part of it, a value."""
        upper = name.upper()
        if upper in self.variables:
            return True
        return bool(self.nested) and upper.startswith(tuple(each + self.nested for each in self.variables))


@dataclass(frozen=True, slots=True)
class ValuesChecked:
    """The fields of the settings class, and its errors with the values of one process."""

    fields: tuple[SettingsField, ...]
    errors: tuple[tuple[str, str], ...]  # variable and pydantic's kind of error, such as `missing`; no value


@dataclass(frozen=True, slots=True)
class EnvironmentsChecked:
    """The fields of the settings class, its own env files, and what is wrong in each environment."""

    fields: tuple[SettingsField, ...]
    env_files: tuple[str, ...]
    problems: Mapping[str, Sequence[Mapping[str, str]]]  # name, kind and text of each


def check_values(project: Project, child_env: Mapping[str, str]) -> ValuesChecked:
    """The fields of the settings class, and its errors with the values of `child_env`.

    A child process with this environment imports the service's module, and with it pydantic-settings. Raises
    ConfigInvalid when `settings` is not set, or when what it names cannot be imported or is no settings class,
    SettingsInvalid when the system starts no process with these values.
    """
    try:
        answer = _answer(project, child_env, {})
    except (OSError, ValueError):  # ValueError: on Windows, a variable of more than 32,767 characters
        largest = max(child_env, key=lambda name: len(child_env[name]))
        raise SettingsInvalid(
            f"No process can be started with these values: {largest} has {len(child_env[largest]):,} characters.",
            hint="keep large values in files",
        ) from None
    return ValuesChecked(_fields(answer), tuple((name, kind) for name, kind in answer["errors"]))


def check_environments(
    project: Project, environments: Mapping[str, Mapping[str, str | None]], process_env: Mapping[str, str]
) -> EnvironmentsChecked:
    """What the settings class says of the values of each environment, None for one that is not known.

    `process_env` is the environment of the child process. Raises ConfigInvalid as `check_values`.
    """
    answer = _answer(project, process_env, {"environments": environments})
    return EnvironmentsChecked(_fields(answer), tuple(answer["env_files"]), answer["environments"])


def variables_read(fields: Iterable[SettingsField], names: Iterable[str]) -> Iterator[str]:
    """The variables of fields, and those of these names that set one in parts, such as `DB__HOST`; upper-cased."""
    upper = [name.upper() for name in names]
    for field in fields:
        yield from field.variables
        yield from (name for name in upper if field.reads(name) and name not in field.variables)


def _answer(project: Project, process_env: Mapping[str, str], question: Mapping[str, Any]) -> dict[str, Any]:
    """What `child.py` answers in a process with this environment. Raises ConfigInvalid, OSError, ValueError."""
    if project.settings is None:
        raise ConfigInvalid(
            "pyproject.toml: [tool.envtasks] settings is not set, so there is no settings class.",
            hint='name the pydantic-settings class: settings = "app.settings:Settings"',
        )
    failure = f"its import does not end within {_SECONDS} seconds"
    try:
        done = subprocess.run(
            # a file, as a module would import this package; -P, as its folder has modules with names of others
            [sys.executable, "-P", str(Path(__file__).with_name("child.py"))],
            cwd=project.root,
            env=dict(process_env),
            input=json.dumps({"settings": project.settings, **question}).encode("utf-8", "surrogatepass"),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        answer = _parsed(done)
        failure = answer.get("failure", "")
    except subprocess.TimeoutExpired:
        answer = {}
    if failure:
        raise ConfigInvalid(
            f"pyproject.toml: [tool.envtasks] settings = {project.settings!r} cannot be imported: {failure}.",
            hint=INSTALL,
        )
    return answer


def _parsed(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"failure": f"Python ended with {done.returncode}"}
    return answer


def _fields(answer: Mapping[str, Any]) -> tuple[SettingsField, ...]:
    return tuple(
        SettingsField(**{**each, "variables": tuple(each["variables"])}) for each in answer["fields"]
    )
