"""The checks of an environment: each error names every occurrence, and nothing runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from envtasks.envfiles import public_key
from envtasks.errors import (
    ConfigInvalid,
    DecryptionFailed,
    EnvFileInvalid,
    EnvFileMissing,
    KeyMissing,
    VariableMissing,
)
from envtasks.hydration import checks, hydrate, steers
from envtasks.hydration.nesting import marker
from tests.deadlines import ended
from tests.dotenv_files import OTHER, PRIVATE, PUBLIC, encrypted, environment, error_message, hydrated

posix = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")


def test_a_missing_baseline_stops(tmp_path: Path) -> None:
    """Without its baseline an environment cannot be hydrated; without overrides it can."""
    assert error_message(EnvFileMissing, tmp_path, {".env": "A=1", ".env.local": ""}) == (
        ".env.local is missing, and local requires it."
    )
    assert dict(hydrated(tmp_path / "x", {".env": "", ".env.local": "A=1"})) == {"A": "1"}


def test_the_hint_for_a_further_baseline_is_no_new_environment(tmp_path: Path) -> None:
    """env.new makes environments that are not there yet, and their first baseline."""
    made = environment(tmp_path, {".env.staging": "A=1", ".env.shared": "B=1"})
    (tmp_path / ".env.shared").unlink()

    with pytest.raises(EnvFileMissing) as caught:
        hydrate(made, {})

    assert caught.value.hint == (
        "restore it from git, or name it under `optional` of local in pyproject.toml"
    )


def test_overrides_alone_are_a_baseline(tmp_path: Path) -> None:
    """An environment whose only file is `.env` needs it."""
    assert error_message(EnvFileMissing, tmp_path, {".env": ""}) == ".env is missing, and local requires it."


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
    message = ended(lambda: error_message(EnvFileInvalid, tmp_path, {".env": "", ".env.local": "A=1"}))
    assert message.startswith(".env is a ")


def test_without_a_key_every_value_is_named(tmp_path: Path) -> None:
    """Without a key nothing runs; the error names each variable with its line, and where keys were searched."""
    files = {
        ".env": f"A=1\nZ='{encrypted('z')}'",
        ".env.local": f"DOTENV_PUBLIC_KEY_DEV=\"{PUBLIC}\"\nA='{encrypted('a')}'\nB='{encrypted('b')}'\nC=$(touch ran)",
    }
    with pytest.raises(KeyMissing) as caught:
        hydrate(environment(tmp_path, files), {}, commands=True)
    assert caught.value.message == (
        "In local there is no key to decrypt Z (.env:2), B (.env.local:3). "
        "It belongs in DOTENV_PRIVATE_KEY or DOTENV_PRIVATE_KEY_DEV."
    )
    assert caught.value.hint == (
        "ask somebody who has it for the output of `inv env.keys --env local --export`, and store that with "
        "`inv env.keys --env local --import`; searched: "
        "DOTENV_PRIVATE_KEY in the process environment: not set; "
        "DOTENV_PRIVATE_KEY_DEV in the process environment: not set; "
        ".env.local.keys: not there; .env.keys: not there"
    )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("variables", "advice"),
    [
        (
            {"CI": "true", "GITHUB_ACTIONS": "true"},
            "gh secret set DOTENV_PRIVATE_KEY_LOCAL --env local, with ",
        ),
        (
            {"CI": "true", "GITLAB_CI": "true"},
            "Settings, CI/CD, Variables: DOTENV_PRIVATE_KEY_LOCAL, masked, ",
        ),
        ({"CI": "1"}, "give this job DOTENV_PRIVATE_KEY_LOCAL as a secret; "),
    ],
)
def test_a_job_of_a_ci_gets_other_advice_than_a_person(
    tmp_path: Path, variables: Mapping[str, str], advice: str
) -> None:
    """Nobody can be asked there: the hint says how the job gets its key, and names no command for a laptop."""
    made = environment(tmp_path, {".env.local": f"CI=1\nA='{encrypted('a')}'"})
    with pytest.raises(KeyMissing) as caught:
        hydrate(made, variables)
    assert caught.value.hint.startswith(advice)
    assert "env.keys --" not in caught.value.hint

    with pytest.raises(KeyMissing) as at_home:
        hydrate(made, {"CI": "1", **marker("local", {"CI": "1"}, [])})
    assert at_home.value.hint.startswith("ask somebody")  # an outer hydration set CI


def test_with_another_key_decryption_fails(tmp_path: Path) -> None:
    """The message has both public keys in short, the file's and that of the key which was found, and no private one."""
    text = f"DOTENV_PUBLIC_KEY_LOCAL=\"{PUBLIC}\"\nA='{encrypted('a')}'"
    with pytest.raises(DecryptionFailed) as caught:
        hydrate(environment(tmp_path, {".env.local": text}), {"DOTENV_PRIVATE_KEY_LOCAL": OTHER})
    other = public_key(OTHER)
    assert caught.value.message == (
        "In local no key decrypts A (.env.local:2): "
        f".env.local is encrypted for the public key {PUBLIC[:12]}…. DOTENV_PRIVATE_KEY_LOCAL in "
        f"the process environment belongs to another public key, {other[:12]}…."
    )
    assert caught.value.hint.startswith("ask somebody who has it")
    assert OTHER not in str(caught.value)


def test_a_key_for_another_file_is_no_wrong_key(tmp_path: Path) -> None:
    """Where only keys of other environments are at hand, the key is missing."""
    text = f"DOTENV_PUBLIC_KEY_LOCAL=\"{PUBLIC}\"\nA='{encrypted('a')}'"
    with pytest.raises(KeyMissing, match="It belongs in DOTENV_PRIVATE_KEY_LOCAL"):
        hydrate(environment(tmp_path, {".env.local": text}), {"DOTENV_PRIVATE_KEY_DEV": OTHER})


@pytest.mark.parametrize(("header", "key"), [(PUBLIC, PRIVATE), ("", OTHER)])
def test_a_damaged_value_is_told_from_a_wrong_key(tmp_path: Path, header: str, key: str) -> None:
    """With the file's own key, or where the file names none, the value itself may be what is wrong."""
    text = f"DOTENV_PUBLIC_KEY_LOCAL={header}\nA='{encrypted('a')[:-8]}'"
    with pytest.raises(DecryptionFailed) as caught:
        hydrate(environment(tmp_path, {".env.local": text}), {"DOTENV_PRIVATE_KEY_LOCAL": key})
    assert caught.value.message == (
        "In local none of the keys found decrypts A (.env.local:2): "
        "the value is damaged, or encrypted for another key, or encrypted twice."
    )
    assert caught.value.hint.startswith(
        "restore the line from git, or `inv env.set A --env local`; searched: "
    )


def test_a_shadowed_ciphertext_need_not_be_decrypted(tmp_path: Path) -> None:
    """A ciphertext that overrides or the process environment shadow is not an error, even if no key decrypts it."""
    files = {".env": "A=1", ".env.local": f"A='{encrypted('a')}'\nB=encrypted:zzzz"}
    result = hydrate(environment(tmp_path, files), {"B": "p"})
    assert dict(result) == {"A": "1", "B": "p"}


def test_ciphertext_in_the_process_environment_is_decrypted(tmp_path: Path) -> None:
    """A ciphertext in the process environment is decrypted if a file defines its name, or is an error."""
    assert dict(hydrated(tmp_path, "A=1", {"A": encrypted("x")})) == {"A": "x"}
    assert error_message(DecryptionFailed, tmp_path, "A=1", env={"A": "encrypted:zzzz"}).startswith(
        "In local none of the keys found decrypts A (process environment)"
    )


@pytest.mark.parametrize("value", ["${N:-encrypted:abc}", "$(printf encrypted:x)"])
@posix
def test_ciphertext_never_reaches_a_process(tmp_path: Path, value: str) -> None:
    """What still begins with `encrypted:` after expansion is an error."""
    assert error_message(DecryptionFailed, tmp_path, f'A="{value}"', commands=True) == (
        ".env.local:1: A: the value still contains a ciphertext after decryption and expansion."
    )


def test_what_is_encrypted_twice_is_refused(tmp_path: Path) -> None:
    """A plaintext that is a ciphertext is neither decrypted again nor given to a process."""
    assert error_message(DecryptionFailed, tmp_path, f"A='{encrypted('encrypted:x')}'").startswith(
        "In local none of the keys found decrypts A (.env.local:1)"
    )


def test_nul_is_refused(tmp_path: Path) -> None:
    """A NUL character, plain or decrypted, is an error: the process would get the value cut off."""
    text = f"A=a\0b\nB='{encrypted('a' + chr(0))}'\nC=c # \0"
    assert error_message(EnvFileInvalid, tmp_path, text) == (
        ".env.local:1: A, .env.local:2: B: the value holds a NUL character, which no environment can hold."
    )


def test_references_to_password_managers_are_refused(tmp_path: Path) -> None:
    """`op://` and `bw://` are not resolved, and not given to a process as if they were the secret."""
    assert error_message(EnvFileInvalid, tmp_path, "A='op://v/i/f'\nP=bw\nB=${P}://x\nC=x op://y") == (
        ".env.local:1: A, .env.local:3: B: references to a password manager (op://, bw://) are not resolved."
    )


def test_values_of_the_process_environment_are_not_checked(tmp_path: Path) -> None:
    """A reference to a password manager in the process environment is text, also where a file defines its name."""
    assert dict(hydrated(tmp_path, "A=op://v/i/f", {"A": "op://v/i/f"})) == {"A": "op://v/i/f"}


def test_an_expansion_without_end_is_an_error(tmp_path: Path) -> None:
    """Where dotenvx never ends, the error has file and line."""
    assert error_message(EnvFileInvalid, tmp_path, "A=1\nB=[$P]", env={"P": "$P"}) == (
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
    """`$(command)` is an error with file and line unless allowed; always in a protected environment and in CI."""
    message = error_message(ConfigInvalid, tmp_path, text, env=env, options=options, commands=commands)
    assert message == f".env.local:2: B: $(…) would run a command, and {reason}."
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["ENVTASKS_CONFIRM", "ENVTASKS_ENGINE"])
def test_an_env_file_may_not_set_variables_of_envtasks(tmp_path: Path, name: str) -> None:
    """ENVTASKS_* in an env file, which would confirm or choose for a nested call, is refused with its line."""
    with pytest.raises(EnvFileInvalid, match=rf"^\.env\.local:2: {name}: an env file may not set variables"):
        hydrated(tmp_path, f"A=1\n{name}=production")


CIPHERTEXT = encrypted("a value that is long enough")


@pytest.mark.parametrize(
    "line",
    [
        f'A="{CIPHERTEXT}',
        f'A="{CIPHERTEXT}" x',
        f'A=" {CIPHERTEXT}"',
        f'A="{CIPHERTEXT} "',
        f"A=https://u:{CIPHERTEXT}@h",
        f"A='{CIPHERTEXT.replace('encrypted:', 'Encrypted: ')}'",
        f"B='{CIPHERTEXT[:-1]}'\nA=\"x ${{B}}\"",
    ],
)
def test_a_value_that_contains_a_ciphertext_is_refused(tmp_path: Path, line: str) -> None:
    """A lost quote, a blank, text around it, another case: whatever still holds a ciphertext reaches no process."""
    with pytest.raises(DecryptionFailed):
        hydrated(tmp_path, line)


def test_the_commands_for_a_key_name_the_file_that_needs_it(tmp_path: Path) -> None:
    """Without `--file` they are about the first baseline."""
    files = {".env.local": "A=1\n", "shared.env": f"DOTENV_PUBLIC_KEY_DEV={PUBLIC}\nB='{CIPHERTEXT}'\n"}
    with pytest.raises(KeyMissing) as caught:
        hydrate(environment(tmp_path, files), {})
    assert "`inv env.keys --env local --file shared.env --import`" in caught.value.hint


def test_a_ciphertext_of_the_process_environment_is_refused_inside_text(tmp_path: Path) -> None:
    """A variable of the env files whose value in the process environment contains a ciphertext is refused too."""
    with pytest.raises(DecryptionFailed):
        hydrated(tmp_path, "A=1", {"A": f"x {CIPHERTEXT}"})


@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n\n", "A=1\n".encode("utf-16-le"), bytes(10_000), b"A:1\n", b"set A=1\n"]
)
def test_a_baseline_without_a_usable_line_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty, damaged or mistyped baseline would start the command with nothing set."""
    (tmp_path / ".env.local").write_bytes(content)

    with pytest.raises(EnvFileInvalid) as caught:
        hydrate(environment(tmp_path, {".env.local": ""}), {})
    assert caught.value.message.startswith(".env.local")
    if content.startswith((b"A:", b"set")):
        assert "(line 1: this line is not an assignment and is ignored)" in caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        "BASH_ENV",
        "ENV",
        "PS4",
        "PROMPT_COMMAND",
        "LD_PRELOAD",
        "DYLD_INSERT_LIBRARIES",
        "PYTHONPATH",
        "PYTHONWARNINGS",
        "BROWSER",
        "NODE_OPTIONS",
        "PERL5OPT",
        "RUBYOPT",
        "JAVA_TOOL_OPTIONS",
        "GIT_CONFIG_COUNT",
        "GIT_SSH_COMMAND",
        "GIT_ASKPASS",
        "GIT_EXEC_PATH",
        "GIT_EXTERNAL_DIFF",
        "EDITOR",
        "VISUAL",
        "PAGER",
        "DOCKER_HOST",
        "DOCKER_CONFIG",
        "DOCKER_CONTEXT",
        "KUBECONFIG",
        "KUBE_EDITOR",
        "KUBECTL_EXTERNAL_DIFF",
        "NPM_CONFIG_USERCONFIG",
        "R_PROFILE_USER",
        "ANSIBLE_CONFIG",
        "PYTEST_ADDOPTS",
    ],
)
def test_names_that_make_programs_run_code_are_refused(tmp_path: Path, name: str) -> None:
    """An env file is data; pyproject.toml may allow such a name, and only that one."""
    with pytest.raises(EnvFileInvalid) as caught:
        hydrated(tmp_path, f"A=1\n{name}=x\n")
    assert caught.value.message.startswith(f".env.local:2: {name}:")
    assert f'allow-steering = ["{name}"]' in caught.value.hint

    allowed = hydrated(tmp_path, f"A=1\n{name}=x\n", options={"allow_steering": (name,)})
    assert allowed[name] == "x"


def test_only_these_names_are_refused() -> None:
    """A name is refused as a whole, npm's in any case; a beginning stands for all names that begin so, in its case."""
    exact, begin = checks.STEERING, checks.STEERING_PREFIXES
    npm = {spelled for name in checks.STEERING_IN_ANY_CASE for spelled in (name, name.lower(), name.title())}
    refused = {*exact, *npm, *begin, *(f"{prefix}X.1" for prefix in begin)}
    near = {
        *(other for name in refused for other in (f"X{name}", f"x_{name}")),
        *(other for name in {*exact, *npm} for other in (f"{name}X", f"{name}_", name[:-1])),
        *(other for name in {*exact, *begin} for other in (name.lower(), f"{name.title()}x")),
        *(prefix[:-1] for prefix in begin),
    }

    assert [name for name in sorted(refused) if not steers(name)] == []
    assert [name for name in sorted(near) if steers(name)] == []


def test_on_windows_such_names_are_refused_in_any_case(tmp_path: Path) -> None:
    """Windows knows one spelling of a name."""
    with pytest.raises(EnvFileInvalid):
        hydrated(tmp_path, "PythonPath=x\n", windows=True)
    assert hydrated(tmp_path, "PythonPath=x\n", windows=False)["PythonPath"] == "x"


def test_a_required_reference_that_is_not_set_is_missing(tmp_path: Path) -> None:
    """`${NAME:?text}` of the shell and compose is VariableMissing where NAME is not set, with file and line."""
    with pytest.raises(VariableMissing) as caught:
        hydrated(tmp_path, "A=1\nD=${HOST:?must be set}\n")
    assert "HOST (.env.local:2: D)" in caught.value.message
