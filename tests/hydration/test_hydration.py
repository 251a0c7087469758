"""Hydrating: what the values are, what is secret, what is refused before anything runs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from envtasks.config import Environment
from envtasks.errors import (
    ConfigInvalid,
    DecryptionFailed,
    EnvFileInvalid,
    EnvFileMissing,
    EnvtasksError,
    KeyMissing,
    Refused,
)
from envtasks.hydration import Origin, hydrate
from envtasks.hydration.nesting import marker
from tests.dotenv_files import OTHER, PRIVATE, PUBLIC, encrypted, environment, hydrated

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")


def refusal(error: type[EnvtasksError], folder: Path, text: str | Mapping[str, str], **arguments: Any) -> str:
    with pytest.raises(error) as caught:
        hydrated(folder, text, **arguments)
    return caught.value.message


def test_layers_decrypts_and_expands(tmp_path: Path) -> None:
    """The first file wins, ciphertexts are opened, references see the winners, the order is that of the files."""
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


def test_tells_where_each_variable_comes_from(tmp_path: Path) -> None:
    """An origin has file, line, kind, the places it wins over and whether the process environment wins."""
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


def test_knows_what_is_secret(tmp_path: Path) -> None:
    """Secret is what is encrypted in some file, what the settings class says, and whatever holds such a value."""
    text = f"A='{encrypted('one')}'\nB=x-$A\nC=${{A:+set}}\nD=two\nE=$D\nF=${{T}}\nG=plain\n"
    result = hydrated(tmp_path, text, {"T": "token"}, secret_names={"D", "T"})
    assert dict(result.secrets) == {"A": "one", "B": "x-one", "D": "two", "E": "two", "F": "token"}


def test_a_replaced_secret_is_hidden_too(tmp_path: Path) -> None:
    """Where the process environment replaces a secret, both values are to be hidden."""
    result = hydrated(tmp_path, f"A='{encrypted('one')}'\n", {"A": "two"})
    assert dict(result.secrets) == {"A": "two", "A in .env.local:1": "one"}


def test_a_private_key_in_an_env_file_goes_nowhere(tmp_path: Path) -> None:
    """A key in the overrides opens the baseline, as for dotenvx, but is no variable and reaches no process."""
    files = {".env": f"DOTENV_PRIVATE_KEY_LOCAL={PRIVATE}\n", ".env.local": f"A='{encrypted('x')}'\n"}
    result = hydrate(environment(tmp_path, files), {})
    assert dict(result) == {"A": "x"}
    assert PRIVATE not in result.child_env().values()


def test_a_missing_baseline_stops(tmp_path: Path) -> None:
    """Without its baseline an environment cannot be hydrated; without overrides it can."""
    assert refusal(EnvFileMissing, tmp_path, {".env": "A=1", ".env.local": ""}) == (
        ".env.local is missing, and local requires it."
    )
    assert dict(hydrated(tmp_path / "x", {".env": "", ".env.local": "A=1"})) == {"A": "1"}


def test_overrides_alone_are_a_baseline(tmp_path: Path) -> None:
    """An environment whose only file is `.env` needs it."""
    assert refusal(EnvFileMissing, tmp_path, {".env": ""}) == ".env is missing, and local requires it."


@pytest.mark.parametrize("place", ["directory", "pipe"])
def test_something_else_in_place_of_a_file_stops(tmp_path: Path, place: str) -> None:
    """A directory or a pipe in place of overrides is an error, although overrides may be absent."""
    path = tmp_path / ".env"
    if place == "pipe":
        if sys.platform == "win32":
            pytest.skip("no pipes in the file system")
        os.mkfifo(path)
    else:
        path.mkdir()
    assert refusal(EnvFileInvalid, tmp_path, {".env": "", ".env.local": "A=1"}).startswith(".env is a ")


def test_without_a_key_everything_is_named(tmp_path: Path) -> None:
    """Without a key nothing runs: every variable, its line, the key's variable and the places looked at are told."""
    files = {
        ".env": f"A=1\nZ='{encrypted('z')}'",
        ".env.local": f"DOTENV_PUBLIC_KEY_DEV=\"{PUBLIC}\"\nA='{encrypted('a')}'\nB='{encrypted('b')}'\nC=$(touch ran)",
    }
    with pytest.raises(KeyMissing) as caught:
        hydrate(environment(tmp_path, files), {}, commands=True)
    assert caught.value.message == "In local there is no key to decrypt Z (.env:2), B (.env.local:3)."
    assert caught.value.hint == (
        "the key belongs in DOTENV_PRIVATE_KEY or DOTENV_PRIVATE_KEY_DEV; searched: "
        "DOTENV_PRIVATE_KEY in the process environment: not set; "
        "DOTENV_PRIVATE_KEY_DEV in the process environment: not set; "
        ".env.local.keys: not there; .env.keys: not there"
    )
    assert not (tmp_path / "ran").exists()


def test_a_key_that_does_not_fit_is_told(tmp_path: Path) -> None:
    """With another key the message says that none of those at hand opens the value, and shows none."""
    made = environment(tmp_path, {".env.local": f"A='{encrypted('a')}'"})
    with pytest.raises(DecryptionFailed) as caught:
        hydrate(made, {"DOTENV_PRIVATE_KEY_LOCAL": OTHER})
    assert caught.value.message == (
        "In local none of the keys found decrypts A (.env.local:1): "
        "another key is needed, or the value is damaged, or encrypted twice."
    )
    assert OTHER not in str(caught.value)


def test_what_does_not_count_need_not_open(tmp_path: Path) -> None:
    """A ciphertext that overrides or the process environment replace is no error, even if nothing opens it."""
    files = {".env": "A=1", ".env.local": f"A='{encrypted('a')}'\nB=encrypted:zzzz"}
    result = hydrate(environment(tmp_path, files), {"B": "p"})
    assert dict(result) == {"A": "1", "B": "p"}


def test_ciphertext_in_the_process_environment_is_opened(tmp_path: Path) -> None:
    """A process value that is a ciphertext is decrypted where a file defines its name, or stops."""
    assert dict(hydrated(tmp_path, "A=1", {"A": encrypted("x")})) == {"A": "x"}
    assert refusal(DecryptionFailed, tmp_path, "A=1", env={"A": "encrypted:zzzz"}).startswith(
        "In local none of the keys found decrypts A (process environment)"
    )


@pytest.mark.parametrize("value", ["${N:-encrypted:abc}", "$(printf encrypted:x)"])
@posix
def test_ciphertext_never_reaches_a_process(tmp_path: Path, value: str) -> None:
    """What still begins with `encrypted:` after expansion is an error."""
    assert refusal(DecryptionFailed, tmp_path, f'A="{value}"', commands=True) == (
        ".env.local:1: A: the value still begins with encrypted: after decryption and expansion."
    )


def test_what_is_encrypted_twice_is_refused(tmp_path: Path) -> None:
    """A plaintext that is a ciphertext again is not decrypted again and not handed on."""
    assert refusal(DecryptionFailed, tmp_path, f"A='{encrypted('encrypted:x')}'").startswith(
        "In local none of the keys found decrypts A (.env.local:1)"
    )


def test_nul_is_refused(tmp_path: Path) -> None:
    """A NUL character, plain or decrypted, stops: the value would arrive cut off."""
    text = f"A=a\0b\nB='{encrypted('a' + chr(0))}'\nC=c # \0"
    assert refusal(EnvFileInvalid, tmp_path, text) == (
        ".env.local:1: A, .env.local:2: B: the value has a NUL character, which no process environment can hold."
    )


def test_references_to_password_managers_are_refused(tmp_path: Path) -> None:
    """`op://` and `bw://` are not followed, and not handed on as if they were the secret."""
    assert refusal(EnvFileInvalid, tmp_path, "A='op://v/i/f'\nP=bw\nB=${P}://x\nC=x op://y") == (
        ".env.local:1: A, .env.local:3: B: references to a password manager (op://, bw://) are not resolved."
    )


def test_an_expansion_without_end_is_told(tmp_path: Path) -> None:
    """Where dotenvx hangs, file and line are told."""
    assert refusal(EnvFileInvalid, tmp_path, "A=1\nB=[$P]", env={"P": "$P"}) == (
        ".env.local:2: B: the `$` expansion of this value does not end."
    )


@pytest.mark.parametrize(
    ("text", "env", "options", "commands", "reason"),
    [
        ("A=1\nB=$(touch ran)", {}, {}, False, "commands are off"),
        ('A=1\nB="x$(touch ran)"', {}, {"protected": True}, True, "local is protected"),
        ("A=1\nB=`$(touch ran)`", {"CI": "true"}, {}, True, "CI is set"),
        ("A=1\nB=\\$(touch ran)", {}, {}, False, "commands are off"),
        (f'A=1\nB="{encrypted("$(touch ran)")}"', {}, {}, False, "commands are off"),
    ],
)
def test_commands_are_refused(
    tmp_path: Path,
    text: str,
    env: Mapping[str, str],
    options: Mapping[str, object],
    commands: bool,
    reason: str,
) -> None:
    """`$(command)` stops with file and line unless it is allowed; never in a protected environment or in CI."""
    message = refusal(ConfigInvalid, tmp_path, text, env=env, options=options, commands=commands)
    assert message == f".env.local:2: B: $(…) would run a command, and {reason}."
    assert not (tmp_path / "ran").exists()


@posix
def test_commands_run_where_they_are_allowed(tmp_path: Path) -> None:
    """A command sees the values before it and the project's root, but no key; its output is not expanded."""
    text = "A=1\nB=\"$(printf '%s %s $A' $A $(ls -a | grep -c local))\"\nC=$(env | grep -c PRIVATE_KEY || true)\n"
    result = hydrated(tmp_path, text, {"PATH": "/usr/bin:/bin"}, commands=True)
    assert dict(result) == {"A": "1", "B": "1 1 $A", "C": "0"}


@posix
def test_what_a_command_makes_of_a_secret_is_secret(tmp_path: Path) -> None:
    """The output of a command that mentions a secret is to be hidden."""
    result = hydrated(tmp_path, f"A='{encrypted('one')}'\nB=$(printf x$A)\nC=$(printf y)", commands=True)
    assert dict(result.secrets) == {"A": "one", "B": "xone"}


def test_commands_that_would_not_run_are_text(tmp_path: Path) -> None:
    """In single quotes, in a value that does not count and in a process value, `$(…)` is text and stays so."""
    files = {".env": "A='$(touch ran)'", ".env.local": "A=$(touch ran)\nB=$(touch ran)\nC=1"}
    result = hydrated(tmp_path, files, {"B": "x", "C": "$(touch ran)"}, commands=True)
    assert dict(result) == {"A": "$(touch ran)", "B": "x", "C": "$(touch ran)"}
    assert not (tmp_path / "ran").exists()


def test_warns_about_a_secret_that_the_expansion_changes(tmp_path: Path) -> None:
    """A decrypted value with a dollar sign that is not in single quotes arrives damaged, and that is told by line."""
    text = f'A="{encrypted("pa$$word")}"\nB=\'{encrypted("pa$$word")}\'\nC="{encrypted("plain")}"\nD=x$C'
    result = hydrated(tmp_path, text)
    assert [result["A"], result["B"]] == ["pa$", "pa$$word"]
    assert result.warnings == (
        ".env.local:1: A: this secret is changed by dotenvx's `$` expansion: `inv env.encrypt --repair`",
    )


def test_warns_where_a_dollar_in_a_secret_breaks_another_value(tmp_path: Path) -> None:
    """A secret that is changed where it is put in, or that keeps what follows from being expanded, is told there."""
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


def test_warns_about_slips_in_the_files(tmp_path: Path) -> None:
    """Open quotes, names set twice and bytes that are not UTF-8 are told by file and line."""
    (tmp_path / ".env").write_bytes(b"# caf\xe9\n")
    result = hydrated(tmp_path, {".env": "", ".env.local": "A='x\nB=1\nB=2\n"})
    assert result.warnings == (
        ".env:1: not UTF-8: what cannot be read becomes \ufffd; save the file as UTF-8",
        ".env.local:1: A: the quote is not closed, so the value ends with its line and the quote is part of it",
        ".env.local:3: B is set again (first in line 2): the last one counts",
    )


def test_says_once_what_the_process_environment_replaces(tmp_path: Path) -> None:
    """Names with another value in the process environment are one line; equal values and overrides are not told."""
    files = {
        ".env": "O=1\nM=1\n",
        ".env.local": f"A=1\nB=x-$A\nS='{encrypted('s')}'\nM=2\nE=1\nDOTENV_PUBLIC_KEY_LOCAL={PUBLIC}\n",
    }
    env = {
        "O": "2",
        "A": "2",
        "B": "x-1",
        "S": "t",
        "M": "1",
        "E": "",
        "DOTENV_PUBLIC_KEY_LOCAL": "x",
        "OTHER": "1",
    }
    result = hydrated(tmp_path, files, env)
    assert result.warnings == ("the process environment wins over .env.local with another value: A, S, E",)
    assert hydrated(tmp_path, files, env, reported={"A", "S"}).warnings == (
        "the process environment wins over .env.local with another value: E",
    )


def test_a_secret_that_cannot_be_compared_counts_as_replaced(tmp_path: Path) -> None:
    """Without a key it is not known what the process environment replaces, so it is told."""
    made = environment(tmp_path, {".env.local": f"A='{encrypted('x')}'\nB=$A"})
    result = hydrate(made, {"A": "x", "B": "x"})
    assert result.warnings == ("the process environment wins over .env.local with another value: A, B",)


def test_a_protected_environment_is_not_replaced(tmp_path: Path) -> None:
    """In a protected environment the process environment may not replace values, unless they are listed."""
    text, env = "A=1\nB=2\nC=3", {"A": "x", "B": "y", "C": "3"}
    assert refusal(Refused, tmp_path, text, env=env, options={"protected": True}) == (
        "local is protected, and the process environment sets other values than .env.local: A, B."
    )
    allowed = hydrated(tmp_path, text, env, options={"protected": True, "allow_overrides": ("A", "B")})
    assert dict(allowed) == {"A": "x", "B": "y", "C": "3"}
    assert allowed.warnings == ("the process environment wins over .env.local with another value: A, B",)


def test_notes_what_overrides_replace(tmp_path: Path) -> None:
    """Overrides that replace a baseline's other value are one note, apart from the warnings."""
    files = {".env": "A=1\nB=2\nC=3\nD=4\n", ".env.local": "A=1\nB=x\nC=y\n"}
    result = hydrated(tmp_path, files, {"C": "p"})
    assert result.notes == (".env overrides .env.local: B",)


def test_app_env_is_what_the_files_or_the_name_say(tmp_path: Path) -> None:
    """APP_ENV of the shell counts nowhere, not even in an expansion; without one in the files it is the name."""
    env = {"APP_ENV": "shell"}
    named = hydrated(tmp_path, "A=${APP_ENV}", env)
    assert (dict(named), named.child_env()["APP_ENV"], named.warnings) == ({"A": "local"}, "local", ())
    said = hydrated(tmp_path, "APP_ENV=staging\nA=${APP_ENV}", env)
    assert (dict(said), said.child_env()["APP_ENV"], said.warnings) == (
        {"APP_ENV": "staging", "A": "staging"},
        "staging",
        (),
    )


def test_another_environment_inside_sees_nothing_of_the_outer_one(tmp_path: Path) -> None:
    """Hydrated inside a child of another environment, neither names nor values of the outer one are left."""
    outer = hydrated(tmp_path / "a", "A=outer\nB=outer\nAPP_ENV=dev", {"HOME": "h"}, options={"name": "dev"})
    made = environment(tmp_path / "b", {".env.local": "A=inner\nC=${B:-none}"})
    inner = hydrate(made, outer.child_env())
    child = inner.child_env()
    assert (dict(inner), inner.warnings) == ({"A": "inner", "C": "none"}, ())
    assert {name: child.get(name) for name in ("A", "B", "C", "APP_ENV", "HOME")} == {
        "A": "inner",
        "B": None,
        "C": "none",
        "APP_ENV": "local",
        "HOME": "h",
    }


def test_the_same_environment_inside_keeps_what_it_is_given(tmp_path: Path) -> None:
    """Hydrated again inside its own child, without the key, values are the same, and nothing is said twice."""
    text = f"A=1\nS='{encrypted('secret')}'\nU=x-$S\nA2=1\n'"
    outer = hydrated(tmp_path, text, {"A2": "2"})
    assert len(outer.warnings) == 2
    inner = hydrate(environment(tmp_path, {".env.local": text}), outer.child_env())
    assert (dict(inner), inner.warnings) == (dict(outer), ())
    assert dict(inner.secrets) == {"S": "secret", "U": "x-secret"}
    assert inner.child_env() == outer.child_env()


def test_a_change_between_two_of_the_same_environment_wins_and_is_told(tmp_path: Path) -> None:
    """Who changes a value between the outer and the inner hydration gets that value, and one line about it."""
    outer = hydrated(tmp_path, "A=1\nB=$A")
    inner = hydrate(environment(tmp_path, {".env.local": "A=1\nB=$A"}), {**outer.child_env(), "A": "2"})
    assert (dict(inner), inner.warnings) == (
        {"A": "2", "B": "1"},
        ("the process environment wins over .env.local with another value: A",),
    )


def test_a_protected_environment_can_be_hydrated_inside_itself(tmp_path: Path) -> None:
    """What an outer hydration put there is no replacement, although no key is there to compare."""
    text, options = f"S='{encrypted('secret')}'\nA=1", {"protected": True, "name": "production"}
    outer = hydrated(tmp_path, text, options=options)
    inner = hydrate(
        environment(tmp_path, {".env.local": text}, protected=True, name="production"), outer.child_env()
    )
    assert dict(inner) == {"S": "secret", "A": "1"}


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
        ".env.local:3: b is B (.env.local:2) on Windows",
        "the process environment wins over .env.local with another value: Path",
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
    env = {"APP_ENV": "x", "DOTENV_PRIVATE_KEY": PRIVATE, **marker("dev", ["Z"], [])}
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
    """50,000 variables, half of them with references, take about ten times as long as 5,000; 5 MB take no time."""

    def seconds(count: int) -> float:
        lines = (f'V{n}="x"' if n % 2 else f'V{n}="${{V{n - 1}}}-$HOME"' for n in range(count))
        text = "\n".join(lines)
        before = time.process_time()
        assert len(hydrated(tmp_path, text, {"HOME": "h"})) == count
        return time.process_time() - before

    few = min(seconds(5_000) for _ in range(2))
    assert seconds(50_000) < 30 * few
    assert len(hydrated(tmp_path, 'A="' + "x" * 5_000_000 + '"\nB=$A')["B"]) == 5_000_000


def test_no_key_and_no_library_is_loaded_without_need(tmp_path: Path) -> None:
    """Plain values are hydrated without keys, cryptography, subprocess or anything else that costs."""
    (tmp_path / ".env.local").write_text("A=1\nB=$A", encoding="utf-8")
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from envtasks.hydration import hydrate
        from envtasks.config import Environment
        root = Path(sys.argv[1])
        print(dict(hydrate(Environment("local", root, (root / ".env.local",)), {})))
        heavy = "envtasks.envfiles.keys envtasks.envfiles.encryption envtasks.envfiles.commands"
        heavy += " envtasks.hydration.dotenvx cryptography subprocess rich"
        heavy += " pydantic nox yaml invoke tomllib json hashlib tempfile"
        print([name for name in heavy.split() if name in sys.modules])
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines() == ["{'A': '1', 'B': '1'}", "[]"]


def test_the_dotenvx_engine_gives_the_values_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the engine dotenvx its values count, what it looked up is secret, and process values stay as they are."""
    from envtasks.hydration import dotenvx

    called: dict[str, Any] = {}

    def values(environment: Environment, process_env: Mapping[str, str], **arguments: Any) -> dict[str, str]:
        called.update(arguments, files=environment.files, app_env=process_env.get("APP_ENV"))
        return {"A": "looked up", "B": "b", "P": "changed", "S": "s"}

    monkeypatch.setattr(dotenvx, "values", values)
    text = f"A=op://v/i/f\nB=b\nP=1\nS='{encrypted('s')}'"
    result = hydrated(tmp_path, text, {"P": "p", "APP_ENV": "shell"}, engine="dotenvx")
    assert dict(result) == {"A": "looked up", "B": "b", "P": "p", "S": "s"}
    assert dict(result.secrets) == {"A": "looked up", "S": "s"}
    assert called == {
        "names": ["A", "B", "P", "S"],
        "private_keys": (PRIVATE,),
        "files": (tmp_path / ".env.local",),
        "app_env": "local",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_the_dotenvx_engine_runs_no_command_beside_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dotenvx would run commands with the private keys in their environment, so they run here, without any."""
    from envtasks.hydration import dotenvx

    monkeypatch.setattr(dotenvx, "values", lambda *_, **__: pytest.fail("dotenvx was called"))
    process = {"PATH": os.environ["PATH"], "DOTENV_PRIVATE_KEY_LOCAL": PRIVATE}
    text = f"A=$(env | sed -n 's/^DOTENV_PRIVATE.*/seen/p'; echo ran)\nS='{encrypted('s')}'"
    assert dict(hydrated(tmp_path, text, process, engine="dotenvx", commands=True)) == {"A": "ran", "S": "s"}


@pytest.mark.parametrize("name", ["ENVTASKS_CONFIRM", "ENVTASKS_ENGINE"])
def test_an_env_file_may_not_set_our_switches(tmp_path: Path, name: str) -> None:
    """A switch of ours in an env file, which would confirm or choose for a nested call, is refused with its line."""
    with pytest.raises(EnvFileInvalid, match=rf"^\.env\.local:2: {name}: an env file may not set variables"):
        hydrated(tmp_path, f"A=1\n{name}=production")


def test_the_dotenvx_engine_is_not_asked_where_it_would_run_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where dotenvx would run what an earlier file has in single quotes, it is not called; the values are the same."""
    from envtasks.hydration import dotenvx

    monkeypatch.setattr(dotenvx, "values", lambda *_, **__: pytest.fail("dotenvx was called"))
    files = {".env": "A='$(touch ran)'", ".env.local": "A=1\nB=2"}
    assert dict(hydrated(tmp_path, files, engine="dotenvx")) == {"A": "$(touch ran)", "B": "2"}


@pytest.mark.parametrize("text", ["A=$(touch ran)", "A=encrypted:zzzz"])
def test_the_dotenvx_engine_is_not_asked_for_what_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """What is refused is refused before dotenvx is called."""
    from envtasks.hydration import dotenvx

    monkeypatch.setattr(dotenvx, "values", lambda *_, **__: pytest.fail("dotenvx was called"))
    with pytest.raises((ConfigInvalid, DecryptionFailed)):
        hydrated(tmp_path, text, engine="dotenvx")
