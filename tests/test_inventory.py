"""What env files declare, read without any key."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.config import Environment
from envtasks.envfiles import encrypt, generate_keys
from envtasks.errors import EnvFileInvalid
from envtasks.inventory import encrypted_names, read

_, PUBLIC = generate_keys()
HEADER = f'DOTENV_PUBLIC_KEY_STAGING="{PUBLIC}"\n'


def _environment(root: Path, *files: str) -> Environment:
    return Environment("staging", root, tuple(root / name for name in files))


def test_every_assignment_has_its_place_and_kind(tmp_path: Path) -> None:
    """Name, file:line, and the plain text or none of a ciphertext; the public key is not a variable."""
    secret = encrypt("hush", PUBLIC)
    (tmp_path / ".env.staging").write_text(f"{HEADER}HOST=db\nPASSWORD={secret}\n", encoding="utf-8")

    found = read(_environment(tmp_path, ".env.staging"))

    assert [(d.name, d.location, d.value, d.encrypted) for d in found.variables.values()] == [
        ("HOST", ".env.staging:2", "db", False),
        ("PASSWORD", ".env.staging:3", None, True),
    ]
    assert found.public_keys == {"DOTENV_PUBLIC_KEY_STAGING": PUBLIC}
    assert found.key_variables == {"DOTENV_PRIVATE_KEY_STAGING": ".env.staging"}
    assert found.files[0].sample == secret


def test_an_earlier_file_wins_and_in_a_file_the_last_line(tmp_path: Path) -> None:
    """The winning declaration is the one that hydrating takes."""
    (tmp_path / ".env").write_text("A=mine\nA=mine too\n", encoding="utf-8")
    (tmp_path / ".env.local").write_text("A=theirs\nB=1\n", encoding="utf-8")

    found = read(_environment(tmp_path, ".env", ".env.local")).variables

    assert {name: each.location for name, each in found.items()} == {"A": ".env:2", "B": ".env.local:2"}


def test_plain_files_need_no_key(tmp_path: Path) -> None:
    """A file without a ciphertext names no key variable."""
    (tmp_path / ".env.staging").write_text(f"{HEADER}A=1\n", encoding="utf-8")

    assert read(_environment(tmp_path, ".env.staging")).key_variables == {}


def test_absent_files_are_told_by_whether_they_may_be_absent(tmp_path: Path) -> None:
    """A missing baseline is listed; missing overrides are not."""
    found = read(_environment(tmp_path, ".env", ".env.local"))

    assert (found.files, found.missing) == ((), (".env.local",))


def test_a_name_encrypted_anywhere_is_an_encrypted_name(tmp_path: Path) -> None:
    """Plain in one environment and encrypted in another counts as encrypted."""
    (tmp_path / ".env.a").write_text("X=1\nY=2\n", encoding="utf-8")
    (tmp_path / ".env.b").write_text(f"X={encrypt('1', PUBLIC)}\n", encoding="utf-8")

    assert encrypted_names([_environment(tmp_path, ".env.a"), _environment(tmp_path, ".env.b")]) == {"X"}


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    """A folder in the place of an env file is EnvFileInvalid, as when hydrating."""
    (tmp_path / ".env.staging").mkdir()

    with pytest.raises(EnvFileInvalid):
        read(_environment(tmp_path, ".env.staging"))
