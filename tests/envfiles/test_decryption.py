"""Keys: where they are looked for, in which order, and when key-command is run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from envtasks import hydrate
from envtasks.config import Environment, Project
from envtasks.envfiles import EnvFile, Keys, encrypt, generate_keys, parse_env_file
from envtasks.errors import DecryptionFailed, KeyMissing
from tests.guides import REPOSITORY

NEW, OLD, OTHER = generate_keys(), generate_keys(), generate_keys()
VARIABLE = "DOTENV_PRIVATE_KEY_STAGING"


def custody(root: Path, *private: str) -> tuple[str, ...]:
    """A key-command that prints these keys, and leaves a line in `calls` with the public key that it was asked for."""
    script = root / "custody.py"
    script.write_text(
        "import os\n"
        "print(os.environ['ENVTASKS_PUBLIC_KEY'], file=open('calls', 'a'))\n"
        f"print({' '.join(private)!r})\n",
        encoding="utf-8",
    )
    return (sys.executable, str(script))


def calls(root: Path) -> list[str]:
    path = root / "calls"
    return path.read_text().split() if path.exists() else []


def env_file(root: Path, *values: tuple[str, str], header: str = "", name: str = ".env.staging") -> EnvFile:
    """An env file with values, each encrypted for a public key."""
    lines = [f'DOTENV_PUBLIC_KEY_STAGING="{header}"'] if header else []
    lines += [f"V{number}='{encrypt(value, public)}'" for number, (value, public) in enumerate(values)]
    text = "\n".join(lines) + "\n"
    (root / name).write_text(text, encoding="utf-8")
    return parse_env_file(text, path=root / name)


def environment(root: Path, *command: str, files: tuple[str, ...] = (".env.staging",)) -> Environment:
    return Environment("staging", root, tuple(root / name for name in files), key_command=command)


def decrypted(keys: Keys, *files: EnvFile) -> list[str | None]:
    return keys.decrypt([entry.value for file in files for entry in file.entries if entry.encrypted])


def test_key_command_is_run_where_nothing_else_opens_a_value(tmp_path: Path) -> None:
    """It is asked once, for the public key in the file, and named as the source."""
    file = env_file(tmp_path, ("a", NEW[1]), ("b", NEW[1]), header=NEW[1].upper())
    keys = Keys(environment(tmp_path, *custody(tmp_path, NEW[0])), {}, [file])

    assert (decrypted(keys, file), decrypted(keys, file)) == (["a", "b"], ["a", "b"])
    assert [(key.hex, key.variable, key.source) for key in keys.ring.keys] == [
        (NEW[0], "key-command", f"key-command ({sys.executable})")
    ]
    assert keys.ring.searched[-1] == f"key-command ({sys.executable}): a key"
    assert calls(tmp_path) == [NEW[1]]


@pytest.mark.parametrize("place", ["process", "file", "list", "old"])
def test_key_command_is_not_run_where_another_key_opens_the_value(tmp_path: Path, place: str) -> None:
    """The process environment and the key files come first: a list of keys, and an `_OLD` name."""
    lines = {
        "file": f"{VARIABLE}={NEW[0]}",
        "list": f"{VARIABLE}={OLD[0]},{NEW[0]}",
        "old": f"{VARIABLE}={OLD[0]}\n{VARIABLE}_OLD={NEW[0]}",
    }
    (tmp_path / ".env.keys").write_text(lines.get(place, "") + "\n")
    file = env_file(tmp_path, ("a", NEW[1]), header=NEW[1])
    process = {VARIABLE: NEW[0]} if place == "process" else {}
    keys = Keys(environment(tmp_path, *custody(tmp_path, NEW[0])), process, [file])

    assert decrypted(keys, file) == ["a"]
    assert calls(tmp_path) == []


def test_key_command_is_not_run_where_nothing_is_to_be_decrypted(tmp_path: Path) -> None:
    """Plain values need no key, and neither does a value that the process environment gives."""
    file = env_file(tmp_path, ("a", NEW[1]), header=NEW[1])
    declared = environment(tmp_path, *custody(tmp_path, NEW[0]))

    assert hydrate(declared, {"V0": "mine"})["V0"] == "mine"
    assert Keys(declared, {}, [file]).decrypt([]) == []
    assert calls(tmp_path) == []


def test_key_command_is_asked_for_each_key_that_no_key_at_hand_belongs_to(tmp_path: Path) -> None:
    """Keys are matched by public key: a file whose key is there is not asked for, whatever that is called."""
    (tmp_path / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_WHATEVER={OLD[0]}\n")
    first = env_file(tmp_path, ("a", OLD[1]), header=OLD[1], name=".env")
    second = env_file(tmp_path, ("b", NEW[1]), header=NEW[1])
    declared = environment(tmp_path, *custody(tmp_path, NEW[0]), files=(".env", ".env.staging"))
    keys = Keys(declared, {}, [first, second])

    assert decrypted(keys, first, second) == ["a", "b"]
    assert calls(tmp_path) == [NEW[1]]


def test_a_key_of_another_file_is_not_taken(tmp_path: Path) -> None:
    """What the command prints is used only if it is the key that the file names, even if it would open a value."""
    file = env_file(tmp_path, ("a", OTHER[1]), header=NEW[1])
    keys = Keys(environment(tmp_path, *custody(tmp_path, OTHER[0])), {}, [file])

    assert decrypted(keys, file) == [None]
    assert keys.ring.keys == ()
    assert keys.ring.searched[-1].endswith(": a key, but not of this file")


def test_key_command_is_not_run_for_a_file_without_a_public_key(tmp_path: Path) -> None:
    """Without a header no key could be proven to be the file's."""
    file = env_file(tmp_path, ("a", NEW[1]))
    keys = Keys(environment(tmp_path, *custody(tmp_path, NEW[0])), {}, [file])

    assert decrypted(keys, file) == [None]
    assert keys.ring.searched[-1].endswith(": not run, as no file names its public key")
    assert calls(tmp_path) == []


def test_a_public_key_that_is_none_is_not_asked_for(tmp_path: Path) -> None:
    """An empty or damaged header names no key."""
    file = env_file(tmp_path, ("a", NEW[1]), header="02ab")
    keys = Keys(environment(tmp_path, *custody(tmp_path, NEW[0])), {}, [file])

    assert decrypted(keys, file) == [None]
    assert calls(tmp_path) == []


def test_hydrate_says_what_the_command_did(tmp_path: Path) -> None:
    """An error about a missing key names the command and what came of it, and shows no key."""
    env_file(tmp_path, ("a", NEW[1]), header=NEW[1])
    with pytest.raises(KeyMissing) as missing:
        hydrate(environment(tmp_path, *custody(tmp_path, OTHER[0])), {})

    assert f"key-command ({sys.executable}): a key, but not of this file" in missing.value.hint
    assert OTHER[0] not in str(missing.value)


def test_hydrate_uses_the_key_and_keeps_it_hidden(tmp_path: Path) -> None:
    """A value opens with the command's key, which is redacted in output like any other."""
    env_file(tmp_path, ("a", NEW[1]), header=NEW[1])
    hydrated = hydrate(environment(tmp_path, *custody(tmp_path, NEW[0])), {})

    assert hydrated["V0"] == "a"
    assert NEW[0] in hydrated.secrets.values()


def test_a_value_under_another_key_stays_closed(tmp_path: Path) -> None:
    """The key of the header does not open what another key encrypted; the error is that of a wrong key."""
    env_file(tmp_path, ("a", NEW[1]), ("b", OTHER[1]), header=NEW[1])
    with pytest.raises(DecryptionFailed, match="V1"):
        hydrate(environment(tmp_path, *custody(tmp_path, NEW[0])), {})


def test_the_command_gets_no_value_of_an_env_file(tmp_path: Path) -> None:
    """Inside another environment's command, what its env files gave is not in the environment of key-command."""
    file = env_file(tmp_path, ("a", NEW[1]), header=NEW[1])
    script = tmp_path / "custody.py"
    script.write_text(f"import os; open('names', 'w').write(' '.join(os.environ)); print({NEW[0]!r})")
    (tmp_path / ".env.dev").write_text("DEV_TOKEN=abc\n")
    outer = hydrate(Environment("dev", tmp_path, (tmp_path / ".env.dev",)), {"MINE": "1"})

    hydrate(environment(tmp_path, sys.executable, str(script)), outer.child_env())

    names = (tmp_path / "names").read_text().split()
    assert ("MINE" in names, "DEV_TOKEN" in names) == (True, False)
    assert file.path.exists()


def test_key_command_is_declared_for_an_environment(tmp_path: Path) -> None:
    """It is an argument list of the environment's table."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.envtasks.environments]\nstaging = { key-command = ['op', 'read', 'op://Team/staging/key'] }\n"
    )
    declared = Project.load(tmp_path).environment("staging")

    assert declared.key_command == ("op", "read", "op://Team/staging/key")


def test_the_documented_key_commands_are_argument_lists(tmp_path: Path) -> None:
    """Every example of docs/configuration.md is accepted in pyproject.toml as it stands there."""
    page = (REPOSITORY / "docs/configuration.md").read_text(encoding="utf-8")
    section = page.partition("### Keys in a password manager")[2].partition("\n## ")[0]
    found = re.findall(r"`(\[\".*?\"\])`", section)
    assert len(found) == 8

    for example in found:
        (tmp_path / "pyproject.toml").write_text(
            f"[tool.envtasks.environments]\nstaging = {{ key-command = {example} }}\n", encoding="utf-8"
        )
        assert len(Project.load(tmp_path).environment("staging").key_command) > 2
