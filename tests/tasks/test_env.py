"""`inv env.list`, `env.show` and `env.get` as a user meets them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.program import Program

from envtasks.tasks import built_in, env
from tests.dotenv_files import PRIVATE, PUBLIC, encrypted


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n', encoding="utf-8")
    (tmp_path / ".env.production").write_text(
        f"DOTENV_PUBLIC_KEY_PRODUCTION=\"{PUBLIC}\"\nTOKEN='{encrypted('hush-hush')}'\nHOST=db\n",
        encoding="utf-8",
    )
    (tmp_path / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_PRODUCTION={PRIVATE}\n", encoding="utf-8")
    (tmp_path / ".env.keys").chmod(0o600)
    monkeypatch.delenv("USER", raising=False)  # many shells set it, and the tests' env files
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _inv(*argv: str) -> int:
    try:
        Program(name="envtasks", binary="envtasks", namespace=built_in()).run(["envtasks", *argv])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("argv", [["env.get", "HOST"], ["env.show", "--reveal"]])
def test_reading_never_asks_and_offers_no_yes(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """In a protected environment a value is shown to who has the key; there is nothing that `--yes` would confirm."""
    assert _inv(*argv, "--env", "production") == 0
    capsys.readouterr()
    assert _inv(*argv, "--env", "production", "--yes") == 1
    assert "--yes" in capsys.readouterr().err


@pytest.mark.usefixtures("shop")
def test_json_and_table_list_the_same_variables(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither lists public keys: they are no variables of the service."""
    assert _inv("env.show", "--env", "production", "--json") == 0
    listed = [row["name"] for row in json.loads(capsys.readouterr().out)]
    assert _inv("env.show", "--env", "production") == 0
    table = capsys.readouterr().out

    assert listed == ["TOKEN", "HOST"]
    assert [line.split()[0] for line in table.splitlines()[1:]] == listed


@pytest.mark.usefixtures("shop")
def test_a_value_in_json_comes_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """The value as it is, and what `env.show` says of it."""
    assert _inv("env.get", "TOKEN", "--env", "production", "--json") == 0
    found = json.loads(capsys.readouterr().out)

    assert (found["name"], found["value"], found["file"], found["line"], found["secret"]) == (
        "TOKEN",
        "hush-hush",
        ".env.production",
        2,
        True,
    )


def test_every_task_that_inspects_or_writes_environments_has_json() -> None:
    """A program may read what each of them says."""
    tasks = Collection.from_module(env)
    without = [
        name
        for name in tasks.task_names
        if "json" not in {each for argument in tasks[name].get_arguments() for each in argument.names}
    ]
    assert without == []


def test_files_in_json_are_paths(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that are not there are in lists of their own; the table says it beside each."""
    (shop / ".env.dev").write_text("A=1\n", encoding="utf-8")
    (shop / "pyproject.toml").write_text("[tool.envtasks.environments]\ndev = {}\n", encoding="utf-8")

    assert _inv("env.list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert _inv("env.list") == 0

    assert (row["files"], row["absent"], row["missing"]) == ([".env", ".env.dev"], [".env"], [])
    assert ".env (not there), .env.dev" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_key_file_in_git_is_reported(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """env.list warns of a tracked key file of an environment that is not public, and says how to take it out."""
    for words in (["init", "-q"], ["add", "-f", ".env.keys"]):
        subprocess.run(
            ["git", *words], cwd=shop, check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        )

    assert _inv("env.list") == 0
    assert capsys.readouterr().err == (
        "warning: .env.keys is in git, and production is not public: git rm --cached .env.keys\n"
    )


def test_env_list_runs_no_key_command(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list of environments asks no password manager; it says that there is one to ask."""
    script = shop / "custody.py"
    script.write_text("open('ran', 'w').close()\n", encoding="utf-8")
    (shop / "pyproject.toml").write_text(
        f"[tool.envtasks.environments]\nproduction = {{ key-command = {json.dumps([sys.executable, str(script)])} }}\n",
        encoding="utf-8",
    )
    (shop / ".env.keys").unlink()

    assert _inv("env.list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["key"] == f"not run: key-command ({sys.executable})"
    assert not (shop / "ran").exists()


def test_an_environment_that_cannot_be_read_spoils_no_list(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its row has the reason, and the others have theirs."""
    (shop / ".env.staging").write_text("<<<<<<< HEAD\nA=1\n", encoding="utf-8")

    assert _inv("env.list") == 0

    out = capsys.readouterr().out
    assert ".env.staging:1: the file has the conflict markers of a merge." in out
    assert "yes, from .env.keys" in out


def test_what_is_not_redacted_is_marked(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A secret that is too short or too common to be redacted is shown as such; what is no secret needs no mark."""
    with (shop / ".env.production").open("a", encoding="utf-8") as file:
        file.write(
            f"DEBUG='{encrypted('true')}'\nPORT='{encrypted('5432')}'\nUSER='{encrypted('shop-user')}'\n"
        )
    assert _inv("env.show", "--env", "production", "--json") == 0
    redacted = {row["name"]: row["redacted"] for row in json.loads(capsys.readouterr().out)}
    assert _inv("env.show", "--env", "production") == 0
    kinds = {
        line.split()[0]: line.split("  ")[-1].strip() for line in capsys.readouterr().out.splitlines()[1:]
    }

    assert redacted == {"TOKEN": True, "HOST": False, "DEBUG": False, "PORT": False, "USER": True}
    assert kinds == {
        "TOKEN": "encrypted",
        "HOST": "plain",
        "DEBUG": "encrypted, not redacted",
        "PORT": "encrypted, not redacted",
        "USER": "encrypted",
    }


def test_what_is_declared_no_secret_is_shown(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`not-secret` lists names and patterns; their values are shown although they are encrypted."""
    (shop / "pyproject.toml").write_text(
        '[project]\nname = "shop"\n[tool.envtasks]\nnot-secret = ["DEBUG", "US*"]\n', encoding="utf-8"
    )
    with (shop / ".env.production").open("a", encoding="utf-8") as file:
        file.write(f"DEBUG='{encrypted('true')}'\nUSER='{encrypted('shop-user')}'\n")
    assert _inv("env.show", "--env", "production", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}

    assert (rows["DEBUG"]["value"], rows["USER"]["value"], rows["TOKEN"]["value"]) == (
        "true",
        "shop-user",
        "***",
    )
    assert _inv("env.show", "--env", "production") == 0
    assert "not redacted" not in capsys.readouterr().out
