"""The engine `dotenvx` with the real command: what could change the values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from envtasks.config import Environment
from envtasks.envfiles import encrypt, generate_keys
from envtasks.errors import DecryptionFailed, EnvFileInvalid
from envtasks.hydration import dotenvx
from envtasks.hydration.dotenvx import BELOW, OLDEST, locate

pytestmark = [pytest.mark.integration, pytest.mark.node]


def environment(root: Path, **files: str) -> Environment:
    root.mkdir(parents=True, exist_ok=True)
    paths = tuple(root / f".env.{name}" for name in files)
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return Environment("dev", root, paths)


def process_env(home: Path, **more: str) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), **more}


def test_the_installed_command_is_supported(tmp_path: Path) -> None:
    """The command that npm installs is found on PATH, and its version is one that we support."""
    assert OLDEST <= locate(tmp_path, os.environ).version[:2] < BELOW


@pytest.mark.parametrize("folder", ["a, b", "it's [1] %X% é", " space ", "~tilde"])
def test_any_folder_name(tmp_path: Path, folder: str) -> None:
    """Commas, spaces, quotes and the like in the project's path change nothing."""
    project = environment(tmp_path / folder, dev="A=1\n", more="A=2\nB=${A}-x\n")
    assert dotenvx.values(project, process_env(tmp_path), names=["A", "B"]) == {"A": "1", "B": "1-x"}


def test_values_larger_than_a_process_environment(tmp_path: Path) -> None:
    """A value of 5 MB, which no process could be started with, comes back whole, and an encrypted one of 200 KB."""
    private, public = generate_keys()
    large, secret = "0123456789abcdef" * 327_680, "s" * 200_000
    project = environment(tmp_path, dev=f"A={large}\nB='{encrypt(secret, public)}'\n")
    values = dotenvx.values(project, process_env(tmp_path), names=["A", "B"], private_keys=[private])
    assert values == {"A": large, "B": secret}


def test_an_envfile_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An Envfile in the project and in the current folder, here an invalid one, is not read."""
    project = environment(tmp_path, dev="A=1\n")
    (tmp_path / "Envfile").write_text("strict true\n{{{ nonsense", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert dotenvx.values(project, process_env(tmp_path), names=["A"]) == {"A": "1"}


def test_dotenvx_switches_change_nothing(tmp_path: Path) -> None:
    """Variables that make dotenvx read other files, or stay silent about errors, are kept from it."""
    project = environment(tmp_path, dev="A=1\n", local="A=2\nB=2\n")
    project = Environment("dev", tmp_path, project.files[:1])
    switches = {
        "DOTENV_CONVENTION": "nextjs",
        "DOTENV_FILE": ".env.local",
        "DOTENV_IGNORE": "DECRYPTION_FAILED",
    }
    assert dotenvx.values(project, process_env(tmp_path, **switches), names=["A"]) == {"A": "1"}


def test_a_key_beside_the_file_is_not_used(tmp_path: Path) -> None:
    """Only the keys that the caller found are used, as in the native engine: dotenvx reads no key file."""
    private, public = generate_keys()
    project = environment(tmp_path, dev=f"DOTENV_PUBLIC_KEY_DEV=\"{public}\"\nA='{encrypt('x', public)}'\n")
    (tmp_path / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_DEV={private}\n", encoding="utf-8")
    names = ["DOTENV_PUBLIC_KEY_DEV", "A"]
    with pytest.raises(DecryptionFailed, match=r"^dotenvx could not decrypt A\.$"):
        dotenvx.values(project, process_env(tmp_path), names=names)
    assert dotenvx.values(project, process_env(tmp_path), names=names, private_keys=[private])["A"] == "x"


def test_a_reference_is_resolved(tmp_path: Path) -> None:
    """`op://…` gives what the program `op` prints; without it the error has dotenvx's code but not its text."""
    project = environment(tmp_path / "project", dev="A=op://vault/item/field\nB=1\n")
    with pytest.raises(EnvFileInvalid, match=r"^dotenvx failed with exit code 1 \(1PASSWORD_FAILED\)\.$"):
        dotenvx.values(project, process_env(tmp_path), names=["A", "B"])
    program = tmp_path / "bin" / "op"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "from %s" "$*"\n', encoding="utf-8")
    program.chmod(0o755)
    env = process_env(tmp_path, PATH=f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    values = dotenvx.values(project, env, names=["A", "B"])
    assert (values["B"], "op://vault/item/field" in values["A"], values["A"].startswith("from ")) == (
        "1",
        True,
        True,
    )


def test_a_command_in_the_process_environment_does_not_run(tmp_path: Path) -> None:
    """dotenvx would run it, as the file defines the name: the value is unchanged, also where it is inserted."""
    project = environment(tmp_path, dev="A=1\nB=[${A}]\n")
    line = f"$(touch {tmp_path}/ran)"
    values = dotenvx.values(project, process_env(tmp_path, A=line), names=["A", "B"])
    assert values == {"A": line, "B": f"[{line}]"}
    assert not (tmp_path / "ran").exists()
