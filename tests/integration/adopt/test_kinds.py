"""`envtasks init` on each kind of project, with its real tools: what it made is run, a second run changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.adopt import kinds
from tests.adopt.project import Found
from tests.authoring.repositories import commit_all, git, needs_git
from tests.deadlines import wait_until
from tests.guides import REPOSITORY
from tests.ports import free_port

pytestmark = [pytest.mark.integration, needs_git]
PACKAGES = (
    *("celery", "django", "django-environ", "fastapi", "flask", "httpx2", "pytest", "pytest-django"),
    *("pydantic-settings", "python-dotenv", "uvicorn"),
)


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has the frameworks and envtasks; all projects of this module share it."""
    folder = tmp_path_factory.mktemp("venv")
    uv = shutil.which("uv") or "uv"
    bin_ = folder / ("Scripts" if sys.platform == "win32" else "bin")
    python = bin_ / ("python.exe" if sys.platform == "win32" else "python")
    for words in (
        ("venv", "--quiet", "--clear", "--python", sys.executable, str(folder)),
        ("pip", "install", "--quiet", "--python", str(python), *PACKAGES, "-e", f"{REPOSITORY}[init]"),
    ):
        subprocess.run([uv, *words], check=True, timeout=300)
    return python


class Kind(Found):
    """A project of one kind, whose commands run in the shared virtual environment."""

    def __init__(self, root: Path, files: Mapping[str, str], python: Path, *, folder: str = "") -> None:
        super().__init__(root, files)
        self.interpreter = python
        self.root = root / folder
        path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
        self.env = {**self.sandbox.env, "PATH": path, "PYTHONPATH": ""}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run this module of the shared virtual environment."""
        return subprocess.run(
            [str(self.interpreter), "-m", *words],
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def init(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`envtasks init` there."""
        return self.run("envtasks", "init", "--answer", "dependency=no", *words)

    def task(self, *words: str) -> str:
        """The output of a task, which has to succeed."""
        done = self.run("invoke", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def checked(self) -> list[str]:
        """The ids that `env.check` finds."""
        done = self.run("invoke", "env.check")
        return re.findall(r" (ET\d+)", done.stdout)

    def tested(self) -> str:
        """The output of `nox -s unit`, which has to succeed."""
        done = self.run("nox", "-s", "unit")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def settled(self) -> bool:
        """Whether a second run changes nothing, before and after a commit."""
        before = self.content()
        again = self.init("--allow-dirty")
        commit_all(self.root)
        third = self.init()
        said = "nothing to do" in again.stdout and "nothing to do" in third.stdout
        return said and (again.returncode, third.returncode) == (0, 0) and self.content() == before

    def served(self, variable: str) -> str:
        """What the service answers that `inv run` starts; `variable` tells it the port."""
        port = free_port()
        process = subprocess.Popen(
            [str(self.interpreter), "-m", "invoke", "run", "--env", "local"],
            cwd=self.root,
            env={**self.env, variable: str(port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until(lambda: _answer(port) is not None or process.poll() is not None, "an answer", 60)
            found = _answer(port)
        finally:
            process.terminate()
            output = process.communicate(timeout=30)[0].decode()
        assert found is not None, output
        return found


def _answer(port: int) -> str | None:
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return None


Make = Callable[..., Kind]


@pytest.fixture
def make(tmp_path: Path, interpreter: Path) -> Make:
    """Makes a project of a kind."""

    def kind(files: Mapping[str, str], *, folder: str = "") -> Kind:
        return Kind(tmp_path / "shop", files, interpreter, folder=folder)

    return kind


@pytest.mark.parametrize(
    "files", [kinds.UV_APP, kinds.PDM, kinds.REQUIREMENTS], ids=["uv", "pdm", "requirements"]
)
def test_scripts(make: Make, files: Mapping[str, str]) -> None:
    """A script of `uv init`, of pdm, and one with bare requirements run with their own tests, or the first ones."""
    kind = make(files)
    kind.adopted()

    assert "shop" in kind.task("run", "--env", "local")
    assert kind.checked() == []
    assert re.search(r"1 passed|Ran 1 test", kind.tested())
    assert kind.settled()


@pytest.mark.parametrize("files", [kinds.UV_PACKAGE, kinds.POETRY], ids=["uv", "poetry"])
def test_packages(make: Make, files: Mapping[str, str], interpreter: Path) -> None:
    """A package of `uv init --package` and one of `poetry new` run once they are installed."""
    kind = make(files)
    kind.adopted()
    uv = shutil.which("uv") or "uv"
    words = ("pip", "install", "--quiet", "--python", str(interpreter), "--no-deps", "-e", str(kind.root))
    subprocess.run([uv, *words], check=True, timeout=120)

    assert "Hello from shop!" in kind.task("run", "--env", "local")
    assert kind.checked() == []
    assert "1 passed" in kind.tested()
    assert kind.settled()


def test_fastapi_in_one_file(make: Make) -> None:
    """What the code requires has a value, the secrets encrypted; the service answers and its tests pass."""
    kind = make(kinds.FASTAPI)
    kind.adopted()

    assert "SHOP_API_TOKEN='encrypted:" in kind.text(".env.local")
    assert "SHOP_TITLE=changeme" in kind.text(".env.local")
    assert "# SHOP_DEBUG=false" in kind.text(".env.local")
    assert kind.served("UVICORN_PORT") == '{"debug":"false"}'
    assert kind.checked() == []
    assert "1 passed" in kind.tested()
    assert kind.settled()


def test_flask_with_flaskenv(make: Make) -> None:
    """.flaskenv stays, its values are in the baseline, and flask finds its application and its debug mode there."""
    kind = make(kinds.FLASK)
    kind.adopted()

    assert "debug True" in kind.task("exec", "--env", "local", "python", "-m", "flask", "debugging")
    assert kind.served("FLASK_RUN_PORT") == "hello"
    assert kind.checked() == []
    assert "1 passed" in kind.tested()
    assert kind.settled()


def test_django_startproject(tmp_path: Path, interpreter: Path) -> None:
    """A project of `django-admin startproject`, in no repository and with no list of packages."""
    root = tmp_path / "shop"
    root.mkdir()
    words = [str(interpreter), "-m", "django", "startproject", "bazaar", str(root)]
    subprocess.run(words, check=True, timeout=60)
    kind = Kind(root, {}, interpreter)
    done = kind.init()

    assert "bazaar/settings.py:" in done.stdout
    assert "SECRET_KEY is written out here" in done.stdout
    assert "runserver" in kind.task("--dry", "run", "--env", "local")
    assert "no issues" in kind.task("exec", "--env", "local", "python", "manage.py", "check")
    assert kind.checked() == []
    assert "Ran 0 tests" in kind.tested()
    assert kind.settled()


def test_the_layout_of_cookiecutter_django(make: Make) -> None:
    """The files of .envs become one baseline, leave git's index and stay where they are; compose is reported."""
    kind = make(kinds.DJANGO_ENVS)
    done = kind.init()

    assert "POSTGRES_PASSWORD='encrypted:" in kind.text(".env.local")
    assert git(kind.root, "ls-files", ".envs") == ""
    assert (kind.root / ".envs/.local/.postgres").is_file()
    assert "docker-compose.local.yml:6: gives the container" in done.stdout
    assert "remove lines 6 to 8" in done.stdout
    assert kind.checked() == []
    assert "1 passed" in kind.tested()
    assert kind.settled()


def test_a_monorepo_of_two(make: Make) -> None:
    """At its top it names the two projects; in each of them it works, although the repository ignores `.env.*`."""
    api = make(kinds.MONOREPO, folder="api")
    top = api.root.parent
    refused = subprocess.run(
        [str(api.interpreter), "-m", "envtasks", "init"],
        cwd=top,
        env=api.env,
        capture_output=True,
        check=False,
    )
    assert refused.returncode == 6
    assert b"api, worker" in refused.stderr

    api.adopted()
    assert "api 8001" in api.task("run", "--env", "local")
    assert api.checked() == []
    assert "1 passed" in api.tested()
    assert api.settled()

    api.root = top / "worker"
    api.adopted()
    assert "worker" in api.task("run", "--env", "local")
    assert api.checked() == []


def test_a_project_that_has_grown(make: Make) -> None:
    """Makefile, plain .env in git, Dockerfile, compose, workflow: what `env.check` finds then was reported."""
    kind = make(kinds.GROWN)
    done = kind.init()

    assert "shop on localhost 18" in kind.task("run", "--env", "local")
    assert kind.checked() == ["ET062", "ET061", "ET044"]
    for place in ("docker-compose.yml:4:", "docker-compose.yml:10:", "shop/settings.py:9:", "Makefile:1:"):
        assert place in done.stdout
    assert "history keeps these values, in every clone: DB_PASSWORD, STRIPE_KEY" in done.stdout
    assert "s3cr3t" not in done.stdout + done.stderr
    assert "1 passed" in kind.tested()


def test_a_project_that_has_grown_is_patched(make: Make) -> None:
    """With the answer `patch` the lines are changed: `env.check` finds nothing, and the tests pass without the .env."""
    kind = make(kinds.GROWN)
    kind.adopted("patch=yes")
    (kind.root / ".env").unlink()

    assert "shop on localhost 18" in kind.task("run", "--env", "local")
    assert kind.checked() == []
    assert "1 passed" in kind.tested()
    assert 'inject = ["web"]' in kind.text("pyproject.toml")
    assert kind.settled()
