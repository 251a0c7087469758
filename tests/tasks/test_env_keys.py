"""`inv env.keys`, `rotate`, `git-setup`: what they print, ask and refuse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from envtasks.authoring import TargetFile
from envtasks.config import Environment
from envtasks.envfiles import encrypt, generate_keys
from envtasks.tasks import env_keys
from tests.projects import Sandbox
from tests.ptys import Typist

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX terminal")
VARIABLE = "DOTENV_PRIVATE_KEY_STAGING"


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """A project with an encrypted staging and production."""
    for name in ("staging", "production"):
        sandbox.environment(name, "PLAIN=1\n", TOKEN="s3cr3t", PASSWORD="p")
    return sandbox


def piped(shop: Sandbox, text: str, *args: str) -> subprocess.CompletedProcess[str]:
    """`inv ARGS` with a text on its stdin."""
    return subprocess.run(
        [sys.executable, "-m", "invoke", *args],
        cwd=shop.root,
        env=shop.env,
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def listed(shop: Sandbox) -> list[str]:
    """The private keys of staging in the key file."""
    found = re.search(rf"^{VARIABLE}=(.*)$", (shop.root / ".env.keys").read_text(), re.MULTILINE)
    return found[1].split(",") if found else []


def test_keys_says_what_opens_each_file(shop: Sandbox) -> None:
    """One row for each file: the key's variable, where it is, and the mode of the key file; no key is shown."""
    done = shop.inv("env.keys", "--env", "staging")

    header, row = done.stdout.splitlines()
    assert header.split() == ["FILE", "ENCRYPTED", "PUBLIC", "KEY", "OPENED", "BY", "MODE"]
    assert row.split()[:2] == [".env.staging", "2"]
    assert f"{VARIABLE} in .env.keys" in row
    assert done.stderr == ""
    assert shop.private_keys["staging"] not in done.stdout

    found = json.loads(shop.inv("env.keys", "--env", "staging", "--json").stdout)
    assert (found[0]["opened"], found[0]["variable"], found[0]["closed"]) == (True, VARIABLE, [])


def test_keys_ends_with_4_where_no_key_opens_a_file(shop: Sandbox) -> None:
    """The row says so, and the error what to do and where was looked; JSON is complete all the same."""
    (shop.root / ".env.keys").unlink()
    done = shop.inv("env.keys", "--env", "staging")

    assert (done.returncode, "no key" in done.stdout) == (4, True)
    assert done.stderr.startswith(
        "error: No key at hand opens .env.staging.\n  hint: ask somebody who has it for the output of "
    )
    done = shop.inv("env.keys", "--env", "staging", "--json")
    assert (done.returncode, json.loads(done.stdout)[0]["opened"]) == (4, False)


@posix
def test_keys_warns_of_a_key_file_that_others_can_read(shop: Sandbox) -> None:
    """The hint is the command that mends it."""
    (shop.root / ".env.keys").chmod(0o644)

    done = shop.inv("env.keys", "--env", "staging")
    assert done.stderr == "warning: others can read .env.keys: chmod 600 .env.keys\n"


def test_keys_names_a_value_under_another_key(shop: Sandbox) -> None:
    """As a merge leaves it; with what mends it."""
    with (shop.root / ".env.staging").open("a") as file:
        file.write(f"MIXED='{encrypt('m', generate_keys()[1])}'\n")

    done = shop.inv("env.keys", "--env", "staging")
    assert done.stderr == (
        "warning: .env.staging: not under this key: MIXED: inv env.encrypt --rekey MIXED --env staging\n"
    )


def test_a_key_is_not_exported_into_a_pipe_by_accident(shop: Sandbox) -> None:
    """A pipe or a log gets a key only if it is asked for by `-`, then the key alone, without a line break."""
    done = shop.inv("env.keys", "--env", "staging", "--export")
    assert (done.returncode, done.stdout) == (6, "")
    assert "--export - or --export FILE" in done.stderr

    done = shop.inv("env.keys", "--env", "staging", "--export", "-")
    assert (done.returncode, done.stdout) == (0, shop.private_keys["staging"])


def test_the_end_of_a_rotation_asks_nothing_where_there_is_none(shop: Sandbox) -> None:
    """No key would be removed."""
    done = shop.inv("env.rotate", "--env", "staging", "--finish")

    assert (done.returncode, done.stdout) == (
        0,
        ".env.keys has one key for .env.staging: there is nothing to finish\n",
    )


def test_a_key_is_exported_into_a_file_with_the_commands_for_ci(shop: Sandbox) -> None:
    """The file is 0600; the commands pipe the key, which is on no command line."""
    done = shop.inv("env.keys", "--env", "staging", "--export", "key.txt")

    readers = "with the permissions of its folder" if sys.platform == "win32" else "which only you can read"
    assert done.stdout == (
        f"wrote key.txt, {readers}; remove it in the end\n"
        f"GitHub:    inv env.keys --env staging --export - | gh secret set {VARIABLE} --env staging\n"
        f"GitLab:    inv env.keys --env staging --export - | glab variable set {VARIABLE} --scope staging --masked\n"
        "colleague: inv env.keys --env staging --import < key.txt\n"
    )
    assert (shop.root / "key.txt").read_text() == shop.private_keys["staging"]
    if os.name == "posix":
        assert (shop.root / "key.txt").stat().st_mode & 0o777 == 0o600
    done = shop.inv("env.keys", "--env", "staging", "--export", "key.txt")
    assert (done.returncode, "is there already" in done.stderr) == (6, True)
    done = shop.inv("env.keys", "--env", "staging", "--export", "not-there/key.txt")
    path = Path("not-there/key.txt")
    assert (
        done.returncode,
        f"error: {path} cannot be written: there is no folder not-there." in done.stderr,
    ) == (2, True)


def test_ci_gets_the_key_of_a_name_with_a_dash_under_a_name_that_it_takes(sandbox: Sandbox) -> None:
    """The key file has dotenvx's name; every command for a CI has one that it can store, and a new key says so."""
    made = sandbox.inv("env.new", "my-env")
    assert "hold it as DOTENV_PRIVATE_KEY_MY_ENV" in made.stderr
    assert sandbox.inv_with_input("s3cr3t", "env.set", "TOKEN", "--env", "my-env").returncode == 0

    exported = sandbox.inv("env.keys", "--env", "my-env", "--export", "key.txt").stdout
    assert "gh secret set DOTENV_PRIVATE_KEY_MY_ENV --env my-env" in exported
    assert "glab variable set DOTENV_PRIVATE_KEY_MY_ENV --scope" in exported
    prepared = sandbox.inv("env.rotate", "--env", "my-env", "--prepare").stdout
    assert "first of DOTENV_PRIVATE_KEY_MY-ENV in .env.keys" in prepared
    assert "glab variable set DOTENV_PRIVATE_KEY_MY_ENV_NEW" in prepared

    (sandbox.root / ".env.keys").unlink()
    for env, wanted in (({}, "It belongs in DOTENV_PRIVATE_KEY_MY_ENV."),
                        ({"GITHUB_ACTIONS": "true"}, "gh secret set DOTENV_PRIVATE_KEY_MY_ENV --env")):  # fmt: skip
        assert wanted in sandbox.inv("env.get", "TOKEN", "--env", "my-env", **env).stderr
    assert "DOTENV_PRIVATE_KEY_MY_ENV is not set" in sandbox.inv("ci.doctor", "--env", "my-env").stdout
    assert "DOTENV_PRIVATE_KEY_MY_ENV, which opens .env.my-env" in sandbox.inv("doctor").stdout
    key = (sandbox.root / "key.txt").read_text()
    done = sandbox.inv("env.get", "TOKEN", "--env", "my-env", DOTENV_PRIVATE_KEY_MY_ENV=key)
    assert done.stdout == "s3cr3t"


def test_a_protected_environment_s_key_is_protected_on_gitlab_and_confirmed(shop: Sandbox) -> None:
    """Production's key needs --yes without a terminal."""
    done = shop.inv("env.keys", "--env", "production", "--export", "key.txt")
    assert (done.returncode, (shop.root / "key.txt").exists()) == (6, False)

    done = shop.inv("env.keys", "--env", "production", "--export", "key.txt", "--yes")
    assert "--scope production --masked --protected\n" in done.stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_key_that_git_would_add_is_a_warning(shop: Sandbox) -> None:
    """A named file in the repository is one `git add` from being published."""
    subprocess.run(["git", "init", "-q"], cwd=shop.root, check=True)

    done = shop.inv("env.keys", "--env", "staging", "--export", "key.txt")
    assert done.stderr == "warning: git does not ignore key.txt: `git add` would publish the key\n"


def test_the_commands_work(shop: Sandbox) -> None:
    """What is printed for CI and for a colleague runs as it stands, with stand-ins for gh and glab."""
    if sys.platform == "win32":
        pytest.skip("the commands are for a POSIX shell")
    for name in ("gh", "glab"):
        tool = shop.write(
            f"bin/{name}", f'#!/bin/sh\necho "$@" > {shop.root}/{name}.args\ncat > {shop.root}/{name}.in\n'
        )
        tool.chmod(0o755)
    inv = shop.write("bin/inv", f'#!/bin/sh\nexec "{sys.executable}" -m invoke "$@"\n')
    inv.chmod(0o755)
    env = {**shop.env, "PATH": f"{shop.root / 'bin'}:{shop.env['PATH']}"}
    shop.inv("env.rotate", "--env", "staging", "--prepare")
    lines = shop.inv("env.keys", "--env", "staging", "--export", "key.txt").stdout.splitlines()[1:]
    new, old = listed(shop)
    (shop.root / ".env.keys").unlink()
    (shop.root / ".env.keys").write_text(f"{VARIABLE}={old}\n")
    (shop.root / ".env.keys").chmod(0o600)

    for line in reversed(lines):  # the colleague first: the others need the new key
        subprocess.run(["sh", "-c", line.partition(":")[2]], cwd=shop.root, env=env, check=True, timeout=60)

    assert listed(shop) == [new, old]
    assert (shop.root / "gh.in").read_text() == f"{new}\n{old}"
    assert (shop.root / "glab.in").read_text() == new
    arguments = (shop.root / "gh.args").read_text() + (shop.root / "glab.args").read_text()
    assert arguments == (
        f"secret set {VARIABLE} --env staging\nvariable set {VARIABLE}_NEW --scope staging --masked\n"
    )


def test_a_key_is_imported_from_a_pipe(shop: Sandbox) -> None:
    """It is proven and stored; the second time it is there already."""
    (shop.root / ".env.keys").unlink()
    done = piped(shop, shop.private_keys["staging"] + "\n", "env.keys", "--env", "staging", "--import")
    assert (done.returncode, done.stdout) == (
        0,
        f"stored the key, which opens .env.staging, as {VARIABLE} in .env.keys\n",
    )
    assert shop.inv("env.get", "TOKEN", "--env", "staging").stdout == "s3cr3t"

    done = piped(shop, shop.private_keys["staging"], "env.keys", "--env", "staging", "--import", "--json")
    found = json.loads(done.stdout)
    assert (found["stored"], found["variable"], found["key_file"]) == (0, VARIABLE, ".env.keys")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", 2, "Nothing came through the pipe"),
        ("abc", 2, "no private key in what was given"),
        ("1f" * 32, 4, "The key does not open .env.staging"),
    ],
)
def test_what_is_no_key_of_the_file_is_refused(shop: Sandbox, text: str, code: int, message: str) -> None:
    """Nothing is stored, and the sentence says why."""
    before = (shop.root / ".env.keys").read_bytes()
    done = piped(shop, text, "env.keys", "--env", "staging", "--import")

    assert (done.returncode, message in done.stderr) == (code, True)
    assert "--from-file" not in done.stderr
    assert (shop.root / ".env.keys").read_bytes() == before


def test_import_without_a_terminal_or_pipe_says_how(shop: Sandbox) -> None:
    """Nothing waits for ever; the hint is the command."""
    done = shop.inv("env.keys", "--env", "staging", "--import")

    assert done.returncode == 2
    assert "hint: pipe it: … | inv env.keys --env staging --import" in done.stderr


@posix
def test_a_key_is_shown_and_taken_on_a_terminal(shop: Sandbox) -> None:
    """--export prints it with what to do; --import asks for it without showing it."""
    typist = Typist(
        [sys.executable, "-m", "invoke", "env.keys", "--env", "staging", "--export"],
        env=shop.env,
        cwd=str(shop.root),
    )
    code, output = typist.finish()
    private = shop.private_keys["staging"]
    assert (code, f"{VARIABLE}={private}" in output) == (0, True)
    assert "colleague: inv env.keys --env staging --import, and paste it" in output.replace("\r\n", "\n")

    (shop.root / ".env.keys").unlink()
    typist = Typist(
        [sys.executable, "-m", "invoke", "env.keys", "--env", "staging", "--import"],
        env=shop.env,
        cwd=str(shop.root),
    )
    typist.expect("private key of .env.staging: ")
    typist.type(private + "\n")
    code, output = typist.finish()
    assert (code, "stored the key" in output, private in output) == (0, True, False)


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_the_new_key_is_cut_out_by_what_the_system_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """Windows has no `head`."""
    monkeypatch.setattr(env_keys, "sys", SimpleNamespace(platform=system))
    path = tmp_path / ".env.staging"
    lines = env_keys._hand_over(TargetFile(Environment("staging", tmp_path, (path,)), path, {}), VARIABLE, 2)

    cut = 'python -c "print(input()[:64])"' if system == "win32" else "head -c 64"
    assert f"--export - | {cut} | glab variable set {VARIABLE}_NEW" in lines[1]


def test_a_rotation_step_by_step(shop: Sandbox) -> None:
    """Each step says what it did and which command comes next; values stay what they were."""
    export = "inv env.keys --env staging --export"
    head = 'python -c "print(input()[:64])"' if sys.platform == "win32" else "head -c 64"
    history = "whoever has the old key reads these in git's history; change what they may not know"
    done = shop.inv("env.rotate", "--env", "staging")
    assert (done.returncode, "--prepare; or --now" in done.stderr) == (6, True)

    done = shop.inv("env.rotate", "--env", "staging", "--prepare")
    assert done.stdout.splitlines() == [
        f"a new key for .env.staging is prepared: first of {VARIABLE} in .env.keys; no env file is changed",
        "next, hand over both keys:",
        f"GitHub:    inv env.keys --env staging --export - | gh secret set {VARIABLE} --env staging",
        f"GitLab:    {export} - | {head} | glab variable set {VARIABLE}_NEW --scope staging --masked",
        f"colleague: {export} FILE; they run inv env.keys --env staging --import < FILE",
        "then: inv env.rotate --env staging",
    ]
    assert "go on with inv env.rotate --env staging\n" in shop.inv("env.keys", "--env", "staging").stderr

    done = shop.inv("env.rotate", "--env", "staging")
    assert done.stdout.splitlines() == [
        "rotated .env.staging: commit it",
        f"next, when everybody has the new key ({export}): inv env.rotate --env staging --finish",
        f"{history}: TOKEN, PASSWORD (inv env.set NAME --env staging)",
    ]
    assert shop.inv("env.get", "TOKEN", "--env", "staging").stdout == "s3cr3t"
    assert (
        "go on with inv env.rotate --env staging --finish\n"
        in shop.inv("env.keys", "--env", "staging").stderr
    )

    new = listed(shop)[0]
    done = shop.inv("env.rotate", "--env", "staging", "--finish")
    assert (done.returncode, "--keep-old keeps it" in done.stderr) == (6, True)
    done = shop.inv("env.rotate", "--env", "staging", "--finish", "--yes")
    assert done.stdout.splitlines()[0] == "the old key is removed from .env.keys"
    assert f"glab variable delete {VARIABLE}_NEW --scope staging" in done.stdout
    assert listed(shop) == [new]
    assert shop.inv("env.get", "TOKEN", "--env", "staging").stdout == "s3cr3t"


def test_a_rotation_at_once_is_confirmed(shop: Sandbox) -> None:
    """Where nobody can be asked, --now needs --yes; JSON has what was done, and no key."""
    done = shop.inv("env.rotate", "--env", "staging", "--now")
    assert (done.returncode, len(listed(shop))) == (6, 1)

    done = shop.inv("env.rotate", "--env", "staging", "--now", "--yes", "--json")
    found = json.loads(done.stdout)
    assert (found["step"], found["files"], found["secrets"]) == (
        "rotated",
        [".env.staging"],
        ["TOKEN", "PASSWORD"],
    )
    assert not any(key in done.stdout + done.stderr for key in listed(shop))


@posix
def test_a_rotation_at_once_is_asked_for_on_a_terminal(shop: Sandbox) -> None:
    """The environment's name is the answer; anything else leaves all as it was."""
    command = [sys.executable, "-m", "invoke", "env.rotate", "--env", "staging", "--now"]
    typist = Typist(command, env=shop.env, cwd=str(shop.root))
    typist.expect("Type staging to go on: ")
    typist.type("yes\n")
    assert (typist.finish()[0], len(listed(shop))) == (6, 1)

    typist = Typist(command, env=shop.env, cwd=str(shop.root))
    typist.expect("Type staging to go on: ")
    typist.type("staging\n")
    assert (typist.finish()[0], len(listed(shop))) == (0, 2)


@pytest.mark.parametrize(
    "flags", [("--prepare", "--now"), ("--now", "--finish"), ("--keep-old",), ("--prepare", "--keep-old")]
)
def test_steps_that_contradict_each_other_are_refused(shop: Sandbox, flags: tuple[str, ...]) -> None:
    """One step at a time."""
    done = shop.inv("env.rotate", "--env", "staging", *flags)
    assert (done.returncode, "one of --prepare, --now and --finish" in done.stderr) == (2, True)


def test_export_and_import_contradict_each_other(shop: Sandbox) -> None:
    """A key goes one way."""
    done = shop.inv("env.keys", "--env", "staging", "--export", "-", "--import")
    assert (done.returncode, "not both" in done.stderr) == (2, True)


def test_an_export_has_no_json(shop: Sandbox) -> None:
    """A program takes the key from `--export -`, alone on stdout."""
    done = shop.inv("env.keys", "--env", "staging", "--export", "-", "--json")
    assert (done.returncode, done.stdout, "has no JSON" in done.stderr) == (2, "", True)


@pytest.mark.parametrize("step", [["--prepare"], ["--now", "--yes"]])
def test_a_dry_run_writes_nothing(shop: Sandbox, step: list[str]) -> None:
    """--dry says `would`, and asks nothing."""
    before = {path.name: path.read_bytes() for path in shop.root.iterdir() if path.is_file()}
    done = shop.inv("--dry", "env.rotate", "--env", "production", *step)

    assert (done.returncode, "would" in done.stdout.splitlines()[0]) == (0, True)
    assert {path.name: path.read_bytes() for path in shop.root.iterdir() if path.is_file()} == before


def test_another_file_is_named_in_the_commands(shop: Sandbox) -> None:
    """With --file, what comes next is said for that file."""
    shop.write(
        "pyproject.toml",
        "[tool.envtasks.environments]\nall = { files = ['.env.staging', '.env.production'] }\n",
    )
    done = shop.inv("env.rotate", "--env", "all", "--file", ".env.production", "--prepare")

    assert done.stdout.splitlines()[-1] == "then: inv env.rotate --env all --file .env.production"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_is_set_up_and_that_is_undone(shop: Sandbox) -> None:
    """Both say what they did, and the second time that there is nothing to do."""
    subprocess.run(["git", "init", "-q"], cwd=shop.root, check=True)
    settings = "diff.envtasks.textconv, merge.envtasks.name, merge.envtasks.driver"

    done = shop.inv("--dry", "env.git-setup")
    assert done.stdout.splitlines()[0] == "would change: .gitattributes names the env files; commit it"
    assert json.loads(shop.inv("--dry", "env.git-setup", "--json").stdout) == {
        "changed": [".gitattributes names the env files; commit it", f"git's configuration here: {settings}"],
        "dry": True,
    }
    done = shop.inv("env.git-setup")
    assert done.stdout.splitlines() == [
        ".gitattributes names the env files; commit it",
        f"git's configuration here: {settings}",
    ]
    assert "each clone needs this once" in done.stderr
    assert shop.inv("env.git-setup").stdout == "git is set up already\n"
    assert len(shop.inv("env.git-setup", "--remove").stdout.splitlines()) == 2
    assert shop.inv("env.git-setup", "--remove").stdout == "there is nothing to remove\n"
    assert not Path(shop.root / ".gitattributes").exists()
