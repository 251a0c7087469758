"""`envtasks init` on a project that has files of its own: they are extended, kept or reported, never replaced."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envtasks import adopt
from envtasks.adopt.insertion import encoded, encoding_of, with_python
from envtasks.errors import ConfigInvalid
from tests.adopt import kinds
from tests.adopt.project import FRESH, Found
from tests.authoring.repositories import git, needs_git

pytestmark = needs_git
posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell runs its lines")
TASKS = {
    "plain": """\
        \"\"\"Our tasks.\"\"\"

        from invoke import task


        @task
        def lint(c):
            print("linted")
        """,
    "namespace": """\
        from invoke import Collection, task


        @task
        def lint(c):
            print("linted")


        ns = Collection(lint)
        """,
}


def _left(plan: Mapping[str, Any]) -> list[str]:
    return [f"{each['file']}:{each['line']}" for each in plan["left"]]


@pytest.mark.parametrize("kind", TASKS)
def test_an_existing_tasks_file_is_extended(tmp_path: Path, kind: str) -> None:
    """Its own tasks stay and run; `run` and the built-in tasks are there beside them."""
    found = Found(tmp_path / "shop", {**FRESH, "tasks.py": TASKS[kind]})
    before = found.text("tasks.py").splitlines()

    assert "hello from local" in found.adopted().works()

    assert found.sandbox.inv("lint").stdout == "linted\n"
    after = iter(found.text("tasks.py").splitlines())
    assert all(line in after for line in before)


@pytest.mark.parametrize("tasks", [None, *TASKS.values()])
def test_a_worker_is_a_task(tmp_path: Path, tasks: str | None) -> None:
    """A project with a queue gets the task `worker` beside `run`, in a new tasks.py and in one that is there."""
    jobs = 'from rq import Queue\n\nQUEUE = Queue("mails")\n'
    pyproject = FRESH["pyproject.toml"].replace("[]", '["rq"]')
    own = {"tasks.py": tasks} if tasks else {}
    found = Found(tmp_path / "shop", {**FRESH, "pyproject.toml": pyproject, "jobs.py": jobs, **own})
    plan = found.draw_up()
    found.adopted()

    assert "hello from local" in found.sandbox.inv("run").stdout
    assert found.sandbox.inv("--dry", "worker").stdout.splitlines()[-1] == "rq worker mails"
    assert [each for each in plan.notes if "RQ_REDIS_URL" in each] == [
        "rq takes the address of Redis from RQ_REDIS_URL: inv env.set RQ_REDIS_URL --env local"
    ]
    assert "RQ_REDIS_URL" not in found.init("--allow-dirty").stderr


def test_a_worker_that_is_the_entry_point_is_one_task(tmp_path: Path) -> None:
    """The `worker:` of a bot's Procfile is what `run` runs already."""
    found = Found(tmp_path / "shop", {**FRESH, "Procfile": "worker: python main.py\n"}).adopted()

    assert "def worker(" not in found.text("tasks.py")
    assert "hello from local" in found.sandbox.inv("run").stdout


def test_an_own_task_run_stays(tmp_path: Path) -> None:
    """A task `run` of the project's own is not touched, and reported with its line."""
    tasks = TASKS["plain"] + "\n\n        @task\n        def run(c):\n            print('mine')\n"
    found = Found(tmp_path / "shop", {**FRESH, "tasks.py": tasks})
    plan = found.plan()
    found.adopted()

    assert "tasks.py:12" in _left(plan)
    assert found.sandbox.inv("run").stdout == "mine\n"
    assert found.sandbox.inv("env.list").returncode == 0


def test_an_existing_noxfile_is_extended(tmp_path: Path) -> None:
    """Its own sessions stay, and the session `unit` runs in local beside them."""
    noxfile = """\
        import nox


        @nox.session(venv_backend="none")
        def docs(session):
            session.log("documented")
        """
    found = Found(tmp_path / "shop", {**FRESH, "noxfile.py": noxfile})

    found.adopted().works()

    assert "documented" in found.sandbox.nox("-s", "docs").stderr


@pytest.mark.parametrize(
    ("options", "replacement"),
    [
        ('nox.options.sessions = ["docs"]', 'nox.options.sessions = ["docs", "unit"]'),
        ("nox.options.sessions = [\n    'docs',\n]", "nox.options.sessions = ['docs', \"unit\"]"),
        ("USUAL = ('docs',)\nnox.options.sessions = USUAL", 'nox.options.sessions = [*USUAL, "unit"]'),
    ],
)
def test_sessions_that_plain_nox_does_not_run(tmp_path: Path, options: str, replacement: str) -> None:
    """A noxfile that lists its sessions runs no others: its line is reported, with ours in it, in a second run too."""
    noxfile = f"import nox\n\n{options}\n\n\n@nox.session\ndef docs(session):\n    pass\n"
    found = Found(tmp_path / "shop", {**FRESH, "noxfile.py": noxfile})
    plans = [found.plan(), found.adopted().plan()]

    line = next(
        n for n, each in enumerate(found.text("noxfile.py").splitlines(), 1) if "options.sess" in each
    )
    sentence = "plain `nox` does not run the session unit, only what is listed here"
    for plan in plans:
        assert [each for each in plan["left"] if each["file"] == "noxfile.py"] == [
            {"file": "noxfile.py", "line": line, "sentence": sentence, "replacement": replacement}
        ]


@pytest.mark.parametrize("options", ["nox.options.sessions = ['unit']", "nox.options.sessions = None"])
def test_sessions_that_plain_nox_runs(tmp_path: Path, options: str) -> None:
    """Nothing is reported of a noxfile that selects the session already, or selects nothing."""
    noxfile = f"import nox\n\n{options}\n\n\n@nox.session\ndef docs(session):\n    pass\n"
    plan = Found(tmp_path / "shop", {**FRESH, "noxfile.py": noxfile}).plan()

    assert [each for each in plan["left"] if each["file"] == "noxfile.py"] == []


def test_an_own_session_unit_stays(tmp_path: Path) -> None:
    """A session `unit` of the project's own is reported with its line, and the file stays as it is."""
    noxfile = "import nox\n\n\n@nox.session\ndef unit(session):\n    pass\n"
    found = Found(tmp_path / "shop", {**FRESH, "noxfile.py": noxfile})

    assert "noxfile.py:5" in _left(found.plan())
    assert found.adopted().text("noxfile.py") == noxfile


def test_a_broken_tasks_file_ends_it(tmp_path: Path) -> None:
    """A tasks.py that is no Python ends it with its line, before anything is written."""
    found = Found(tmp_path / "shop", {**FRESH, "tasks.py": "def run(c:\n"})

    done = found.init()

    assert done.returncode == 2
    assert "tasks.py:1" in done.stderr
    assert found.status() == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(:\n", "not valid Python"),
        ("import a; b = [\n    1\n]\n", "with lines inserted"),
        ('import a; b = """\n1"""\n', "with lines inserted"),
    ],
)
def test_python_that_would_change_is_refused(text: str, sentence: str) -> None:
    """Lines are inserted only where everything else stays as it is."""
    with pytest.raises(ConfigInvalid, match=sentence):
        with_python(text, "tasks.py", imports="import c\n", body="")


def test_python_in_another_encoding_keeps_it(tmp_path: Path) -> None:
    """Modules with a coding line are read, extended and changed in that encoding, as Python reads them."""
    found = Found(tmp_path / "shop", {**FRESH, ".env": "A=1\n"}, repository=False)
    head = "# coding: latin-1\n"
    texts = {
        "tasks.py": 'from invoke import task\n\n\n@task\ndef lint(c):\n    print("geprüft")\n',
        "noxfile.py": 'import nox\n\n\n@nox.session\ndef docs(session):\n    session.log("geprüft")\n',
        "app.py": 'c = SettingsConfigDict(title="ä", env_file=".env")\n',
    }
    for name, text in texts.items():
        (found.root / name).write_bytes((head + text).encode("latin-1"))

    found.adopted("patch=yes")

    read = {name: (found.root / name).read_bytes().decode("latin-1") for name in texts}
    assert read["app.py"] == head + 'c = SettingsConfigDict(title="ä")\n'
    for name in ("tasks.py", "noxfile.py"):
        assert "geprüft" in read[name]
        assert "envtasks" in read[name]
    assert found.sandbox.inv("lint").stdout == "geprüft\n"


def test_python_of_no_encoding_ends_it(tmp_path: Path) -> None:
    """Bytes that Python would not read either are named with their line, and what to do."""
    found = Found(tmp_path / "shop", FRESH, repository=False)
    (found.root / "tasks.py").write_bytes('"""Tasks."""\n# geprüft\n'.encode("latin-1"))

    done = found.init()

    assert done.returncode == 2
    assert "tasks.py:2: its bytes are not UTF-8, so it is not extended." in done.stderr
    assert "# coding: latin-1" in done.stderr


@pytest.mark.parametrize("name", ["nope", "rot13", "hex"])
def test_a_coding_line_that_names_no_encoding_of_text(name: str) -> None:
    """Python does not read such a module, and `init` reads it as UTF-8."""
    assert encoding_of("tasks.py", f"# coding: {name}".encode()) == "utf-8"


def test_text_that_an_encoding_lacks_is_refused() -> None:
    """What is to be inserted has a character that the file's encoding has not: nothing is written."""
    with pytest.raises(ConfigInvalid, match=r"tasks\.py is in iso-8859-1, which has no '€'"):
        encoded("# €", encoding_of("tasks.py", b"# coding: latin-1"), "tasks.py")


def test_line_ends_stay(tmp_path: Path) -> None:
    """Files with Windows line ends keep them in every line."""
    found = Found(tmp_path / "shop", FRESH, repository=False)
    for name in ("pyproject.toml", ".gitignore"):
        path = found.root / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    found.adopted()

    text = (found.root / "pyproject.toml").read_bytes()
    assert b"[tool.envtasks.environments]\r\n" in text
    assert text.count(b"\n") == text.count(b"\r\n")


def test_an_example_keeps_its_name(tmp_path: Path) -> None:
    """.env.sample is brought up to date, and no .env.example beside it."""
    files = {**FRESH, ".env.sample": "SHOP_URL=http://localhost\nSHOP_TOKEN=changeme\n"}
    found = Found(tmp_path / "shop", files).adopted()

    assert "SHOP_URL=http://localhost" in found.text(".env.local")
    assert "SHOP_TOKEN='encrypted:" in found.text(".env.local")
    assert found.text(".env.sample") == files[".env.sample"]
    assert not (found.root / ".env.example").exists()


def test_plain_files_of_several_environments(tmp_path: Path) -> None:
    """Each .env.<name> is encrypted where it is: the harmless values stay readable, comments and order too."""
    plain = "# of {0}\nDB_HOST=db.{0}\nDB_PASSWORD=s3cr3t-of-{0}\nDEBUG=false\n"
    files = {**FRESH, ".env.staging": plain.format("staging"), ".env.production": plain.format("production")}
    found = Found(tmp_path / "shop", files)

    found.adopted()

    value = found.sandbox.inv("env.get", "DB_PASSWORD", "--env", "staging").stdout
    assert value.strip() == "s3cr3t-of-staging"
    text = found.text(".env.production")
    assert "# of production\nDB_HOST=db.production\nDB_PASSWORD='encrypted:" in text
    assert text.endswith("DEBUG=false\n")
    assert "protected = true" in found.text("pyproject.toml")


def test_files_that_are_encrypted_already_stay(tmp_path: Path) -> None:
    """A baseline that dotenvx encrypted is used as it is, its key file too."""
    found = Found(tmp_path / "shop", FRESH, repository=False)
    found.sandbox.environment("local", TOKEN="s3cr3t-token")
    before = found.text(".env.local"), found.text(".env.keys")

    found.adopted()

    assert (found.text(".env.local"), found.text(".env.keys")) == before
    assert found.sandbox.inv("env.get", "TOKEN", "--env", "local").stdout.strip() == "s3cr3t-token"


def test_answers_choose_what_is_encrypted(tmp_path: Path) -> None:
    """`plain` and `encrypt` name variables for which the judgement by name and value is wrong."""
    files = {**FRESH, ".env": "GREETING=good-morning-everybody\nPORT=8000\n"}
    found = Found(tmp_path / "shop", files).adopted("plain=GREETING", "encrypt=PORT")

    assert "GREETING=good-morning-everybody\n" in found.text(".env.local")
    assert "PORT='encrypted:" in found.text(".env.local")


def test_a_plain_file_may_stay_in_git(tmp_path: Path) -> None:
    """With the answer `untrack=no` the index stays as it is."""
    found = Found(tmp_path / "shop", {**FRESH, ".env": "TOKEN=s3cr3t-token\n"})
    found.adopted("untrack=no")

    assert git(found.root, "ls-files", ".env") == ".env\n"


def test_no_value_is_shown_or_left_behind(tmp_path: Path) -> None:
    """Neither output nor any file but the plain one that was there holds a secret's value."""
    found = Found(tmp_path / "shop", kinds.GROWN)
    done = found.init("--answer", "ci=github", "--answer", "patch=yes")

    assert done.returncode == 0, done.stderr
    assert "s3cr3t-of-the-shop" not in done.stdout + done.stderr
    holding = [name for name, data in found.content().items() if b"s3cr3t-of-the-shop" in data]
    assert holding == [".env", "tests/test_shop.py"]


def test_the_flag_of_the_project_is_kept(tmp_path: Path) -> None:
    """A project that has its environment's name in a variable of its own keeps that name."""
    main = 'import os\n\nprint("in", os.environ["ENVIRONMENT"])\n'
    found = Found(tmp_path / "shop", {**FRESH, "main.py": main, ".env": "ENVIRONMENT=local\n"}).adopted()

    assert 'environment-variable = "ENVIRONMENT"' in found.text("pyproject.toml")
    assert "in local" in found.works()


def test_the_flag_of_the_project_may_be_one_that_shells_read(tmp_path: Path) -> None:
    """ENV makes sh run a file, so that an env file may set it by `allow-steering` alone."""
    main = 'import os\n\nprint("in", os.environ.get("ENV", "local"))\n'
    found = Found(tmp_path / "shop", {**FRESH, "main.py": main}).adopted()

    assert 'allow-steering = ["ENV"]\n' in found.text("pyproject.toml")
    assert "in local" in found.works()


def test_a_flag_with_other_words_is_left_alone(tmp_path: Path) -> None:
    """Where its values are no names of environments, the variable stays what it is."""
    main = 'import os\n\nprint("in", os.environ.get("ENVIRONMENT", "development"))\n'
    found = Found(tmp_path / "shop", {**FRESH, "main.py": main}).adopted()

    assert "environment-variable" not in found.text("pyproject.toml")
    assert "in development" in found.works()


@pytest.mark.parametrize("last", ["  - id: identity\n", "  - id: identity\n    exclude: |\n      a\n"])
def test_the_hook_of_pre_commit(tmp_path: Path, last: str) -> None:
    """A configuration of pre-commit gets one more hook at the end of its `repos`, and stays the rest."""
    config = f"repos:\n- repo: meta\n  hooks:\n{last}\n# the end\nfail_fast: true\n"
    found = Found(tmp_path / "shop", {**FRESH, ".pre-commit-config.yaml": config})

    (text,) = [
        each.after.decode() for each in found.draw_up().changes if each.file == ".pre-commit-config.yaml"
    ]
    assert text.replace("a\n\n", "a\n").startswith(f"repos:\n- repo: meta\n  hooks:\n{last}- repo: local\n")
    assert "entry: uv run envtasks env.check --staged" in text
    assert text.endswith("\n# the end\nfail_fast: true\n")


def test_the_hook_of_pre_commit_breaks_no_other(tmp_path: Path) -> None:
    """Where an alias hides the end of the last entry, a person adds the hook: it would get lines of another one."""
    config = (
        "repos:\n- repo: local\n  hooks:\n  - id: a\n    args: &own [x]\n    files: y\n"
        "- repo: meta\n  hooks:\n  - id: b\n    args: *own\n"
    )
    plan = Found(tmp_path / "shop", {**FRESH, ".pre-commit-config.yaml": config}).draw_up()

    assert ".pre-commit-config.yaml" not in [each.file for each in plan.changes]
    assert [each.replacement for each in plan.left if each.file == ".pre-commit-config.yaml"] == [
        "a hook: envtasks env.check --staged"
    ]


def test_pre_commit_waits_until_nothing_is_left(tmp_path: Path) -> None:
    """Where `env.check` would find something the hook is not added: it would refuse every commit."""
    found = Found(tmp_path / "shop", kinds.GROWN)
    before = found.text(".pre-commit-config.yaml")

    assert found.adopted().text(".pre-commit-config.yaml") == before


def test_a_workflow_beside_the_own_ones(tmp_path: Path) -> None:
    """With the answer `ci=github` the jobs are a file of their own; the project's workflow stays, and is reported."""
    found = Found(tmp_path / "shop", kinds.GROWN)
    plan = found.plan("ci=github")
    found.adopted("ci=github")

    assert "nox -s unit" in found.text(".github/workflows/ci.yml")
    assert not (found.root / "uv.lock").exists()
    assert ".github/workflows/test.yml:8" in _left(plan)


@posix
def test_the_lock_file_names_the_cache(tmp_path: Path) -> None:
    """The jobs are rendered for the lock file that the package manager makes afterwards, so they are up to date."""
    found = Found(tmp_path / "shop", FRESH)
    script = (
        "#!/bin/sh\ntouch uv.lock\nprintf \"[dependency-groups]\\ndev = ['envtasks']\\n\" >> pyproject.toml\n"
    )
    program = found.sandbox.write("../bin/uv", script)
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{found.sandbox.env['PATH']}"

    done = found.sandbox.python("-m", "envtasks", "init", "--answer", "ci=github", PATH=path)

    assert done.returncode == 0, done.stderr
    assert "hashFiles('pyproject.toml', 'uv.lock')" in found.text(".github/workflows/ci.yml")
    assert "uv.lock" in found.status()
    checked = found.sandbox.inv("ci.check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_remote_decides_the_platform(tmp_path: Path) -> None:
    """A project on GitLab without a pipeline gets one."""
    found = Found(tmp_path / "shop", FRESH)
    git(found.root, "remote", "add", "origin", "git@gitlab.example.com:team/shop.git")

    assert "nox -s unit" in found.adopted().text(".gitlab-ci.yml")


def test_image_and_stack_by_answer(tmp_path: Path) -> None:
    """With the answer `docker` an image and a stack are written, which `env.check` accepts; without it neither."""
    found = Found(tmp_path / "shop", kinds.FASTAPI)
    assert "docker/Dockerfile" not in {row["file"] for row in found.plan()["files"]}
    found.adopted("docker=yes", "deploy=yes")

    assert 'CMD ["python", "-m", "uvicorn", "main:app", "--host", "0.0.0.0"]' in found.text(
        "docker/Dockerfile"
    )
    assert 'SHOP_API_TOKEN: "${SHOP_API_TOKEN}"' in found.text("docker/compose.yaml")
    assert ".env*" in found.text(".dockerignore")
    assert "containerPort: 8000" in found.text("deploy/app.yaml")
    checked = found.sandbox.inv("env.check")
    assert checked.returncode == 0, checked.stdout


def test_a_hook_of_git_cannot_run_another_repository(tmp_path: Path) -> None:
    """Called with GIT_DIR of another repository, it works on the one of the folder."""
    found = Found(tmp_path / "shop", FRESH)
    other = Found(tmp_path / "other", {"a": ""})

    done = subprocess.run(
        ["python", "-m", "envtasks", "init", "--answer", "dependency=no"],
        cwd=found.root,
        env={**found.sandbox.env, "GIT_DIR": str(other.root / ".git")},
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0
    assert other.status() == ""
    assert "tasks.py" in found.status()


def test_a_settings_class_by_answer(tmp_path: Path) -> None:
    """With the answer `settings-class` the variables of the code become fields with types; `env.check` accepts them."""
    main = """\
        import os

        token = os.environ["SHOP_TOKEN"]
        debug, port = os.getenv("SHOP_DEBUG", "false"), int(os.getenv("SHOP_PORT", "8000"))
        print("port", port)
        """
    found = Found(tmp_path / "shop", {**FRESH, "main.py": main})
    assert "settings.py" not in {row["file"] for row in found.plan()["files"]}
    found.adopted("settings-class=yes")

    text = found.text("settings.py")
    assert "    shop_token: SecretStr\n    shop_debug: bool = False\n    shop_port: int = 8000\n" in text
    assert 'settings = "settings:Settings"' in found.text("pyproject.toml")
    assert "port 8000" in found.works()


@posix
def test_the_own_file_of_vite_changes_places(tmp_path: Path) -> None:
    """.env for everybody and an untracked .env.local of one's own become baseline and overrides; and back again."""
    files = {**FRESH, ".env": "TOKEN=s3cr3t-of-all\nMODE=shared\n", ".gitignore": ".env.local\n"}
    found = Found(tmp_path / "shop", files)
    found.sandbox.write(".env.local", "TOKEN=s3cr3t-of-mine\n")
    before = found.content()

    found.adopted()

    assert found.text(".env") == "TOKEN=s3cr3t-of-mine\n"
    assert "MODE=" in found.text(".env.local")
    assert "s3cr3t" not in found.text(".env.local")
    assert found.sandbox.inv("env.get", "TOKEN", "--env", "local").stdout.strip() == "s3cr3t-of-mine"
    assert git(found.root, "ls-files", ".env") == ""
    for line in found.init("--undo").stdout.splitlines():
        subprocess.run(["sh", "-c", line], cwd=found.root, check=True, timeout=60)
    assert {name: data for name, data in found.content().items() if name != ".env.keys"} == before


def test_env_files_of_no_environment_are_left(tmp_path: Path) -> None:
    """A file whose name tells no environment is reported, not guessed at."""
    found = Found(tmp_path / "shop", {**FRESH, "mailer.env": "SMTP_HOST=mail\n"})

    assert "mailer.env:1" in _left(found.plan())


@pytest.mark.parametrize(
    ("build", "written"),
    [
        ('[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n', False),
        ('[build-system]\nrequires = ["setuptools"]\n[tool.setuptools]\npackages = ["shop"]\n', True),
        ('[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n', True),
        ("", True),
    ],
)
def test_setuptools_finds_no_package_more(tmp_path: Path, build: str, written: bool) -> None:
    """Where setuptools looks for packages by itself, no folder is made that it would take for one."""
    pyproject = f'[project]\nname = "shop"\nversion = "1"\n{build}'
    found = Found(
        tmp_path / "shop", {"pyproject.toml": pyproject, "shop/__init__.py": "", "shop/__main__.py": ""}
    )

    plan = found.plan("docker=yes", "deploy=yes")

    folders = {row["file"].split("/")[0] for row in plan["files"] if "/" in row["file"]}
    assert ("deploy" in folders) is written
    assert written or folders <= {"docs", "tests"}


def test_an_env_file_above_the_project(tmp_path: Path) -> None:
    """The values of the repository's .env that a project below names in its code are taken over; the file stays."""
    settings = """\
        from pydantic_settings import BaseSettings, SettingsConfigDict


        class Settings(BaseSettings):
            model_config = SettingsConfigDict(env_file="../.env")

            secret_key: str
        """
    files = {f"backend/{name}": text for name, text in FRESH.items()}
    top = Found(
        tmp_path / "shop",
        {**files, "backend/settings.py": settings, ".env": "SECRET_KEY=s3cr3t-of-the-shop\n"},
    )
    found = Found(top.root / "backend", {}, repository=False)

    plan = found.plan()
    found.adopted()

    (history,) = [each for each in plan["left"] if "history keeps" in each["sentence"]]
    assert (history["file"], history["line"]) == ("../.env", 1)
    assert "SECRET_KEY='encrypted:" in found.text(".env.local")
    assert top.text(".env") == "SECRET_KEY=s3cr3t-of-the-shop\n"
    assert "settings.py:5" in _left(plan)


def test_only_doubtful_values_are_asked_about(tmp_path: Path) -> None:
    """On a terminal it asks once for the variables whose name and value tell nothing, and not for the others."""
    plain = "DB_HOST=localhost\nDB_PASSWORD=s3cr3t-word\nGREETING=good-morning-all\nMOTTO=all-for-one\n"
    found = Found(tmp_path / "shop", {**FRESH, ".env": plain})
    questions = []

    def answer(question: str) -> str:
        questions.append(question)
        return "GREETING" if "stay readable" in question else ""

    plan = adopt.draw_up(
        adopt.look(found.root, found.sandbox.env), adopt.Answers({"dependency": "no"}, answer)
    )

    (asked,) = [each for each in questions if "secret or not" in each]
    assert asked.startswith("GREETING, MOTTO of .env.local")
    text = next(each.after.decode() for each in plan.changes if each.file == ".env.local")
    assert "GREETING=good-morning-all\n" in text
    assert "MOTTO='encrypted:" in text
    assert "DB_PASSWORD='encrypted:" in text


def test_a_broken_compose_file_hinders_nothing(tmp_path: Path) -> None:
    """A compose file that is no YAML is reported with its line, and all else is done."""
    found = Found(tmp_path / "shop", {**FRESH, "compose.yaml": "services:\n  web: {{ name }}\n  a: [\n"})

    plan = found.plan()

    assert any(each.startswith("compose.yaml:") for each in _left(plan))
    assert "tasks.py" in {row["file"] for row in plan["files"]}


@pytest.mark.parametrize(
    ("files", "first"),
    [({"requirements.txt": "flask\n"}, "-r requirements.txt"), ({"setup.py": "setup()\n"}, "-e .")],
)
def test_a_requirements_file_for_development(tmp_path: Path, files: dict[str, str], first: str) -> None:
    """With pip the packages go into a requirements file, which begins with what the project itself needs."""
    found = Found(tmp_path / "shop", {**files, "main.py": "print('shop')\n"})

    plan = adopt.draw_up(adopt.look(found.root, found.sandbox.env), adopt.Answers({}))

    (text,) = [each.after.decode() for each in plan.changes if each.file == "requirements-dev.txt"]
    assert text.splitlines()[0] == first
    assert "envtasks" in text
    assert plan.packages == ()
    assert plan.next[0] == "pip install -r requirements-dev.txt"


def test_values_of_an_example_stay_readable(tmp_path: Path) -> None:
    """What everybody reads in the project's example stays there, and plain in .env.local, unless it is a secret."""
    example = "COMPOSE_PROFILES=postgres,web\nHEALTH_TEST=curl web/up\nAPI_TOKEN=changeme\n"
    plan = Found(tmp_path / "shop", {**FRESH, ".env.example": example}).draw_up()

    written = {each.file: each.after.decode() for each in plan.changes}
    assert "COMPOSE_PROFILES=postgres,web\nHEALTH_TEST=curl web/up\n" in written[".env.local"]
    assert "API_TOKEN='encrypted:" in written[".env.local"]
    assert ".env.example" not in written


def test_a_variable_that_runs_code_is_permitted(tmp_path: Path) -> None:
    """What the project has in its env files today works on, by `allow-steering`, and is named."""
    files = {**FRESH, ".env": "# debug\nPYTHONBREAKPOINT=ipdb.set_trace\n"}
    found = Found(tmp_path / "shop", files)
    plan = found.draw_up()

    (table,) = [each.after.decode() for each in plan.changes if each.file == "pyproject.toml"]
    assert 'allow-steering = ["PYTHONBREAKPOINT"]\n' in table
    assert any(note.startswith(".env:2: PYTHONBREAKPOINT makes") for note in plan.notes)


def test_many_variables_that_run_code_are_one_note(tmp_path: Path) -> None:
    """A project whose own prefix is LD_ gets one line about it, and not one for each variable."""
    names = [f"LD_{number}" for number in range(9)]
    env = "".join(f"{name}=1\n" for name in names)
    plan = Found(tmp_path / "shop", {**FRESH, ".env": env}).draw_up()

    [note] = [each for each in plan.notes if "run or load code" in each]
    assert note.startswith(".env:1: LD_0, LD_1, LD_2, LD_3, LD_4 and 4 more make programs run")


def test_an_app_env_of_other_words_is_left_alone(tmp_path: Path) -> None:
    """Where the code's APP_ENV has words of its own, the environment's name is in another variable."""
    settings = "class Base(BaseSettings):\n    app_env: Kind = Kind.prod\n"
    read = 'import os\n\nprint(os.environ.get("APP_ENV", "dev"))\n'
    for number, text in enumerate((settings, read)):
        plan = Found(tmp_path / str(number), {**FRESH, "main.py": text}).draw_up()

        (table,) = [each.after.decode() for each in plan.changes if each.file == "pyproject.toml"]
        assert 'environment-variable = "APP_DEPLOYMENT_ENV"' in table


def test_a_placeholder_has_the_scheme_of_its_name(tmp_path: Path) -> None:
    """The URL of a database that the code needs is one of a database."""
    main = (
        'import os\n\nprint(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], os.environ["ADMIN_EMAIL"])\n'
    )
    plan = Found(tmp_path / "shop", {**FRESH, "main.py": main}).draw_up()

    (local,) = [each.after.decode() for each in plan.changes if each.file == ".env.local"]
    assert "DATABASE_URL=postgresql://" in local
    assert "REDIS_URL=redis://" in local
    assert "ADMIN_EMAIL=name@example.com" in local


def test_an_anchor_of_compose_is_changed_once(tmp_path: Path) -> None:
    """The env_file that several services share is removed once, and reported once."""
    compose = """\
        x-app: &app
          image: shop
          env_file:
            - .env
          restart: always
          init: true
        services:
          web:
            <<: *app
          worker:
            <<: *app
        """
    found = Found(tmp_path / "shop", {**FRESH, ".env": "A=1\n", "compose.yaml": compose})

    assert [each.line for each in found.draw_up().left if each.file == "compose.yaml"] == [3]
    (changed,) = [
        each.after.decode() for each in found.draw_up(patch="yes").changes if each.file == "compose.yaml"
    ]
    assert "image: shop\n  restart: always\n  init: true\n" in changed


def test_an_alias_of_env_files_is_left(tmp_path: Path) -> None:
    """The lines of an alias are those of its anchor, which may be needed elsewhere: a person removes them."""
    compose = "x-files: &files\n  - .env\n\nservices:\n  web:\n    image: shop\n    env_file: *files\n    init: true\n"
    found = Found(tmp_path / "shop", {**FRESH, ".env": "A=1\n", "compose.yaml": compose})
    plan = found.draw_up(patch="yes")

    assert "compose.yaml" not in [each.file for each in plan.changes]
    assert [(each.line, each.replacement) for each in plan.left if each.file == "compose.yaml"] == [
        (7, "remove .env here")
    ]


def test_a_stack_that_is_not_declared_keeps_its_env_files(tmp_path: Path) -> None:
    """A compose file that `inv compose.up` does not start is not changed: nothing else would give it the values."""
    compose = "services:\n  web:\n    image: shop\n    env_file: .env\n"
    found = Found(tmp_path / "shop", {**FRESH, ".env": "A=1\n", "compose.local.yaml": compose})
    plan = found.draw_up(patch="yes")

    assert "compose.local.yaml" not in [each.file for each in plan.changes]
    (left,) = [each for each in plan.left if each.file == "compose.local.yaml"]
    assert left.replacement.startswith('files = ["compose.local.yaml"] and inject in [tool.envtasks.compose]')


SERVICES = {
    **FRESH,
    ".env": "A=1\n",
    ".env.web": "WEB_TOKEN=s3cr3t-of-the-web\n",
    "worker/.env.example": "QUEUE=\n",
    "worker/jobs.env": "JOBS=3\n",
    "compose.yaml": """\
        services:
          web:
            image: shop
            env_file:
              - .env
              - path: .env.web
                required: true
          worker:
            image: shop
            env_file: worker/.env
          jobs:
            image: shop
            env_file: [worker/jobs.env]
        """,
}


def test_env_files_of_single_services_stay(tmp_path: Path) -> None:
    """What only a compose service reads is no environment: its line and its values stay, and are reported."""
    found = Found(tmp_path / "shop", SERVICES)
    plan = found.plan("patch=yes")
    found.adopted("patch=yes")

    assert "environments]\nlocal = { files" in found.text("pyproject.toml")
    assert "web = {" not in found.text("pyproject.toml")
    assert found.text("compose.yaml").splitlines() == [
        line for line in textwrap.dedent(SERVICES["compose.yaml"]).splitlines() if line.strip() != "- .env"
    ]
    assert found.text(".env.web") == SERVICES[".env.web"]
    reported = {each["line"]: each["sentence"] for each in plan["left"] if each["file"] == "compose.yaml"}
    assert reported == {
        4: "gives web values of its own, .env.web; the file and this line stay",
        10: "gives worker values of its own, worker/.env (its example: worker/.env.example); "
        "the file and this line stay",
        13: "gives jobs values of its own, worker/jobs.env; the file and this line stay",
    }
    assert [each for each in plan["left"] if each["file"] == ".env.web"] == [
        {
            "file": ".env.web",
            "line": 1,
            "sentence": "git has these values in plain text; compose alone gives them to a service: WEB_TOKEN",
            "replacement": "replace each, then: inv env.set WEB_TOKEN --env local",
        }
    ]
    assert found.init("--allow-dirty", "--answer", "patch=yes").stdout.count("nothing to do") == 1


def test_an_answer_makes_an_environment_of_a_service_s_file(tmp_path: Path) -> None:
    """Where the answer names the environment, the file's values are encrypted in place, and none is lost."""
    found = Found(tmp_path / "shop", SERVICES).adopted("environments=local,web")

    assert "WEB_TOKEN='encrypted:" in found.text(".env.web")
    assert found.sandbox.inv("env.get", "WEB_TOKEN", "--env", "web").stdout.strip() == "s3cr3t-of-the-web"


def test_without_a_pyproject_the_environments_are_declared(tmp_path: Path) -> None:
    """A project that has no pyproject.toml gets one where a service's file would be taken for an environment."""
    files = {name: text for name, text in SERVICES.items() if name != "pyproject.toml"}
    found = Found(tmp_path / "shop", {**files, "requirements.txt": ""}).adopted()

    assert found.sandbox.inv("env.list", "--json").stdout.count('"name"') == 1


def test_an_env_file_that_the_project_names_by_its_stage(tmp_path: Path) -> None:
    """`.env.$STAGE` in a compose file is whichever environment's, so it is taken out."""
    compose = "services:\n  web:\n    image: shop\n    env_file: .env.$STAGE\n"
    found = Found(tmp_path / "shop", {**FRESH, "compose.yaml": compose})

    (changed,) = [each for each in found.draw_up(patch="yes").changes if each.file == "compose.yaml"]
    assert b"env_file" not in changed.after


def test_a_package_of_tasks_is_extended(tmp_path: Path) -> None:
    """Where the tasks are in tasks/__init__.py, a tasks.py beside it would hide all of them."""
    package = {
        "tasks/__init__.py": "from invoke import Collection\nfrom . import db\n\nns = Collection(db)\n",
        "tasks/db.py": "from invoke import task\n\n\n@task\ndef up(c):\n    print('up')\n",
    }
    found = Found(tmp_path / "shop", {**FRESH, **package}).adopted()

    assert not (found.root / "tasks.py").exists()
    assert found.sandbox.inv("db.up").stdout == "up\n"
    assert "hello from local" in found.works()
    assert "nothing to do" in found.init().stdout


def test_unit_tests_run_in_the_environment_that_is_there_for_them(tmp_path: Path) -> None:
    """With .env.test in place the tests do not get the values, nor the database, of a developer's own work."""
    files = {
        ".env": "DB_NAME=shop\n",
        ".env.test": "DB_NAME=shop_test\n",
        "tests/test_db.py": "import os\n\ndef test_db():\n    assert os.environ['DB_NAME'] == 'shop_test'\n",
    }
    found = Found(tmp_path / "shop", {**FRESH, **files}).adopted()

    assert '@session(env="test")' in found.text("noxfile.py")
    assert "hello from local" in found.works()


@pytest.mark.parametrize("name", ["env.example", "example.env", "sample.env"])
def test_an_example_may_have_no_dot(tmp_path: Path, name: str) -> None:
    """It begins .env.local and is kept up to date under its own name, comments once."""
    example = "# the tokens\n# of the shop\nTOKEN=changeme\n"
    main = 'import os\n\nprint(os.environ["TOKEN"], os.environ["CITY"])\n'
    plan = Found(tmp_path / "shop", {**FRESH, "main.py": main, name: example}).draw_up()

    written = {each.file: each.after.decode() for each in plan.changes}
    assert ".env.example" not in written
    assert "TOKEN='encrypted:" in written[".env.local"]
    assert written[name] == f"{example}CITY=changeme\n"


def test_comments_of_an_example_are_written_once(tmp_path: Path) -> None:
    """An example that is all comments begins .env.local, whose first variable stands below them."""
    example = "# a strict policy\n# CSP=self\n"
    main = 'import os\n\nprint(os.environ["CITY"])\n'
    plan = Found(tmp_path / "shop", {**FRESH, "main.py": main, ".env.example": example}).draw_up()

    (text,) = [each.after.decode() for each in plan.changes if each.file == ".env.example"]
    assert text == f"{example}CITY=changeme\n"


def test_an_example_of_comments_alone(tmp_path: Path) -> None:
    """The baseline that it begins sets the environment's name, as one without any variable could not be used."""
    found = Found(tmp_path / "shop", {**FRESH, ".env.example": "# CSP=self\n"}).adopted()

    assert found.text(".env.local") == "# CSP=self\nAPP_ENV=local\n"
    assert "hello from local" in found.works()


def test_code_that_this_python_cannot_read_is_named(tmp_path: Path) -> None:
    """A note says that its variables and readers were not looked at."""
    code = 'import os\n\nprint(os.environ["A"] ?)\n'
    plan = Found(tmp_path / "shop", {**FRESH, "newer.py": code}).draw_up()

    assert [note for note in plan.notes if "cannot read newer.py" in note]


def test_a_command_in_a_value_is_named_in_its_own_file(tmp_path: Path) -> None:
    """The message has file and line of what is there, not of what would have been written."""
    done = Found(tmp_path / "shop", {**FRESH, ".env": "# first\nWHO=$(whoami)\n"}).init()

    assert done.returncode == 3
    assert ".env:2: WHO: `$(…)`" in done.stderr
    assert "single quotes" in done.stderr


def test_values_stay_what_the_projects_own_reader_made_of_them(tmp_path: Path) -> None:
    """`$word`, `a#b` and `$(…)` are text for python-dotenv, and the environment has them as such."""
    env = 'SALT=ab#cd\nDB_PASSWORD="pa$word x"\nSHOWN=$(date)\nDB_URL=pg://${SALT}@h\nHERE=${HOME}/x\n'
    main = (
        "import os\nfrom dotenv import load_dotenv\n\nload_dotenv()\n"
        'print([os.environ[name] for name in ("SALT", "DB_PASSWORD", "SHOWN", "DB_URL")])\n'
    )
    found = Found(tmp_path / "shop", {**FRESH, "main.py": main, ".env": env})
    before = found.sandbox.python("main.py").stdout

    plan = found.plan()
    found.adopted("patch=yes")
    (found.root / ".env").unlink()
    ran = found.sandbox.inv("run", "--no-mask")

    assert ran.stdout == before, ran.stderr
    assert "HERE=${HOME}/x" in found.text(".env.local")
    assert "#cd" not in found.text(".env.local")
    assert "warning" not in ran.stderr
    assert {".env:1", ".env:2", ".env:3"} <= set(_left(plan))
    assert "python-dotenv reads another value of DB_PASSWORD here" in str(plan["left"])


def test_a_file_that_python_dotenv_cannot_read_is_taken_as_it_is(tmp_path: Path) -> None:
    """One that is not UTF-8, as editors of Windows write it, ends the application, but not `init`."""
    files = {**FRESH, "main.py": "import dotenv\n\ndotenv.load_dotenv()\n", ".env": "A=1\n"}
    found = Found(tmp_path / "shop", files, repository=False)
    (found.root / ".env").write_bytes("# für alle\nA=1\n".encode("latin-1"))

    (local,) = [each.after for each in found.draw_up().changes if each.file == ".env.local"]

    assert "# für alle\nA=1\n".encode("latin-1") in local


def test_a_line_of_a_service_keeps_what_compose_makes_of_it(tmp_path: Path) -> None:
    """Where only docker compose reads a file, its reading is the one that stays."""
    compose = "services:\n  web:\n    image: shop\n    env_file: .env\n"
    plan = Found(tmp_path / "shop", {**FRESH, "compose.yaml": compose, ".env": "LEVEL=a$$b\n"}).draw_up()

    (local,) = [each.after.decode() for each in plan.changes if each.file == ".env.local"]
    assert "docker compose" in str(plan.left)
    assert local == "LEVEL='a$b'\n"


def test_a_password_that_local_does_not_get_stays(tmp_path: Path) -> None:
    """Of two with one name only the first goes into local: the other is reported, and not replaced by the first."""
    compose = """\
        services:
          one:
            image: postgres
            environment:
              POSTGRES_PASSWORD: k9-xy-77-qq-12-zz
          two:
            image: postgres
            environment:
              POSTGRES_PASSWORD: m3-ab-55-rr-90-yy
        """
    found = Found(tmp_path / "shop", {**FRESH, "compose.yaml": compose}).adopted("patch=yes")

    text = found.text("compose.yaml")
    assert "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}\n  two:" in text
    assert "POSTGRES_PASSWORD: m3-ab-55-rr-90-yy" in text
    value = found.sandbox.inv("env.get", "POSTGRES_PASSWORD", "--env", "local").stdout
    assert value.strip() == "k9-xy-77-qq-12-zz"


def test_a_password_stays_where_local_is_in_use(tmp_path: Path) -> None:
    """A baseline that is encrypted already is not extended, so a password in a compose file is not taken out."""
    compose = "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: k9-xy-77-qq-12-zz\n"
    found = Found(tmp_path / "shop", {**FRESH, "compose.yaml": compose}, repository=False)
    found.sandbox.environment("local", TOKEN="s3cr3t-token")

    assert found.adopted("patch=yes").text("compose.yaml") == compose
