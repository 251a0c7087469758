"""What the project's code says, without importing it: the variables that it reads, and its settings class."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from ..config import Project
from ..errors import ConfigInvalid
from ..settings_class import SourceField, source_fields
from .expressions import conditional_nodes, dotted, optional_names, text_of
from .survey import Survey

# what a system, a shell or a CI sets
_OF_THE_SYSTEM: Final = re.compile(
    r"HOME|USER|USERNAME|LOGNAME|PATH|PWD|SHELL|TMP|TEMP|TMPDIR|LANG|LC_\w+|TZ|TERM|HOSTNAME|DISPLAY|COLUMNS|LINES|EDITOR"
    r"|CI|GITHUB_\w+|GITLAB_\w+|CI_\w+|PYTHON\w*|VIRTUAL_ENV|CONDA_\w+|XDG_\w+|APPDATA|LOCALAPPDATA|PROGRAM\w*|SYSTEM\w*"
    r"|NO_COLOR|FORCE_COLOR|READTHEDOCS\w*|PYTEST_\w+|COVERAGE_\w+|NOX_\w+|TOX_\w+"
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIBRARIES: Final = {
    "decouple": ("config",),
    "environ": ("env",),
    "environs": ("env",),
    "starlette": ("config",),
}
USUAL_FLAG: Final = "APP_ENV"
_FLAGS: Final = (
    *(
        USUAL_FLAG,
        "APP_DEPLOYMENT_ENV",
        "ENVIRONMENT",
        "ENV_NAME",
        "DEPLOYMENT_ENV",
        "DJANGO_ENV",
        "FLASK_ENV",
    ),
    *("FASTAPI_ENV", "PYTHON_ENV", "STAGE", "ENV"),
)


@dataclass(frozen=True, slots=True)
class Read:
    """One place where the code reads a variable. `default`: as text, None where none is written out.

    `required`: whether the code fails where it is not set.
    """

    name: str
    file: str
    line: int
    default: str | None
    required: bool


@dataclass(frozen=True, slots=True)
class SettingsClass:
    """A pydantic-settings class of the project: `module:Class`, its place, and its fields as far as its source says."""

    reference: str
    file: str
    line: int
    fields: tuple[SourceField, ...]

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.reference.rpartition(":")[2]


def module_of(survey: Survey, file: str) -> str:
    """The module of a Python file of the root or of src/: `src/app/main.py` is `app.main`."""
    name = file if is_package(survey, "src") else file.removeprefix("src/")
    parts = name.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_package(survey: Survey, folder: str) -> bool:
    """Whether modules of a folder are imported by its name: it has an __init__.py, or the code imports it."""
    return survey.has(f"{folder}/__init__.py") or folder.rpartition("/")[2] in _imported(survey)


@functools.cache
def _imported(survey: Survey) -> frozenset[str]:
    """The top-level names that the code imports."""
    names: set[str] = set()
    for node in (each for tree in survey.modules.values() for each in ast.walk(tree)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.partition(".")[0])
    return frozenset(names)


@functools.cache
def variables_read(survey: Survey) -> tuple[Read, ...]:
    """The variables that the project's code reads, tests left out, by file and line."""
    found = [
        read
        for file, tree in survey.modules.items()
        for read in _reads(tree, file)
        if _NAME.fullmatch(read.name) and not _OF_THE_SYSTEM.fullmatch(read.name)
    ]
    does_without = {
        name for tree in survey.modules.values() for name in optional_names(tree, _environs(tree))
    }
    return tuple(
        replace(each, required=each.required and each.name not in does_without)
        for each in sorted(found, key=lambda each: (each.file, each.line))
    )


def _reads(tree: ast.Module, file: str) -> Iterator[Read]:
    """What a module reads."""
    libraries, helpers, environs = _libraries(tree), _helpers(tree), _environs(tree)
    conditional = conditional_nodes(tree, environs | libraries)
    for node in ast.walk(tree):
        if read := _given(node, file, environs) or _read(node, file, libraries, helpers):
            yield replace(read, required=read.required and node not in conditional)
        if isinstance(node, ast.Call):
            yield from _of_option(node, file)


def environment_flag(survey: Survey, names: frozenset[str]) -> str | None:
    """The variable in which the project has its environment's name already; None for none, or the usual one."""
    read = {each.name for each in variables_read(survey)} | names
    return next((name for name in _FLAGS if name in read), None)


def unused_flag(survey: Survey, names: frozenset[str]) -> str | None:
    """A variable for the environment's name that the project has no other use for."""
    read = {each.name for each in variables_read(survey)} | names
    return next((name for name in _FLAGS if name not in read and not flag_defaults(survey, name)), None)


def flag_defaults(survey: Survey, name: str) -> frozenset[str]:
    """The values that the code gives a variable where it is not set; `Env.prod` of an enumeration is `prod`."""
    found = {each.default for each in variables_read(survey) if each.name == name}
    for tree in survey.modules.values():
        for node in (each for each in ast.walk(tree) if isinstance(each, ast.ClassDef)):
            if any("Settings" in base for base in _bases(node)):
                found |= {
                    text_of(field.value) or dotted(field.value).rpartition(".")[2].lower()
                    for field in node.body
                    if isinstance(field, ast.AnnAssign)
                    and field.value is not None
                    and dotted(field.target).upper() == name
                }
    return frozenset(each for each in found if each)


@functools.cache
def settings_classes(survey: Survey) -> tuple[SettingsClass, ...]:
    """The pydantic-settings classes of the project, the one that is most likely the whole application's first."""
    found = []
    names = {"BaseSettings"}
    classes = [
        (file, node)
        for file, tree in survey.modules.items()
        if not imports_old_settings(tree)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    ]
    while True:  # until no class is left whose base is one of them, in whichever module
        more = [
            (file, node)
            for file, node in classes
            if node.name not in names and not names.isdisjoint(_bases(node))
        ]
        if not more:
            break
        for file, node in more:
            names.add(node.name)
            reference = f"{module_of(survey, file)}:{node.name}"
            found.append(SettingsClass(reference, file, node.lineno, _fields(survey.project, reference)))
    bases = {base for _, node in classes for base in _bases(node)}
    stems = _imported_stems(survey)
    own = [
        each for each in found if not each.name.startswith("_") and (each.fields or each.name not in bases)
    ]

    def order(each: SettingsClass) -> tuple[bool, bool, int, str]:
        used = each.name not in bases and PurePosixPath(each.file).stem in stems
        return (not used, *_likeliness(each))

    return tuple(sorted(own, key=order))


def _imported_stems(survey: Survey) -> frozenset[str]:
    """The last words of the modules that the code imports: a class that nothing imports configures another program."""
    names: set[str] = set()
    for node in (each for tree in survey.modules.values() for each in ast.walk(tree)):
        if isinstance(node, ast.ImportFrom):
            names |= {(node.module or "").rpartition(".")[2], *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name.rpartition(".")[2] for alias in node.names}
    return frozenset(names)


def imports_old_settings(tree: ast.Module) -> int:
    """The line in which a module imports the settings of pydantic 1, which envtasks does not read; 0 for none."""
    for node in (each for each in ast.walk(tree) if isinstance(each, ast.stmt)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if "BaseSettings" in names and getattr(node, "module", "") in ("pydantic", "pydantic.v1"):
            return node.lineno
    return 0


def _likeliness(found: SettingsClass) -> tuple[bool, int, str]:
    return found.name != "Settings", -len(found.fields), found.reference


def _fields(project: Project, reference: str) -> tuple[SourceField, ...]:
    try:
        return source_fields(project._replace(settings=reference))
    except ConfigInvalid:
        return ()


def _bases(node: ast.ClassDef) -> set[str]:
    return {dotted(base).rpartition(".")[2] for base in node.bases}


def _libraries(tree: ast.Module) -> frozenset[str]:
    """The functions of libraries for environment variables that a module imports or makes, by the names they have."""
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.partition(".")[0])
    return frozenset(name for module, names in _LIBRARIES.items() if module in modules for name in names)


def _environs(tree: ast.Module) -> frozenset[str]:
    """The names that a module has for `os.environ`; a request's `environ` is none of them."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {f"{each.asname or each.name}.environ" for each in node.names if each.name == "os"}
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            found |= {each.asname or each.name for each in node.names if each.name == "environ"}
    return frozenset(found)


def _given(node: ast.AST, file: str, environs: frozenset[str]) -> Read | None:
    """What `os.environ["X"]` and `os.environ.get("X")` read."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and dotted(node.value) in environs:
        name = text_of(node.slice)
        return Read(name, file, node.lineno, None, required=True) if name else None
    if not isinstance(node, ast.Call) or not node.args or not (name := text_of(node.args[0])):
        return None
    if (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and dotted(node.func.value) in environs
    ):
        default = node.args[1] if len(node.args) > 1 else None
        return Read(name, file, node.lineno, text_of(default), required=False)
    return None


def _read(node: ast.AST, file: str, libraries: frozenset[str], helpers: frozenset[str]) -> Read | None:
    """What a call of a library for environment variables, or of the module's own function, reads."""
    if not isinstance(node, ast.Call) or not node.args or not (name := text_of(node.args[0])):
        return None
    called = dotted(node.func)
    method = called.rpartition(".")[2]
    if method == "getenv":
        default = node.args[1] if len(node.args) > 1 else None
        return Read(name, file, node.lineno, text_of(default), required=False)
    if called in helpers:
        given = node.args[1] if len(node.args) > 1 else None
        return Read(name, file, node.lineno, text_of(given), required=False)
    if called.partition(".")[0] in libraries and name.upper() == name:
        given = next((word.value for word in node.keywords if word.arg == "default"), None)
        given = given or (node.args[1] if len(node.args) > 1 and "." in called else None)
        return Read(name, file, node.lineno, text_of(given), required=given is None)
    return None


def _of_option(node: ast.Call, file: str) -> Iterator[Read]:
    """What an option of click or typer takes where it is not on the command line: `envvar="SHOP_TOKEN"`."""
    keywords = {word.arg: word.value for word in node.keywords}
    names = keywords.get("envvar")
    # typer has the default first, and `...` for none; click the names of the option or argument
    of_typer = node.args[:1] if dotted(node.func).rpartition(".")[2] in ("Option", "Argument") else []
    default = text_of(keywords.get("default") or next(iter(of_typer), None))
    default = None if default == "Ellipsis" else default
    for each in names.elts if isinstance(names, (ast.List, ast.Tuple)) else [names]:
        if name := text_of(each):
            yield Read(name, file, each.lineno if each else node.lineno, default, required=False)


def _helpers(tree: ast.Module) -> frozenset[str]:
    """The module's own functions that read the variable whose name is their first parameter: `envint("PORT", 1)`."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.args.args:
            first = node.args.args[0].arg
            calls = [each for each in ast.walk(node) if isinstance(each, ast.Call) and each.args]
            if any(
                dotted(each.args[0]) == first
                and re.fullmatch(r"(?:os\.)?getenv|(?:os\.)?environ\.get", dotted(each.func))
                for each in calls
            ):
                found.add(node.name)
    return frozenset(found)
