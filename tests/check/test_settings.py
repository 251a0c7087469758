"""The settings class, imported in a process of its own and asked about every environment."""

from __future__ import annotations

import os

import pytest

from envtasks.check import Report, check
from envtasks.config import Project
from tests.check.shop import Shop

SETTINGS = "src/shop/settings.py"


def _check(shop: Shop) -> Report:
    return check(Project.load(shop.root), os.environ)


def _found(shop: Shop) -> list[tuple[str, str]]:
    return [(each.id, each.sentence) for each in _check(shop).findings]


@pytest.mark.parametrize(
    "line",
    [
        "settings = Settings()",
        "settings = Settings()\nURL = f'postgres://{settings.db_host}/{settings.db_password}'",
        "print('noise on stdout')",
        "import os, sys\nassert 'DB_HOST' in os.environ, sys.exit(3)",
    ],
)
def test_modules_that_make_their_settings_on_import(shop: Shop, line: str) -> None:
    """Settings that a clean environment is too little for are no finding, nor is what a module prints."""
    shop.append(SETTINGS, f"\n{line}\n")

    assert _found(shop) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import nowhere", "there is no module nowhere"),
        ("from shop import nothing", "ImportError of shop"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise RuntimeError('Pa$$w0rd')", "RuntimeError"),
        ("import os; os._exit(7)", "Python ended with 7"),
    ],
)
def test_a_module_that_cannot_be_imported(shop: Shop, line: str, reason: str) -> None:
    """The kind of the error, and no text of it, which may hold values."""
    shop.append(SETTINGS, f"\n{line}\n")

    assert _found(shop) == [
        ("ET040", f"[tool.envtasks] settings = 'shop.settings:Settings' cannot be imported: {reason}."),
    ]


def test_aliases_prefixes_and_parts(shop: Shop) -> None:
    """The names are those that pydantic-settings reads: one of several aliases, a prefix, parts of a nested model."""
    shop.replace(SETTINGS, "from pydantic import BaseModel,", "from pydantic import AliasChoices, BaseModel,")
    shop.replace(SETTINGS, 'env_nested_delimiter="__"', 'env_nested_delimiter="__", env_prefix="SHOP_"')
    shop.replace(
        SETTINGS, "db_host: str", 'db_host: str = Field(validation_alias=AliasChoices("PG_HOST", "DB_HOST"))'
    )

    missing = {each.name for each in _check(shop).findings if each.id == "ET041"}

    assert missing == {"SHOP_DB_PASSWORD", "SHOP_API_TOKEN", "SHOP_MAIL"}


def test_a_custom_message_is_not_shown(shop: Shop) -> None:
    """What a validator says may hold the value: its kind alone is shown, and of a secret always."""
    shop.replace(SETTINGS, "return str(value).lower()", "raise ValueError(f'bad {value}')")
    shop.replace(SETTINGS, "api_token: SecretStr", "api_token: SecretStr = Field(max_length=3)")

    text = sorted(each.sentence for each in _check(shop).findings if each.environment == "staging")

    assert text == [
        "API_TOKEN does not fit shop.settings:Settings: too_long.",
        "LOG_LEVEL does not fit shop.settings:Settings: value_error.",
    ]


def test_what_other_programs_read_is_not_unread(shop: Shop) -> None:
    """Variables of tools, credentials of package managers, what other values and tracked files name."""
    for name in ("local", "staging", "production"):
        shop.append(
            f".env.{name}", "AWS_REGION=eu\nUV_INDEX_CORP_USERNAME=u\nPART=1\nPORT_OF=${PART}\nIN_CODE=1\n"
        )
    shop.append(".env.example", "AWS_REGION=\nUV_INDEX_CORP_USERNAME=\nPART=\nPORT_OF=\nIN_CODE=\n")
    shop.write("src/shop/cli.py", 'import os\nos.environ["port_of"], os.environ["IN_CODE"]\n')
    shop.git("add", "src")

    assert _found(shop) == []


def test_the_child_gets_nothing_of_the_shell(shop: Shop) -> None:
    """Neither variables of the developer's shell nor a private key."""
    code = "import os\nassert not [n for n in os.environ if n.startswith('DOTENV_PRIVATE') or n == 'MINE']\n"
    shop.append(SETTINGS, code)
    process = {**os.environ, "MINE": "1", "DOTENV_PRIVATE_KEY_STAGING": "1f" * 32}

    assert [each.id for each in check(Project.load(shop.root), process).findings] == []
