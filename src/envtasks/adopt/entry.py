"""How the project is run and tested today: its framework, its entry point and its test runner."""

from __future__ import annotations

import ast
import functools
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from .code import is_package, module_of
from .expressions import dotted, text_of
from .file_names import is_test
from .survey import Survey

_SCRIPTS: Final = ("main.py", "app.py", "run.py", "server.py", "bot.py", "worker.py", "cli.py")
_TOOLS: Final = (
    "manage.py",
    "versioneer.py",
    "fabfile.py",
    "wsgi.py",
    "gunicorn.conf.py",
)  # which start nothing
_APPLICATIONS: Final = ("FastAPI", "Starlette", "Litestar", "Quart", "Sanic")
_SERVERS: Final[Mapping[str, tuple[str, ...]]] = {  # each with the packages that bring it
    "uvicorn": ("fastapi[standard]", "fastapi[all]", "litestar[standard]", "litestar[full]"),
    "granian": (),
    "hypercorn": ("quart",),
    "sanic": (),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """How the project runs: the argument list, and what that is, for the docstring of the task."""

    framework: str
    argv: tuple[str, ...]
    title: str = "Run it."


@dataclass(frozen=True, slots=True)
class Tests:
    """How the project is tested: the runner and its words for each session; `present`: whether there are tests yet.

    `packages`: what has to be installed for the runner besides what the project lists.
    """

    runner: str  # pytest, django or unittest
    unit: tuple[str, ...]
    integration: tuple[str, ...] | None
    present: bool
    packages: tuple[str, ...] = ()


@functools.cache
def find_entry(survey: Survey) -> Entry | None:
    """The entry point that a person would type first; None for a library."""
    for find in (
        _django,
        _web,
        _flask,
        _streamlit,
        _script,
        _main_package,
        _file,
        find_worker,
        _procfile_web,
    ):
        if (found := find(survey)) is not None:
            return found
    return None


def find_tests(survey: Survey) -> Tests:
    """How the project is tested."""
    files = [
        name for name in survey.files if re.fullmatch(r"(?:.*/)?(?:test_[^/]*|[^/]*_test|tests)\.py", name)
    ]
    texts = {name: survey.text(name) for name in files}
    own = {
        name: text
        for name, text in texts.items()
        if re.search(r"^\s*(?:async )?def test|^class \w*Test", text, re.M)
    }
    tool = survey.pyproject.get("tool", {})
    pytest = survey.depends_on("pytest", "pytest-django") or "pytest" in tool or survey.has("pytest.ini")
    pytest = pytest or any("import pytest" in text for text in texts.values())
    plain = own and all(re.search(r"\bunittest\b|django\.test", text) for text in own.values())
    if survey.has("manage.py") and not survey.depends_on("pytest", "pytest-django"):
        return Tests("django", ("manage.py", "test"), None, present=True)
    if plain and not pytest:
        return Tests(
            "unittest", ("-m", "unittest", "discover", *_unittest_folder(survey)), None, present=True
        )
    packages = () if survey.depends_on("pytest", "pytest-django") else ("pytest",)
    unit, integration = (_folder(survey, name) for name in ("unit", "integration"))
    return Tests(
        "pytest",
        ("-m", "pytest", *((unit,) if unit and integration else ("-m", "not integration"))),
        ("-m", "pytest", *((integration,) if unit and integration else ("-m", "integration"))),
        present=bool(own),
        packages=packages,
    )


def _folder(survey: Survey, name: str) -> str:
    """The folder of tests of this kind: `tests/unit`; empty where there is none."""
    found = survey.named(rf"tests?/{name}(?:_tests?)?/.*\.py")
    return "/".join(found[0].split("/")[:2]) if found else ""


def _unittest_folder(survey: Survey) -> tuple[str, ...]:
    folder = next((name.split("/")[0] for name in survey.named(r"tests?/test[^/]*\.py")), "")
    # a folder without __init__.py is no package, so that unittest finds nothing from above
    return ("-s", folder) if folder and not survey.has(f"{folder}/__init__.py") else ()


def _django(survey: Survey) -> Entry | None:
    if "django" not in survey.text("manage.py"):
        return None
    return Entry(
        "Django", ("python", "manage.py", "runserver"), "Run the development server: http://127.0.0.1:8000"
    )


def _web(survey: Survey) -> Entry | None:
    """An ASGI application, by the server that the project depends on."""
    server = next((name for name, brought in _SERVERS.items() if survey.depends_on(name, *brought)), "")
    found = _application(survey, lambda called: called in _APPLICATIONS)
    if found is None or not server or _is_beside_main(survey, found[0]):
        return None
    file, name, factory = found
    folder, reference = _import_folder(survey, file), f"{_module(survey, file)}:{name}"
    options = ("--factory",) if factory else ()
    match server:
        case "uvicorn":
            argv = ("uvicorn", reference, "--reload", *options, *(("--app-dir", folder) if folder else ()))
        case "granian":
            within = ("--working-dir", folder) if folder else ()
            argv = ("granian", "--interface", "asgi", "--reload", *options, *within, reference)
        case "hypercorn":
            argv = ("hypercorn", f"{reference}()" if factory else reference, "--reload")
        case _:
            argv = ("sanic", reference, "--dev", *options)
    if folder and server in ("hypercorn", "sanic"):  # which import from the current folder
        return None
    usual = "FastAPI" if survey.depends_on("fastapi") else "ASGI"
    framework = usual if server == "uvicorn" else server
    return Entry(framework, ("python", "-m", *argv), "Run the service: http://127.0.0.1:8000")


def _flask(survey: Survey) -> Entry | None:
    found = _application(survey, lambda called: called.endswith(("Flask", "FlaskApp")))
    named = re.search(
        r"^\s*(?:export\s+)?FLASK_APP\s*=", survey.text(".flaskenv") + survey.text(".env"), re.M
    )
    usual = found and found[0] in ("app.py", "wsgi.py") and found[1] in ("app", "application", "create_app")
    if found is None and not (named and survey.depends_on("flask")):
        return None
    if found and not named and _is_beside_main(survey, found[0]):
        return None
    app: tuple[str, ...] = ()
    if found and not named and not usual:
        folder = _import_folder(survey, found[0])
        module = _module(survey, found[0])
        app = ("--app", f"{folder}/{module.replace('.', '/')}" if folder else f"{module}:{found[1]}")
    return Entry("Flask", ("python", "-m", "flask", *app, "run"), "Run the service: http://127.0.0.1:5000")


def _application(survey: Survey, made: Callable[[str], bool]) -> tuple[str, str, bool] | None:
    """File and name of an application that a module makes, and whether the name is a function that returns it."""
    factories = []
    for file, tree in sorted(survey.modules.items(), key=lambda item: (item[0].count("/"), item[0])):
        makers = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
            and any(made(dotted(each.func).rpartition(".")[2]) for each in _calls(node))
        ]
        names = {each.name for each in makers}
        for node in tree.body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                called = dotted(node.value.func)
                if isinstance(target, ast.Name) and (made(called.rpartition(".")[2]) or called in names):
                    return file, target.id, False
        factories += [(file, each.name, True) for each in makers if not _required_arguments(each)]
    return factories[0] if factories else None


def _required_arguments(node: ast.FunctionDef) -> bool:
    return len(node.args.args) > len(node.args.defaults) or any(
        each is None for each in node.args.kw_defaults
    )


def _is_beside_main(survey: Survey, file: str) -> bool:
    """Whether an application is in another package than the one that `python -m` runs: an admin's page, say."""
    mains = [name.rpartition("/")[0] for name in survey.named(r"(?:src/)?[^/]+/__main__\.py")]
    return bool(mains) and "/" in file and not any(file.startswith(f"{each}/") for each in mains)


def _streamlit(survey: Survey) -> Entry | None:
    """The page that Streamlit shows."""
    pages = [
        name for name in survey.named(r"(?:[^/]+/)?[^/]+\.py") if "import streamlit" in survey.text(name)
    ]
    usual = [name for name in pages if name.rpartition("/")[2] in ("streamlit_app.py", *_SCRIPTS)]
    if not survey.depends_on("streamlit") or not pages:
        return None
    argv = ("python", "-m", "streamlit", "run", (usual or pages)[0])
    return Entry("Streamlit", argv, "Run the page: http://127.0.0.1:8501")


def _procfile_web(survey: Survey) -> Entry | None:
    argv = _procfile(survey, "web")
    return Entry("Procfile", argv, "Run the service.") if argv else None


def _procfile(survey: Survey, process: str) -> tuple[str, ...] | None:
    """The command of a process in the Procfile, where it needs no shell."""
    found = re.search(rf"^{process}:[ \t]*([^$|;&<>`*\n]+)$", survey.text("Procfile"), re.MULTILINE)
    try:
        words = shlex.split(found[1]) if found else []
    except ValueError:  # quotes that do not close
        return None
    plain = words and "=" not in words[0] and not any('"' in word or "\\" in word for word in words)
    return tuple(words) if plain else None


def _script(survey: Survey) -> Entry | None:
    """The first command that the package installs."""
    tool = survey.pyproject.get("tool", {})
    scripts = (
        survey.pyproject.get("project", {}).get("scripts") or tool.get("poetry", {}).get("scripts") or {}
    )
    name = next(iter(scripts), None)
    if name is None or not _is_package(survey):
        return None
    return Entry("command line", (name,), f"Run {name}.")


def _main_package(survey: Survey) -> Entry | None:
    for file in survey.named(r"(?:src/)?[^/]+/__main__\.py"):
        if is_test(file):
            continue
        module = module_of(survey, file).removesuffix(".__main__")
        if file.startswith("src/") and not _is_package(survey):
            return Entry("command line", ("python", f"src/{module}"), f"Run {module}.")
        return Entry("command line", ("python", "-m", module), f"Run {module}.")
    return None


@functools.cache
def find_worker(survey: Survey) -> Entry | None:
    """The command that takes jobs from a queue, where the code shows it; None for none."""
    finders = {"celery": _celery, "dramatiq": _dramatiq, "arq": _arq, "rq": _rq}
    in_manage = {"django-rq": "rqworker", "django-dramatiq": "rundramatiq", "huey": "run_huey"}
    if given := _procfile(survey, "worker"):
        return Entry("worker", given, "Run the worker.")
    argv: tuple[str, ...] | None = None
    for package, command in in_manage.items() if _django(survey) else ():
        if survey.depends_on(package):
            argv = argv or ("python", "manage.py", command)
    for package, find in finders.items():
        if survey.depends_on(package):
            argv = argv or find(survey)
    return Entry("worker", argv, "Take jobs from the queue.") if argv else None


def _celery(survey: Survey) -> tuple[str, ...] | None:
    found = _application(survey, lambda called: called == "Celery")
    file, name = found[:2] if found and not found[2] else _celery_of_flask(survey)
    if not file:
        return None
    folder = _import_folder(survey, file)
    options = ("--workdir", folder) if folder else ()
    return ("python", "-m", "celery", "-A", f"{_module(survey, file)}:{name}", *options, "worker")


def _celery_of_flask(survey: Survey) -> tuple[str, str]:
    """File and name of `app.extensions["celery"]`, as Flask's documentation has it; empty for none."""
    for file, tree in survey.modules.items():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
                place = f"{dotted(node.value.value).rpartition('.')[2]}.{text_of(node.value.slice)}"
                if place == "extensions.celery" and (name := dotted(node.targets[0])):
                    return file, name
    return "", ""


def _dramatiq(survey: Survey) -> tuple[str, ...] | None:
    """The modules with actors, after those that set the broker."""
    brokers, actors = [], []
    for file, tree in survey.modules.items():
        nodes = [each for each in ast.walk(tree) if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
        decorators = [each for node in nodes for each in node.decorator_list]
        names = [dotted(each.func if isinstance(each, ast.Call) else each) for each in decorators]
        if any(name in ("actor", "dramatiq.actor") for name in names):
            actors.append(file)
        elif any(dotted(each.func).endswith("set_broker") for each in _calls(tree)):
            brokers.append(file)
    folders = {_import_folder(survey, file) for file in (*brokers, *actors)}
    if not actors or len(folders) > 1:
        return None
    options = ("--path", folder) if (folder := folders.pop()) else ()
    return ("dramatiq", *(_module(survey, file) for file in (*brokers, *actors)), *options)


def _arq(survey: Survey) -> tuple[str, ...] | None:
    """The class of settings, which has the functions that arq may call."""
    for file, tree in survey.modules.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("WorkerSettings"):
                # arq imports from the current folder, and takes no other
                return (
                    None if _import_folder(survey, file) else ("arq", f"{_module(survey, file)}.{node.name}")
                )
    return None


def _rq(survey: Survey) -> tuple[str, ...] | None:
    """The project's own script with a worker, else rq's command with the queues that the code names."""
    queues: dict[str, None] = {}
    used = False
    for file, tree in survey.modules.items():
        imported = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        if "rq" not in imported and "rq." not in survey.text(file):
            continue
        used = True
        for call in _calls(tree):
            name = dotted(call.func).rpartition(".")[2]
            if name == "Worker" and "/" not in file and "__main__" in survey.text(file):
                return ("python", file)
            if name == "Queue":
                first = call.args[0] if call.args else None
                queues[str(first.value) if isinstance(first, ast.Constant) else "default"] = None
    return ("rq", "worker", *queues) if used else None


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.Call))


def _file(survey: Survey) -> Entry | None:
    """A script at the root, or the only one in src/."""
    scripts = [name for name in survey.named(r"[^/]+\.py") if not is_test(name) and name not in _TOOLS]
    runnable = [name for name in scripts if "__main__" in survey.text(name)]
    own = re.sub(r"\W", "_", survey.project.name) + ".py"
    usual = [name for name in (own, *_SCRIPTS) if name in (runnable or scripts)]
    chosen = usual[0] if usual else runnable[0] if len(runnable) == 1 else None
    if chosen is None or (chosen not in runnable and find_worker(survey)):  # which may be in that file
        return None
    return Entry("script", ("python", chosen), f"Run {chosen}.")


def _is_package(survey: Survey) -> bool:
    """Whether the project is installed into its environment, so that its modules and commands are found."""
    tool = survey.pyproject.get("tool", {})
    if tool.get("uv", {}).get("package") is False or tool.get("poetry", {}).get("package-mode") is False:
        return False
    return "build-system" in survey.pyproject or survey.has("setup.py")


def _import_folder(survey: Survey, file: str) -> str:
    """The folder below the root from which a module is imported; empty where it is found anyway."""
    folder = _parent(survey, file)
    return "" if folder == "src" and _is_package(survey) else folder


def _module(survey: Survey, file: str) -> str:
    """The module's name as it is imported from its folder."""
    folder = _parent(survey, file)
    parts = file.removeprefix(f"{folder}/").removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _parent(survey: Survey, file: str) -> str:
    """The nearest folder above a module that is no package."""
    parts = file.split("/")[:-1]
    while parts and is_package(survey, "/".join(parts)):
        parts.pop()
    return "/".join(parts)
