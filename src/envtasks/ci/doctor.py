"""The first step of a job: the key, the values, the settings class and the tools, each checked with one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..activation import hydrate_and_report
from ..errors import EnvtasksError, KeyMissing, SettingsInvalid, ToolMissing
from ..process.command import find_program

if TYPE_CHECKING:
    from ..config import Environment, Project
    from ..hydration.result import Hydrated

# what proves that a tool is more than a file on PATH
PROBES: Final[Mapping[str, tuple[str, ...]]] = {
    "docker": ("docker", "buildx", "version"),
    "kubectl": ("kubectl", "version", "--client"),
    "git": ("git", "--version"),
    "uv": ("uv", "--version"),
    "dotenvx": ("dotenvx", "--version"),
}
# imports the service's settings with nothing but its environment, and says names and kinds, never a value
_SETTINGS_CHECK: Final = """
import importlib, json, sys
sys.path[:0] = ["src", "."]
module, _, name = sys.argv[1].partition(":")
settings = getattr(importlib.import_module(module), name)
from pydantic import ValidationError
prefix, wrong = settings.model_config.get("env_prefix", ""), []
try:
    settings()
except ValidationError as error:
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        field = str(each["loc"][0]) if each["loc"] else "*"
        wrong.append([(prefix + field if field in settings.model_fields else field).upper(), each["type"]])
print(json.dumps(wrong))
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, what was found, and the exit code if that is a failure."""

    what: str
    found: str
    code: int = 0
    hint: str = ""

    @property
    def state(self) -> str:
        """The word in front of the line."""
        return "FAILED" if self.code else "ok"


def of_environment(
    project: Project, environment: Environment, process_env: Mapping[str, str]
) -> Iterator[Check]:
    """The key, the values and the settings class of one environment; what follows a failure is not looked at."""
    yield (key := _key(environment, process_env))
    if key.code:
        return
    try:
        hydrated = hydrate_and_report(project, environment, process_env)
    except EnvtasksError as error:
        yield Check("values", error.message, error.code, error.hint)
        return
    secret = sum(hydrated.origin(name).secret for name in hydrated)
    yield Check(
        "values", f"{len(hydrated)} variables, {secret} of them secret, from {', '.join(hydrated.files)}"
    )
    if project.settings:
        yield _settings(project, hydrated)


def of_tools(tools: Sequence[str], process_env: Mapping[str, str]) -> Iterator[Check]:
    """Each of the tools, started."""
    for tool in tools:
        yield _tool(tool, process_env)


def _key(environment: Environment, process_env: Mapping[str, str]) -> Check:
    from ..envfiles import keys
    from ..envfiles.document import read

    needed = []
    for path in environment.files:
        if path.is_file():
            needed += [path] if any(entry.encrypted for entry in read(path).entries) else []
    if not needed:
        return Check("key", f"none needed: nothing is encrypted in {environment.name}")
    ring = keys.find(environment, process_env, needed_for=needed)
    if ring.keys:
        return Check("key", "; ".join(dict.fromkeys(f"{key.variable} in {key.source}" for key in ring.keys)))
    variable = keys.variable_names(needed[0])[0]
    return Check(
        "key",
        f"{variable} is not set ({'; '.join(ring.looked_at)})",
        KeyMissing.code,
        f"set {variable} in the CI's variables, for the environment {environment.name} only",
    )


def _settings(project: Project, hydrated: Hydrated) -> Check:
    settings = str(project.settings)
    done = subprocess.run(
        [sys.executable, "-c", _SETTINGS_CHECK, settings],
        cwd=project.root,
        env=hydrated.child_env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    try:
        wrong = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        # a traceback may hold values, so only its kind is shown
        kind = (done.stderr.strip().splitlines() or ["no output"])[-1].partition(":")[0]
        return Check("settings", f"{settings} cannot be imported: {kind}", SettingsInvalid.code, "uv sync")
    if not wrong:
        return Check("settings", f"the values fit {settings}")
    listed = ", ".join(f"{name} ({kind})" for name, kind in wrong)
    return Check(
        "settings",
        f"{settings}: {listed}",
        SettingsInvalid.code,
        f"inv env.show --env {hydrated.environment}",
    )


def _tool(tool: str, process_env: Mapping[str, str]) -> Check:
    try:
        path = find_program(tool, process_env)
    except ToolMissing as error:
        return Check(tool, error.message, error.code, error.hint)
    probe = PROBES.get(tool, (tool, "--version"))
    done = subprocess.run(
        [path, *probe[1:]],
        env={name: value for name, value in process_env.items() if not name.startswith("DOTENV_PRIVATE_KEY")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        return Check(tool, f"`{' '.join(probe)}` failed: {said}", ToolMissing.code)
    return Check(tool, next(iter(done.stdout.strip().splitlines()), path))


def of_job(
    project: Project,
    environments: Sequence[Environment],
    tools: Sequence[str],
    process_env: Mapping[str, str],
) -> Iterator[tuple[str, Check]]:
    """Every check of a job, one after the other, each with the environment it is about."""
    for environment in environments:
        for check in of_environment(project, environment, process_env):
            yield environment.name, check
    wanted = [*(["dotenvx"] if project.engine_for(process_env) == "dotenvx" else []), *tools]
    for check in of_tools(wanted, process_env):
        yield "", check
