"""Keys and rotations with the real dotenvx command: what one of the two writes, the other opens, sets and encrypts."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from envtasks.authoring import (
    encrypt_values,
    find_target,
    finish_rotation,
    prepare_rotation,
    rotate,
    set_value,
)
from envtasks.config import Environment, Project
from envtasks.hydration import hydrate
from tests.integration.dotenvx_npm import dotenvx_command

pytestmark = [pytest.mark.integration, pytest.mark.node]

VARIABLE = "DOTENV_PRIVATE_KEY_STAGING"
TEXT = "TOKEN='t$oken'\nPASSWORD=pass\nPLAIN=1\n"
VALUES = {"TOKEN": "t$oken", "PASSWORD": "pass", "PLAIN": "1"}


def values(root: Path, name: str = ".env.staging", **env: str) -> dict[str, str]:
    """What dotenvx reads of a file, its public key apart."""
    found = json.loads(dotenvx_command(root, "get", "--strict", "--format", "json", "-f", name, **env))
    return {key: value for key, value in found.items() if not key.startswith("DOTENV_PUBLIC")}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project whose staging was encrypted by dotenvx, and a copy of it from before any rotation."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    (tmp_path / ".env.staging").write_text(TEXT)
    dotenvx_command(tmp_path, "encrypt", "-f", ".env.staging")
    shutil.copy(tmp_path / ".env.staging", tmp_path / ".env.staging.before")
    return tmp_path


def keys(root: Path, variable: str = VARIABLE) -> list[str]:
    found = re.search(rf"^{variable}=(.*)$", (root / ".env.keys").read_text(), re.MULTILINE)
    assert found is not None
    return found[1].split(",")


def test_dotenvx_reads_old_and_new_files_at_every_step(shop: Path) -> None:
    """With the list in the key file, with both in a CI's variables, and with `_OLD` after the end."""
    project = Project.load(shop)
    target = find_target(project.environment("staging"), {})
    assert values(shop) == VALUES

    prepare_rotation(project, target)
    assert values(shop) == VALUES
    new, old = keys(shop)

    rotate(project, target)
    assert (values(shop), values(shop, ".env.staging.before")) == (VALUES, VALUES)

    finish_rotation(project, target, keep_old=True)
    assert (keys(shop), keys(shop, f"{VARIABLE}_OLD")) == ([new], [old])
    assert (values(shop), values(shop, ".env.staging.before")) == (VALUES, VALUES)

    (shop / ".env.keys").unlink()
    ci = {VARIABLE: old, f"{VARIABLE}_NEW": new}
    assert (values(shop, **ci), values(shop, ".env.staging.before", **ci)) == (VALUES, VALUES)
    assert values(shop, **{VARIABLE: new}) == VALUES


def test_dotenvx_goes_on_with_a_rotated_file(shop: Path) -> None:
    """It encrypts and sets for the new key, and we read, set and rotate what it wrote."""
    project = Project.load(shop)
    target = find_target(project.environment("staging"), {})
    rotate(project, target, prepare=True)
    with (shop / ".env.staging").open("a") as file:
        file.write("ADDED=a\n")
    dotenvx_command(shop, "encrypt", "-f", ".env.staging")
    dotenvx_command(shop, "set", "PASSWORD", "new", "-f", ".env.staging")
    expected = {**VALUES, "PASSWORD": "new", "ADDED": "a"}

    found = hydrate(target.environment, {})
    assert {name: found[name] for name in expected} == expected

    set_value(target, "ADDED", "b", encrypted=True)
    encrypt_values(target, [])
    rotate(project, target, prepare=True)
    finish_rotation(project, target)
    assert values(shop) == {**expected, "ADDED": "b"}
    assert len(keys(shop)) == 1


def test_two_keys_that_dotenvx_made_under_one_name_are_taken_over(shop: Path) -> None:
    """Without its header dotenvx makes a second key under the same name; the file's own key is found and rotated."""
    path = shop / ".env.staging"
    dotenvx_command(shop, "decrypt", "-f", ".env.staging")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("DOTENV_PUBLIC")]
    path.write_text("\n".join(lines) + "\n")
    dotenvx_command(shop, "encrypt", "-f", ".env.staging")
    project = Project.load(shop)
    target = find_target(project.environment("staging"), {})
    before = (shop / ".env.keys").read_text()
    assert before.count(f"{VARIABLE}=") in (1, 2)

    rotate(project, target, prepare=True)
    found = hydrate(target.environment, {})
    assert {name: found[name] for name in VALUES} == VALUES


def test_a_key_in_the_custody_of_dotenvx_is_found_by_key_command(shop: Path) -> None:
    """`dotenvx keypair` prints the key from wherever dotenvx keeps it; here it is a key file that we do not read."""
    custody = shop / "custody"
    custody.mkdir()
    (shop / ".env.keys").rename(custody / ".env.keys")
    command = ("dotenvx", "keypair", VARIABLE, "-f", ".env.staging", "-fk", "custody/.env.keys")
    off = ("--no-armor", "--no-1password", "--no-bitwarden")
    environment = Environment("staging", shop, (shop / ".env.staging",), key_command=(*command, *off))
    env = {"PATH": os.environ["PATH"], "HOME": str(shop), "DOTENVX_NO_NATIVE": "true"}

    found = hydrate(environment, env)
    assert {name: found[name] for name in VALUES} == VALUES


def test_a_file_whose_key_is_in_the_system_s_store_is_taken_over(shop: Path) -> None:
    """With a stand-in for the store that dotenvx filled, the file opens, and is rotated to a key in a key file."""
    private = keys(shop)[0]
    (shop / ".env.keys").unlink()
    store = shop / "store.py"
    store.write_text(
        "import os, sys\n"
        f"public = {re.findall('[0-9a-f]{66}', (shop / '.env.staging').read_text())[0]!r}\n"
        f"print({private!r} if os.environ['ENVTASKS_PUBLIC_KEY'] == public else 'null')\n"
    )
    (shop / "pyproject.toml").write_text(
        "[tool.envtasks.environments]\n"
        f"staging = {{ files = ['.env.staging'], key-command = {json.dumps([sys.executable, str(store)])} }}\n"
    )
    project = Project.load(shop)
    target = find_target(project.environment("staging"), {"PATH": os.environ["PATH"]})
    assert hydrate(target.environment, {})["TOKEN"] == "t$oken"

    rotate(project, target, prepare=True)
    assert keys(shop)[1] == private
    assert values(shop) == VALUES
