"""key-command: the program that prints a private key; run without a shell, its output never shown."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from envtasks.envfiles import generate_keys, key_command
from tests.deadlines import ended

PRIVATE, PUBLIC = generate_keys()
OTHER, _ = generate_keys()


def asked(
    folder: Path, program: str, *arguments: str, env: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """What a Python program, run as key-command, gives for PUBLIC."""
    script = folder / "custody.py"
    script.write_text(textwrap.dedent(program), encoding="utf-8")
    variables = {"PATH": os.environ["PATH"], "SYSTEMROOT": os.environ.get("SYSTEMROOT", ""), **(env or {})}
    argv = [sys.executable, str(script), *arguments]
    found: tuple[str, str] = ended(lambda: key_command.ask_key_command(argv, PUBLIC, variables, folder))
    return found


@pytest.mark.parametrize(
    "printed",
    [
        PRIVATE,
        f"{PRIVATE}\n",
        f"{PRIVATE}\r\n",
        f"  {PRIVATE.upper()}  \n",
        f"DOTENV_PRIVATE_KEY_STAGING='{PRIVATE}'\n",
        f'{{"privateKey": "{PRIVATE}"}}',
        f"{OTHER},{PRIVATE}\n",
        f"note: signed in\n{OTHER}\n{PRIVATE}\n",
    ],
)
def test_the_key_of_the_header_is_taken_however_it_is_printed(tmp_path: Path, printed: str) -> None:
    """The one number of 64 hexadecimal digits that belongs to the file's public key is the key."""
    assert asked(tmp_path, f"print({printed!r}, end='')") == (PRIVATE, "a key")


@pytest.mark.parametrize(
    ("program", "state"),
    [
        (f"print({OTHER!r})", "a key, but not of this file"),
        (f"print({'0' * 64!r})", "a key, but not of this file"),
        ("print('null')", "printed no private key"),
        ("pass", "printed no private key"),
        (f"print({PRIVATE + 'ab'!r})", "printed no private key"),
        (
            f"print({PRIVATE!r}); raise SystemExit(3)",
            "exit code 3 (its output is not shown; run it by hand to see why)",
        ),
    ],
)
def test_anything_else_is_not_taken(tmp_path: Path, program: str, state: str) -> None:
    """Another key, no key, and the output of a command that failed are no key; the state says what happened."""
    assert asked(tmp_path, program) == ("", state)


def test_it_gets_arguments_as_they_are_and_the_public_key(tmp_path: Path) -> None:
    """No shell reads the arguments; ENVTASKS_PUBLIC_KEY is the file's, the folder the project's, stdin empty."""
    program = """
        import json, os, sys
        report = [sys.argv[1:], os.environ["ENVTASKS_PUBLIC_KEY"], os.getcwd(), sys.stdin.read()]
        json.dump(report, open("report.json", "w"))
    """
    asked(tmp_path, program, "$HOME; $(echo x) *", "a b")

    assert json.loads((tmp_path / "report.json").read_text()) == [
        ["$HOME; $(echo x) *", "a b"],
        PUBLIC,
        str(tmp_path),
        "",
    ]


def test_it_gets_no_private_key(tmp_path: Path) -> None:
    """A command has no use for other environments' keys."""
    program = "import json, os; json.dump(sorted(os.environ), open('names.json', 'w'))"
    asked(tmp_path, program, env={"DOTENV_PRIVATE_KEY_DEV": OTHER, "KEPT": "1"})

    names = json.loads((tmp_path / "names.json").read_text())
    assert ("KEPT" in names, [name for name in names if name.startswith("DOTENV_PRIVATE")]) == (True, [])


def test_its_output_is_not_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither stream of the command reaches ours."""
    asked(tmp_path, f"import sys; print({OTHER!r}); print('secret words', file=sys.stderr)")

    assert capfd.readouterr() == ("", "")


def test_a_command_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time limit the attempt is over, also if something that the command started holds its output open."""
    monkeypatch.setattr(key_command, "_SECONDS", 0.5)
    program = """
        import subprocess, sys, time
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"])
        time.sleep(60)
    """
    assert asked(tmp_path, program) == ("", "it took more than 0.5 seconds")


@pytest.mark.parametrize("name", ["no-such-program", "./no-such-program"])
def test_a_missing_program_is_named(tmp_path: Path, name: str) -> None:
    """The state says which program is not there."""
    found = key_command.ask_key_command([name], PUBLIC, {"PATH": os.environ["PATH"]}, tmp_path)
    assert found == ("", f"{name} is not installed")


@pytest.mark.skipif(sys.platform == "win32", reason="a script with a first line is a program on POSIX only")
def test_a_path_is_relative_to_the_project(tmp_path: Path) -> None:
    """A program of the project's own is found from wherever the task is run."""
    script = tmp_path / "bin" / "key"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\necho {PRIVATE}\n")
    script.chmod(0o755)

    assert key_command.ask_key_command(["bin/key"], PUBLIC, {}, tmp_path) == (PRIVATE, "a key")


@pytest.mark.skipif(
    sys.platform == "win32", reason="a file without a known suffix is no program there anyway"
)
def test_what_cannot_be_started_is_said(tmp_path: Path) -> None:
    """A file that is no program gives a sentence, not a traceback."""
    script = tmp_path / "key"
    script.write_bytes(b"\0\1\2")
    script.chmod(0o755)

    found = key_command.ask_key_command(["./key"], PUBLIC, {}, tmp_path)
    assert found == ("", "it cannot be started (Exec format error)")
