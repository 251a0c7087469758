"""`inv env.new` and `env.edit`: what they print and ask."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deadlines import SECONDS, wait_until
from tests.projects import Sandbox
from tests.ptys import Typist

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX terminals and scripts")


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with staging, and an editor that replaces `old` by `new`."""
    sandbox.environment("staging", "DB_HOST=db.staging\n", DB_PASSWORD="old")
    sandbox.write("bin/mine", '#!/bin/sh\nsed \'s/old/new/\' "$1" > "$1.x" && mv "$1.x" "$1"\n').chmod(0o755)
    return sandbox


def editor(shop: Sandbox, name: str = "mine") -> dict[str, str]:
    return {"EDITOR": str(shop.root / "bin" / name)}


def text_of(shop: Sandbox, name: str) -> str:
    return (shop.root / name).read_text(encoding="utf-8")


def test_new_without_a_terminal(shop: Sandbox) -> None:
    """One line says what was made; what is left to do is on stderr, with the command."""
    done = shop.inv("env.new", "qa", "--from", "staging")

    assert (done.returncode, done.stdout) == (0, "made qa: 2 variables in .env.qa\n")
    assert (
        "note: placeholders, to be set: DB_PASSWORD, DB_HOST: inv env.set DB_PASSWORD --env qa" in done.stderr
    )
    assert text_of(shop, ".env.qa").endswith("\nDB_PASSWORD=changeme\nDB_HOST=changeme\n")
    assert "qa" in shop.inv("env.list").stdout


def test_new_on_a_terminal(shop: Sandbox) -> None:
    """Each value is asked for, secrets hidden; Enter keeps what is plain."""
    argv = [sys.executable, "-m", "invoke", "env.new", "qa", "--from", "staging"]
    with Typist(argv, env=shop.env, cwd=str(shop.root)) as person:
        begin = person.expect("DB_PASSWORD (not shown; Enter: later): ")
        assert "asks for the values of qa now: Enter takes the value in brackets" in " ".join(begin.split())
        person.type("s3cr3t\n")
        assert "s3cr3t" not in person.expect("DB_HOST [db.staging]: ")
        person.type("\n")
        person.expect("made qa: 2 variables in .env.qa")
        assert person.finish()[0] == 0

    assert shop.inv("env.get", "DB_PASSWORD", "--env", "qa").stdout == "s3cr3t"
    assert text_of(shop, ".env.qa").endswith("DB_HOST=db.staging\n")


def test_a_value_that_cannot_be_written_is_asked_for_again(shop: Sandbox) -> None:
    """What was typed before it is not lost."""
    argv = [sys.executable, "-m", "invoke", "env.new", "qa", "--from", "staging"]
    with Typist(argv, env=shop.env, cwd=str(shop.root)) as person:
        person.expect("DB_PASSWORD (not shown; Enter: later): ")
        person.type("s3cr3t\n")
        person.expect("DB_HOST [db.staging]: ")
        person.type("op://vault/host\n")
        person.expect("DB_HOST: the value begins with op://")
        person.expect("DB_HOST [db.staging]: ")
        person.type("db.qa\n")
        person.expect("made qa: 2 variables in .env.qa")
        assert person.finish()[0] == 0

    assert shop.inv("env.get", "DB_PASSWORD", "--env", "qa").stdout == "s3cr3t"
    assert text_of(shop, ".env.qa").endswith("DB_HOST=db.qa\n")


def test_new_for_programs(shop: Sandbox) -> None:
    """A dry run says the same as JSON and makes nothing."""
    done = shop.inv("--dry", "env.new", "qa", "--from", "staging", "--json")

    assert json.loads(done.stdout) == {
        "name": "qa",
        "file": ".env.qa",
        "variables": ["DB_PASSWORD", "DB_HOST"],
        "open": ["DB_PASSWORD", "DB_HOST"],
        "dry": True,
        "notes": [".gitignore would get .env, *.envtasks-tmp, .env.keys"],
    }
    assert not (shop.root / ".env.qa").exists()


@pytest.mark.parametrize(
    ("args", "code"), [(["staging"], 6), (["example"], 2), (["qa", "--from", "stagin"], 2)]
)
def test_what_new_refuses(shop: Sandbox, args: list[str], code: int) -> None:
    """A file that is there, a name that is none, a source that is not there."""
    assert shop.inv("env.new", *args).returncode == code


def test_an_edit_is_encrypted_and_said_in_one_line(shop: Sandbox) -> None:
    """No value is printed."""
    done = shop.inv("env.edit", "--env", "staging", **editor(shop))

    assert (done.returncode, done.stdout) == (0, "edited .env.staging: changed DB_PASSWORD\n")
    assert shop.inv("env.get", "DB_PASSWORD", "--env", "staging").stdout == "new"
    assert (
        shop.inv("env.edit", "--env", "staging", **editor(shop)).stdout == "nothing changed in .env.staging\n"
    )


def test_an_edit_for_programs(shop: Sandbox) -> None:
    """As JSON; a dry run starts no editor."""
    dry = shop.inv("--dry", "env.edit", "--env", "staging", **editor(shop))
    done = shop.inv("env.edit", "--env", "staging", "--json", **editor(shop))

    assert dry.stdout == "would edit .env.staging with mine\n"
    dry = shop.inv("--dry", "env.edit", "--env", "staging", "--json", **editor(shop))
    assert json.loads(dry.stdout) == {"file": ".env.staging", "editor": "mine", "dry": True}
    assert json.loads(done.stdout) == {
        "file": ".env.staging",
        "written": True,
        "changed": ["DB_PASSWORD"],
        "added": [],
        "removed": [],
        "notes": [],
    }


def test_an_edit_that_cannot_be_written_without_a_terminal(shop: Sandbox) -> None:
    """Nobody can edit it again: the error says the line, and nothing is written."""
    shop.write("bin/bad", '#!/bin/sh\necho "C=\'open" >> "$1"\n').chmod(0o755)
    before = text_of(shop, ".env.staging")

    done = shop.inv("env.edit", "--env", "staging", **editor(shop, "bad"))

    assert (done.returncode, text_of(shop, ".env.staging")) == (3, before)
    assert "error: .env.staging:6: C: the quote is not closed" in done.stderr


def test_an_edit_that_cannot_be_written_is_edited_again(shop: Sandbox) -> None:
    """On a terminal the problem is shown and the editor comes back with the text; a new variable is asked for."""
    shop.write(
        "bin/twice", '#!/bin/sh\ngrep -q ^C= "$1" && sed -i "s/\'open/1/" "$1" || echo "C=\'open" >> "$1"\n'
    )
    (shop.root / "bin" / "twice").chmod(0o755)
    argv = [sys.executable, "-m", "invoke", "env.edit", "--env", "staging"]

    with Typist(argv, env={**shop.env, **editor(shop, "twice")}, cwd=str(shop.root)) as person:
        person.expect("C: the quote is not closed")
        person.expect("Edit it again? Otherwise the edit is thrown away. [Y/n] ")
        person.type("\n")
        person.expect("Encrypt C? [Y/n] ")
        person.type("n\n")
        person.expect("edited .env.staging: added C")
        assert person.finish()[0] == 0

    assert text_of(shop, ".env.staging").endswith("\nC=1\n")


def test_a_signal_during_an_edit_leaves_nothing_behind(shop: Sandbox, tmp_path: Path) -> None:
    """The editor is ended, and the decrypted text is removed."""
    shop.write("bin/slow", "#!/bin/sh\nexec sleep 60\n").chmod(0o755)
    run = tmp_path / "run"
    run.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "env.edit", "--env", "staging"],
        cwd=shop.root,
        env={**shop.env, **editor(shop, "slow"), "XDG_RUNTIME_DIR": str(run)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: list(run.glob("*/.env.staging")), "the editor's file")
        os.kill(process.pid, signal.SIGTERM)
        code = process.wait(SECONDS)
    finally:
        process.kill()

    assert (code, list(run.iterdir())) == (143, [])
