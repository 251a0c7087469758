"""How the jobs of a pipeline install the project and start its programs: with the project's own package manager."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..config import Table, read_toml
from ..errors import ConfigInvalid

if TYPE_CHECKING:
    from ..config import Project

_NAME: Final = re.compile(r"(?<![\w.-])envtasks(?![\w-])")
_BACKENDS: Final = {"uv_build": "uv", "poetry": "poetry", "pdm": "pdm"}  # the first word of `build-backend`
_PYPROJECT: Final = "pyproject.toml"
_PIPFILE: Final = "Pipfile"
_SETUP: Final = ("setup.py", "setup.cfg")


@dataclass(frozen=True, slots=True)
class Manager:
    """A package manager: what a job runs before the project's commands, and what it writes before each of them."""

    lock: str
    install: tuple[str, ...]
    run: str
    add: tuple[str, ...]  # what stands before a package that becomes a dependency for development
    cache: str  # the variable that says where its cache is
    cached: tuple[str, ...] = ("",)  # the folders of it that are kept
    variables: Mapping[str, str] = field(default_factory=dict)
    no_sync: str = ""  # the flag of `add` that installs nothing
    extra: str = ""  # the flag that installs an extra, and the one for a group of dependencies other than dev
    group: str = ""

    @property
    def how_to_add(self) -> str:
        """What a person does to make envtasks a dependency."""
        return (
            " ".join((*self.add, "envtasks"))
            if self.add
            else "add it to the requirements, or to pyproject.toml"
        )


MANAGERS: Final[Mapping[str, Manager]] = {
    "uv": Manager(
        lock="uv.lock",
        install=("pip install uv",),
        run="uv run ",
        add=("uv", "add", "--dev"),
        no_sync="--no-sync",
        cache="UV_CACHE_DIR",
        variables={"UV_LINK_MODE": "copy"},
        extra="--extra",
        group="--group",
    ),
    "poetry": Manager(
        lock="poetry.lock",
        install=("pip install poetry", "poetry install"),
        run="poetry run ",
        add=("poetry", "add", "--group", "dev"),
        no_sync="--lock",
        cache="POETRY_CACHE_DIR",
        cached=("/artifacts", "/cache"),
        variables={"POETRY_VIRTUALENVS_IN_PROJECT": "true"},  # else it is in the cache's folder
        extra="--extras",
        group="--with",
    ),
    "pdm": Manager(
        lock="pdm.lock",
        install=("pip install pdm", "pdm install"),
        run="pdm run ",
        add=("pdm", "add", "--dev"),
        no_sync="--no-sync",
        cache="PDM_CACHE_DIR",
        extra="--group",
    ),
    "pipenv": Manager(
        lock="Pipfile.lock",
        install=("pip install pipenv", "pipenv install --dev"),
        run="pipenv run ",
        add=("pipenv", "install", "--dev"),
        cache="PIPENV_CACHE_DIR",
    ),
    "pip": Manager(
        lock="",
        install=(),
        run="",
        add=(),
        cache="PIP_CACHE_DIR",
    ),
}


@dataclass(frozen=True, slots=True)
class Installation:
    """What the jobs of a project run before its commands, what precedes these, and the files that this reads."""

    name: str
    install: tuple[str, ...]
    run: str
    files: tuple[str, ...]
    declared: bool = True  # whether envtasks is among the dependencies

    @property
    def manager(self) -> Manager:
        """The package manager of this name."""
        return MANAGERS[self.name]


def read_installation(project: Project, table: Table) -> Installation:
    """The installation, from `[tool.envtasks.ci]` and the project's files. Raises ConfigInvalid."""
    root, path = project.root, project.root / _PYPROJECT
    pyproject = Table(root, read_toml(path) if path.is_file() else {}, "")
    requirements = _requirements(root)
    lines = table.strings("install", 'a list of command lines, such as ["pip install -r dev.txt"]')
    given = table.one_of("package-manager", tuple(MANAGERS)) if "package-manager" in table.values else None
    name = given or _detected(root, pyproject, requirements) or ("pip" if lines else None)
    if name is None:
        raise ConfigInvalid(
            "Nothing says what a job has to install: there is no lock file, no requirements.txt and no [project].",
            hint='say it in pyproject.toml, for example: [tool.envtasks.ci] install = ["pip install envtasks"]',
        )
    found = _with_pip(root, pyproject, requirements) if name == "pip" else _managed(name, root, pyproject)
    return replace(found, install=lines, declared=True) if lines else found


def package_manager(project: Project) -> str:
    """The package manager of a project, as its files say; empty where they do not."""
    try:
        return read_installation(project, project.table("ci")).name
    except ConfigInvalid:
        return ""


def _detected(root: Path, pyproject: Table, requirements: Mapping[str, str]) -> str | None:
    """The package manager that a project's files are of; None where they are of none. Raises ConfigInvalid."""
    locked = [name for name, each in MANAGERS.items() if each.lock and (root / each.lock).is_file()]
    if len(locked) > 1:
        raise ConfigInvalid(
            f"There are {' and '.join(MANAGERS[name].lock for name in locked)}: a job needs one package manager.",
            hint=f'say which: [tool.envtasks.ci] package-manager = "{locked[0]}"',
        )
    tools = [name for name in MANAGERS if name in pyproject.table("tool").values]
    backend = str(pyproject.table("build-system").values.get("build-backend", "")).partition(".")[0]
    for name in (*locked, *tools, _BACKENDS.get(backend)):
        if name:
            return name
    if (root / _PIPFILE).is_file():
        return "pipenv"
    if requirements or (root / _SETUP[0]).is_file():
        return "pip"
    if "project" in pyproject.values:
        return "uv"
    return "pip" if "build-system" in pyproject.values else None


def _managed(name: str, root: Path, pyproject: Table) -> Installation:
    """The installation by a package manager with a lock file of its own."""
    manager = MANAGERS[name]
    kind, group = next(_declarations(pyproject), ("", ""))
    flag = {"extra": manager.extra, "group": "" if group == "dev" else manager.group}.get(kind, "")
    install, run = manager.install, manager.run
    if flag and name == "uv":  # it installs when it runs something
        run = f"{run}{flag} {group} "
    elif flag:
        install = (*install[:-1], f"{install[-1]} {flag} {group}")
    own = _PIPFILE if name == "pipenv" else _PYPROJECT
    files = tuple(each for each in (own, manager.lock) if (root / each).is_file())
    # a package that is not ours may bring it, and then only the lock file has its name
    texts = [_text(root / each) for each in files if each != _PYPROJECT]
    declared = bool(kind) or any(_NAME.search(text) for text in texts)
    return Installation(name, install, run, files, declared=declared)


def _with_pip(root: Path, pyproject: Table, requirements: Mapping[str, str]) -> Installation:
    """The installation of `requirements.txt` and the requirements that name envtasks, else of the project itself."""
    naming = [name for name, text in requirements.items() if _NAME.search(text)]
    first = [name for name in requirements if name == "requirements.txt"]
    files = tuple(dict.fromkeys([*first, *naming])) or tuple(requirements)
    if files:
        lines = tuple(f"pip install -r {name}" for name in files)
        return Installation("pip", lines, "", files, declared=bool(naming))
    kind, group = next(_declarations(pyproject), ("", ""))
    if kind == "group":  # Python 3.12 comes with an older pip
        lines = ('python3 -m pip install "pip>=25.1"', f"pip install -e . --group {group}")
    else:
        lines = (f'pip install -e ".[{group}]"' if kind == "extra" else "pip install -e .",)
    files = tuple(name for name in (_PYPROJECT, *_SETUP) if (root / name).is_file())
    declared = bool(kind) or any(_NAME.search(_text(root / name)) for name in files if name != _PYPROJECT)
    return Installation("pip", lines, "", files, declared=declared)


def _requirements(root: Path) -> dict[str, str]:
    """The requirements files of a project with their text, by their path."""
    paths = [*root.glob("*requirements*.txt"), *root.glob("requirements/*.txt")]
    return {path.relative_to(root).as_posix(): _text(path) for path in sorted(paths) if path.is_file()}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _declarations(pyproject: Table) -> Iterator[tuple[str, str]]:
    """Where pyproject.toml has envtasks as a dependency: `main`, or `extra` or `group` with its name."""
    for kind, name, listed in _listed(pyproject):
        if isinstance(listed, Iterable) and any(_NAME.search(str(each)) for each in listed):
            yield kind, name


def _listed(pyproject: Table) -> Iterator[tuple[str, str, Any]]:
    """Every list or table of dependencies in pyproject.toml, with its kind and its name."""
    project, tool = pyproject.table("project"), pyproject.table("tool")
    poetry, uv, pdm = (tool.table(name) for name in ("poetry", "uv", "pdm"))
    yield "main", "", [project.values.get("name")]  # the project itself is installed too
    for table in (project, poetry):
        yield "main", "", table.values.get("dependencies")
    groups = {
        "dev": uv.values.get("dev-dependencies"),
        **poetry.table("group").values,
        **pdm.table("dev-dependencies").values,
        **pyproject.table("dependency-groups").values,
    }
    for name, listed in groups.items():
        yield "group", name, listed.get("dependencies") if isinstance(listed, Mapping) else listed
    for name, listed in project.table("optional-dependencies").values.items():
        yield "extra", name, listed
