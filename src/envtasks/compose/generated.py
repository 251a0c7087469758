"""Files that are generated for a call of docker compose that reads the compose files, and removed after it.

An override gives the services that `inject` lists every variable of the environment, by name alone. An env file has
what would steer docker's own programs if it were in their environment, such as DEBUG; no secret is among that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from .. import console
from ..errors import ConfigInvalid, did_you_mean
from .checks import without_project_files
from .env_files import read_assignments, service_env_files
from .model import Tree, read_sources
from .settings import existing_files
from .stack import ENV_FILE, OVERRIDE
from .variables import own_environment

if TYPE_CHECKING:
    from .stack import Stack


@contextmanager
def generated_files(stack: Stack) -> Iterator[Stack]:
    """The stack with the files that it needs besides its own; in a dry run they are only named.

    Raises ConfigInvalid for a service of `inject` that the stack does not have, EnvFileInvalid.
    """
    texts = {OVERRIDE: _override(stack), ENV_FILE: _env_file(stack.plain)}
    needed = {name: text for name, text in texts.items() if text}
    if stack.dry:
        if needed:
            are = "is" if len(needed) == 1 else "are"
            console.say("note", f"{' and '.join(needed)} {are} generated for the call.")
        yield replace(stack, generated={name: Path(name) for name in needed})
    elif needed:
        with TemporaryDirectory(prefix="envtasks-") as folder:
            paths = {name: Path(folder, name) for name in needed}
            for name, text in needed.items():
                paths[name].write_text(text, encoding="utf-8")
            yield replace(stack, generated=paths)
    else:
        yield stack


def _override(stack: Stack) -> str:
    """A compose file that gives the services of `inject` the variables, in place of the project's env files."""
    if not stack.settings.inject:
        return ""
    files = existing_files(stack.settings, stack.root)
    services: Tree = read_sources(files, stack.values).tree["services"]
    entries = []
    for name in stack.settings.inject:
        if name not in services:
            raise ConfigInvalid(
                f"pyproject.toml: [tool.envtasks.compose] inject names {name!r}, which is no service of the stack"
                f"{did_you_mean(name, services)}",
                hint=f"services: {', '.join(services)}",
            )
        entries.append(f"  {json.dumps(name)}:\n{_service(services[name] or {}, stack, files[0].parent)}")
    return "services:\n" + "".join(entries)


def _service(service: Tree, stack: Stack, directory: Path) -> str:
    """The entries of one service. What it sets itself, in `environment` or in an env file of its own, stays."""
    all_files = list(service_env_files(service, stack.values, directory))
    kept = without_project_files(all_files, stack.project_files)
    own = set(own_environment(service, stack.values))
    for file in kept:
        if file.path.is_file():
            own.update(each.name for each in read_assignments(file.path, literal=file.literal))
    environment = {name: None for name in stack.variables if name not in own}
    text = f"    environment: {json.dumps(environment)}\n"
    if len(kept) < len(all_files):
        text += f"    env_file: !override {json.dumps([file.entry for file in kept]).replace('$', '$$')}\n"
    return text


def _env_file(values: Mapping[str, str]) -> str:
    """These variables as an env file of compose, each with exactly its value."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())


def _quoted(value: str) -> str:
    escaped = value
    for character in '\\"$':
        escaped = escaped.replace(character, f"\\{character}")
    return f'"{escaped}"'
