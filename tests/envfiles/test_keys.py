"""Private keys: found where dotenvx users keep them, under dotenvx's names, never shown."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from envtasks.config import Environment
from envtasks.envfiles.keys import KeyRing, PrivateKey, find_keys, key_variables
from tests.deadlines import ended

A, B, C = "1f" * 32, "2e" * 32, "3d" * 32  # throwaway keys, for tests only


def environment(
    root: Path, *files: str, name: str = "staging", public: bool = False, declared: str = ""
) -> Environment:
    return Environment(
        name=name,
        root=root,
        files=tuple(root / file for file in files or (f".env.{name}",)),
        public=public,
        keys=(root / declared,) if declared else (),
    )


def key_file(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def found(ring: KeyRing) -> list[tuple[str, str, str]]:
    return [(key.hex, key.variable, key.source) for key in ring.keys]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        (".env", ""),
        (".env.staging", "_STAGING"),
        (".env.STAGING", "_STAGING"),
        (".env.local", "_LOCAL"),
        ("secrets.env", "_SECRETSDEVELOPMENT"),
        (".env1", "_DEVELOPMENT1"),
        (".envrc", "_DEVELOPMENTRC"),
        ("secrets.env.local", "_LOCAL"),
        (".env.ci.local", "_CI_LOCAL"),
        (".env.a.b.c", "_A_B"),
        ("config/.env.prod", "_PROD"),
        ("prod.env", "_PRODDEVELOPMENT"),
        (".env.my-env", "_MY-ENV"),
        (".env.production.txt", "_PRODUCTION"),
        (".env.txt", ""),
    ],
)
def test_key_variables_follow_from_the_file_name(tmp_path: Path, name: str, suffix: str) -> None:
    """A file without a public key has the key names that `dotenvx encrypt` would give it."""
    assert key_variables(tmp_path / name) == (
        f"DOTENV_PRIVATE_KEY{suffix}",
        f"DOTENV_PUBLIC_KEY{suffix}",
    )


def test_a_key_is_found_under_the_name_that_a_shell_takes(tmp_path: Path) -> None:
    """No shell and no CI has a variable with a `-`: there the key of `.env.my-env` is looked for under `_`."""
    mine = environment(tmp_path, name="my-env")
    assert find_keys(mine, {}).searched[0] == "DOTENV_PRIVATE_KEY_MY_ENV in the process environment: not set"
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_MY-ENV={C}\n")
    ring = find_keys(mine, {"DOTENV_PRIVATE_KEY_A": A, "DOTENV_PRIVATE_KEY_MY_ENV": B})
    assert ring.hexes == (B, C, A)


def test_a_public_key_in_the_file_wins_over_the_file_name(tmp_path: Path) -> None:
    """The names stay the same when a file that `dotenvx encrypt` changed is renamed."""
    path = tmp_path / ".env.staging"
    path.write_text('# note\nexport DOTENV_PUBLIC_KEY_OLD="02ab"\nA=1\n', encoding="utf-8")
    assert key_variables(path) == ("DOTENV_PRIVATE_KEY_OLD", "DOTENV_PUBLIC_KEY_OLD")


def test_names_from_given_text_read_no_file(tmp_path: Path) -> None:
    """With the text given, the names are taken from it, whatever is on disk."""
    path = tmp_path / ".env.staging"
    path.write_text('DOTENV_PUBLIC_KEY_DISK="02ab"\n', encoding="utf-8")
    text = "# DOTENV_PUBLIC_KEY_COMMENT=1\nDOTENV_PUBLIC_KEY_TEXT='02ab'\n"
    assert key_variables(path, text) == ("DOTENV_PRIVATE_KEY_TEXT", "DOTENV_PUBLIC_KEY_TEXT")


def test_search_order(tmp_path: Path) -> None:
    """The process environment comes before `.env.<name>.keys`, and that before `.env.keys`."""
    key_file(tmp_path / ".env.staging.keys", f"DOTENV_PRIVATE_KEY_STAGING={B}\n")
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={C}\n")
    ring = find_keys(environment(tmp_path), {"DOTENV_PRIVATE_KEY_STAGING": A, "PATH": "/bin"})
    assert found(ring) == [
        (A, "DOTENV_PRIVATE_KEY_STAGING", "the process environment"),
        (B, "DOTENV_PRIVATE_KEY_STAGING", ".env.staging.keys"),
        (C, "DOTENV_PRIVATE_KEY_STAGING", ".env.keys"),
    ]
    assert ring.searched == (
        "DOTENV_PRIVATE_KEY_STAGING in the process environment: a key",
        ".env.staging.keys: DOTENV_PRIVATE_KEY_STAGING is a key",
        ".env.keys: DOTENV_PRIVATE_KEY_STAGING is a key",
    )
    assert ring.hexes == (A, B, C)


def test_lists_every_place_that_was_searched(tmp_path: Path) -> None:
    """Without any key, each place is listed with what was found there."""
    key_file(tmp_path / ".env.keys", "# nothing yet\n")
    assert find_keys(environment(tmp_path), {}) == KeyRing(
        searched=(
            "DOTENV_PRIVATE_KEY_STAGING in the process environment: not set",
            ".env.staging.keys: not there",
            ".env.keys: holds no private key",
        )
    )


def test_keys_of_any_name_are_used_but_expected_ones_come_first(tmp_path: Path) -> None:
    """dotenvx tries every key whatever its name, and so do we; the expected one is tried first."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_DEV={B}\nDOTENV_PRIVATE_KEY_STAGING={C}\n")
    ring = find_keys(environment(tmp_path), {"DOTENV_PRIVATE_KEY": A})
    assert [key.hex for key in ring.keys] == [C, A, B]


def test_the_same_key_in_two_places_is_kept_once(tmp_path: Path) -> None:
    """A key in the process environment and in the key file is one key, also in upper case."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={A}\n")
    ring = find_keys(environment(tmp_path), {"DOTENV_PRIVATE_KEY_STAGING": A.upper()})
    assert found(ring) == [(A, "DOTENV_PRIVATE_KEY_STAGING", "the process environment")]


FORMS: Mapping[str, tuple[str, list[str]]] = {
    "newline": (f"{A}\n", [A]),
    "spaces": (f"  {A}\t", [A]),
    "comma list": (f"{A},{B}", [A, B]),
    "comma and space": (f"{A}, {B}", [A, B]),
    "newlines between": (f"{A}\n{B}\r\n", [A, B]),
    "trailing comma": (f"{A},", [A]),
    "quotes": (f'"{A}"', [A]),
}


@pytest.mark.parametrize(("text", "expected"), FORMS.values(), ids=FORMS)
def test_forms_of_a_key_in_the_process_environment(tmp_path: Path, text: str, expected: list[str]) -> None:
    """White space, newlines, quotes and lists around a key are accepted: CI systems add them."""
    ring = find_keys(environment(tmp_path), {"DOTENV_PRIVATE_KEY_STAGING": text})
    assert [key.hex for key in ring.keys] == expected


KEY_FILES: Mapping[str, tuple[bytes, list[str]]] = {
    "plain": (f"DOTENV_PRIVATE_KEY_STAGING={A}\n".encode(), [A]),
    "export, spaces and a comment": (f"  export DOTENV_PRIVATE_KEY = {A} # old\n".encode(), [A]),
    "double quotes": (f'DOTENV_PRIVATE_KEY="{A}"\n'.encode(), [A]),
    "list in single quotes over two lines": (f"DOTENV_PRIVATE_KEY='{A},\n{B}'\n".encode(), [A, B]),
    "list with a space": (f"DOTENV_PRIVATE_KEY={A}, {B}\n".encode(), [A, B]),
    "byte-order mark and CRLF": (
        f"\ufeffDOTENV_PRIVATE_KEY={A}\r\nDOTENV_PRIVATE_KEY_B={B}\r\n".encode(),
        [A, B],
    ),
    "CR only": (f"# x\rDOTENV_PRIVATE_KEY={A}\r".encode(), [A]),
    "no UTF-8 in a comment": (b"# caf\xe9\nDOTENV_PRIVATE_KEY=" + A.encode(), [A]),
    "UTF-16 from PowerShell": (f"DOTENV_PRIVATE_KEY={A}\r\n".encode("utf-16"), [A]),
    "twice the same name": (f"DOTENV_PRIVATE_KEY={A}\nDOTENV_PRIVATE_KEY={B}\n".encode(), [A, B]),
    "unterminated quote": (f'DOTENV_PRIVATE_KEY="{A}\nDOTENV_PRIVATE_KEY_B="{B}"\n'.encode(), [A, B]),
    "commented out": (f"#DOTENV_PRIVATE_KEY={A}\n".encode(), []),
    "another variable": (f"MY_DOTENV_PRIVATE_KEY={A}\n".encode(), []),
}


@pytest.mark.parametrize(("data", "expected"), KEY_FILES.values(), ids=KEY_FILES)
def test_forms_of_a_key_file(tmp_path: Path, data: bytes, expected: list[str]) -> None:
    """A key file is read however it was saved: marks, line ends, quotes, encodings, lists."""
    key_file(tmp_path / ".env.keys", data)
    assert [key.hex for key in find_keys(environment(tmp_path), {}).keys] == expected


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (f"0x{A}", "not a private key (it begins with 0x; remove that)"),
        (A[:-1], "not a private key (expected 64 hexadecimal digits, found 63 characters)"),
        ("x" * 64, "not a private key (expected 64 hexadecimal digits, found other characters)"),
        ("encrypted:abc", "not a private key (it is itself encrypted)"),
        (f"{A},nonsense", "not a private key (expected 64 hexadecimal digits, found 8 characters)"),
        (f"{A},{B}", "2 keys"),
    ],
)
def test_says_what_is_wrong_with_a_key_without_showing_it(tmp_path: Path, text: str, state: str) -> None:
    """A value that is not a key is described by its place and what is wrong, never shown."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={text.strip()}\n")
    ring = find_keys(environment(tmp_path), {"DOTENV_PRIVATE_KEY_STAGING": text})
    assert ring.searched == (
        f"DOTENV_PRIVATE_KEY_STAGING in the process environment: {state}",
        ".env.staging.keys: not there",
        f".env.keys: DOTENV_PRIVATE_KEY_STAGING is {state}",
    )


def test_declared_key_files_are_the_only_ones(tmp_path: Path) -> None:
    """With `keys` declared for an environment, nothing beside the env file is read."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={A}\n")
    key_file(tmp_path / "vault" / "staging.keys", f"DOTENV_PRIVATE_KEY_STAGING={B}\n")
    ring = find_keys(environment(tmp_path, declared="vault/staging.keys"), {})
    assert found(ring) == [(B, "DOTENV_PRIVATE_KEY_STAGING", "vault/staging.keys")]
    assert ring.searched == (
        "DOTENV_PRIVATE_KEY_STAGING in the process environment: not set",
        "vault/staging.keys: DOTENV_PRIVATE_KEY_STAGING is a key",
    )


def test_key_files_beside_each_env_file_are_read(tmp_path: Path) -> None:
    """The folder of every env file is searched, once."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY={A}\n")
    key_file(tmp_path / "conf" / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={B}\n")
    ring = find_keys(environment(tmp_path, ".env", "conf/.env.staging", ".env.more"), {})
    assert [(key.hex, key.source) for key in ring.keys] == [(A, ".env.keys"), (B, "conf/.env.keys")]


def test_only_the_folders_of_encrypted_files_are_searched(tmp_path: Path) -> None:
    """`needed_for` narrows the search to the files that hold encrypted values."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY={A}\n")
    key_file(tmp_path / "conf" / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={B}\n")
    one = environment(tmp_path, ".env", "conf/.env.staging")
    assert find_keys(one, {}, needed_for=[tmp_path / "conf/.env.staging"]).hexes == (B,)


def test_advice_about_a_key_file_in_the_wrong_folder(tmp_path: Path) -> None:
    """`dotenvx encrypt -f conf/.env.staging` leaves the key file in the root, where it is not read: say so."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={A}\n")
    ring = find_keys(environment(tmp_path, "conf/.env.staging"), {})
    assert ring.keys == ()
    assert ring.advice == (
        ".env.keys is not read, because a key file belongs beside its env file: "
        "move its line to conf/.env.keys, or declare keys = ['.env.keys'] for staging"
    )


def test_no_advice_when_the_key_file_is_in_its_place_or_declared(tmp_path: Path) -> None:
    """Advice is given only where a key file is missing beside the env file and none is declared."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={A}\n")
    assert find_keys(environment(tmp_path, "conf/.env.staging", declared=".env.keys"), {}).advice == ""
    key_file(tmp_path / "conf" / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={A}\n")
    assert find_keys(environment(tmp_path, "conf/.env.staging"), {}).advice == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_warns_about_a_key_file_that_others_can_read(tmp_path: Path) -> None:
    """A key file with more permissions than 0600 gives a warning with the command that corrects it, unless public."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={A}\n", mode=0o644)
    assert find_keys(environment(tmp_path), {}).warnings == (
        ".env.keys can be read by other users of this machine (mode 0644): chmod 600 .env.keys",
    )
    assert find_keys(environment(tmp_path, public=True), {}).warnings == ()
    (tmp_path / ".env.keys").chmod(0o600)
    assert find_keys(environment(tmp_path), {}).warnings == ()


def test_a_folder_in_place_of_a_key_file_is_not_read(tmp_path: Path) -> None:
    """A folder is listed as not a file."""
    (tmp_path / ".env.keys").mkdir()
    assert find_keys(environment(tmp_path), {}).searched[-1] == ".env.keys: not a file"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no FIFOs")
def test_a_fifo_in_place_of_a_key_file_does_not_hang(tmp_path: Path) -> None:
    """A FIFO without a writer is listed as not a file."""
    os.mkfifo(tmp_path / ".env.keys")  # type: ignore[attr-defined,unused-ignore]
    ring = ended(lambda: find_keys(environment(tmp_path), {}))
    assert ring.searched[-1] == ".env.keys: not a file"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs file modes that bind this user")  # type: ignore[attr-defined,unused-ignore]
def test_an_unreadable_key_file_is_listed_with_the_reason(tmp_path: Path) -> None:
    """A key file that cannot be read is listed with the system's reason."""
    key_file(tmp_path / ".env.keys", f"DOTENV_PRIVATE_KEY_STAGING={A}\n", mode=0)
    assert (
        find_keys(environment(tmp_path), {}).searched[-1] == ".env.keys: cannot be read (Permission denied)"
    )


def test_no_key_is_shown_or_pickled(tmp_path: Path) -> None:
    """Neither the repr of a key nor of a ring shows a key, and none of them can be pickled."""
    ring = find_keys(environment(tmp_path), {"DOTENV_PRIVATE_KEY_STAGING": A})
    assert repr(ring.keys[0]) == (
        "PrivateKey(variable='DOTENV_PRIVATE_KEY_STAGING', source='the process environment')"
    )
    assert A not in repr(ring)
    for thing in (ring, PrivateKey(A, "DOTENV_PRIVATE_KEY", "x")):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)
