"""The checks of `doctor`: what this project needs on this machine, and what envtasks could use besides."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .. import ci, compose, docker, git, hydration, inventory, kubernetes
from ..activation import exposed_key_files
from ..completion import SHELLS, installed_in, setup_command
from ..config import NOT_ENVIRONMENTS, OVERRIDES, read_toml
from ..docker.client import START_ENGINE, missing_part
from ..envfiles import find_keys, how_to_get_key, key_files, settable_name
from ..errors import EnvtasksError, ToolMissing
from ..process import how_to_get
from .checks import Check, answer, check_tool
from .job import exposed

if TYPE_CHECKING:
    from ..config import Environment, Project

_OLDEST_PYTHON: Final = ">=3.11"
_SKIPPED: Final = {"node_modules", "venv", "site-packages", "__pycache__", "dist", "build"}
_DEEPEST: Final = 4  # folders below the project's in which a stray env file is looked for
_LOCAL: Final = ("unix://", "npipe://")


def check_machine(project: Project, process_env: Mapping[str, str]) -> Iterator[Check]:
    """Every check, programs first; only what this project itself needs can fail."""
    sections: Mapping[str, Callable[[Project, Mapping[str, str]], Iterator[Check]]] = {
        "Python": _python,
        "programs": _programs,
        "dotenvx": _dotenvx,
        "keys": _keys,
        "stray env files": _stray_env_files,
        "shell completion": _completion,
    }
    for name, section in sections.items():
        try:
            yield from section(project, process_env)
        except EnvtasksError as error:  # a table of pyproject.toml, an env file
            yield Check(name, error.message, error.code, error.hint)


def _python(project: Project, _process_env: Mapping[str, str]) -> Iterator[Check]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    path = project.root / "pyproject.toml"
    table = read_toml(path).get("project") if path.is_file() else None
    required = str(table.get("requires-python", "")) if isinstance(table, Mapping) else ""
    try:
        fits = SpecifierSet(required).contains(platform.python_version(), prereleases=True)
    except InvalidSpecifier:
        fits, required = True, ""
    yield Check(
        "Python",
        f"{platform.python_version()}, {sys.executable}",
        0 if fits else ToolMissing.code,
        "" if fits else f"uv python install '{required}'",
        needed=required or _OLDEST_PYTHON,
        needed_by="this project" if required else "envtasks",
    )


def _programs(project: Project, process_env: Mapping[str, str]) -> Iterator[Check]:
    """The programs, each with what needs it here (if nothing does, it may be missing), or what could."""
    root, manager = project.root, ci.package_manager(project)
    repository = any((folder / ".git").exists() for folder in (root, *root.parents))
    settings, stack = docker.image_settings(project), compose.declared_files(project)
    image = settings.label if settings.file.is_file() else ""
    composed = stack[0].name if stack else ""
    clusters = ", ".join(kubernetes.declared_environments(project))
    rows = [
        *([(manager, "this project's dependencies", "")] if manager in ("poetry", "pdm", "pipenv") else []),
        ("uv", "this project's dependencies" if manager == "uv" else "", "uv run inv"),
        ("git", "this repository" if repository else "", "env.check, env.git-setup"),
        ("nox", "noxfile.py" if (root / "noxfile.py").is_file() else "", "sessions"),
        ("docker", ", ".join(filter(None, (image, composed))), "docker.*, compose.*"),
        ("docker buildx", image, "docker.*"),
        ("docker compose", composed, "compose.*"),
        ("kubectl", clusters and f"deploy.* of {clusters}", "deploy.*"),
    ]
    for tool, needed_by, used_by in rows:
        check = check_tool(tool, process_env, needed_by=needed_by, used_by=used_by)
        yield check
        if tool == "docker" and not check.missing:
            yield from _engine(process_env, needed_by)


def _engine(process_env: Mapping[str, str], needed_by: str) -> Iterator[Check]:
    """Whether docker's engine answers, if it is on this machine."""
    what = "docker engine"
    try:
        host = process_env.get("DOCKER_HOST") or answer(
            ("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"), process_env
        )
        if not host.startswith(_LOCAL):
            yield Check(what, "on another machine, which is not asked", needed_by=needed_by)
            return
        version = answer(("docker", "version", "--format", "{{.Server.Version}}"), process_env)
        yield Check(what, version, needed_by=needed_by)
    except ToolMissing as error:
        _, hint, _ = missing_part(error.message) or ("", START_ENGINE, "")
        code = error.code if needed_by else 0
        yield Check(what, error.message, code, hint, missing=True, needed_by=needed_by)


def _dotenvx(project: Project, process_env: Mapping[str, str]) -> Iterator[Check]:
    needed = project.engine_for(process_env) == "dotenvx"
    by = 'engine = "dotenvx"'
    try:
        version = hydration.dotenvx_version(project.root, process_env)
        yield Check("dotenvx", version, needed_by=by)
    except ToolMissing as error:
        if needed:
            yield Check("dotenvx", error.message, error.code, error.hint, missing=True, needed_by=by)
        else:
            found, hint = "not needed: envtasks reads the files itself", how_to_get("dotenvx")
            yield Check("dotenvx", found, hint=hint, missing=True, needed_by=by)


def _keys(project: Project, process_env: Mapping[str, str]) -> Iterator[Check]:
    """For each environment with secrets, whether its key is here; not everybody has each of them."""
    for environment in project.environments.values():
        what = f"key of {environment.name}"
        try:
            files = [file for file in inventory.read(environment).files if file.sample]
            for name in exposed_key_files(environment, process_env) if files else ():
                yield exposed(name, environment)
            ring = find_keys(environment, process_env)
        except EnvtasksError as error:
            yield Check(what, error.message, error.code, error.hint)
            continue
        by = f"--env {environment.name}"
        for file in files:
            if key := ring.opening(file.sample or ""):
                yield Check(what, f"{key.variable} in {key.source}", needed_by=by)
            elif environment.key_command:
                yield Check(what, f"key-command ({environment.key_command[0]}) is not run", needed_by=by)
            else:
                found = f"{settable_name(file.key_variable)}, which opens {file.label}, is not here"
                hint = how_to_get_key(file.key_variable, environment, process_env, file=file.label)
                yield Check(what, found, hint=hint, missing=True, needed_by=by)
        yield from _readable(environment)


def _readable(environment: Environment) -> Iterator[Check]:
    """The key files of an environment that other users of this machine can read."""
    if sys.platform == "win32" or environment.public:
        return
    for path in key_files(environment, environment.files):
        if path.is_file() and path.stat().st_mode & 0o077:
            label = environment.label(path)
            yield Check("key file", f"others can read {label}", hint=f"chmod 600 {label}", warning=True)


def _stray_env_files(project: Project, process_env: Mapping[str, str]) -> Iterator[Check]:
    """Env files that belong to no environment, which docker compose, python-dotenv or uv may read by themselves."""
    root = project.root
    declared = {path for each in project.environments.values() for path in each.files}
    found = [path for path in _env_files(root) if path not in declared]
    found += [folder / OVERRIDES for folder in root.parents if (folder / OVERRIDES).is_file()]
    own = root / OVERRIDES
    if own in declared and own.is_file() and git.is_tracked(root, own, process_env):
        yield Check(
            "stray env file", f"{OVERRIDES} is in git", hint=f"git rm --cached {OVERRIDES}", warning=True
        )
    for path in found:
        label = project.label(path)
        what = f"{label} belongs to no environment, and other programs may read it"
        hint = (
            "inv env.set NAME for each variable that you need, then delete it; or name it in pyproject.toml"
        )
        yield Check("stray env file", what, hint=hint, warning=True)
    if not found:
        yield Check("stray env files", "none")


def _env_files(root: Path) -> Iterator[Path]:
    """The env files below a folder: `.env`, and beside it what is called like a baseline."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        kept = [name for name in folders if not name.startswith(".") and name not in _SKIPPED]
        folders[:] = kept if depth < _DEEPEST else []
        for name in sorted(files):
            end = name.removeprefix(f"{OVERRIDES}.")
            named = end != name and not end.endswith("keys") and not {*end.split(".")} & NOT_ENVIRONMENTS
            if name == OVERRIDES or (named and here == root):
                yield here / name


def _completion(_project: Project, process_env: Mapping[str, str]) -> Iterator[Check]:
    shell = "powershell" if sys.platform == "win32" else Path(process_env.get("SHELL", "")).name
    if shell not in SHELLS or process_env.get("CI"):
        return
    place = installed_in(shell, Path.home(), process_env)
    if place is not None:
        yield Check("shell completion", f"{shell}, in {place}")
    else:
        hint = setup_command(shell)
        yield Check("shell completion", f"not set up for {shell}", hint=hint, missing=True)
