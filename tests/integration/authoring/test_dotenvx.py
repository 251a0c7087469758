"""Env files go back and forth between the dotenvx command and envtasks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from envtasks.authoring import (
    TargetFile,
    decrypt_value,
    encrypt_values,
    find_target,
    new_environment,
    repair_values,
    set_value,
    unset_value,
)
from envtasks.config import Project
from envtasks.hydration import hydrate
from tests.integration.dotenvx_npm import dotenvx_command

pytestmark = [pytest.mark.integration, pytest.mark.node]
PLAIN = "# db\nHOST=localhost\nPASSWORD='it\\'s'\nTOKEN: colon\nPORT=1 # note\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    return tmp_path


def dotenvx(folder: Path, *args: str) -> str:
    return dotenvx_command(folder, *args, "-f", ".env.staging")


def read_by_dotenvx(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(dotenvx(folder, "get", "--strict", "--format", "json"))
    return {name: value for name, value in found.items() if "PUBLIC_KEY" not in name}


def staging(folder: Path) -> TargetFile:
    return find_target(Project.load(folder).future_environment("staging"), {})


def read(folder: Path) -> dict[str, str]:
    found = hydrate(Project.load(folder).environment("staging"), {})
    return {name: value for name, value in found.items() if "PUBLIC_KEY" not in name}


def test_a_file_of_dotenvx_is_taken_over(shop: Path) -> None:
    """Its header and key file serve on; what it left in plain text is encrypted; it reads what we wrote."""
    (shop / ".env.staging").write_text(PLAIN, encoding="utf-8")
    dotenvx(shop, "encrypt")
    before, keys = read(shop), (shop / ".env.keys").read_bytes()
    text = (shop / ".env.staging").read_text("utf-8")
    assert re.search(r"^PASSWORD='it\\'s'$", text, re.MULTILINE), "dotenvx encrypts it now: adapt the notes"

    assert encrypt_values(staging(shop), []).names == ("PASSWORD", "TOKEN")
    assert read(shop) == read_by_dotenvx(shop) == before
    set_value(staging(shop), "NEW", "pa$$ w\n'q'", encrypted=True)
    unset_value(staging(shop), "PORT")
    decrypt_value(staging(shop), "HOST")

    wanted = {"HOST": "localhost", "PASSWORD": "it's", "TOKEN": "colon", "NEW": "pa$$ w\n'q'"}
    assert read(shop) == read_by_dotenvx(shop) == wanted
    assert (shop / ".env.keys").read_bytes() == keys


def test_a_file_of_ours_is_used_by_dotenvx(shop: Path) -> None:
    """It opens, sets and encrypts with the key that we made, and makes none of its own."""
    target = staging(shop)
    new_environment(Project.load(shop), target, source=None, answer=None)
    set_value(target, "PASSWORD", "a'b\"c$d", encrypted=True)
    set_value(target, "HOST", "db", encrypted=False)
    header, keys = target.path.read_bytes()[:200], (shop / ".env.keys").read_bytes()

    dotenvx(shop, "set", "TOKEN", "by dotenvx")
    dotenvx(shop, "set", "PASSWORD", "changed")
    dotenvx(shop, "encrypt")

    wanted = {"PASSWORD": "changed", "HOST": "db", "TOKEN": "by dotenvx"}
    assert read(shop) == read_by_dotenvx(shop) == wanted
    assert (target.path.read_bytes()[:200], (shop / ".env.keys").read_bytes()) == (header, keys)


def test_what_dotenvx_set_in_double_quotes_is_repaired(shop: Path) -> None:
    """It reads its own secret otherwise than it was typed; afterwards both read it as typed."""
    (shop / ".env.staging").write_text("A=1\n", encoding="utf-8")
    dotenvx(shop, "set", "PASSWORD", "pa$$word")
    assert read_by_dotenvx(shop)["PASSWORD"] == "pa$"

    assert repair_values(staging(shop), []).names == ("PASSWORD",)

    assert read(shop)["PASSWORD"] == read_by_dotenvx(shop)["PASSWORD"] == "pa$$word"
