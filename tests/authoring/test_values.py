"""Values of an env file are set, removed, encrypted and decrypted, and everything else stays as it was."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from envtasks.authoring import (
    decrypt_value,
    encrypt_values,
    find_target,
    is_encrypted,
    rekey_values,
    repair_values,
    set_value,
    unset_value,
)
from envtasks.config import Environment
from envtasks.envfiles import decrypt, encrypt, public_key
from envtasks.errors import (
    ConfigInvalid,
    DecryptionFailed,
    EnvFileInvalid,
    EnvFileMissing,
    KeyMissing,
    Refused,
    VariableMissing,
)
from tests.authoring.files import HEADER, hydrated, target, text_of
from tests.dotenv_files import OTHER, PRIVATE, PUBLIC, encrypted

CIPHERTEXT = re.compile(r"'encrypted:([A-Za-z0-9+/=]+)'")


# set


def test_a_value_is_encrypted_in_single_quotes(tmp_path: Path) -> None:
    """Of the env file only the value changes; it reads back whatever characters it has."""
    it = target(tmp_path, HEADER + '# db\nexport A = "old"  # note\nB=1\n')

    change = set_value(it, "A", 'pa$$w "#\n`x', encrypted=True)

    assert (change.action, change.places, change.encrypted) == ("set", (("A", 3),), True)
    assert CIPHERTEXT.sub("'…'", text_of(it)) == HEADER + "# db\nexport A = '…'  # note\nB=1\n"
    assert hydrated(it)["A"] == 'pa$$w "#\n`x'


def test_a_plain_value_and_a_new_variable(tmp_path: Path) -> None:
    """A new variable goes to the end; a plain value is bare or in single quotes."""
    it = target(tmp_path, "A=1")

    change = set_value(it, "B", "x y", encrypted=False)

    assert (change.places, change.encrypted, text_of(it)) == ((("B", 2),), False, "A=1\nB='x y'\n")


def test_the_same_secret_keeps_its_ciphertext(tmp_path: Path) -> None:
    """A value that is what it was changes no byte, so that nothing is to be merged."""
    it = target(tmp_path, HEADER + f"A='{encrypted('x')}'\n")
    before = text_of(it)

    assert set_value(it, "A", "x", encrypted=True).action == "unchanged"
    assert text_of(it) == before


@pytest.mark.parametrize("quoted", ['"{}"', "{}"])
def test_the_same_secret_in_other_quotes_is_repaired(tmp_path: Path, quoted: str) -> None:
    """Where the quotes would change the value, it is written anew."""
    it = target(tmp_path, HEADER + f"A={quoted.format(encrypted('pa$$'))}\n")

    assert set_value(it, "A", "pa$$", encrypted=True).action == "set"
    assert hydrated(it)["A"] == "pa$$"


def test_the_last_of_several_assignments_is_set(tmp_path: Path) -> None:
    """The one that counts changes, and a note says that there are others."""
    it = target(tmp_path, "A=1\nA=2\n")

    change = set_value(it, "A", "3", encrypted=False)

    assert text_of(it) == "A=1\nA=3\n"
    assert change.notes == ("A is set 2 times in .env.staging; the last one counts",)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("DB_PASWORD", "DB_PASSWORD"),
        ("DB_PASSWROD", "DB_PASSWORD"),
        ("DB_PASSWORDS", "DB_PASSWORD"),
        ("db_port", "DB_PORT"),
        ("DB_PASSWORD", ""),  # it is there
        ("DB_HOST", ""),
        ("REPLICA_2", ""),
    ],
)
def test_a_new_name_that_may_be_misspelt_is_noted(tmp_path: Path, name: str, near: str) -> None:
    """One letter away from a name that is there, or in case alone; a number that differs is meant."""
    it = target(tmp_path, "DB_PASSWORD=x\nDB_PORT=1\nREPLICA_1=a\n")

    change = set_value(it, name, "y", encrypted=False)

    back = f"inv env.unset {name} --env staging"
    said = f"{name} is new, and {near} is as it was; to take it back: {back}"
    assert change.notes == ((said,) if near else ())


@pytest.mark.parametrize(
    ("system", "without"), [("linux", "`printf %s`"), ("win32", "a file without one (--from-file)")]
)
def test_what_else_is_worth_knowing_about_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, without: str
) -> None:
    """A line break at its end, a length that no process takes, and a file that wins over this one are noted."""
    monkeypatch.setattr("envtasks.authoring.values.sys", SimpleNamespace(platform=system))
    (tmp_path / ".env").write_text("A=mine\n", encoding="utf-8")
    (tmp_path / ".env.local").write_text("", encoding="utf-8")
    environment = Environment("local", tmp_path, (tmp_path / ".env", tmp_path / ".env.local"))

    change = set_value(find_target(environment, {}), "A", "x" * 131_069 + "\n", encrypted=False)

    assert change.file == ".env.local"
    assert change.notes == (
        f"the value of A ends with a line break, as `echo` adds one; {without} does not",
        "A is longer than a process can be given on Linux (131,071 bytes)",
        ".env sets A too, and wins over .env.local",
    )


@pytest.mark.parametrize("name", ["1A", "A-B", "toString", ""])
def test_names_that_no_file_can_hold(tmp_path: Path, name: str) -> None:
    """They are refused before a value is asked for."""
    it = target(tmp_path, "A=1\n")
    with pytest.raises(EnvFileInvalid):
        is_encrypted(it, name)
    with pytest.raises(EnvFileInvalid):
        set_value(it, name, "x", encrypted=False)


def test_a_key_is_not_a_variable(tmp_path: Path) -> None:
    """The names of keys are refused: they are made and changed by other commands."""
    with pytest.raises(Refused, match="is the name of a key"):
        set_value(target(tmp_path, "A=1\n"), "DOTENV_PUBLIC_KEY_STAGING", "x", encrypted=False)


@pytest.mark.parametrize("is_secret", [True, False])
def test_a_variable_of_envtasks_is_refused(tmp_path: Path, is_secret: bool) -> None:
    """What no environment would load is not written."""
    it = target(tmp_path, HEADER + "A=1\n")

    with pytest.raises(
        EnvFileInvalid, match=r"may not set variables that control envtasks\. Nothing was written"
    ):
        set_value(it, "ENVTASKS_CONFIRM", "production", encrypted=is_secret)

    assert text_of(it) == HEADER + "A=1\n"


def test_a_variable_that_steers_programs_is_refused_unless_it_is_allowed(tmp_path: Path) -> None:
    """As when the environment is loaded; `allow-steering` lists those that are meant."""
    with pytest.raises(EnvFileInvalid, match=r"PYTHONPATH.*Nothing was written"):
        set_value(target(tmp_path, "A=1\n"), "PYTHONPATH", "lib", encrypted=False)

    allowed = target(tmp_path, "A=1\n", allow_steering=("PYTHONPATH",))
    assert set_value(allowed, "PYTHONPATH", "lib", encrypted=False).action == "set"


@pytest.mark.parametrize("value", ["a\rb", "a b\\", "x\n<<<<<<< HEAD\ny"])
def test_what_no_plain_spelling_carries(tmp_path: Path, value: str) -> None:
    """It is refused, nothing is written, and encrypted it is stored."""
    it = target(tmp_path, HEADER + "A=1\n")

    with pytest.raises(EnvFileInvalid):
        set_value(it, "A", value, encrypted=False)
    assert text_of(it) == HEADER + "A=1\n"

    set_value(it, "A", value, encrypted=True)
    assert hydrated(it)["A"] == value


def test_without_the_private_key_a_value_is_encrypted_all_the_same(tmp_path: Path) -> None:
    """The public key in the header is enough to add a secret."""
    it = target(tmp_path, HEADER, key=False)

    set_value(it, "A", "x", encrypted=True)

    ciphertext = CIPHERTEXT.search(text_of(it))
    assert ciphertext is not None
    assert decrypt([ciphertext[0].strip("'")], [PRIVATE]) == ["x"]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It says what would be done, with the line, and makes no key."""
    it = target(tmp_path, "A=1\n", key=False)
    dry = find_target(it.environment, {}, dry=True)

    change = set_value(dry, "B", "x", encrypted=True)

    assert (change.action, change.places, change.dry) == ("set", (("B", 5),), True)
    assert [path.name for path in tmp_path.iterdir()] == [".env.staging"]
    assert text_of(it) == "A=1\n"


# the file


def test_the_file_is_the_baseline_unless_another_is_named(tmp_path: Path) -> None:
    """Of several files the first baseline is written; overrides only if they are named, and then made."""
    (tmp_path / ".env.local").write_text("", encoding="utf-8")
    environment = Environment("local", tmp_path, (tmp_path / ".env", tmp_path / ".env.local"))

    assert set_value(find_target(environment, {}), "A", "1", encrypted=False).file == ".env.local"
    named = find_target(environment, {}, file=".env")
    assert set_value(named, "A", "1", encrypted=False).file == ".env"
    assert (tmp_path / ".env").read_text(encoding="utf-8") == "A=1\n"
    with pytest.raises(
        ConfigInvalid, match=r"\.env\.locl is not an env file of local: did you mean \.env\.local\?"
    ):
        find_target(environment, {}, file=".env.locl")


def test_a_baseline_that_is_not_there_is_not_made_by_the_way(tmp_path: Path) -> None:
    """The hint names the command that makes it."""
    environment = Environment("staging", tmp_path, (tmp_path / ".env.staging",))

    with pytest.raises(EnvFileMissing) as caught:
        set_value(find_target(environment, {}), "A", "1", encrypted=False)

    assert caught.value.hint == "make it: inv env.new staging"


def test_what_is_left_of_an_old_value_behind_a_new_one_is_said(tmp_path: Path) -> None:
    """A `#` without a blank before it: the rest of the secret may stand there, and no other byte is changed."""
    it = target(tmp_path, HEADER + "A=old#secret\n")
    change = set_value(it, "A", "new", encrypted=True)

    assert text_of(it).endswith("'#secret\n")
    assert [note.partition(" may")[0] for note in change.notes] == [
        ".env.staging:2: A: what follows the ciphertext"
    ]


# unset


def test_every_assignment_of_a_variable_is_removed(tmp_path: Path) -> None:
    """Its lines go, comments and other variables stay."""
    it = target(tmp_path, "# a\nA=1\nB='x\nA=2'\nA=3\n")

    change = unset_value(it, "A")

    assert (change.places, text_of(it)) == ((("A", 2), ("A", 5)), "# a\nB='x\nA=2'\n")


def test_those_that_match_a_pattern_are_removed(tmp_path: Path) -> None:
    """Not the public key, unless it is named; nothing else than what is said."""
    it = target(tmp_path, HEADER + "DB_HOST=1\n# keep\nA=2\nDB_PORT=3\nDB_HOST=4\n")

    change = unset_value(it, "D*")

    assert (change.names, text_of(it)) == (("DB_HOST", "DB_PORT"), HEADER + "# keep\nA=2\n")


def test_a_variable_that_is_not_there_cannot_be_removed(tmp_path: Path) -> None:
    """The error names the nearest one."""
    with pytest.raises(VariableMissing, match=r"DB_HSOT is not in \.env\.staging: did you mean DB_HOST\?"):
        unset_value(target(tmp_path, "DB_HOST=1\n"), "DB_HSOT")


def test_the_file_that_has_the_variable_is_named(tmp_path: Path) -> None:
    """An environment may have several."""
    environment = Environment("local", tmp_path, (tmp_path / ".env.local", tmp_path / "shared.env"))
    (tmp_path / ".env.local").write_text("A=1\n", encoding="utf-8")
    (tmp_path / "shared.env").write_text("DB_HOST=1\n", encoding="utf-8")

    with pytest.raises(VariableMissing, match=r"^DB_HOST is not in \.env\.local\.") as caught:
        unset_value(find_target(environment, {}), "DB_HOST")
    assert caught.value.hint == "it is in shared.env: --file shared.env"

    change = set_value(find_target(environment, {}), "DB_HOST", "2", encrypted=False)
    assert change.notes == (
        ".env.local wins over shared.env, which sets DB_HOST too; to change it there: --file shared.env",
    )


def test_new_overrides_are_ignored_by_git(tmp_path: Path) -> None:
    """They are a developer's own, also without a secret."""
    environment = Environment("local", tmp_path, (tmp_path / ".env", tmp_path / ".env.local"))
    it = find_target(environment, {"PATH": os.environ["PATH"]}, file=".env")

    change = set_value(it, "A", "1", encrypted=False)

    assert change.notes == (".env is ignored by git from now on (.gitignore)",)
    assert (tmp_path / ".gitignore").read_text() == ".env\n"
    assert set_value(it, "A", "2", encrypted=False).notes == ()


def test_the_public_key_of_encrypted_values_is_not_removed(tmp_path: Path) -> None:
    """Without it nobody could add a secret."""
    with pytest.raises(Refused):
        unset_value(target(tmp_path, HEADER + f"A='{encrypted('x')}'\n"), "DOTENV_PUBLIC_KEY_STAGING")


# encrypt


def test_every_plain_value_is_encrypted(tmp_path: Path) -> None:
    """All that dotenvx leaves in plain text too: quotes in quotes, a colon, shadowed duplicates, empty values."""
    text = "A='it\\'s'\nF: colon\nD=1\nD=2\nE=\nS=stays\nM='two\nlines'\nN=\"esc\\naped\"\nC= #c\n"
    it = target(tmp_path, HEADER + text, not_secret=("S",))
    before = dict(hydrated(it))

    change = encrypt_values(it, [])

    assert change.names == ("A", "F", "D", "E", "M", "N", "C")
    assert dict(hydrated(it)) == before
    assert [line for line in text_of(it).splitlines() if "encrypted:" not in line] == [
        HEADER.strip(),
        "S=stays",
    ]
    assert encrypt_values(it, []).places == ()


def test_only_some_are_encrypted(tmp_path: Path) -> None:
    """Names and patterns choose; one that matches nothing is an error."""
    it = target(tmp_path, HEADER + "DB_A=1\nDB_B=2\nC=3\nD=4\n")

    assert encrypt_values(it, ["DB_*", "D"]).names == ("DB_A", "DB_B", "D")
    with pytest.raises(VariableMissing, match=r"X_\* is not in \.env\.staging"):
        encrypt_values(it, ["X_*"])


def test_references_stay_references(tmp_path: Path) -> None:
    """A value that refers to others is expanded after decryption; an escaped or a doubled dollar sign is text."""
    it = target(
        tmp_path, HEADER + 'H=db\nU="http://${H}:$P/\\n"\nT="a\\$b"\nR=a$$b\nL=\'$H\'\n', not_secret=("H",)
    )
    before = dict(hydrated(it))

    encrypt_values(it, [])

    assert dict(hydrated(it)) == before
    set_value(it, "H", "other", encrypted=False)
    assert hydrated(it)["U"] == "http://other:/\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("A=$(date)", r"A: `\$\(…\)` is a command"),
        ('A="encrypted:AAAA" x', "A: there is text around a ciphertext"),
        ("A=op://vault/item", "A: the value begins with op://"),
        ("A=pass#word", "A: # without a blank before it starts a comment, and what follows would stay"),
        ('A={"a": "x#y"}', "A: # without a blank before it starts a comment"),
        ("A=#ff0000", "A: # without a blank before it starts a comment"),
        ("A='pass#word", "A: # without a blank before it starts a comment"),
    ],
)
def test_what_cannot_be_encrypted_is_named_and_nothing_is_written(
    tmp_path: Path, line: str, reason: str
) -> None:
    """No value stays in plain text without a word."""
    it = target(tmp_path, HEADER + f"B=1\n{line}\nC=2\n")

    with pytest.raises(EnvFileInvalid, match=rf"^\.env\.staging:3: {reason}"):
        encrypt_values(it, [])

    assert text_of(it) == HEADER + f"B=1\n{line}\nC=2\n"


def test_bytes_that_are_not_utf8_are_not_lost(tmp_path: Path) -> None:
    """A ciphertext holds text, in which they would be question marks for good; other lines are encrypted."""
    it = target(tmp_path, HEADER + "A=1\n")
    it.path.write_bytes(HEADER.encode() + b"A=caf\xe9\nB=1\n")

    with pytest.raises(
        EnvFileInvalid, match=r"^\.env\.staging:2: A: its bytes are not UTF-8.* or set it anew\n"
    ) as caught:
        encrypt_values(it, [])
    assert "encrypt others alone: --only NAME" in caught.value.hint
    encrypt_values(it, ["B"])
    assert b"A=caf\xe9\nB='encrypted:" in it.path.read_bytes()
    set_value(it, "A", "café", encrypted=True)
    assert hydrated(it)["A"] == "café"


def test_a_file_of_which_nothing_can_be_read_is_not_written(tmp_path: Path) -> None:
    """What is added to big-endian UTF-16 would be in another encoding than the rest."""
    it = target(tmp_path, "")
    before = b"\xfe\xff" + "A=1\n".encode("utf-16-be")
    it.path.write_bytes(before)

    with pytest.raises(EnvFileInvalid, match=r"^\.env\.staging: this file is UTF-16 \(big-endian\)"):
        set_value(it, "B", "2", encrypted=False)
    assert it.path.read_bytes() == before


def test_what_is_odd_about_a_line_is_said_before_its_ciphertext_hides_it(tmp_path: Path) -> None:
    """Such as a quote that is not closed, which is part of the value."""
    change = encrypt_values(target(tmp_path, HEADER + "A=\"open\nB='x' y\nC=1\n"), [])

    assert [note.partition(": the")[0].partition(": text")[0] for note in change.notes] == [
        ".env.staging:2: A",
        ".env.staging:3: B",
    ]


# decrypt


def test_a_value_is_decrypted_in_its_place(tmp_path: Path) -> None:
    """It is spelled as plain values are; references in double quotes are expanded as before."""
    lines = f"A='{encrypted('x y')}' # note\nH=db\nU=\"{encrypted('http://$H/')}\"\n"
    lines += f'T="{encrypted("a" + chr(92) + "$b")}"\n'
    it = target(tmp_path, HEADER + lines)
    before = dict(hydrated(it))

    for name in ("A", "U", "T"):
        change = decrypt_value(it, name)

    assert (change.action, change.places, change.encrypted) == ("decrypted", (("T", 5),), False)
    assert text_of(it) == HEADER + "A='x y' # note\nH=db\nU=\"http://$H/\"\nT='a$b'\n"
    assert dict(hydrated(it)) == before


def test_a_value_that_no_plain_text_carries_stays_encrypted(tmp_path: Path) -> None:
    """A carriage return is refused, and so is a backslash beside a reference."""
    lines = f"A='{encrypted('a' + chr(13))}'\nH=1\nU=\"{encrypted('$H' + chr(92))}\"\n"
    it = target(tmp_path, HEADER + lines)

    for name in ("A", "U"):
        with pytest.raises(EnvFileInvalid, match=r"It stays encrypted\.$"):
            decrypt_value(it, name)

    assert text_of(it) == HEADER + lines


def test_without_the_key_nothing_is_decrypted(tmp_path: Path) -> None:
    """The error names the line, and where keys were looked for."""
    with pytest.raises(DecryptionFailed, match=r"\.env\.staging:2: no key at hand opens A") as caught:
        decrypt_value(target(tmp_path, HEADER + f"A='{encrypted('x')}'\n", key=False), "A")
    assert ".env.keys" in caught.value.hint


# repair and rekey


def test_quotes_that_change_a_secret_are_repaired(tmp_path: Path) -> None:
    """The ciphertext is put into single quotes; what refers to a variable that is set stays."""
    mangled, intended, fine = encrypted("pa$$word"), encrypted("http://${H}"), encrypted("plain")
    it = target(tmp_path, HEADER + f'H=db\nA="{mangled}"\nU="{intended}"\nF="{fine}"\n')

    change = repair_values(it, [])

    assert (change.action, change.places) == ("repaired", (("A", 3),))
    assert text_of(it) == HEADER + f'H=db\nA=\'{mangled}\'\nU="{intended}"\nF="{fine}"\n'
    assert hydrated(it)["A"] == "pa$$word"


def test_a_value_under_another_key_is_encrypted_for_the_files_own(tmp_path: Path) -> None:
    """After a merge that mixed keys; values under the file's own key keep their ciphertext."""
    own, other = encrypted("mine"), encrypt("theirs", public_key(OTHER))
    it = target(tmp_path, HEADER + f"A='{own}'\nB='{other}'\n")
    (tmp_path / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_STAGING={PRIVATE},{OTHER}\n", encoding="utf-8")

    change = rekey_values(it, ["*"])

    assert (change.action, change.names) == ("rekeyed", ("B",))
    assert f"A='{own}'" in text_of(it)
    ciphertexts = [f"encrypted:{found}" for found in CIPHERTEXT.findall(text_of(it))]
    assert decrypt(ciphertexts, [PRIVATE]) == ["mine", "theirs"]


# the key


def test_a_file_without_a_key_gets_a_pair(tmp_path: Path) -> None:
    """The private key goes into a key file that only its owner reads, the public key into the file's header."""
    it = target(tmp_path, "A=1\n", key=False)

    change = set_value(it, "B", "x", encrypted=True)

    keys = (tmp_path / ".env.keys").read_text(encoding="utf-8")
    private = re.findall(r"^# \.env\.staging\nDOTENV_PRIVATE_KEY_STAGING=([0-9a-f]{64})$", keys, re.MULTILINE)
    header = re.findall(r'^DOTENV_PUBLIC_KEY_STAGING="([0-9a-f]{66})"$', text_of(it), re.MULTILINE)
    assert [public_key(key) for key in private] == header
    assert os.name == "nt" or (tmp_path / ".env.keys").stat().st_mode & 0o777 == 0o600
    assert change.notes[0].startswith("made a key pair: DOTENV_PRIVATE_KEY_STAGING is in .env.keys")
    assert dict(hydrated(it))["B"] == "x"


@pytest.mark.parametrize("text", ["#!/bin/sh\nA=1\n", "\ufeffA=1\r\n", "#!/bin/sh", "\ufeff", ""])
def test_the_header_comes_first(tmp_path: Path, text: str) -> None:
    """After a byte-order mark and a `#!` line, with the file's line ends."""
    it = target(tmp_path, text, key=False)

    set_value(it, "B", "x", encrypted=True)

    written = it.path.read_bytes().decode()
    assert written.startswith(text[: text.find("\n") + 1] if text.startswith("#!/bin/sh\n") else text[:1])
    assert re.search(r"\n?# encrypted values [^\r\n]+\r?\nDOTENV_PUBLIC_KEY_STAGING=", written)
    assert ("\r\n" in written) == ("\r\n" in text)
    assert dict(hydrated(it))["B"] == "x"


def test_a_lost_header_is_made_anew_from_the_key_that_opens_the_file(tmp_path: Path) -> None:
    """No second key is made for a file that has encrypted values."""
    old = encrypted("old")
    it = target(tmp_path, f"A='{old}'\n")

    set_value(it, "B", "x", encrypted=True)

    assert f'DOTENV_PUBLIC_KEY_STAGING="{PUBLIC}"' in text_of(it)
    assert (hydrated(it)["A"], hydrated(it)["B"]) == ("old", "x")


def test_a_key_that_is_there_by_name_is_used(tmp_path: Path) -> None:
    """A key pair that was interrupted before its header was written is used, not made again."""
    it = target(tmp_path, "A=1\n")

    set_value(it, "B", "x", encrypted=True)

    assert f'DOTENV_PUBLIC_KEY_STAGING="{PUBLIC}"' in text_of(it)


def test_ciphertexts_without_header_and_key_are_not_given_a_second_key(tmp_path: Path) -> None:
    """Two keys in one file could not be told apart; the hint says which line to restore."""
    it = target(tmp_path, f"A='{encrypted('x')}'\n", key=False)

    with pytest.raises(KeyMissing, match="has encrypted values but no public key") as caught:
        set_value(it, "B", "x", encrypted=True)

    assert "DOTENV_PUBLIC_KEY_STAGING=… from git" in caught.value.hint


def test_a_header_that_is_no_key_is_named(tmp_path: Path) -> None:
    """The error says file and line."""
    it = target(tmp_path, "A=1\nDOTENV_PUBLIC_KEY_STAGING=\n")

    with pytest.raises(
        EnvFileInvalid, match=r"^\.env\.staging:2: DOTENV_PUBLIC_KEY_STAGING is not a public key"
    ):
        set_value(it, "B", "x", encrypted=True)


def test_a_declared_key_file_gets_the_key(tmp_path: Path) -> None:
    """The first of those that pyproject.toml names, whatever stands in it already."""
    keys = tmp_path / "staging.keys"
    keys.write_text(f"# mine\nDOTENV_PRIVATE_KEY_DEV={OTHER}", encoding="utf-8")
    it = target(tmp_path, "A=1\n", key=False, keys=(keys,))

    set_value(it, "B", "x", encrypted=True)

    text = keys.read_text(encoding="utf-8")
    assert text.startswith(
        f"# mine\nDOTENV_PRIVATE_KEY_DEV={OTHER}\n# .env.staging\nDOTENV_PRIVATE_KEY_STAGING="
    )
    assert not (tmp_path / ".env.keys").exists()
