"""Keys of an environment: which one opens its files, handed over, taken and stored."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envtasks.authoring import (
    TargetFile,
    describe_keys,
    find_target,
    import_keys,
    keys_to_hand_over,
    write_keys,
)
from envtasks.config import Environment
from envtasks.envfiles import encrypt, find_keys, generate_keys
from envtasks.errors import ConfigInvalid, DecryptionFailed, EnvFileMissing, KeyMissing, LeakFound, Refused
from envtasks.hydration import hydrate
from tests.authoring.repositories import git, needs_git

NEW, OLD, OTHER = generate_keys(), generate_keys(), generate_keys()
VARIABLE = "DOTENV_PRIVATE_KEY_STAGING"
posix = pytest.mark.skipif(os.name != "posix", reason="file modes")


def staging(
    root: Path, *, keys: str = "", header: str = OLD[1], env: Mapping[str, str] | None = None, **options: Any
) -> TargetFile:
    """The env file of staging with one secret under OLD; `keys` are the lines of the key file."""
    text = f'DOTENV_PUBLIC_KEY_STAGING="{header}"\n' if header else ""
    (root / ".env.staging").write_text(f"{text}TOKEN='{encrypt('t', OLD[1])}'\nPLAIN=1\n", encoding="utf-8")
    if keys:
        (root / ".env.keys").write_text(keys + "\n", encoding="utf-8")
        (root / ".env.keys").chmod(0o600)
    return find_target(Environment("staging", root, (root / ".env.staging",), **options), env or {})


def key_file(root: Path) -> str:
    return (root / ".env.keys").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("keys", "variable", "rotation"),
    [
        (f"{VARIABLE}={OLD[0]}", VARIABLE, ""),
        (f"DOTENV_PRIVATE_KEY_WHATEVER={OLD[0]}", "DOTENV_PRIVATE_KEY_WHATEVER", ""),
        (f"{VARIABLE}={NEW[0]},{OLD[0]}", VARIABLE, "prepared"),
        (f"{VARIABLE}={OLD[0]},{OTHER[0]}", VARIABLE, "rotated"),
        (f"{VARIABLE}={NEW[0]}\n{VARIABLE}_OLD={OLD[0]}", f"{VARIABLE}_OLD", ""),
        (f"{VARIABLE}={OTHER[0]}", "", ""),
    ],
)
def test_the_key_is_matched_by_public_key(tmp_path: Path, keys: str, variable: str, rotation: str) -> None:
    """Lists and `_OLD` names are read; where a rotation stands is told from the order in the list."""
    (found,) = describe_keys(staging(tmp_path, keys=keys).environment, {})

    assert (found.variable, found.source) == (variable, ".env.keys" if variable else "")
    assert (found.opened, found.rotation) == (bool(variable), rotation)
    assert (found.file, found.encrypted, found.public_key) == (".env.staging", 1, OLD[1])


@posix
def test_the_mode_is_that_of_the_key_file(tmp_path: Path) -> None:
    """So that a person sees who else can read it; a key of the process environment has none."""
    target = staging(tmp_path, keys=f"{VARIABLE}={OLD[0]}")
    (tmp_path / ".env.keys").chmod(0o640)

    assert describe_keys(target.environment, {})[0].mode == "0640"
    found = describe_keys(target.environment, {VARIABLE: OLD[0]})[0]
    assert (found.source, found.mode) == ("the process environment", "")


def test_a_value_under_another_key_is_named(tmp_path: Path) -> None:
    """A file that a merge has mixed is seen here, although a key at hand opens each value."""
    target = staging(tmp_path, keys=f"{VARIABLE}={OLD[0]}\nDOTENV_PRIVATE_KEY_OTHER={OTHER[0]}")
    with target.path.open("a") as file:
        file.write(f"MIXED='{encrypt('m', OTHER[1])}'\n")

    assert describe_keys(target.environment, {})[0].closed == ("MIXED",)


def test_key_command_is_a_source_too(tmp_path: Path) -> None:
    """Where it gives the key, it is named; its program alone, not what it is called with."""
    script = tmp_path / "custody.py"
    script.write_text(f"print({OLD[0]!r})")
    target = staging(tmp_path, key_command=(sys.executable, str(script)))

    (found,) = describe_keys(target.environment, {})
    assert (found.variable, found.source) == ("key-command", f"key-command ({sys.executable})")


def test_a_file_without_public_key_opens_with_what_decrypts_it(tmp_path: Path) -> None:
    """A lost header does not hide which key is the right one."""
    target = staging(
        tmp_path, header="", keys=f"A_KEY=1\nDOTENV_PRIVATE_KEY_X={OTHER[0]}\n{VARIABLE}={OLD[0]}"
    )

    (found,) = describe_keys(target.environment, {})
    assert (found.variable, found.public_key) == (VARIABLE, "")


def test_nothing_encrypted_needs_no_key(tmp_path: Path) -> None:
    """A plain file is open, overrides that are not there are left out, a missing baseline is an error."""
    (tmp_path / ".env.dev").write_text("A=1\n")
    environment = Environment("dev", tmp_path, (tmp_path / ".env", tmp_path / ".env.dev"))
    (found,) = describe_keys(environment, {})
    assert (found.opened, found.variable) == (True, "")

    (tmp_path / ".env.dev").unlink()
    with pytest.raises(EnvFileMissing) as missing:
        describe_keys(environment, {})
    assert missing.value.hint == "make it: inv env.new dev"


@pytest.mark.parametrize(
    ("keys", "handed"),
    [
        (f"{VARIABLE}={OLD[0]}", [OLD[0]]),
        (f"{VARIABLE}={NEW[0]},{OLD[0]}", [NEW[0], OLD[0]]),
        (f"{VARIABLE}={OTHER[0]}\nDOTENV_PRIVATE_KEY_X={OLD[0]}", [OLD[0]]),
    ],
)
def test_the_file_s_key_is_handed_over_during_a_rotation_both(
    tmp_path: Path, keys: str, handed: list[str]
) -> None:
    """While a rotation is under way, the new key goes with the one that opens the file; other keys never do."""
    assert keys_to_hand_over(staging(tmp_path, keys=keys)) == handed


def test_without_the_key_nothing_is_handed_over(tmp_path: Path) -> None:
    """A key that is not the file's is not given to anybody in its name."""
    with pytest.raises(KeyMissing, match="is not at hand"):
        keys_to_hand_over(staging(tmp_path, keys=f"{VARIABLE}={OTHER[0]}"))


def test_a_file_without_a_key_has_none_to_hand_over(tmp_path: Path) -> None:
    """Nobody has it, so nobody is to be asked."""
    (tmp_path / ".env.dev").write_text("A=1\n")
    target = find_target(Environment("dev", tmp_path, (tmp_path / ".env.dev",)), {})

    with pytest.raises(KeyMissing, match=r"^\.env\.dev has no key: nothing in it is encrypted\.") as missing:
        keys_to_hand_over(target)
    assert missing.value.hint == "inv env.encrypt --env dev makes one"


def test_a_key_is_written_for_its_owner_and_overwrites_nothing(tmp_path: Path) -> None:
    """A named file is 0600, one key a line without a line break at the end, as CI platforms want it."""
    path = tmp_path / "k"
    write_keys(path, ["a" * 64, "b" * 64])

    assert path.read_text() == "a" * 64 + "\n" + "b" * 64
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Refused, match="is there already"):
        write_keys(path, ["c" * 64])
    assert path.read_text().startswith("a")


@pytest.mark.parametrize(
    "text",
    [OLD[0], f"{OLD[0]}\n", f"  {OLD[0].upper()}\r\n", f"{VARIABLE}={OLD[0]}\n", f'{{"key": "{OLD[0]}"}}'],
)
def test_a_key_is_proven_and_stored(tmp_path: Path, text: str) -> None:
    """A key alone, a line of a key file and the like: what opens the env file is in the key file, 0600, and used."""
    target = staging(tmp_path)
    done = import_keys(target, text)

    assert (done.stored, done.variable, done.key_file) == (1, VARIABLE, ".env.keys")
    assert f"\n{VARIABLE}={OLD[0]}\n" in key_file(tmp_path)
    assert hydrate(target.environment, {})["TOKEN"] == "t"
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / ".env.keys").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("given", "before", "after"),
    [
        ([OLD], [], [OLD]),
        ([OLD], [OTHER], [OLD, OTHER]),
        ([NEW, OLD], [OLD], [NEW, OLD]),
        ([OLD], [NEW, OLD], [NEW, OLD]),
        ([NEW, OLD], [NEW, OLD], [NEW, OLD]),
    ],
)
def test_the_order_of_the_list_is_that_of_a_rotation(
    tmp_path: Path, given: list[Any], before: list[Any], after: list[Any]
) -> None:
    """What is new comes first, and what is there already keeps its place."""
    listed = ",".join(key[0] for key in before)
    target = staging(tmp_path, keys=f"{VARIABLE}={listed}" if before else "")
    done = import_keys(target, "\n".join(key[0] for key in given))

    assert done.stored == len([key for key in given if key not in before])
    assert f"{VARIABLE}={','.join(key[0] for key in after)}\n" in key_file(tmp_path)


def test_the_rest_of_a_key_file_stays(tmp_path: Path) -> None:
    """Other environments' keys, comments, names that are there twice and line ends are kept byte for byte."""
    before = f"# mine\r\n{VARIABLE}='{OTHER[0]}' # old\r\nDOTENV_PRIVATE_KEY_DEV={NEW[0]}\r\n"
    target = staging(tmp_path)
    (tmp_path / ".env.keys").write_bytes(before.encode())
    import_keys(target, OLD[0])

    expected = before.replace(f"'{OTHER[0]}'", f"{OLD[0]},{OTHER[0]}")
    assert (tmp_path / ".env.keys").read_bytes() == expected.encode()


@pytest.mark.parametrize("text", ["", "null", "abc", "a" * 63, "a" * 66])
def test_a_text_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing is stored, and what was given is not repeated."""
    with pytest.raises(ConfigInvalid, match="no private key in what was given") as refused:
        import_keys(staging(tmp_path), text)
    assert text not in str(refused.value) or not text
    assert not (tmp_path / ".env.keys").exists()


@pytest.mark.parametrize("text", [OTHER[0], f"{OTHER[0]}\n{NEW[0]}", "0" * 64])
def test_a_key_that_does_not_open_the_file_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing is stored that is not proven; the message names the public key that is wanted."""
    with pytest.raises(DecryptionFailed, match="nothing was stored") as refused:
        import_keys(staging(tmp_path), text)
    assert OLD[1] in refused.value.hint
    assert text[:64] not in str(refused.value)
    assert not (tmp_path / ".env.keys").exists()


def test_a_value_that_the_key_does_not_open_is_named(tmp_path: Path) -> None:
    """The key is the file's, so it is stored; the one value under another key is said."""
    target = staging(tmp_path)
    with target.path.open("a") as file:
        file.write(f"MIXED='{encrypt('m', OTHER[1])}'\n")

    done = import_keys(target, OLD[0])
    assert "it does not open MIXED: inv env.encrypt --rekey NAME --env staging" in done.notes
    assert find_keys(target.environment, {}).hexes == (OLD[0],)


def test_a_lost_public_key_comes_back(tmp_path: Path) -> None:
    """The header is made anew from the key that opens the values."""
    target = staging(tmp_path, header="")
    done = import_keys(target, OLD[0])

    assert f'DOTENV_PUBLIC_KEY_STAGING="{OLD[1]}"' in target.path.read_text()
    assert ".env.staging has lost its public key, which is there again" in done.notes
    assert hydrate(target.environment, {})["TOKEN"] == "t"


def test_a_public_key_that_is_empty_is_filled_in(tmp_path: Path) -> None:
    """Its line stays the only one: of two with one name, readers take the last."""
    target = staging(tmp_path, header="")
    text = target.path.read_text()
    target.path.write_text(f"# ours\nexport DOTENV_PUBLIC_KEY_STAGING= # here\n{text}")
    import_keys(target, OLD[0])

    assert target.path.read_text() == f'# ours\nexport DOTENV_PUBLIC_KEY_STAGING="{OLD[1]}" # here\n{text}'
    assert hydrate(target.environment, {})["TOKEN"] == "t"


def test_a_dry_import_stores_nothing(tmp_path: Path) -> None:
    """It proves the key, and says what it would store."""
    target = staging(tmp_path)
    done = import_keys(TargetFile(target.environment, target.path, {}, dry=True), OLD[0])

    assert (done.stored, done.dry) == (1, True)
    assert not (tmp_path / ".env.keys").exists()


def test_a_key_is_kept_out_of_a_repository_to_come(tmp_path: Path) -> None:
    """Where git has no repository yet, .gitignore has the line that its first `git add .` needs, once."""
    target = staging(tmp_path)
    notes = import_keys(target, OLD[0]).notes

    assert notes == (".env.keys is ignored by git from now on (.gitignore)",)
    (tmp_path / ".env.keys").unlink()
    assert import_keys(target, OLD[0]).notes == ()
    assert (tmp_path / ".gitignore").read_text() == ".env.keys\n"


@needs_git
def test_git_never_gets_a_key(tmp_path: Path) -> None:
    """A key file that git would add is ignored from then on; one that git tracks is refused."""
    git(tmp_path, "init", "-q")
    target = staging(tmp_path, env={"PATH": os.environ["PATH"]})
    assert import_keys(target, OLD[0]).notes == (".env.keys is ignored by git from now on (.gitignore)",)
    assert (tmp_path / ".gitignore").read_text() == ".env.keys\n"

    (tmp_path / ".gitignore").unlink()
    git(tmp_path, "add", "-f", ".env.keys")
    (tmp_path / ".env.keys").write_text("")
    with pytest.raises(LeakFound, match="tracked by git"):
        import_keys(target, OLD[0])
    assert (tmp_path / ".env.keys").read_text() == ""
