"""What is there: the files of a project, its package manager, framework, entry point and tests. Runs nothing of it."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from .. import git
from ..ci import Installation, read_installation
from ..config import Project, read_toml
from ..errors import ConfigInvalid, Refused
from .file_names import REQUIREMENTS, is_test
from .insertion import encoding_of

_SKIPPED: Final = frozenset(
    {
        *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "site-packages", "__pycache__"),
        *(".nox", ".tox", ".cache", ".mypy_cache", ".ruff_cache", ".pytest_cache", "build", "dist"),
    }
)
# what of the code matters here; the rest, most of it, is not parsed
_RELEVANT: Final = re.compile(
    r"environ|getenv|envvar|env_file|read_env|Settings|dotenv|decouple|Dynaconf|SECRET_KEY|starlette"
    r"|FastAPI|Starlette|Litestar|Quart|Sanic|Flask|[Cc]elery|dramatiq|WorkerSettings|\brq\b"
)
_MOST: Final = 20_000  # files that are looked at
_LARGEST: Final = 1_000_000  # bytes of a source file


@dataclass(frozen=True, eq=False)  # each is itself, so that what is found out about one can be cached
class Survey:
    """A project as it is found. `files` are relative to `root`, with forward slashes; other projects' are left out."""

    root: Path
    project: Project
    pyproject: Mapping[str, Any]
    installation: Installation
    top: Path | None  # of the git repository, None where there is none
    tracked: frozenset[str]
    files: tuple[str, ...]
    others: tuple[str, ...]  # folders below with a pyproject.toml of their own
    process_env: Mapping[str, str] = field(repr=False)

    @property
    def manager(self) -> str:
        """The package manager: uv, poetry, pdm, pipenv or pip."""
        return self.installation.name

    @property
    def runner(self) -> str:
        """What precedes a command in the project's environment: `uv run `, or nothing."""
        return self.installation.run

    @cached_property
    def tasks_file(self) -> str:
        """The file of Invoke's tasks: tasks.py, or that of a package which has them."""
        package = "tasks/__init__.py"
        of_invoke = re.search(r"\b(?:invoke|envtasks)\b", self.text(package)) is not None
        return package if of_invoke and not self.has("tasks.py") else "tasks.py"

    def uses(self, environment: str) -> bool:
        """Whether the project works with this environment already: by pyproject.toml, or by its tasks."""
        if "envtasks" in self.text(self.tasks_file) and environment in self.project.environments:
            return True
        table = self.pyproject.get("tool", {}).get("envtasks", {}).get("environments", {})
        return environment in table

    def has(self, name: str) -> bool:
        """Whether the project has this file, whether git knows it or not."""
        return (self.root / name).is_file()

    def text(self, name: str) -> str:
        """A file's text; empty where it is not there or not readable."""
        try:
            data = (self.root / name).read_bytes()
        except OSError:
            return ""
        return data[:_LARGEST].decode(encoding_of(name, data), "replace").removeprefix("\ufeff")

    def named(self, pattern: str) -> tuple[str, ...]:
        """The files whose path matches a regular expression as a whole, those nearest to the root first."""
        found = [name for name in self.files if re.fullmatch(pattern, name)]
        return tuple(sorted(found, key=lambda name: (name.count("/"), name)))

    @property
    def discovers_packages(self) -> bool:
        """Whether setuptools takes any new folder at the root for a package, and then does not build the project."""
        backend = str(self.pyproject.get("build-system", {}).get("build-backend", "setuptools"))
        built = "build-system" in self.pyproject or self.has("setup.py")
        told = self.pyproject.get("tool", {}).get("setuptools", {}).keys() & {"packages", "py-modules"}
        texts = self.text("setup.py") + self.text("setup.cfg")
        told_elsewhere = re.search(r"^\s*(?:packages|py_modules)\s*=", texts, re.MULTILINE)
        flat = not any(name.startswith("src/") for name in self.files)
        return built and backend.startswith("setuptools") and flat and not told and not told_elsewhere

    @cached_property
    def modules(self) -> Mapping[str, ast.Module]:
        """The project's own Python files, parsed, as far as they have to do with variables or applications.

        Tests are left out, and what cannot be parsed.
        """
        return self._parsed[0]

    @property
    def unread(self) -> tuple[str, ...]:
        """Those that the Python with which `init` runs cannot parse."""
        return self._parsed[1]

    @cached_property
    def _parsed(self) -> tuple[dict[str, ast.Module], tuple[str, ...]]:
        found, unread = {}, []
        for name in self.named(r".*\.py"):
            text = self.text(name)
            if is_test(name) or not _RELEVANT.search(text):
                continue
            try:
                found[name] = ast.parse(text)
            except (SyntaxError, ValueError, RecursionError):
                unread.append(name)
        return found, tuple(unread)

    @cached_property
    def dependencies(self) -> frozenset[str]:
        """The names of all packages that the project's files list, normalized, extras as `fastapi[standard]` too."""
        tool = self.pyproject.get("tool", {})
        project = self.pyproject.get("project", {})
        tables = [project.get("dependencies"), project.get("optional-dependencies")]
        tables += [
            self.pyproject.get("dependency-groups"),
            *(tool.get(name) for name in ("poetry", "pdm", "uv")),
        ]
        texts = [text for table in tables for text in _listed(table)]
        texts += [self.text(name) for name in ("Pipfile", "setup.py", "setup.cfg")]
        texts += [self.text(name) for name in self.named(REQUIREMENTS)]
        names: set[str] = set()
        for text in texts:
            for found in re.finditer(r"^[\s\"']*([A-Za-z][\w.-]*)(\[[\w, -]*\])?", text, re.MULTILINE):
                name = re.sub(r"[-_.]+", "-", found[1]).lower()
                names |= {
                    name,
                    *(f"{name}[{each.strip()}]" for each in (found[2] or "").strip("[]").split(",") if each),
                }
        return frozenset(names)

    def depends_on(self, *names: str) -> bool:
        """Whether one of these packages is among the dependencies."""
        return not self.dependencies.isdisjoint(names)


def look(root: Path, process_env: Mapping[str, str], *, manager: str | None = None) -> Survey:
    """The survey of the project in this folder. Raises Refused for what `init` cannot work on, ConfigInvalid."""
    root = root.resolve()
    files, others = _walk(root)
    _refuse_parent(root)
    if others and not any(
        "/" not in name and name.endswith((".py", ".toml", ".txt", ".lock")) for name in files
    ):
        raise Refused(
            f"There is no project in {root.name} itself, but in {', '.join(others[:5])}.",
            hint=f"cd {others[0]}",
        )
    project = Project.load(root)
    pyproject = read_toml(root / "pyproject.toml") if (root / "pyproject.toml").is_file() else {}
    installation = _installation(project, manager)
    if installation.name in ("uv", "pdm") and "project" not in pyproject:
        raise Refused(
            f"pyproject.toml has no [project], so {installation.name} can add no dependency to it.",
            hint=f"cd {others[0]}"
            if others
            else "add it: a name and a version; or choose another: --answer manager=pip",
        )
    top = git.output(root, process_env, "rev-parse", "--show-toplevel")
    listed = git.output(root, process_env, "ls-files", "-z") if top is not None else None
    return Survey(
        root=root,
        project=project,
        pyproject=pyproject,
        installation=installation,
        top=None if top is None else Path(top),
        tracked=frozenset(filter(None, (listed or "").split("\0"))),
        files=files,
        others=others,
        process_env=process_env,
    )


def _refuse_parent(root: Path) -> None:
    """Raise Refused where this folder is a part of a project whose pyproject.toml is further up."""
    if (root / "pyproject.toml").is_file():
        return
    for folder in root.parents:
        if (folder / "pyproject.toml").is_file():
            raise Refused(
                f"{root.name} has no pyproject.toml, and belongs to the project in {folder}.",
                hint=f"cd {folder}",
            )


def _installation(project: Project, manager: str | None) -> Installation:
    """The project's package manager. Raises ConfigInvalid where two lock files are there and none was chosen."""
    table = project.table("ci")
    usual = ("pyproject.toml", "Pipfile", "setup.py", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
    if not any((project.root / name).is_file() for name in usual):
        manager = manager or "pip"
    if manager:
        table = table._replace(values={**table.values, "package-manager": manager})
    try:
        return read_installation(project, table)
    except ConfigInvalid as error:
        if "lock" in error.message and not manager:
            raise Refused(error.message, hint="choose one: --answer manager=uv") from None
        raise


def _walk(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files below a folder, and the folders of other projects in it, relative to it."""
    files: list[str] = []
    others: list[str] = []
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        prefix = "" if here == root else here.relative_to(root).as_posix() + "/"
        if here != root and "pyvenv.cfg" in names:
            folders.clear()
            continue
        if here != root and "pyproject.toml" in names:
            others.append(prefix.rstrip("/"))
            folders.clear()
            continue
        folders[:] = sorted(each for each in folders if each not in _SKIPPED)
        files += [prefix + name for name in sorted(names)]
        if len(files) > _MOST:
            break
    return tuple(files[:_MOST]), tuple(others)


def _listed(value: Any) -> Iterator[str]:
    """The texts of every list in a document, and the keys of its tables: what may be names of packages."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from _listed(each)
    elif isinstance(value, list):
        for each in value:
            yield from _listed(each) if isinstance(each, (Mapping, list)) else (str(each),)
