"""What `init` finds out about a project from its files alone: variables, settings class, entry point, tests."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from envtasks import adopt
from envtasks.adopt.code import settings_classes, variables_read
from envtasks.adopt.entry import find_entry, find_tests, find_worker
from envtasks.adopt.insertion import top_level_names, with_python
from envtasks.adopt.questions import Answers
from envtasks.adopt.sources import find_sources, is_harmless
from envtasks.envfiles import EnvFile, parse_env_file
from envtasks.errors import EnvFileInvalid

PACKAGE = {"app/__init__.py": "", "app/main.py": "app = FastAPI()"}
PROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = [{0}]\n'


def _survey(root: Path, files: dict[str, str], *packages: str) -> adopt.Survey:
    listed = ", ".join(f'"{name}"' for name in packages)
    for name, text in {"pyproject.toml": PROJECT.replace("{0}", listed), **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return adopt.look(root, os.environ)


@pytest.mark.parametrize(
    ("code", "name", "default", "required"),
    [
        ("import os\nos.environ['A']", "A", None, True),
        ("from os import environ\nenviron.get('A', 'x')", "A", "x", False),
        ("import os\nos.getenv('A', 3)", "A", "3", False),
        ("from decouple import config\nconfig('A', default=True)", "A", "true", False),
        ("import environ\nenv = environ.Env()\nenv.str('A')", "A", None, True),
        ("@click.option('--a', envvar='A', default='x')\ndef f(a): pass", "A", "x", False),
        ("@click.argument('a', envvar='A')\ndef f(a): pass", "A", None, False),
        ("@click.option('a', '--b', envvar='A')\ndef f(a): pass", "A", None, False),
        ("def f(a: str = typer.Option(..., envvar=['A'])): pass", "A", None, False),
        ("def f(a: str = typer.Option('x', envvar='A')): pass", "A", "x", False),
        (
            "import os\ndef envint(s, d):\n    return int(os.environ.get(s, d))\nenvint('A', '5')",
            "A",
            "5",
            False,
        ),
    ],
)
def test_variables_of_the_code(
    tmp_path: Path, code: str, name: str, default: str | None, required: bool
) -> None:
    """Each way of reading a variable is found, with its default and whether it has to be set."""
    found = variables_read(_survey(tmp_path, {"app.py": code}))

    assert [(each.name, each.default, each.required) for each in found] == [(name, default, required)]


@pytest.mark.parametrize(
    "code",
    [
        "if 'A' in os.environ:\n    a = os.environ['A']",
        "if 'B' in os.environ:\n    a = os.environ['A']",
        "if os.getenv('A'):\n    a = os.environ['A']",
        "a = os.environ['A'] if 'A' in os.environ else 'x'",
        "a = 'A' in os.environ and os.environ['A'] == 'x'",
        "if 'A' not in os.environ:\n    os.environ['A'] = 'x'\na = os.environ['A']",
        "os.environ.setdefault('A', 'x')\na = os.environ['A']",
        "try:\n    a = os.environ['A']\nexcept KeyError:\n    a = 'x'",
        "on = os.environ.get('ON') == 'yes'\nif on:\n    a = os.environ['A']",
    ],
)
def test_variables_of_a_branch_that_asks_the_environment_are_optional(tmp_path: Path, code: str) -> None:
    """What the code does without gets no placeholder, which would turn on what is off today."""
    found = variables_read(_survey(tmp_path, {"app.py": f"import os\n{code}"}))

    assert not [each for each in found if each.required]


@pytest.mark.parametrize(
    "code",
    [
        "if 'A' not in os.environ:\n    raise SystemExit('A is not set')\na = os.environ['A']",
        "if 'A' not in os.environ:\n    sys.exit(1)\na = os.environ['A']",
        "try:\n    a = os.environ['A']\nexcept KeyError:\n    raise RuntimeError('A') from None",
        "if __name__ == '__main__':\n    print(os.environ['A'])",
    ],
)
def test_variables_that_the_code_asks_for_and_then_ends_are_required(tmp_path: Path, code: str) -> None:
    """A check that ends the program is no way to do without a variable."""
    found = variables_read(_survey(tmp_path, {"app.py": f"import os, sys\n{code}"}))

    assert [each.required for each in found] == [True]


def test_variables_of_the_system_do_not_count(tmp_path: Path) -> None:
    """PATH, CI and what tests read are no variables of the project."""
    tests = "import os\nos.environ['A']"
    files = {"app.py": "import os\nos.environ['PATH'], os.environ['CI']", "tests/test_a.py": tests}

    assert variables_read(_survey(tmp_path, files)) == ()


@pytest.mark.parametrize(
    "code", ["request.environ['A']", "def app(environ, start):\n    environ['A']\n    environ.get('A')"]
)
def test_the_environ_of_a_request_does_not_count(tmp_path: Path, code: str) -> None:
    """What a WSGI server gives with each request is no environment variable."""
    assert variables_read(_survey(tmp_path, {"app.py": f"import os\n{code}"})) == ()


def test_a_settings_class_of_several_modules(tmp_path: Path) -> None:
    """A class whose base is a settings class of another module is one too; the one with most fields is chosen."""
    files = {
        "app/base.py": "from pydantic_settings import BaseSettings\nclass Base(BaseSettings):\n    a: str\n",
        "app/settings.py": "from app.base import Base\nclass AppSettings(Base):\n    b: str\n    c: str\n",
    }

    found = settings_classes(_survey(tmp_path, files))

    assert [each.reference for each in found] == ["app.settings:AppSettings", "app.base:Base"]


def test_the_settings_of_pydantic_1_are_not_named(tmp_path: Path) -> None:
    """A class that envtasks cannot read is left to a person."""
    files = {"app.py": "from pydantic import BaseSettings\nclass Settings(BaseSettings):\n    a: str\n"}

    assert settings_classes(_survey(tmp_path, files)) == ()


@pytest.mark.parametrize(
    ("files", "packages", "argv"),
    [
        (PACKAGE, ["fastapi", "uvicorn"], "python -m uvicorn app.main:app --reload"),
        ({"a.py": "app = Litestar()"}, ["litestar[standard]"], "python -m uvicorn a:app --reload"),
        ({"a.py": "app = Sanic('a')"}, ["sanic"], "python -m sanic a:app --dev"),
        ({"a.py": "def make():\n    return Quart('a')"}, ["quart"], "python -m hypercorn a:make() --reload"),
        (
            {"src/a.py": "app = Litestar()"},
            ["granian[reload]"],
            "python -m granian --interface asgi --reload --working-dir src a:app",
        ),
        ({"app.py": "import streamlit as st", "b.py": ""}, ["streamlit"], "python -m streamlit run app.py"),
        ({"Procfile": "web: gunicorn shop.wsgi --log-file -\n"}, [], "gunicorn shop.wsgi --log-file -"),
        ({"src/a.py": "app = FastAPI()"}, ["fastapi[all]"], "python -m uvicorn a:app --reload --app-dir src"),
        ({"shop.py": "def make():\n    return Flask(__name__)"}, ["flask"], "python -m flask --app shop:make run"),
        ({"wsgi.py": "app = Flask(__name__)"}, ["flask"], "python -m flask run"),
        ({"work.py": "app = Celery('a')"}, ["celery"], "python -m celery -A work:app worker"),
        ({"shop/__init__.py": "", "shop/__main__.py": ""}, [], "python -m shop"),
        ({"bot/__main__.py": "", "admin/app.py": "app = Flask('a')"}, ["flask"], "python -m bot"),
        ({"manage.py": "import django", "shop/settings.py": ""}, ["django"], "python manage.py runserver"),
        ({"shop.py": "print()", "spec.py": ""}, [], "python shop.py"),
        ({"run.py": "if __name__ == '__main__': pass", "other.py": ""}, [], "python run.py"),
    ],
)  # fmt: skip
def test_entry_points(tmp_path: Path, files: dict[str, str], packages: list[str], argv: str) -> None:
    """The entry point is the one that a person would type."""
    entry = find_entry(_survey(tmp_path, files, *packages))

    assert entry is not None
    assert " ".join(entry.argv) == argv


@pytest.mark.parametrize(
    ("files", "packages", "argv"),
    [
        (
            {"shop/celery.py": "app = Celery('a')"},
            ["celery[redis]"],
            "python -m celery -A celery:app --workdir shop worker",
        ),
        (
            {"shop/__init__.py": "", "shop/tasks.py": "@dramatiq.actor\ndef a(): pass"},
            ["dramatiq"],
            "dramatiq shop.tasks",
        ),
        (
            {
                "src/a.py": "from dramatiq import actor\n@actor(max_retries=3)\nasync def a(): pass",
                "src/b.py": "import dramatiq\ndramatiq.set_broker(1)",
            },
            ["dramatiq"],
            "dramatiq b a --path src",
        ),
        (
            {"shop/__init__.py": "", "shop/jobs.py": "class WorkerSettings:\n    functions = []"},
            ["arq"],
            "arq shop.jobs.WorkerSettings",
        ),
        (
            {"q.py": "from rq import Queue\nhigh, low = Queue('high'), Queue('low', connection=1)"},
            ["rq"],
            "rq worker high low",
        ),
        (
            {"jobs.py": "import rq\nif __name__ == '__main__':\n    rq.Worker(['a']).work()"},
            ["rq"],
            "python jobs.py",
        ),
        (
            {"Procfile": "web: x\nworker: celery -A 'a b' worker\n", "a.py": "app = Celery('a')"},
            ["celery"],
            "celery -A a b worker",
        ),
        (
            {"Procfile": "worker: celery -A a -c $N\n", "a.py": "app = Celery('a')"},
            ["celery"],
            "python -m celery -A a:app worker",
        ),
        (
            {"app/__init__.py": "", "app/jobs.py": "celery_app = create_app().extensions['celery']"},
            ["celery"],
            "python -m celery -A app.jobs:celery_app worker",
        ),
        ({"manage.py": "import django"}, ["django", "django-rq"], "python manage.py rqworker"),
        (
            {"manage.py": "import django", "shop/tasks.py": ""},
            ["django", "django-dramatiq"],
            "python manage.py rundramatiq",
        ),
    ],
)
def test_workers(tmp_path: Path, files: dict[str, str], packages: list[str], argv: str) -> None:
    """The command that takes jobs is the one that the queue's own documentation has."""
    worker = find_worker(_survey(tmp_path, files, *packages))

    assert worker is not None
    assert " ".join(worker.argv) == argv


@pytest.mark.parametrize(
    "line",
    ["worker: a 'b", "worker: A=1 b", "worker: a '\\\"'", "worker: a && b", "worker:", "web: a"],
)
def test_a_line_of_the_procfile_that_is_no_command(tmp_path: Path, line: str) -> None:
    """What needs a shell, sets variables or is for another process gives no task."""
    assert find_worker(_survey(tmp_path, {"Procfile": f"{line}\n"})) is None


@pytest.mark.parametrize("packages", [[], ["dramatiq"], ["arq"], ["rq"], ["celery"]])
def test_no_worker_is_invented(tmp_path: Path, packages: list[str]) -> None:
    """A package alone, or code without the package, shows no entry point."""
    code = "" if packages else "@dramatiq.actor\ndef a(): pass\napp = Celery('a')"

    assert find_worker(_survey(tmp_path, {"shop.py": code}, *packages)) is None


def test_variables_of_a_module_called_tasks(tmp_path: Path) -> None:
    """Only the project's own tasks.py is invoke's; the jobs of a queue are in modules of that name."""
    code = "import os\nos.environ['A']"

    found = variables_read(_survey(tmp_path, {"shop/tasks.py": code, "tasks.py": code}))

    assert [each.file for each in found] == ["shop/tasks.py"]


def test_a_library_has_no_entry_point(tmp_path: Path) -> None:
    """Where nothing can be run, nothing is invented."""
    assert find_entry(_survey(tmp_path, {"src/shop/__init__.py": "", "src/shop/core.py": ""})) is None


def test_folders_of_tests(tmp_path: Path) -> None:
    """tests/unit and tests/integration are the two sessions."""
    files = {
        "tests/unit/test_a.py": "def test_a(): pass",
        "tests/integration/test_b.py": "def test_b(): pass",
    }

    tests = find_tests(_survey(tmp_path, files, "pytest"))

    assert (tests.unit, tests.integration) == (
        ("-m", "pytest", "tests/unit"),
        ("-m", "pytest", "tests/integration"),
    )


def test_env_files_and_their_environments(tmp_path: Path) -> None:
    """Names and folders tell the environment; fixtures of tests and key files are no sources."""
    names = {
        ".env": "local",
        ".env.prod": "prod",
        ".envs/.production/.django": "production",
        "config/staging.env": "staging",
        "docker.env": None,
        ".env.example": None,
    }
    others = ["tests/.env", ".env.keys", ".env.vault"]

    found = find_sources(_survey(tmp_path, dict.fromkeys([*names, *others], "A=1\n")))

    assert {each.file: each.environment for each in found} == names


def test_env_files_of_compose_services(tmp_path: Path) -> None:
    """A file that compose gives to a service is an environment's by a usual name, unless a service is called so."""
    compose = (
        "services:\n  web: {env_file: [.env.web, .env.dev, .env.extra]}\n  test: {env_file: .env.test}\n"
    )
    names = {
        ".env.web": None,
        ".env.dev": "dev",
        ".env.extra": None,
        ".env.test": None,
        ".env.other": "other",
    }

    found = find_sources(_survey(tmp_path, {**dict.fromkeys(names, "A=1\n"), "compose.yaml": compose}))

    assert {each.file: each.environment for each in found} == names
    assert {each.kind for each in found if each.environment is None} == {"service"}


@pytest.mark.parametrize(
    ("line", "harmless"),
    [
        ("DEBUG=true", True),
        ("DB_HOST=db.internal", True),
        ("PORT=8000", True),
        ("CACHE_URL=redis://localhost:6379/0", True),
        ("DATABASE_URL=sqlite:///db.sqlite3", True),
        ("CACHE_URL=redis://:hZ82kfmQ@cache:6379/0", False),
        ("DB_PASSWORD=postgres", False),
        ("GREETING=hello-world", False),
        ("IPYTHONDIR=/app/.ipython", True),
        ("HOOK=/services/T0hZ82kfmQ4xB7aa91/p", False),
        ("SECRET_NAME=app", True),
        ("API_KEY=", False),
        ("POSTGRES_USER=shop_owner", True),
        ("POSTGRES_USER=kJhTxwYbQzRmLpNvCsDfGhWkXtBrMnQs", False),
        ("POSTGRES_USER=k3hT9wYbQz7mLpNv2sDf", False),
    ],
)
def test_harmless_values(line: str, harmless: bool) -> None:
    """What is not called a secret, looks like none and is of a known kind stays readable; all else is encrypted."""
    (entry,) = parse_env_file(line + "\n").entries

    assert is_harmless(entry) is harmless


def test_a_folder_that_nobody_can_look_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data of a database, which belong to another user: they are passed over."""
    (tmp_path / "pgdata").mkdir()
    stat = os.stat

    def refused(path: str | Path, **options: bool) -> os.stat_result:
        if "pgdata" in Path(path).parts[:-1]:
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refused)

    assert "app.py" in _survey(tmp_path, {"app.py": ""}).files


def test_an_env_file_that_cannot_be_read_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project has values that `init` would leave out: it says which file, and stops."""
    survey = _survey(tmp_path, {".env": "A=1"})
    monkeypatch.setattr("envtasks.adopt.sources.read_env_file", _refused)

    with pytest.raises(EnvFileInvalid, match=r"\.env cannot be read: Permission denied"):
        find_sources(survey)


def _refused(path: Path, *, label: str) -> EnvFile:
    raise PermissionError(13, "Permission denied")


def test_a_file_that_cannot_be_copied_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is made on a copy, which needs all of the project's env files."""
    survey = _survey(tmp_path, {".env": "A=1"})
    read = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: _refused(path, label="") if path.name == ".env" else read(path)
    )

    with pytest.raises(EnvFileInvalid, match=r"\.env cannot be read: Permission denied"):
        adopt.draw_up(survey, Answers({}), allow_dirty=True)


def test_a_module_with_a_byte_order_mark_is_extended() -> None:
    """Python reads over the mark, and it stays at the beginning."""
    after = with_python("\ufefffrom invoke import task\n", "tasks.py", imports="import os\n", body="x = 1\n")

    assert after == "\ufefffrom invoke import task\nimport os\n\n\nx = 1\n"
    assert "task" in top_level_names(after)


def test_a_folder_that_the_code_imports_by_its_name_is_a_package(tmp_path: Path) -> None:
    """`from src.config import …` works from the root alone, so the application is `src.main:app`."""
    files = {"src/main.py": "from src.config import settings\nfrom fastapi import FastAPI\napp = FastAPI()"}
    survey = _survey(tmp_path, files, "fastapi", "uvicorn")

    entry = find_entry(survey)

    assert entry is not None
    assert entry.argv[2:] == ("uvicorn", "src.main:app", "--reload")


def test_an_application_that_a_factory_makes_is_the_nearest_one(tmp_path: Path) -> None:
    """`app = create_app()` beside its factory comes before one that is mounted further down."""
    files = {
        "shop/__init__.py": "",
        "shop/app.py": "def create_app():\n    return FastAPI()\napp = create_app()",
        "shop/admin/__init__.py": "app = FastAPI()",
    }

    entry = find_entry(_survey(tmp_path, files, "fastapi", "uvicorn"))

    assert entry is not None
    assert entry.argv[2:4] == ("uvicorn", "shop.app:app")


def test_the_settings_class_is_one_that_the_application_imports(tmp_path: Path) -> None:
    """A class of a server's own configuration, and private ones of single parts, are not the application's."""
    base = "from pydantic_settings import BaseSettings\n"
    files = {
        "gunicorn_conf.py": base + "class Settings(BaseSettings):\n    port: int = 1\n    bind: str = ''",
        "src/__init__.py": "",
        "src/config.py": base
        + "class Own(BaseSettings):\n    pass\nclass Config(Own):\n    url: str\nclass _Part(Own):\n    x: int",
        "src/main.py": "from src.config import Config\nSettings = Config()",
    }

    found = settings_classes(_survey(tmp_path, files))

    assert [each.reference for each in found] == ["src.config:Config", "gunicorn_conf:Settings"]


def test_a_tool_at_the_root_is_no_entry_point(tmp_path: Path) -> None:
    """versioneer.py, and a manage.py that is not Django's, print their usage and start nothing."""
    files = dict.fromkeys(("versioneer.py", "manage.py"), "if __name__ == '__main__':\n    main()")

    assert find_entry(_survey(tmp_path, files)) is None
