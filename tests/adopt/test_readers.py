"""What reads env files by itself is found with its line, and replaced by what belongs there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envtasks import adopt
from envtasks.adopt.compose_readers import compose_literals, compose_places
from envtasks.adopt.places import Place, patched
from envtasks.adopt.python_readers import python_readers
from envtasks.adopt.text_readers import text_readers

FILES = frozenset({".env", ".envs/.local/.django"})


def _survey(root: Path, name: str, text: str) -> adopt.Survey:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return adopt.look(root, os.environ)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import dotenv\ndotenv.load_dotenv()\nx = 1\n", "import dotenv\nx = 1\n"),
        ("load_dotenv(\n    '.env',\n    override=True,\n)\n", "pass\n"),
        ("def f():\n    load_dotenv()\n", "def f():\n    pass\n"),
        ("env = Env()\nenv.read_env('.env')\n", "env = Env()\n"),
        ("import dotenv; dotenv.load_dotenv()\nx = 1\n", "import dotenv; pass\nx = 1\n"),
        ("load_dotenv(); x = 1\n", "pass; x = 1\n"),
        ("if 'ä': load_dotenv()\n", "if 'ä': pass\n"),
        ("load_dotenv()  # the values\nx = 1\n", "x = 1\n"),
        (
            "c = SettingsConfigDict(env_file='.env', extra='ignore')\n",
            "c = SettingsConfigDict(extra='ignore')\n",
        ),
        (
            "c = SettingsConfigDict(extra='ignore', env_file='.env')\n",
            "c = SettingsConfigDict(extra='ignore')\n",
        ),
        ("c = SettingsConfigDict(env_file=('.env', '.env.local'))\n", "c = SettingsConfigDict()\n"),
        (
            "c = SettingsConfigDict(\n    env_file='.env',\n    a=1,\n)\n",
            "c = SettingsConfigDict(\n    a=1,\n)\n",
        ),
        ("class Config:\n    env_file = '.env'\n", "class Config:\n    pass\n"),
        ("class Config:\n    env_file = '.env'\n    a = 1\n", "class Config:\n    a = 1\n"),
        (
            "class S(BaseSettings, env_file='.env', extra='ignore'):\n    a: int\n",
            "class S(BaseSettings, extra='ignore'):\n    a: int\n",
        ),
        ("class S(BaseSettings, env_file='.env'):\n    a: int\n", "class S(BaseSettings):\n    a: int\n"),
        (
            "f = '.env'\nc = SettingsConfigDict(a=1, env_file=f)\n",
            "f = '.env'\nc = SettingsConfigDict(a=1)\n",
        ),
        ("s = Settings(_env_file='.env')\n", "s = Settings()\n"),
        ("d = Dynaconf(load_dotenv=True, a=1)\n", "d = Dynaconf(a=1)\n"),
        (
            "größe = SettingsConfigDict(title='ä', env_file='.env')\n",
            "größe = SettingsConfigDict(title='ä')\n",
        ),
    ],
)
def test_python_is_replaced(tmp_path: Path, before: str, after: str) -> None:
    """Each way in which Python code loads an env file is taken out, and the rest of the module stays."""
    places = list(python_readers(_survey(tmp_path, "app.py", before), FILES))

    assert len(places) == 1
    assert patched(before, places) == after


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("from starlette.config import Config\nconfig = Config('.env')\n", "Config()"),
        ("from decouple import *\nconfig = Config(RepositoryEnv('.env'))\n", "from decouple import config"),
    ],
)
def test_the_first_argument_may_be_an_env_file(tmp_path: Path, text: str, advice: str) -> None:
    """starlette's and decouple's readers are named with what stands there without the file."""
    places = list(python_readers(_survey(tmp_path, "app.py", text), FILES))

    assert [(each.lines, each.replacement) for each in places][-1] == (None, advice)


def test_ciphertexts_that_a_reader_would_get_are_named(tmp_path: Path) -> None:
    """A settings class that chooses its env file gets the ciphertexts of what becomes a baseline."""
    text = "f = '.env.test' if TESTING else '.env'\nc = SettingsConfigDict(env_file=f)\n"

    [place] = python_readers(_survey(tmp_path, "app.py", text), {".env", ".env.test"})

    assert place.line == 2
    assert "ciphertexts" in place.sentence


def test_the_file_of_a_variable_is_looked_up(tmp_path: Path) -> None:
    """A loader whose file stands in a variable is replaced where that is an env file, else left for a person."""
    text = (
        "path = BASE / '.env'\nload_dotenv(path, encoding='utf-8')\n"
        "def main(file):\n    print(file)\n    load_dotenv(file)\n"
    )

    places = list(python_readers(_survey(tmp_path, "app.py", text), FILES))

    assert [(each.line, each.lines) for each in places] == [(2, ()), (5, None)]


@pytest.mark.parametrize(
    "text",
    [
        "load_dotenv('web/.env')\n",
        "load_dotenv(BASE / 'web' / '.env')\n",
        "load_dotenv(os.path.join(BASE, '..', 'web', '.env'))\n",
        "load_dotenv(f'{BASE}/web/.env')\n",
        "c = SettingsConfigDict(env_file=('.env', 'web/.env'))\n",
        "class Config:\n    env_file = 'web/.env'\n",
    ],
)
def test_a_file_of_no_environment_goes_on_being_read(tmp_path: Path, text: str) -> None:
    """What reads a file whose values no environment has is reported, and never taken out."""
    survey = _survey(tmp_path, "app.py", text)

    places = list(python_readers(survey, FILES, frozenset({"web/.env"})))

    assert [place.lines for place in places] == [None]


def test_a_loader_finds_the_file_beside_it(tmp_path: Path) -> None:
    """Without a name python-dotenv reads the nearest `.env` above the module: here one that is in no environment."""
    survey = _survey(tmp_path, "web/app.py", "load_dotenv()\n")

    (kept,) = python_readers(survey, FILES, frozenset({"web/.env"}))
    (ours,) = python_readers(survey, FILES, frozenset({"other/.env"}))

    assert (kept.lines, ours.lines) == (None, ("pass",))
    assert kept.replacement == "when an environment has the values of web/.env: remove it"


def test_a_line_with_a_secret_is_not_shown(tmp_path: Path) -> None:
    """What stays of a line is printed, but for one that has a secret written out; it is patched all the same."""
    before = 'd = Dynaconf(load_dotenv=True, db_password="hunter2-Zq81", a=1)\n'
    places = list(python_readers(_survey(tmp_path, "app.py", before), FILES))

    assert [place.replacement for place in places] == [
        "the same without it (the line has a secret, so it is not shown)"
    ]
    assert patched(before, places) == 'd = Dynaconf(db_password="hunter2-Zq81", a=1)\n'


@pytest.mark.parametrize(
    "text",
    [
        "c = SettingsConfigDict(env_file='settings.toml')\n",
        "load_dotenv('/etc/app.conf')\n",
        "print(load_dotenv)\n",
        "from dotenv import load_dotenv\n",
    ],
)
def test_other_python_is_left_alone(tmp_path: Path, text: str) -> None:
    """What reads no env file of the project is not reported."""
    assert list(python_readers(_survey(tmp_path, "app.py", text), FILES)) == []


@pytest.mark.parametrize(
    ("name", "line", "advice"),
    [
        ("Makefile", "-include .env", "envtasks migrate"),
        ("run.sh", "set -a; source .env; set +a", "inv exec --env local"),
        ("run.sh", ". ./.env", "inv exec --env local"),
        ("run.sh", "export $(cat .env | xargs)", "inv exec --env local"),
        ("run.sh", "cp .env.example .env", "remove it"),
        ("run.sh", "cp --no-clobber -v .env.example .env", "remove it"),
        ("run.sh", "docker run --env-file .env shop", "inv exec --env local"),
        ("run.sh", "dotenv run python main.py", "inv exec --env local"),
        (".envrc", "dotenv", "remove it"),
        ("justfile", "set dotenv-load := true", "remove it; a recipe"),
        ("Dockerfile", "COPY .env ./", "remove this line"),
        ("Dockerfile", "COPY --chown=app requirements.txt .env ./", "COPY --chown=app requirements.txt ./"),
        (".github/workflows/t.yml", "      - run: poetry run pytest -x", "- run: uv run nox -s unit -- -x"),
        (".github/workflows/t.yml", "          uv run pytest \\", "uv run nox -s unit -- \\"),
        (".github/workflows/t.yml", "  - pytest | tee log", "- uv run nox -s unit | tee log"),
    ],
)
def test_texts_are_found(tmp_path: Path, name: str, line: str, advice: str) -> None:
    """Each way in which scripts and pipelines use an env file is found in its line, with what to do instead."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    survey = _survey(tmp_path, name, f"# first\n{line}\n")

    found = [(each.file, each.line) for each in text_readers(survey)]

    assert found == [(name, 2)]
    assert advice in next(iter(text_readers(survey))).replacement


def test_an_image_keeps_a_file_of_no_environment(tmp_path: Path) -> None:
    """A COPY of a file whose values no environment has is reported, and never taken out."""
    survey = _survey(tmp_path, "Dockerfile", "FROM a\nCOPY .env.web ./\nCOPY .env ./\n")

    assert [each.lines for each in text_readers(survey, {".env.web"})] == [None, ()]


def test_a_script_is_known_by_its_first_line(tmp_path: Path) -> None:
    """A shell script whose name has no ending is looked at, and no other program."""
    shell = _survey(tmp_path / "a", "bin/start", "#!/usr/bin/env bash\n. .env\n")
    other = _survey(tmp_path / "b", "bin/start", "#!/usr/bin/env python3\n. .env\n")

    assert [(each.file, each.line) for each in text_readers(shell)] == [("bin/start", 2)]
    assert list(text_readers(other)) == []


def test_a_job_called_pytest_is_no_command(tmp_path: Path) -> None:
    """Only the command of a step runs tests, not the name of a job."""
    text = "jobs:\n  pytest:\n    steps:\n      - run: |\n          pytest\n"
    survey = _survey(tmp_path, ".github/workflows/ci.yml", text)

    assert [each.line for each in text_readers(survey)] == [5]


@pytest.mark.parametrize(
    "line", ["# source .env", "cp .env.example .env.example.bak", "echo $(ENV)", "rm -rf .venv"]
)
def test_other_texts_are_left_alone(tmp_path: Path, line: str) -> None:
    """Comments and other files are not reported."""
    assert list(text_readers(_survey(tmp_path, "run.sh", line + "\n"))) == []


@pytest.mark.parametrize(
    "lines",
    [
        "    env_file: .env\n",
        "    env_file:\n      - .env\n      - ./.envs/.local/.django\n",
        "    env_file: [.env]\n",
        "    env_file:\n      - path: .env\n        required: false\n",
    ],
)
def test_env_files_of_compose_are_removed(tmp_path: Path, lines: str) -> None:
    """Each spelling of `env_file` is found with its service, and removed as a whole."""
    text = f"services:\n  web:\n    image: a\n{lines}    ports: ['80:80']\n"
    survey = _survey(tmp_path, "compose.yaml", text)

    found = list(compose_places(survey, FILES, {}))

    assert [service for _, service in found] == ["web"]
    assert patched(text, [place for place, _ in found]) == text.replace(lines, "")


def test_foreign_env_files_of_compose_stay(tmp_path: Path) -> None:
    """An env file that is not the project's is not reported."""
    text = "services:\n  web:\n    env_file: ./web/settings.conf\n"

    assert list(compose_places(_survey(tmp_path, "compose.yaml", text), FILES, {})) == []


@pytest.mark.parametrize(
    "volume", ["'.env:/app/.env'", "./.env:/app/.env:ro", "{type: bind, source: ./.env, target: /app/.env}"]
)
def test_an_env_file_that_a_service_mounts(tmp_path: Path, volume: str) -> None:
    """The container reads it as a file; where it is gone docker makes a folder of its name."""
    text = f"services:\n  web:\n    image: a\n    volumes:\n      - ./src:/app\n      - {volume}\n"

    [(place, service)] = compose_places(_survey(tmp_path, "compose.yaml", text), FILES, {})

    assert (place.line, place.lines, service) == (6, None, "")
    assert 'inject = ["web"]' in place.replacement


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[project]\nname = "x"\n[tool.poe]\nenvfile = ".env"\n'),
        ("pyproject.toml", '[project]\nname = "x"\n[tool.pdm.scripts]\n_.env_file = ".env"\n'),
        (
            "pyproject.toml",
            '[project]\nname = "x"\n[tool.pdm.scripts]\nstart = {cmd = "a", env_file = ".env"}\n',
        ),
        ("pytest.ini", "# tests\n\n[pytest]\nenv_files = .env.test\n"),
        ("pytest.ini", "# tests\r\n\r\n[pytest]\r\nenv_files =\r\n    .env\r\n    .env.test\r\n"),
        (
            "pyproject.toml",
            '[project]\nname = "x"\n[tool.pytest.ini_options]\nenv_files = [\n    ".env",\n]\n',
        ),
    ],
)
def test_tools_that_are_told_to_read_an_env_file(tmp_path: Path, name: str, text: str) -> None:
    """A task runner's or a plugin's own env file is reported with its line."""
    assert [(each.file, each.line) for each in text_readers(_survey(tmp_path, name, text))] == [(name, 4)]


def test_secrets_written_out_in_compose(tmp_path: Path) -> None:
    """A password in a compose file refers to the variable that has it; where none has, it stays."""
    variables = "      - POSTGRES_PASSWORD=k9-xy-77-qq-12-zz\n      - POSTGRES_USER=shop\n"
    text = f"services:\n  db:\n    environment:\n{variables}"
    survey = _survey(tmp_path, "compose.yaml", text)

    own = [place for place, _ in compose_places(survey, FILES, {"POSTGRES_PASSWORD": "k9-xy-77-qq-12-zz"})]
    none = [place for place, _ in compose_places(survey, FILES, {})]
    other = [place for place, _ in compose_places(survey, FILES, {"POSTGRES_PASSWORD": "m3-ab-55"})]
    same = [place for place, _ in compose_places(survey, FILES, {"DB_PASSWORD": "k9-xy-77-qq-12-zz"})]

    assert [each.name for each in compose_literals(survey)] == ["POSTGRES_PASSWORD"]
    assert "POSTGRES_PASSWORD=${POSTGRES_PASSWORD}" in patched(text, own)
    assert "POSTGRES_PASSWORD=${DB_PASSWORD}" in patched(text, same)
    assert patched(text, none) == patched(text, other) == text
    assert none[0].replacement.startswith("inv env.set POSTGRES_PASSWORD --env local, then: ")
    assert "under another name" in other[0].replacement


@pytest.mark.parametrize(
    "environment",
    [
        "{DB_PASSWORD: k9-xy-77-qq-12-zz, API_TOKEN: m3-ab-55-rr-90-yy}",
        '["DB_PASSWORD=k9-xy-77-qq-12-zz", "API_TOKEN=m3-ab-55-rr-90-yy"]',
        "{\n      API_TOKEN: m3-ab-55-rr-90-yy,\n      DB_PASSWORD: k9-xy-77-qq-12-zz\n    }",
    ],
)
def test_secrets_in_brackets_are_left_for_a_person(tmp_path: Path, environment: str) -> None:
    """A line with more than one secret, or in which a reference needs quotes, is neither changed nor shown."""
    text = f"services:\n  db:\n    environment: {environment}\n"

    values = {"DB_PASSWORD": "k9-xy-77-qq-12-zz", "API_TOKEN": "m3-ab-55-rr-90-yy"}
    found = [place for place, _ in compose_places(_survey(tmp_path, "compose.yaml", text), FILES, values)]

    assert sorted(each.replacement for each in found) == [
        'API_TOKEN: "${API_TOKEN}"',
        'DB_PASSWORD: "${DB_PASSWORD}"',
    ]
    assert patched(text, found) == text


def test_a_service_in_braces_stays(tmp_path: Path) -> None:
    """The `env_file` of a service that is written on one line is left for a person, with the rest of the service."""
    text = "services:\n  web: {image: a, env_file: .env}\n"

    found = [place for place, _ in compose_places(_survey(tmp_path, "compose.yaml", text), FILES, {})]

    assert [each.replacement for each in found] == ["remove .env here"]
    assert patched(text, found) == text


def test_several_places_of_one_file() -> None:
    """Lines are replaced from the end, so that their numbers stay true; line ends stay."""
    places = [Place("a", 1, 1, "", ()), Place("a", 3, 3, "", ("new",)), Place("a", 2, 2, "", None)]

    assert patched("1\r\n2\r\n3\r\n", places) == "2\r\nnew\r\n"


def test_secrets_of_other_stacks_are_no_values_of_the_project(tmp_path: Path) -> None:
    """A password of a CI's or an editor's stack, or of one beside the project's own, is not the one of local."""
    text = "services:\n  db:\n    image: pg\n    environment:\n      POSTGRES_PASSWORD: s3cr3t-number-%s\n"
    for number, name in enumerate((".ci/compose.ci.yaml", "compose.e2e.yaml"), 1):
        _survey(tmp_path, name, text % number)

    assert [each.file for each in compose_literals(adopt.look(tmp_path, os.environ))] == ["compose.e2e.yaml"]
    assert [each.file for each in compose_literals(_survey(tmp_path, "compose.yaml", text % 3))] == [
        "compose.yaml"
    ]
