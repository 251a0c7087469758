"""Hydration: values, origins, secrets and warnings, with both engines."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from envtasks.config import Environment
from envtasks.errors import (
    ConfigInvalid,
    DecryptionFailed,
)
from envtasks.hydration import Hydrated, Origin, hydrate
from envtasks.hydration.nesting import marker
from tests.deadlines import ended
from tests.dotenv_files import KEY, PRIVATE, encrypted, environment, hydrated
from tests.steps import steps

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")


def test_layers_decrypts_and_expands(tmp_path: Path) -> None:
    """The first file wins, ciphertexts are decrypted, references see the winners, the order is that of the files."""
    files = {
        ".env": "DB_HOST=mine\n",
        ".env.local": f"DB_USER=app\nDB_HOST=db\nDB_PASSWORD='{encrypted('p$w')}'\n"
        "URL=${DB_USER}:${DB_PASSWORD}@$DB_HOST\n",
    }
    result = hydrated(tmp_path, files)
    assert list(result.items()) == [
        ("DB_HOST", "mine"),
        ("DB_USER", "app"),
        ("DB_PASSWORD", "p$w"),
        ("URL", "app:p$w@$DB_HOST"),
    ]
    assert result.files == (".env", ".env.local")


def test_origins(tmp_path: Path) -> None:
    """An origin has file, line, kind, the locations it shadows and whether the process environment wins."""
    files = {
        ".env": "A=1\nB=2\n",
        "config/.env.local": f"# c\nA=3\nB='{encrypted('x')}'\nC='{encrypted('y')}'\nC='{encrypted('z')}'",
    }
    result = hydrated(tmp_path, files, {"A": "p"})
    assert {name: result.origin(name) for name in result} == {
        "A": Origin(".env", 1, encrypted=False, secret=False, shadows=("config/.env.local:2",), process=True),
        "B": Origin(".env", 2, encrypted=False, secret=True, shadows=("config/.env.local:3",)),
        "C": Origin("config/.env.local", 5, encrypted=True, secret=True),
    }


def test_secrets(tmp_path: Path) -> None:
    """Secret are values encrypted in some file, those that the settings class declares, and values made from them."""
    text = f"A='{encrypted('one')}'\nB=x-$A\nC=${{A:+set}}\nD=two\nE=$D\nF=${{T}}\nG=plain\n"
    result = hydrated(tmp_path, text, {"T": "token"}, secret_names={"D", "T"})
    assert dict(result.secrets) == {"A": "one", "B": "x-one", "D": "two", "E": "two", "F": "token", **KEY}
    assert dict(hydrated(tmp_path, "DB_PASSWORD=x", secret_names={"db_password"}).secrets) == {
        "DB_PASSWORD": "x"
    }


def test_a_private_key_in_an_env_file_reaches_no_process(tmp_path: Path) -> None:
    """A key in the overrides decrypts the baseline, as in dotenvx, but is not a variable and reaches no process."""
    files = {".env": f"DOTENV_PRIVATE_KEY_LOCAL={PRIVATE}\n", ".env.local": f"A='{encrypted('x')}'\n"}
    result = hydrate(environment(tmp_path, files), {})
    assert dict(result) == {"A": "x"}
    assert PRIVATE not in result.child_env().values()


@posix
def test_commands_run_where_they_are_allowed(tmp_path: Path) -> None:
    """A command runs in the project's root with the values above it, but without keys; its output is not expanded."""
    text = "A=1\nB=\"$(printf '%s %s $A' $A $(ls -a | grep -c local))\"\nC=$(env | grep -c PRIVATE_KEY || true)\n"
    result = hydrated(tmp_path, text, {"PATH": "/usr/bin:/bin"}, commands=True)
    assert dict(result) == {"A": "1", "B": "1 1 $A", "C": "0"}


@posix
def test_the_output_of_a_command_with_a_secret_is_secret(tmp_path: Path) -> None:
    """The output of a command that reads a secret is to be redacted."""
    result = hydrated(tmp_path, f"A='{encrypted('one')}'\nB=$(printf x$A)\nC=$(printf y)", commands=True)
    assert dict(result.secrets) == {"A": "one", "B": "xone", **KEY}


def test_commands_that_would_not_run_are_text(tmp_path: Path) -> None:
    """In single quotes, in a shadowed value and in the process environment, `$(…)` is text."""
    files = {".env": "A='$(touch ran)'", ".env.local": "A=$(touch ran)\nB=$(touch ran)\nC=1"}
    result = hydrated(tmp_path, files, {"B": "x", "C": "$(touch ran)"}, commands=True)
    assert dict(result) == {"A": "$(touch ran)", "B": "x", "C": "$(touch ran)"}
    assert not (tmp_path / "ran").exists()


def test_warns_about_a_secret_that_the_expansion_changes(tmp_path: Path) -> None:
    """A decrypted value with a dollar sign outside single quotes is changed, with a warning that has its line."""
    text = f'A="{encrypted("pa$$word")}"\nB=\'{encrypted("pa$$word")}\'\nC="{encrypted("plain")}"\nD=x$C'
    result = hydrated(tmp_path, text)
    assert [result["A"], result["B"]] == ["pa$", "pa$$word"]
    assert result.warnings == (
        ".env.local:1: A: this secret is changed by dotenvx's `$` expansion: `inv env.encrypt --repair`",
    )


def test_warns_where_a_dollar_in_a_secret_breaks_another_value(tmp_path: Path) -> None:
    """A secret that is changed where it is inserted, or ends the expansion there, gives a warning with that line."""
    text = (
        f"A='{encrypted('pa$$word')}'\nB='{encrypted('p$w')}'\nC='{encrypted('p$')}'\nX=1\n"
        "U1=u:$A@h\nU2=u:$B@$X\nU3=u:$B@h\nU4=u:$C@$X\nU5=$A\n"
    )
    result = hydrated(tmp_path, text)
    assert [result[name] for name in ("U1", "U2", "U3", "U4", "U5")] == [
        "u:pa$word@h",
        "u:p$w@$X",
        "u:p$w@h",
        "u:p$@1",
        "pa$word",
    ]
    sentence = "breaks dotenvx's expansion here, so this is not the value it looks like"
    assert result.warnings == (
        f".env.local:5: U1: the `$` in A {sentence}",
        f".env.local:6: U2: the `$` in B {sentence}",
        f".env.local:9: U5: the `$` in A {sentence}",
    )


def test_warns_about_likely_mistakes(tmp_path: Path) -> None:
    """Open quotes, names set twice and bytes that are not UTF-8 give warnings with file and line."""
    (tmp_path / ".env").write_bytes(b"# caf\xe9\n")
    result = hydrated(tmp_path, {".env": "", ".env.local": "A='x\nB=1\nB=2\n"})
    assert result.warnings == (
        ".env:1: not UTF-8: what cannot be read becomes \ufffd; save the file as UTF-8",
        ".env.local:1: A: the quote is not closed, so the value ends with its line and the quote is part of it",
        ".env.local:3: B is set again (first in line 2): the last one counts",
    )


def test_a_placeholder_that_env_new_wrote_is_warned_of_once(tmp_path: Path) -> None:
    """By name, for each file; not one that the process environment replaces."""
    files = {".env.qa": "A=changeme\nB=x\nC=changeme\nD='changeme'\n"}
    result = hydrated(tmp_path, files, {"C": "y"}, options={"name": "qa"})

    assert result.warnings[-1] == ".env.qa still has placeholders: A, D: inv env.set A --env qa"
    assert len(result.warnings) == 2  # the other one is about the process environment


@pytest.mark.parametrize("options", [{"name": "local"}, {"name": "test"}, {"name": "qa", "public": True}])
def test_a_placeholder_may_be_all_that_an_environment_needs(tmp_path: Path, options: dict[str, Any]) -> None:
    """A developer's own stack, tests and an environment of fake values print nothing."""
    result = hydrated(tmp_path, {".env.x": "A=changeme\n"}, options=options)
    assert (dict(result), result.warnings) == ({"A": "changeme"}, ())


def test_app_env_is_from_the_files_or_the_name(tmp_path: Path) -> None:
    """APP_ENV of the process environment is ignored, also in expansions; a file sets it, else it is the name."""
    env = {"APP_ENV": "shell"}
    named = hydrated(tmp_path, "A=${APP_ENV}", env)
    assert (dict(named), named.child_env()["APP_ENV"], named.warnings) == ({"A": "local"}, "local", ())
    said = hydrated(tmp_path, "APP_ENV=staging\nA=${APP_ENV}", env)
    assert (dict(said), said.child_env()["APP_ENV"], said.warnings) == (
        {"APP_ENV": "staging", "A": "staging"},
        "staging",
        (),
    )


def test_names_differ_in_case_everywhere_but_on_windows(tmp_path: Path) -> None:
    """On Windows `Path` and `PATH` are one variable: merged, expanded and reported as such; elsewhere they are two."""
    text, env = "Path=file\nB=${PATH}\nb=2\nL='$x'\nC=[$l$PATH]", {"PATH": "process"}
    here = hydrated(tmp_path, text, env, windows=False)
    assert dict(here) == {"Path": "file", "B": "process", "b": "2", "L": "$x", "C": "[process]"}
    there = hydrated(tmp_path, text, env, windows=True, secret_names={"path"})
    assert dict(there) == {"Path": "process", "b": "2", "L": "$x", "C": "[$x$PATH]"}
    assert (there["PATH"], there["B"], "B" in there, there.origin("PATH").process) == (
        "process",
        "2",
        True,
        True,
    )
    assert there.warnings == (
        "the process environment wins over .env.local with another value: Path",
        ".env.local:3: b is B (.env.local:2) on Windows",
    )
    child = there.child_env(["path"])
    assert {name: child.get(name) for name in ("Path", "PATH", "b", "B")} == {
        "Path": "process",
        "PATH": None,
        "b": None,
        "B": None,
    }
    assert dict(there.secrets) == {"Path": "process", "Path in .env.local:1": "file"}


def test_the_process_environment_is_neither_changed_nor_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the mapping that is passed counts, and it stays as it is."""
    monkeypatch.setenv("A", "environ")
    env = {"APP_ENV": "x", "DOTENV_PRIVATE_KEY": PRIVATE, **marker("dev", {"Z": ""}, [])}
    before = dict(env)
    assert dict(hydrate(environment(tmp_path, {".env.local": f"A=file\nB='{encrypted('b')}'"}), env)) == {
        "A": "file",
        "B": "b",
    }
    assert (env, os.environ["A"]) == (before, "environ")


def test_bytes_that_are_not_utf8_pass_through(tmp_path: Path) -> None:
    """A process variable with such bytes reaches the child as it is, also where a value refers to it."""
    result = hydrated(tmp_path, "A=x$P", {"P": "\udcff", "Q": "\udce9"})
    assert (result["A"], result.child_env()["Q"]) == ("x\udcff", "\udce9")


def test_50_000_variables_are_hydrated_in_linear_time(tmp_path: Path) -> None:
    """Twice the variables, half of them with references, take about twice the steps; so do 50,000, and 5 MB, end."""

    def variables(count: int) -> Hydrated:
        lines = (f'V{n}="x"' if n % 2 else f'V{n}="${{V{n - 1}}}-$HOME"' for n in range(count))
        return hydrated(tmp_path, "\n".join(lines), {"HOME": "h"})

    variables(10)  # imports what it uses
    few, many = (steps(partial(variables, count)) for count in (500, 1_000))
    assert many < 2.5 * few
    assert len(ended(lambda: variables(50_000))) == 50_000
    assert len(ended(lambda: hydrated(tmp_path, 'A="' + "x" * 5_000_000 + '"\nB=$A'))["B"]) == 5_000_000


def test_imports_nothing_that_is_not_used(tmp_path: Path) -> None:
    """Plain values are hydrated without keys, expansion, cryptography, subprocess or any other expensive import."""
    (tmp_path / ".env.local").write_text("A=1\nB='2'", encoding="utf-8")
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from envtasks.hydration import hydrate
        from envtasks.config import Environment
        root = Path(sys.argv[1])
        print(dict(hydrate(Environment("local", root, (root / ".env.local",)), {})))
        heavy = "envtasks.envfiles.keys envtasks.envfiles.encryption envtasks.envfiles.commands"
        heavy += " envtasks.envfiles.expansion envtasks.hydration.dotenvx dataclasses cryptography subprocess rich"
        heavy += " pydantic nox yaml invoke tomllib json hashlib tempfile"
        print([name for name in heavy.split() if name in sys.modules])
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines() == ["{'A': '1', 'B': '2'}", "[]"]


def test_the_dotenvx_engine_gives_only_the_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine dotenvx gives the values of the files; what it looked up is secret, process values stay unchanged."""
    from envtasks.hydration import dotenvx

    called: dict[str, Any] = {}

    def values(environment: Environment, process_env: Mapping[str, str], **arguments: Any) -> dict[str, str]:
        called.update(arguments, files=environment.files, app_env=process_env.get("APP_ENV"))
        return {"A": "looked up", "B": "b", "P": "changed", "S": "s"}

    monkeypatch.setattr(dotenvx, "values", values)
    text = f"A=op://v/i/f\nB=b\nP=1\nS='{encrypted('s')}'"
    result = hydrated(tmp_path, text, {"P": "p", "APP_ENV": "shell"}, engine="dotenvx")
    assert dict(result) == {"A": "looked up", "B": "b", "P": "p", "S": "s"}
    assert dict(result.secrets) == {"A": "looked up", "S": "s", **KEY}
    assert called == {
        "names": ["A", "B", "P", "S"],
        "private_keys": (PRIVATE,),
        "files": (tmp_path / ".env.local",),
        "app_env": "local",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_the_dotenvx_engine_runs_no_command_with_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dotenvx would run commands with the private keys in their environment, so they run here, without keys."""
    from envtasks.hydration import dotenvx

    monkeypatch.setattr(dotenvx, "values", lambda *_, **__: pytest.fail("dotenvx was called"))
    process = {"PATH": os.environ["PATH"], "DOTENV_PRIVATE_KEY_LOCAL": PRIVATE}
    text = f"A=$(env | sed -n 's/^DOTENV_PRIVATE.*/seen/p'; echo ran)\nS='{encrypted('s')}'"
    assert dict(hydrated(tmp_path, text, process, engine="dotenvx", commands=True)) == {"A": "ran", "S": "s"}


def test_dotenvx_is_not_called_where_it_would_run_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where dotenvx would run what an earlier file has in single quotes, it is not called; the values are the same."""
    from envtasks.hydration import dotenvx

    monkeypatch.setattr(dotenvx, "values", lambda *_, **__: pytest.fail("dotenvx was called"))
    files = {".env": "A='$(touch ran)'", ".env.local": "A=1\nB=2"}
    assert dict(hydrated(tmp_path, files, engine="dotenvx")) == {"A": "$(touch ran)", "B": "2"}


@pytest.mark.parametrize("text", ["A=$(touch ran)", "A=encrypted:zzzz"])
def test_dotenvx_is_not_called_for_what_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """What is refused is refused before dotenvx is called."""
    from envtasks.hydration import dotenvx

    monkeypatch.setattr(dotenvx, "values", lambda *_, **__: pytest.fail("dotenvx was called"))
    with pytest.raises((ConfigInvalid, DecryptionFailed)):
        hydrated(tmp_path, text, engine="dotenvx")
