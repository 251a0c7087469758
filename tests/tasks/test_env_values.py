"""`inv env.set`, `unset`, `encrypt`, `decrypt`: what they print, ask and refuse."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from tests.projects import Sandbox
from tests.ptys import Typist

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX terminal")
SETTINGS = """
from pydantic import SecretStr
from pydantic_settings import BaseSettings

class Settings(BaseSettings):
    db_password: SecretStr
    db_host: str
"""


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with the plain env files of staging and production, a settings class and names that stay plain."""
    sandbox.write(
        "pyproject.toml",
        '[project]\nname = "shop"\n[tool.envtasks]\nsettings = "settings:Settings"\nnot-secret = ["LOG_*"]\n',
    )
    sandbox.write("settings.py", SETTINGS)
    for name in ("staging", "production"):
        sandbox.write(f".env.{name}", "DB_HOST=db\n")
    return sandbox


def piped(shop: Sandbox, value: str, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`inv ARGS` with a value on its stdin, byte by byte."""
    done = subprocess.run(
        [sys.executable, "-m", "invoke", *args],
        cwd=shop.root,
        env={**shop.env, **env},
        input=value.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    out, err = (text.decode().replace("\r\n", "\n") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def text_of(shop: Sandbox, name: str = ".env.staging") -> str:
    return (shop.root / name).read_text(encoding="utf-8")


def test_a_value_is_set_encrypted_and_said_in_one_line(shop: Sandbox) -> None:
    """The line names variable, kind, file and line; what else was done is on stderr; the value is nowhere."""
    done = piped(shop, "s3cr3t", "env.set", "DB_PASSWORD", "--env", "staging")

    assert (done.returncode, done.stdout) == (0, "set DB_PASSWORD (encrypted) in .env.staging:5\n")
    assert "note: made a key pair: DOTENV_PRIVATE_KEY_STAGING is in .env.keys" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr + text_of(shop)
    assert shop.inv("env.get", "DB_PASSWORD", "--env", "staging").stdout == "s3cr3t"
    assert piped(shop, "s3cr3t", "env.set", "DB_PASSWORD", "--env", "staging").stdout == (
        "unchanged DB_PASSWORD (encrypted) in .env.staging:5\n"
    )


@pytest.mark.parametrize(
    ("name", "args", "kind"),
    [
        ("DB_PASSWORD", [], "encrypted"),
        ("LOG_LEVEL", [], "plain"),
        ("OTHER", [], "encrypted"),
        ("OTHER", ["--plain"], "plain"),
    ],
)
def test_what_is_encrypted_where_nobody_can_be_asked(
    shop: Sandbox, name: str, args: list[str], kind: str
) -> None:
    """A secret of the settings class is, what `not-secret` lists is not, and what nothing tells is."""
    done = piped(shop, "x", "env.set", name, "--env", "staging", *args)

    assert re.match(rf"set {name} \({kind}\) in ", done.stdout), done.stderr


def test_a_secret_in_plain_text_is_warned_of(shop: Sandbox) -> None:
    """`--plain` does as it says, and so does env.decrypt."""
    warning = "warning: DB_PASSWORD is secret in settings:Settings, and this stores it in plain text."

    done = piped(shop, "x", "env.set", "DB_PASSWORD", "--env", "staging", "--plain")
    assert warning in done.stderr

    assert shop.inv("env.encrypt", "--env", "staging").stdout == (
        "encrypted DB_HOST, DB_PASSWORD in .env.staging\n"
    )
    done = shop.inv("env.decrypt", "DB_PASSWORD", "--env", "staging")
    assert (warning in done.stderr, done.stdout) == (True, "decrypted DB_PASSWORD in .env.staging:5\n")
    assert text_of(shop).endswith("\nDB_PASSWORD=x\n")


@posix
@pytest.mark.parametrize(("answer", "kind"), [("\n", "encrypted"), ("n\n", "plain")])
def test_a_person_is_asked_whether_to_encrypt(shop: Sandbox, answer: str, kind: str) -> None:
    """Where neither settings class nor `not-secret` tells, and then for the value, which is not shown."""
    argv = [sys.executable, "-m", "invoke", "env.set", "OTHER", "--env", "staging"]
    with Typist(argv, env=shop.env, cwd=str(shop.root)) as person:
        person.expect("Encrypt OTHER? [Y/n] ")
        person.type("the value\n")  # too early: this must not count as no
        person.expect("Type y or n. Encrypt OTHER? [Y/n] ")
        person.type(answer)
        person.expect("OTHER: ")
        person.type("s3cr3t\n")
        assert "s3cr3t" not in person.expect(f"set OTHER ({kind}) in .env.staging")
        assert person.finish()[0] == 0


@posix
def test_a_name_that_secrets_have_is_encrypted_without_a_question(shop: Sandbox) -> None:
    """The first prompt is the hidden one for the value, as whoever sets a password types that."""
    argv = [sys.executable, "-m", "invoke", "env.set", "OTHER_PASSWORD", "--env", "staging"]
    with Typist(argv, env=shop.env, cwd=str(shop.root)) as person:
        assert "Encrypt" not in person.expect("OTHER_PASSWORD: ")
        person.type("s3cr3t\n")
        assert "s3cr3t" not in person.expect("set OTHER_PASSWORD (encrypted) in .env.staging")
        assert person.finish()[0] == 0


def test_without_a_value_the_error_says_how_to_pipe_it(shop: Sandbox) -> None:
    """stdin is the null device: nobody to ask, and no pipe."""
    done = shop.inv("env.set", "OTHER", "--env", "staging")

    assert done.returncode == 2
    assert done.stderr == (
        "error: There is no value for OTHER: no terminal to ask on, and no pipe.\n"
        "  hint: pipe it: … | inv env.set OTHER --env staging; or --from-file PATH\n"
    )


def test_a_value_from_a_file(shop: Sandbox) -> None:
    """It is taken as it is, its last line break included."""
    shop.write("key.pem", "-----BEGIN\nKEY\n")

    assert shop.inv("env.set", "KEY", "--env", "staging", "--from-file", "key.pem").returncode == 0
    assert shop.inv("env.get", "KEY", "--env", "staging").stdout == "-----BEGIN\nKEY\n"


def test_a_dry_run_shows_and_writes_nothing(shop: Sandbox) -> None:
    """Each command says what it would do."""
    before = {path: path.read_bytes() for path in shop.root.iterdir() if path.is_file()}

    shown = [
        piped(shop, "x", "--dry", "env.set", "DB_PASSWORD", "--env", "staging").stdout,
        shop.inv("--dry", "env.unset", "DB_HOST", "--env", "staging").stdout,
        shop.inv("--dry", "env.encrypt", "--env", "staging").stdout,
    ]

    assert shown == [
        "would set DB_PASSWORD (encrypted) in .env.staging:5\n",
        "would unset DB_HOST in .env.staging:1\n",
        "would encrypt DB_HOST in .env.staging:4\n",
    ]
    assert {path: path.read_bytes() for path in shop.root.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("words", [["env.set", "A", "--plain"], ["env.unset", "DB_HOST"], ["env.encrypt"]])
def test_a_protected_environment_is_confirmed(shop: Sandbox, words: list[str]) -> None:
    """Without a terminal `--yes` confirms; else nothing is written."""
    refused = piped(shop, "x", *words, "--env", "production")
    assert (refused.returncode, text_of(shop, ".env.production")) == (6, "DB_HOST=db\n")

    assert piped(shop, "x", *words, "--env", "production", "--yes").returncode == 0
    assert text_of(shop, ".env.production") != "DB_HOST=db\n"


def test_json_for_programs(shop: Sandbox) -> None:
    """What was done, with the line of each variable; notes are part of it."""
    done = piped(shop, "x\n", "env.set", "LOG_FILE", "--env", "staging", "--json")
    without = "a file without one (--from-file)" if sys.platform == "win32" else "`printf %s`"

    assert json.loads(done.stdout) == {
        "action": "set",
        "file": ".env.staging",
        "encrypted": False,
        "dry": False,
        "notes": [f"the value of LOG_FILE ends with a line break, as `echo` adds one; {without} does not"],
        "variables": [{"name": "LOG_FILE", "line": 2}],
    }
    assert (
        json.loads(shop.inv("env.unset", "LOG_FILE", "--env", "staging", "--json").stdout)["action"]
        == "unset"
    )


def test_patterns_choose_what_is_encrypted(shop: Sandbox) -> None:
    """`--only` may be repeated; nothing left to encrypt is said too."""
    shop.write(".env.staging", "A=1\nDB_A=2\nDB_B=3\nLOG_LEVEL=info\n")
    words = ["env.encrypt", "--env", "staging"]

    assert (
        shop.inv(*words, "--only", "DB_*", "--only", "A").stdout
        == "encrypted A, DB_A, DB_B in .env.staging\n"
    )
    assert shop.inv(*words).stdout == "nothing to change in .env.staging\n"
    assert "LOG_LEVEL=info" in text_of(shop)


def test_repair_and_rekey(shop: Sandbox) -> None:
    """Both say what they did; they do not go together."""
    shop.environment("staging", A="pa$$word")
    path = shop.root / ".env.staging"
    path.write_text(path.read_text("utf-8").replace("'", '"'), encoding="utf-8")

    assert shop.inv("env.encrypt", "--env", "staging", "--repair").stdout == "repaired A in .env.staging:2\n"
    assert shop.inv("env.get", "A", "--env", "staging").stdout == "pa$$word"
    assert shop.inv("env.encrypt", "--env", "staging", "--rekey", "A").stdout == (
        "nothing to change in .env.staging\n"
    )
    assert shop.inv("env.encrypt", "--env", "staging", "--rekey", "A", "--repair").returncode == 2


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_ignores_the_new_key_file(shop: Sandbox) -> None:
    """In a repository the key file is ignored before it is there; one that is tracked gets no key (9)."""
    subprocess.run(["git", "init", "-q"], cwd=shop.root, check=True)

    done = piped(shop, "x", "env.set", "A", "--env", "staging")
    assert "note: .env.keys is ignored by git from now on (.gitignore)" in done.stderr
    assert text_of(shop, ".gitignore") == ".env.keys\n"

    subprocess.run(["git", "add", "-f", ".env.keys"], cwd=shop.root, check=True)
    done = piped(shop, "x", "env.set", "A", "--env", "production", "--yes")
    assert (done.returncode, "hint: git rm --cached .env.keys" in done.stderr) == (9, True)
    assert (text_of(shop, ".env.production"), "PRODUCTION" in text_of(shop, ".env.keys")) == (
        "DB_HOST=db\n",
        False,
    )
