"""`env.check` finds one planted fault of every kind in a project that has no other, and says where."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from envtasks.check import KINDS, check
from envtasks.config import Project
from envtasks.envfiles import encrypt, generate_keys
from tests.check.shop import Shop

Plant = Callable[[Shop], None]
# the kind, what is planted, the file and a text of the line that the finding is about, its environment and variable
Case = tuple[str, Plant, str, str, str, str]
CI, CLI, SETTINGS, ALLOWLIST = (
    ".github/workflows/ci.yml",
    "src/shop/cli.py",
    "src/shop/settings.py",
    "deploy/env.allowlist",
)
OPENAI = "sk-" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA"


def _unstage(name: str) -> Plant:
    return lambda shop: shop.git("rm", "-q", "--cached", name)


def _rekey(shop: Shop) -> None:
    other = encrypt("staging-other-1", generate_keys()[1])
    shop.replace(".env.staging", "SENTRY_ENVIRONMENT=staging", f"SENTRY_ENVIRONMENT='{other}'")


def _same(shop: Shop) -> None:
    line = shop.line(".env.production", "API_TOKEN")
    lines = shop.text(".env.production").splitlines()
    lines[line - 1] = f"API_TOKEN='{shop.encrypted('staging-t0ken-5566', 'production')}'"
    shop.write(".env.production", "\n".join(lines) + "\n")


def _secret(shop: Shop, file: str, name: str, value: str) -> None:
    lines = [line for line in shop.text(file).splitlines() if not line.startswith(f"{name}=")]
    shop.write(file, "\n".join([*lines, f"{name}={value}"]) + "\n")


def _appended(file: str, text: str) -> Plant:
    return lambda shop: shop.append(file, text)


def _replaced(file: str, old: str, new: str) -> Plant:
    return lambda shop: shop.replace(file, old, new)


def _tracked(file: str) -> Plant:
    return lambda shop: shop.git("add", "--force", file)


CASES: tuple[Case, ...] = (
    (
        "ET001",
        _replaced("pyproject.toml", "ignore = []", 'ignore = ["ET020:staging:GONE"]'),
        "pyproject.toml",
        "ignore =",
        "",
        "ET020:staging:GONE",
    ),
    (
        "ET002",
        _appended("pyproject.toml", "[tool.envtasks.docker]\ntarget = 5\n"),
        "pyproject.toml",
        "[project]",
        "",
        "",
    ),
    (
        "ET010",
        lambda shop: (shop.root / ".env.staging").write_text("# empty\n"),
        ".env.staging",
        "# empty",
        "staging",
        "",
    ),
    (
        "ET011",
        _appended(".env.staging", "<<<<<<< HEAD\nTAGS=[]\n=======\nTAGS=['c']\n>>>>>>> topic\n"),
        ".env.staging",
        "<<<<<<<",
        "staging",
        "",
    ),
    ("ET012", _appended(".env.staging", "just words\n"), ".env.staging", "just words", "staging", ""),
    (
        "ET012",
        _replaced(".env.staging", "SENTRY_ENVIRONMENT=", 'SENTRY_ENVIRONMENT="'),
        ".env.staging",
        "SENTRY_ENVIRONMENT",
        "staging",
        "SENTRY_ENVIRONMENT",
    ),
    ("ET013", _appended(".env.local", "PORT=8001\n"), ".env.local", "PORT=8001", "local", "PORT"),
    (
        "ET014",
        lambda shop: (
            shop.append(".env.local", "LD_PRELOAD=x.so\n"),
            shop.append(".env.example", "LD_PRELOAD=\n"),
        ),
        ".env.local",
        "LD_PRELOAD",
        "local",
        "LD_PRELOAD",
    ),
    (
        "ET015",
        _replaced(".env.staging", "MAIL__HOST=mail", "MAIL__HOST=pa$word"),
        ".env.staging",
        "MAIL__HOST",
        "staging",
        "MAIL__HOST",
    ),
    (
        "ET015",
        lambda shop: _secret(
            shop, ".env.staging", "API_TOKEN", f'"{shop.encrypted("a$b$c-1234567", "staging")}"'
        ),
        ".env.staging",
        "API_TOKEN",
        "staging",
        "API_TOKEN",
    ),
    (
        "ET016",
        lambda shop: (
            shop.write(CLI, "from dotenv import load_dotenv\nload_dotenv()\n"),
            shop.git("add", "src"),
            shop.write(".env", "SENTRY_ENVIRONMENT='${HOME}'\n"),
        ),
        ".env",
        "SENTRY_ENVIRONMENT",
        "local",
        "SENTRY_ENVIRONMENT",
    ),
    (
        "ET017",
        _replaced(".env.staging", "APP_ENV=staging", "APP_ENV=stage"),
        ".env.staging",
        "APP_ENV",
        "staging",
        "APP_ENV",
    ),
    (
        "ET020",
        lambda shop: _secret(shop, ".env.staging", "DB_PASSWORD", "Tr0ub4dor-3"),
        ".env.staging",
        "DB_PASSWORD",
        "staging",
        "DB_PASSWORD",
    ),
    (
        "ET021",
        _replaced(".env.staging", "SENTRY_ENVIRONMENT=staging", f"SENTRY_ENVIRONMENT={OPENAI}"),
        ".env.staging",
        "SENTRY_ENVIRONMENT",
        "staging",
        "SENTRY_ENVIRONMENT",
    ),
    (
        "ET021",
        _replaced(".env.staging", "MAIL__HOST=mail", "MAIL__HOST=smtp://me:Pa55w0rdX@mail"),
        ".env.staging",
        "MAIL__HOST",
        "staging",
        "MAIL__HOST",
    ),
    ("ET022", _rekey, ".env.staging", "SENTRY_ENVIRONMENT", "staging", "SENTRY_ENVIRONMENT"),
    (
        "ET022",
        _replaced(".env.staging", "DOTENV_PUBLIC_KEY_STAGING=", "#"),
        ".env.staging",
        "DB_PASSWORD",
        "staging",
        "DB_PASSWORD",
    ),
    (
        "ET023",
        _replaced(".env.staging", "MAIL__HOST=mail.example.com", "MAIL__HOST=op://team/mail/host"),
        ".env.staging",
        "MAIL__HOST",
        "staging",
        "MAIL__HOST",
    ),
    (
        "ET024",
        lambda shop: _secret(shop, ".env.staging", "DB_PASSWORD", f'"{shop.encrypted("x", "staging")}" x'),
        ".env.staging",
        "DB_PASSWORD",
        "staging",
        "DB_PASSWORD",
    ),
    ("ET025", _same, ".env.production", "API_TOKEN", "production", "API_TOKEN"),
    ("ET030", _replaced(".gitignore", ".env.keys\n", ""), ".gitignore", ".env", "", ".env.keys"),
    ("ET031", _tracked(".env"), ".env", "LOG_LEVEL", "", ""),
    ("ET031", _tracked(".env.keys"), ".env.keys", "DOTENV_PRIVATE_KEY_LOCAL", "", ""),
    ("ET032", _unstage(".env.staging"), ".env.staging", "DOTENV_PUBLIC", "staging", ""),
    ("ET032", _appended(".gitignore", ".env.*\n"), ".env.production", "DOTENV_PUBLIC", "production", ""),
    ("ET040", _appended(SETTINGS, "import nowhere\n"), "pyproject.toml", "[project]", "", ""),
    ("ET041", _replaced(".env.local", "SHOP_WORKERS=2\n", ""), SETTINGS, "workers:", "local", "SHOP_WORKERS"),
    (
        "ET041",
        lambda shop: (
            shop.replace(".env.staging", "MAIL__HOST=mail.example.com", "MAIL__PORT=26"),
            shop.append(".env.example", "MAIL__PORT=\n"),
        ),
        SETTINGS,
        "mail:",
        "staging",
        "MAIL__HOST",
    ),
    (
        "ET042",
        _replaced(".env.staging", "PORT=8000", "PORT=http"),
        ".env.staging",
        "PORT=",
        "staging",
        "PORT",
    ),
    (
        "ET042",
        _replaced(".env.staging", """TAGS='["a", "b"]'""", "TAGS=a,b"),
        ".env.staging",
        "TAGS",
        "staging",
        "TAGS",
    ),
    (
        "ET043",
        lambda shop: (
            shop.append(".env.staging", "OLD_FLAG=1\n"),
            shop.append(".env.example", "OLD_FLAG=1\n"),
        ),
        ".env.staging",
        "OLD_FLAG",
        "staging",
        "OLD_FLAG",
    ),
    (
        "ET044",
        _replaced(SETTINGS, 'extra="ignore"', 'extra="ignore", env_file=".env.local"'),
        SETTINGS,
        "from typing",
        "",
        ".env.local",
    ),
    (
        "ET044",
        lambda shop: (
            shop.write(CLI, "import dotenv\ndotenv.load_dotenv('.env.staging')\n"),
            shop.git("add", "src"),
        ),
        CLI,
        "load_dotenv",
        "",
        ".env.staging",
    ),
    (
        "ET050",
        _replaced(".env.example", "SHOP_WORKERS=2\n", ""),
        ".env.example",
        "APP_ENV",
        "",
        "SHOP_WORKERS",
    ),
    (
        "ET051",
        _replaced(".env.example", "DB_PASSWORD=changeme", "DB_PASSWORD='staging-Pa$$w0rd-1'"),
        ".env.example",
        "DB_PASSWORD",
        "",
        "DB_PASSWORD",
    ),
    (
        "ET051",
        _replaced(".env.example", "API_TOKEN=<from the wiki>", f"API_TOKEN={OPENAI}"),
        ".env.example",
        "API_TOKEN",
        "",
        "API_TOKEN",
    ),
    (
        "ET052",
        lambda shop: _secret(
            shop, ".env.production", "DB_PASSWORD", f"'{shop.encrypted('changeme', 'production')}'"
        ),
        ".env.production",
        "DB_PASSWORD",
        "production",
        "DB_PASSWORD",
    ),
    (
        "ET060",
        _replaced("compose.yaml", "DB_HOST: ${DB_HOST}", "DB_HOST: ${DB_HSOT}"),
        "compose.yaml",
        "DB_HSOT",
        "local",
        "DB_HSOT",
    ),
    (
        "ET061",
        _replaced("compose.yaml", "DB_PASSWORD: ${DB_PASSWORD:?}", "DB_PASSWORD: Tr0ub4dor-3"),
        "compose.yaml",
        "Tr0ub4dor",
        "",
        "DB_PASSWORD",
    ),
    (
        "ET062",
        _replaced("compose.yaml", "    image: shop", "    image: shop\n    env_file: .env.staging"),
        "compose.yaml",
        "env_file",
        "",
        "",
    ),
    (
        "ET070",
        _replaced("Dockerfile", "id=API_TOKEN,env=API_TOKEN", "id=API_TOKNE"),
        "Dockerfile",
        "API_TOKNE",
        "",
        "API_TOKNE",
    ),
    (
        "ET071",
        _replaced("Dockerfile", "COPY --from", "ARG API_TOKEN\nCOPY --from"),
        "Dockerfile",
        "ARG API_TOKEN",
        "",
        "API_TOKEN",
    ),
    (
        "ET071",
        _replaced("Dockerfile", "PYTHONUNBUFFERED=1", f"OPENAI_KEY={OPENAI}"),
        "Dockerfile",
        "ENV APP_ENV",
        "",
        "OPENAI_KEY",
    ),
    (
        "ET072",
        lambda shop: (
            shop.append(".dockerignore", "!.env.staging\n"),
            shop.replace("Dockerfile", "COPY . /srv", "COPY .env.staging /srv/"),
        ),
        "Dockerfile",
        "COPY .env.staging",
        "",
        "",
    ),
    ("ET073", _replaced(".dockerignore", ".env*\n", ""), "Dockerfile", "COPY . /srv", "", ""),
    (
        "ET080",
        _appended(ALLOWLIST, "SHOP_WORKRES\n"),
        ALLOWLIST,
        "SHOP_WORKRES",
        "production",
        "SHOP_WORKRES",
    ),
    (
        "ET081",
        _replaced(ALLOWLIST, "API_TOKEN  secret", "API_TOKEN config"),
        ALLOWLIST,
        "API_TOKEN",
        "production",
        "API_TOKEN",
    ),
    (
        "ET082",
        _replaced("deploy/app.yaml", "key: API_TOKEN", "key: API_TOKNE"),
        "deploy/app.yaml",
        "API_TOKNE",
        "production",
        "",
    ),
    (
        "ET083",
        _replaced(
            "deploy/app.yaml",
            "        env:",
            "        env:\n            - {name: DB_PASSWORD, value: Tr0ub4dor-3}",
        ),
        "deploy/app.yaml",
        "Tr0ub4dor-3",
        "production",
        "",
    ),
    ("ET090", _appended(CI, f"          TOKEN: {OPENAI}\n"), CI, OPENAI, "", "TOKEN"),
    (
        "ET091",
        _appended(CI, "          DOTENV_PRIVATE_KEY_LOCAL: ${{ secrets.DOTENV_PRIVATE_KEY_LOCAL }}\n"),
        CI,
        "test:",
        "",
        "",
    ),
    ("ET092", _replaced(CI, "--env staging", "--env stagin"), CI, "stagin", "", ""),
    (
        "ET093",
        lambda shop: shop.write(".gitlab-ci.yml", "# >>> envtasks\nold: {script: [x]}\n# <<< envtasks\n"),
        ".gitlab-ci.yml",
        ">>>",
        "",
        "",
    ),
    ("ET094", _appended(CI, "  : [\n"), CI, "  : [", "", ""),
)


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project without a fault."""
    root = tmp_path_factory.mktemp("shop")
    Shop(root)
    return root


@pytest.fixture
def shop(clean: Path, tmp_path: Path) -> Shop:
    """A copy of the project without a fault."""
    copy = Shop.__new__(Shop)
    copy.root = tmp_path / "shop"
    shutil.copytree(clean, copy.root)
    text = {name: copy.text(f".env.{name}") for name in ("local", "staging", "production")}
    copy.public = {name: each.split('"')[1] for name, each in text.items()}
    return copy


def test_every_kind_is_planted() -> None:
    """No kind of finding is without a test here."""
    assert {kind.id for kind in KINDS} - {case[0] for case in CASES} == set()


def test_a_project_in_which_all_parts_agree(shop: Shop) -> None:
    """Nothing is found where nothing is wrong; what is never checked is said."""
    report = check(Project.load(shop.root), os.environ)

    assert [(each.id, each.file, each.line, each.sentence) for each in report.findings] == []
    assert report.code == 0
    assert [each.part for each in report.not_checked] == ["history"]


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{case[5] or case[2]}" for case in CASES])
def test_a_planted_fault_is_found(shop: Shop, case: Case) -> None:
    """Exactly one finding, of its kind, at its line, with a hint and without a value."""
    kind, plant, file, text, environment, name = case
    plant(shop)

    report = check(Project.load(shop.root), os.environ)

    found = [(each.id, each.environment, each.name, f"{each.file}:{each.line}") for each in report.findings]
    line = shop.line(file, text)
    assert (kind, environment, name, f"{file}:{line}") in found
    assert {each[0] for each in found} == {kind}
    finding = report.findings[0]
    assert report.code == finding.code != 0
    assert finding.sentence.endswith((".", "?", ")"))
    assert finding.hint
    assert "Pa$$w0rd" not in str(report.to_json())
    assert "Tr0ub4dor" not in str(report.to_json())
    assert OPENAI not in str(report.to_json())
