"""`.env.example`, written and brought up to date."""

from __future__ import annotations

import os
import subprocess

import pytest

from envtasks.check import check, write_example
from envtasks.check.example_file import ExampleChange
from envtasks.config import Project
from envtasks.errors import EnvFileInvalid
from tests.check.shop import Shop

EXAMPLE = ".env.example"


def _write(shop: Shop, *, dry: bool = False) -> ExampleChange:
    return write_example(Project.load(shop.root), os.environ, dry=dry)


def test_a_new_one_has_comments_and_order_of_the_first_baseline(shop: Shop) -> None:
    """Comments and blank lines stay, keys and their comments go, secrets become `changeme`, plain values stay."""
    (shop.root / EXAMPLE).unlink()
    header, _, rest = shop.text(".env.local").partition("\n")
    shop.write(".env.local", f"# who has the key\n{header}\n\n# the service\n{rest}")
    shop.replace(".env.local", "PORT=8000", "PORT=8000  # where it listens")

    change = _write(shop)

    assert (change.file, change.created, change.added[:3]) == (
        EXAMPLE,
        True,
        ("APP_ENV", "LOG_LEVEL", "PORT"),
    )
    assert shop.text(EXAMPLE).splitlines() == [
        "# Every variable of shop, with placeholders. For readers: no tool loads this file.",
        "",
        "# the service",
        "APP_ENV=local",
        "LOG_LEVEL=INFO",
        "PORT=8000  # where it listens",
        "DB_HOST=db.local.example.com",
        "SHOP_WORKERS=2",
        """TAGS='["a", "b"]'""",
        "MAIL__HOST=mail.example.com",
        "SENTRY_ENVIRONMENT=local",
        "DB_PASSWORD=changeme",
        "API_TOKEN=changeme",
    ]
    assert [each.id for each in check(Project.load(shop.root), os.environ).findings] == []


def test_a_new_one_has_the_line_ends_of_the_baseline(shop: Shop) -> None:
    """Lines that end in CR LF there end so here, the heading too."""
    (shop.root / EXAMPLE).unlink()
    baseline = shop.root / ".env.local"
    baseline.write_bytes(baseline.read_bytes().replace(b"\n", b"\r\n"))

    _write(shop)

    data = (shop.root / EXAMPLE).read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") > 1


def test_a_baseline_that_is_not_yet_in_git_counts(shop: Shop) -> None:
    """Who writes the example before `git add` gets all variables; a file that git ignores is nobody else's."""
    (shop.root / EXAMPLE).unlink()
    subprocess.run(["git", "rm", "-rq", "--cached", ".env.local", ".env.staging"], cwd=shop.root, check=True)
    shop.replace(".env.staging", "LOG_LEVEL=", "ONLY_STAGING=1\nLOG_LEVEL=")
    shop.write(".env", "MINE=1\n")

    change = _write(shop)

    assert {"ONLY_STAGING", "DB_HOST"} <= set(change.added)
    assert "MINE" not in change.added
    subprocess.run(["git", "add", "."], cwd=shop.root, check=True)
    assert "ET050" not in [each.id for each in check(Project.load(shop.root), os.environ).findings]


def test_what_is_missing_is_added_with_its_comments(shop: Shop) -> None:
    """Every other byte of the example stays; what is there already is not touched."""
    before = "# mine\r\nPORT = 9 # keep\r\n"
    shop.write(EXAMPLE, "")
    (shop.root / EXAMPLE).write_bytes(before.encode())
    shop.replace(".env.local", "DB_HOST=", "# the database\n# of the shop\nDB_HOST=")

    change = _write(shop)

    data = (shop.root / EXAMPLE).read_bytes().decode()
    assert data.startswith(before)
    assert "# the database\r\n# of the shop\r\nDB_HOST=db.local.example.com\r\n" in data
    assert "\n" not in data.replace("\r\n", "")
    assert (change.created, "PORT" in change.added, "DB_HOST" in change.added) == (False, False, True)


def test_a_real_value_is_replaced(shop: Shop) -> None:
    """The value of an environment, a ciphertext, and what looks like a credential become placeholders."""
    shop.replace(EXAMPLE, "DB_PASSWORD=changeme", "DB_PASSWORD='staging-Pa$$w0rd-1'")
    shop.replace(EXAMPLE, "API_TOKEN=<from the wiki>", f"API_TOKEN='{shop.encrypted('x', 'local')}'")

    change = _write(shop)

    assert change.replaced == ("DB_PASSWORD", "API_TOKEN")
    assert "DB_PASSWORD=changeme\nAPI_TOKEN=changeme\n" in shop.text(EXAMPLE)


def test_plain_secrets_of_a_baseline_do_not_get_there(shop: Shop) -> None:
    """A secret of the settings class, what is called a secret, and a password in a URL; a reference stays."""
    (shop.root / EXAMPLE).unlink()
    shop.set_secret(".env.local", "DB_PASSWORD", "plain-Tr0ub4dor")
    shop.append(
        ".env.local",
        "OTHER_TOKEN=abc-def-1\nDSN=postgres://u:Tr0ub4dor@h/d\nURL=postgres://u:${DB_PASSWORD}@h/d\n",
    )

    _write(shop)

    text = shop.text(EXAMPLE)
    assert "Tr0ub4dor" not in text
    assert "OTHER_TOKEN=changeme\nDSN=changeme\nURL=postgres://u:${DB_PASSWORD}@h/d\n" in text


def test_optional_fields_of_the_settings_class_are_comments(shop: Shop) -> None:
    """With their default and description, once."""
    for name in ("local", "staging", "production"):
        shop.replace(f".env.{name}", "PORT=8000\n", "")
    shop.replace(EXAMPLE, "PORT=8000\n", "")

    _write(shop)
    once = shop.text(EXAMPLE)
    _write(shop)

    assert once.endswith("# where the service listens\n# PORT=8000\n")
    assert shop.text(EXAMPLE) == once


def test_a_dry_run_writes_nothing(shop: Shop) -> None:
    """It says the same."""
    shop.replace(EXAMPLE, "PORT=8000\n", "")
    before = shop.text(EXAMPLE)

    assert _write(shop, dry=True).added == ("PORT",)
    assert shop.text(EXAMPLE) == before


def test_an_open_quote_is_not_written_after(shop: Shop) -> None:
    """What is added would become part of a value: refused, and the file stays as it is."""
    shop.write(EXAMPLE, "A='open\n")
    shop.write(".env.local", "NOTE=rock'\n" + shop.text(".env.local"))
    before = shop.text(EXAMPLE)

    with pytest.raises(EnvFileInvalid, match="not closed"):
        _write(shop)

    assert shop.text(EXAMPLE) == before


def test_another_usual_name_is_kept(shop: Shop) -> None:
    """A project with .env.sample gets no second copy."""
    (shop.root / EXAMPLE).rename(shop.root / ".env.sample")
    shop.replace(".env.sample", "PORT=8000\n", "")

    assert _write(shop).file == ".env.sample"
    assert not (shop.root / EXAMPLE).exists()


def test_env_files_that_cannot_be_read(shop: Shop) -> None:
    """Their names would be missing: an error, and nothing is written."""
    shop.append(".env.staging", "<<<<<<< HEAD\n")

    with pytest.raises(EnvFileInvalid, match="conflict markers"):
        _write(shop)
