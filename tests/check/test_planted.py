"""`env.check` finds one planted fault of every kind in a project that has no other, and says where."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from envtasks.check import KINDS, check
from envtasks.config import Project
from envtasks.envfiles import encrypt, generate_keys
from tests.check.shop import Shop

Plant = Callable[[Shop], object]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to plant: the kind that finds it, the file and a text of the line, `environment:variable`."""

    kind: str
    file: str
    text: str
    key: str
    plants: tuple[Plant, ...]


def _fault(kind: str, file: str, text: str, key: str, *plants: Plant) -> Fault:
    return Fault(kind, file, text, key, plants)


CI, CLI, SETTINGS, ALLOWLIST = (
    ".github/workflows/ci.yml",
    "src/shop/cli.py",
    "src/shop/settings.py",
    "deploy/env.allowlist",
)
OPENAI = "sk-" + "aB3dE5gH7jK9mN1pQ3rS5tU7vW9xY1zA"


def _git(*words: str) -> Plant:
    return lambda shop: shop.git(*words)


def _written(file: str, text: str) -> Plant:
    return lambda shop: shop.write(file, text)


def _appended(file: str, text: str) -> Plant:
    return lambda shop: shop.append(file, text)


def _replaced(file: str, old: str, new: str) -> Plant:
    return lambda shop: shop.replace(file, old, new)


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


FAULTS: Final = (
    _fault(
        "ET001",
        "pyproject.toml",
        "ignore =",
        ":ET020:staging:GONE",
        _replaced("pyproject.toml", "ignore = []", 'ignore = ["ET020:staging:GONE"]'),
    ),
    _fault(
        "ET002",
        "pyproject.toml",
        "[project]",
        "",
        _appended("pyproject.toml", "[tool.envtasks.docker]\ntarget = 5\n"),
    ),
    _fault(
        "ET010",
        ".env.staging",
        "# empty",
        "staging:",
        lambda shop: (shop.root / ".env.staging").write_text("# empty\n"),
    ),
    _fault(
        "ET011",
        ".env.staging",
        "<<<<<<<",
        "staging:",
        _appended(".env.staging", "<<<<<<< HEAD\nTAGS=[]\n=======\nTAGS=['c']\n>>>>>>> topic\n"),
    ),
    _fault("ET012", ".env.staging", "just words", "staging:", _appended(".env.staging", "just words\n")),
    _fault(
        "ET012",
        ".env.staging",
        "SENTRY_ENVIRONMENT",
        "staging:SENTRY_ENVIRONMENT",
        _replaced(".env.staging", "SENTRY_ENVIRONMENT=", 'SENTRY_ENVIRONMENT="'),
    ),
    _fault("ET013", ".env.local", "PORT=8001", "local:PORT", _appended(".env.local", "PORT=8001\n")),
    _fault(
        "ET014",
        ".env.local",
        "LD_PRELOAD",
        "local:LD_PRELOAD",
        _appended(".env.local", "LD_PRELOAD=x.so\n"),
        _appended(".env.example", "LD_PRELOAD=\n"),
    ),
    _fault(
        "ET015",
        ".env.staging",
        "MAIL__HOST",
        "staging:MAIL__HOST",
        _replaced(".env.staging", "MAIL__HOST=mail", "MAIL__HOST=pa$word"),
    ),
    _fault(
        "ET015",
        ".env.staging",
        "API_TOKEN",
        "staging:API_TOKEN",
        lambda shop: _secret(
            shop, ".env.staging", "API_TOKEN", f'''"{shop.encrypted("a$b$c-1234567", "staging")}"'''
        ),
    ),
    _fault(
        "ET016",
        ".env",
        "SENTRY_ENVIRONMENT",
        "local:SENTRY_ENVIRONMENT",
        _written(CLI, "from dotenv import load_dotenv\nload_dotenv()\n"),
        _git("add", "src"),
        _written(".env", "SENTRY_ENVIRONMENT='${HOME}'\n"),
    ),
    _fault(
        "ET017",
        ".env.staging",
        "APP_ENV",
        "staging:APP_ENV",
        _replaced(".env.staging", "APP_ENV=staging", "APP_ENV=stage"),
    ),
    _fault(
        "ET020",
        ".env.staging",
        "DB_PASSWORD",
        "staging:DB_PASSWORD",
        lambda shop: _secret(shop, ".env.staging", "DB_PASSWORD", "Tr0ub4dor-3"),
    ),
    _fault(
        "ET021",
        ".env.staging",
        "SENTRY_ENVIRONMENT",
        "staging:SENTRY_ENVIRONMENT",
        _replaced(".env.staging", "SENTRY_ENVIRONMENT=staging", f"SENTRY_ENVIRONMENT={OPENAI}"),
    ),
    _fault(
        "ET021",
        ".env.staging",
        "MAIL__HOST",
        "staging:MAIL__HOST",
        _replaced(".env.staging", "MAIL__HOST=mail", "MAIL__HOST=smtp://me:Pa55w0rdX@mail"),
    ),
    _fault("ET022", ".env.staging", "SENTRY_ENVIRONMENT", "staging:SENTRY_ENVIRONMENT", _rekey),
    _fault(
        "ET022",
        ".env.staging",
        "DB_PASSWORD",
        "staging:DB_PASSWORD",
        _replaced(".env.staging", "DOTENV_PUBLIC_KEY_STAGING=", "#"),
    ),
    _fault(
        "ET023",
        ".env.staging",
        "MAIL__HOST",
        "staging:MAIL__HOST",
        _replaced(".env.staging", "MAIL__HOST=mail.example.com", "MAIL__HOST=op://team/mail/host"),
    ),
    _fault(
        "ET024",
        ".env.staging",
        "DB_PASSWORD",
        "staging:DB_PASSWORD",
        lambda shop: _secret(
            shop, ".env.staging", "DB_PASSWORD", f'''"{shop.encrypted("x", "staging")}" x'''
        ),
    ),
    _fault("ET025", ".env.production", "API_TOKEN", "production:API_TOKEN", _same),
    _fault("ET030", ".gitignore", ".env", ":.env.keys", _replaced(".gitignore", ".env.keys\n", "")),
    _fault("ET031", ".env", "LOG_LEVEL", "", _git("add", "--force", ".env")),
    _fault("ET031", ".env.keys", "DOTENV_PRIVATE_KEY_LOCAL", "", _git("add", "--force", ".env.keys")),
    _fault(
        "ET032", ".env.staging", "DOTENV_PUBLIC", "staging:", _git("rm", "-q", "--cached", ".env.staging")
    ),
    _fault("ET032", ".env.production", "DOTENV_PUBLIC", "production:", _appended(".gitignore", ".env.*\n")),
    _fault("ET040", "pyproject.toml", "[project]", "", _appended(SETTINGS, "import nowhere\n")),
    _fault(
        "ET041", SETTINGS, "workers:", "local:SHOP_WORKERS", _replaced(".env.local", "SHOP_WORKERS=2\n", "")
    ),
    _fault(
        "ET041",
        SETTINGS,
        "mail:",
        "staging:MAIL__HOST",
        _replaced(".env.staging", "MAIL__HOST=mail.example.com", "MAIL__PORT=26"),
        _appended(".env.example", "MAIL__PORT=\n"),
    ),
    _fault(
        "ET042", ".env.staging", "PORT=", "staging:PORT", _replaced(".env.staging", "PORT=8000", "PORT=http")
    ),
    _fault(
        "ET042",
        ".env.staging",
        "TAGS",
        "staging:TAGS",
        _replaced(".env.staging", 'TAGS=\'["a", "b"]\'', "TAGS=a,b"),
    ),
    _fault(
        "ET043",
        ".env.staging",
        "OLD_FLAG",
        "staging:OLD_FLAG",
        _appended(".env.staging", "OLD_FLAG=1\n"),
        _appended(".env.example", "OLD_FLAG=1\n"),
    ),
    _fault(
        "ET044",
        SETTINGS,
        "from typing",
        ":.env.local",
        _replaced(SETTINGS, 'extra="ignore"', 'extra="ignore", env_file=".env.local"'),
    ),
    _fault(
        "ET044",
        CLI,
        "load_dotenv",
        ":.env.staging",
        _written(CLI, "import dotenv\ndotenv.load_dotenv('.env.staging')\n"),
        _git("add", "src"),
    ),
    _fault(
        "ET044",
        SETTINGS,
        "from typing",
        ":../../.env.local",
        _replaced(SETTINGS, 'extra="ignore"', 'extra="ignore", env_file="../../.env.local"'),
    ),
    _fault(
        "ET050", ".env.example", "APP_ENV", ":SHOP_WORKERS", _replaced(".env.example", "SHOP_WORKERS=2\n", "")
    ),
    _fault(
        "ET051",
        ".env.example",
        "DB_PASSWORD",
        ":DB_PASSWORD",
        _replaced(".env.example", "DB_PASSWORD=changeme", "DB_PASSWORD='staging-Pa$$w0rd-1'"),
    ),
    _fault(
        "ET051",
        ".env.example",
        "API_TOKEN",
        ":API_TOKEN",
        _replaced(".env.example", "API_TOKEN=<from the wiki>", f"API_TOKEN={OPENAI}"),
    ),
    _fault(
        "ET052",
        ".env.production",
        "DB_PASSWORD",
        "production:DB_PASSWORD",
        lambda shop: _secret(
            shop, ".env.production", "DB_PASSWORD", f"'{shop.encrypted('changeme', 'production')}'"
        ),
    ),
    _fault(
        "ET052",
        ".env.staging",
        "MAIL__HOST",
        "staging:MAIL__HOST",
        _replaced(".env.staging", "MAIL__HOST=mail.example.com", "MAIL__HOST=changeme"),
    ),
    _fault(
        "ET052",
        ".env.production",
        "DJANGO_SECRET_KEY",
        "production:DJANGO_SECRET_KEY",
        _appended(".env.production", "DJANGO_SECRET_KEY=change-me\n"),
        _appended(".env.example", "DJANGO_SECRET_KEY=change-me\n"),
    ),
    _fault(
        "ET060",
        "compose.yaml",
        "DB_HSOT",
        "local:DB_HSOT",
        _replaced("compose.yaml", "DB_HOST: ${DB_HOST}", "DB_HOST: ${DB_HSOT}"),
    ),
    _fault(
        "ET061",
        "compose.yaml",
        "Tr0ub4dor",
        ":DB_PASSWORD",
        _replaced("compose.yaml", "DB_PASSWORD: ${DB_PASSWORD:?}", "DB_PASSWORD: Tr0ub4dor-3"),
    ),
    _fault(
        "ET062",
        "compose.yaml",
        "env_file",
        "",
        _replaced("compose.yaml", "    image: shop", "    image: shop\n    env_file: .env.staging"),
    ),
    _fault(
        "ET070",
        "Dockerfile",
        "API_TOKNE",
        ":API_TOKNE",
        _replaced("Dockerfile", "id=API_TOKEN,env=API_TOKEN", "id=API_TOKNE"),
    ),
    _fault(
        "ET071",
        "Dockerfile",
        "ARG API_TOKEN",
        ":API_TOKEN",
        _replaced("Dockerfile", "COPY --from", "ARG API_TOKEN\nCOPY --from"),
    ),
    _fault(
        "ET071",
        "Dockerfile",
        "ENV APP_ENV",
        ":OPENAI_KEY",
        _replaced("Dockerfile", "PYTHONUNBUFFERED=1", f"OPENAI_KEY={OPENAI}"),
    ),
    _fault(
        "ET072",
        "Dockerfile",
        "COPY .env.staging",
        "",
        _appended(".dockerignore", "!.env.staging\n"),
        _replaced("Dockerfile", "COPY . /srv", "COPY .env.staging /srv/"),
    ),
    _fault("ET073", "Dockerfile", "COPY . /srv", "", _replaced(".dockerignore", ".env*\n", "")),
    _fault(
        "ET073",
        "Dockerfile",
        "COPY . /srv",
        "",
        _written(".env.local.keys", "# for one environment\n"),
        _appended(".gitignore", ".env.local.keys\n"),
        _appended(".dockerignore", "!.env.local.keys\n"),
    ),
    _fault(
        "ET073",
        "Dockerfile",
        "COPY . /opt/shop",
        "",
        _replaced(".dockerignore", ".env*\n", ""),
        _replaced("Dockerfile", "COPY . /srv", "COPY src /srv"),
        _replaced("Dockerfile", "ARG UV", "COPY . /opt/shop\nARG UV"),
    ),
    _fault(
        "ET080", ALLOWLIST, "SHOP_WORKRES", "production:SHOP_WORKRES", _appended(ALLOWLIST, "SHOP_WORKRES\n")
    ),
    _fault(
        "ET081",
        ALLOWLIST,
        "API_TOKEN",
        "production:API_TOKEN",
        _replaced(ALLOWLIST, "API_TOKEN  secret", "API_TOKEN config"),
    ),
    _fault(
        "ET082",
        "deploy/app.yaml",
        "API_TOKNE",
        "production:",
        _replaced("deploy/app.yaml", "key: API_TOKEN", "key: API_TOKNE"),
    ),
    _fault(
        "ET083",
        "deploy/app.yaml",
        "Tr0ub4dor-3",
        "production:",
        _replaced(
            "deploy/app.yaml",
            "        env:",
            "        env:\n            - {name: DB_PASSWORD, value: Tr0ub4dor-3}",
        ),
    ),
    _fault("ET090", CI, OPENAI, ":TOKEN", _appended(CI, f"          TOKEN: {OPENAI}\n")),
    _fault(
        "ET091",
        CI,
        "test:",
        "",
        _appended(CI, "          DOTENV_PRIVATE_KEY_LOCAL: ${{ secrets.DOTENV_PRIVATE_KEY_LOCAL }}\n"),
    ),
    _fault("ET092", CI, "stagin", "", _replaced(CI, "--env staging", "--env stagin")),
    _fault(
        "ET093",
        ".gitlab-ci.yml",
        ">>>",
        "",
        _written(".gitlab-ci.yml", "# >>> envtasks\nold: {script: [x]}\n# <<< envtasks\n"),
    ),
    _fault("ET094", CI, "  : [", "", _appended(CI, "  : [\n")),
)


def test_every_kind_is_planted() -> None:
    """No kind of finding is without a test here."""
    assert {kind.id for kind in KINDS} - {fault.kind for fault in FAULTS} == set()


def test_a_project_in_which_all_parts_agree(shop: Shop) -> None:
    """Nothing is found where nothing is wrong; what is never checked is said."""
    report = check(Project.load(shop.root), os.environ)

    assert [(each.id, each.file, each.line, each.sentence) for each in report.findings] == []
    assert report.code == 0
    assert [each.part for each in report.not_checked] == ["history"]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault.kind}-{fault.key or fault.text}" for fault in FAULTS])
def test_a_planted_fault_is_found(shop: Shop, fault: Fault) -> None:
    """All findings are of its kind, one is at its line, each has a hint, and none a value."""
    for plant in fault.plants:
        plant(shop)

    report = check(Project.load(shop.root), os.environ)

    found = [
        (each.id, f"{each.file}:{each.line}", f"{each.environment}:{each.name}") for each in report.findings
    ]
    place = f"{fault.file}:{shop.line(fault.file, fault.text)}"
    assert (fault.kind, place, fault.key or ":") in found
    assert {each[0] for each in found} == {fault.kind}
    assert report.code == report.findings[0].code != 0
    for each in report.findings:
        assert each.sentence.endswith((".", "?", ")"))
        assert each.hint.startswith(("inv ", "git ", "echo ", "uv "))
    text = str(report.to_json())
    assert [value for value in ("Pa$$w0rd", "Tr0ub4dor", "t0ken", OPENAI) if value in text] == []
