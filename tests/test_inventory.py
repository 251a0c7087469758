"""What env files declare, read without any key."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.config import Environment, Project
from envtasks.envfiles import encrypt, generate_keys
from envtasks.errors import EnvFileInvalid
from envtasks.inventory import project_files, read

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


def test_the_files_of_a_project_are_env_files_and_key_files_of_any_name(tmp_path: Path) -> None:
    """Declared ones and the usual key file whether they are there or not, other key files if they are."""
    (tmp_path / ".env.a.keys").touch()
    project = Project(tmp_path, "shop", {"a": _environment(tmp_path, ".env.a", "sub/.env.a")})

    names = [".env.a", "sub/.env.a", ".env.keys", ".env.a.keys", "sub/.env.keys"]
    assert project_files(project) == tuple(tmp_path / name for name in names)


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    """A folder in the place of an env file is EnvFileInvalid, as when hydrating."""
    (tmp_path / ".env.staging").mkdir()

    with pytest.raises(EnvFileInvalid):
        read(_environment(tmp_path, ".env.staging"))
