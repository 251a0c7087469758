"""The checks of `ci.doctor`, the first step of a job: the key, the values, the settings class and the tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from .. import inventory, settings_class
from ..activation import exposed_key_files, hydrate_and_report
from ..console import counted
from ..envfiles import PUBLIC_KEY, find_keys, how_to_get_key, settable_name
from ..errors import ConfigInvalid, EnvtasksError, KeyMissing, SettingsInvalid
from .checks import Check, check_tool

if TYPE_CHECKING:
    from ..config import Environment, Project
    from ..hydration.result import Hydrated


# what an image job calls besides the program itself
_PARTS: Final = {"docker": ("docker", "docker buildx")}


def check_job(
    project: Project,
    environments: Sequence[Environment],
    tools: Sequence[str],
    process_env: Mapping[str, str],
) -> Iterator[tuple[str, Check]]:
    """Every check of a job, each with the name of the environment it is about, empty for a tool."""
    for environment in environments:
        for check in _environment_checks(project, environment, process_env):
            yield environment.name, check
    engine = ["dotenvx"] if project.engine_for(process_env) == "dotenvx" else []
    for tool in (*engine, *(name for each in tools for name in _PARTS.get(each, (each,)))):
        yield "", replace(check_tool(tool, process_env, needed_by="this job"), needed_by="")


def _environment_checks(
    project: Project, environment: Environment, process_env: Mapping[str, str]
) -> Iterator[Check]:
    """The key, the values and the settings class of one environment; what follows a failure is left out."""
    try:
        for name in exposed_key_files(environment, process_env):
            yield exposed(name, environment)
        yield (key := _check_key(environment, process_env))
        if key.code:
            return
        hydrated = hydrate_and_report(project, environment, process_env)
    except EnvtasksError as error:
        yield Check("values", error.message, error.code, error.hint)
        return
    names = [name for name in hydrated if not name.startswith(PUBLIC_KEY)]
    secret = sum(hydrated.origin(name).secret for name in names)
    count = f"{counted(len(names), 'variable')}, {secret} of them secret, from {', '.join(hydrated.files)}"
    yield Check("values", count)
    if project.settings:
        yield _check_settings(project, hydrated)


def exposed(name: str, environment: Environment) -> Check:
    """The warning about a key file that git has."""
    return Check(
        "key file",
        f"{name} is in git, so whoever has a clone can read what is encrypted for {environment.name}",
        hint=f"encrypt with a new key, git rm --cached {name}, and write {name} into .gitignore",
        warning=True,
    )


def _check_key(environment: Environment, process_env: Mapping[str, str]) -> Check:
    encrypted = [file for file in inventory.read(environment).files if file.encrypted]
    if not encrypted:
        return Check("key", f"none needed: nothing is encrypted in {environment.name}")
    ring = find_keys(environment, process_env, needed_for=[file.path for file in encrypted])
    if ring.keys:
        return Check("key", "; ".join(dict.fromkeys(f"{key.variable} in {key.source}" for key in ring.keys)))
    if environment.key_command:
        return Check("key", f"none at hand, so key-command ({environment.key_command[0]}) is run")
    variable = settable_name(encrypted[0].key_variable)
    return Check(
        "key",
        f"{variable} is not set ({'; '.join(ring.searched)})",
        KeyMissing.code,
        how_to_get_key(variable, environment, process_env, file=encrypted[0].label),
    )


def _check_settings(project: Project, hydrated: Hydrated) -> Check:
    try:
        result = settings_class.check_values(project, hydrated.child_env())
    except (ConfigInvalid, SettingsInvalid) as error:
        return Check("settings", error.message, SettingsInvalid.code, error.hint)
    if not result.errors:
        return Check("settings", f"the values fit {project.settings}")
    errors = ", ".join(f"{name} ({kind})" for name, kind in result.errors)
    hint = f"inv env.show --env {hydrated.environment}"
    return Check("settings", f"{project.settings}: {errors}", SettingsInvalid.code, hint)
