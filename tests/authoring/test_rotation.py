"""Rotation of keys: each step, each place where it can be interrupted, and what stays readable meanwhile."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from envtasks.authoring import TargetFile, find_target, finish_rotation, prepare_rotation, rotate, rotation
from envtasks.config import Project
from envtasks.envfiles import decrypt, encrypt, generate_keys, public_keys_in, read_env_file
from envtasks.errors import DecryptionFailed, EnvFileInvalid, EnvtasksError, KeyMissing, LeakFound, Refused
from envtasks.hydration import hydrate
from tests.authoring.repositories import commit_all, git, needs_git

OLD, OTHER = generate_keys(), generate_keys()
VARIABLE = "DOTENV_PRIVATE_KEY_SHOP"
VALUES = {"TOKEN": "t$oken", "PASSWORD": "two\nlines 'quoted'", "EMPTY": ""}
NAMES = ("staging", "qa", "production")
PYPROJECT = """
[tool.envtasks]
not-secret = ["EMPTY"]

[tool.envtasks.environments]
staging = { files = [".env", ".env.staging"] }
qa = { files = [".env.qa"] }
production = { files = [".env.production"], protected = true }
other = { files = [".env.other"] }
"""


def file_text(public: str = OLD[1], values: Mapping[str, str] = VALUES) -> str:
    lines = [f"# top\nDOTENV_PUBLIC_KEY_SHOP='{public}' # ours", "PLAIN=1"]
    lines += [f"{name}='{encrypt(value, public)}' # {name}" for name, value in values.items()]
    return "\n".join(lines) + "\n# end"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Three environments whose files are under one key, and one under a key of its own."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in NAMES:
        (tmp_path / f".env.{name}").write_text(file_text())
    (tmp_path / ".env.other").write_text(f"DOTENV_PUBLIC_KEY_OTHER={OTHER[1]}\nX={encrypt('x', OTHER[1])}\n")
    write_keys(tmp_path, f"{VARIABLE}={OLD[0]}\nDOTENV_PRIVATE_KEY_OTHER={OTHER[0]}\n")
    return tmp_path


def write_keys(root: Path, text: str) -> None:
    (root / ".env.keys").write_text(text)
    (root / ".env.keys").chmod(0o600)


def project(root: Path) -> Project:
    return Project.load(root)


def target(
    root: Path, name: str = "staging", *, env: Mapping[str, str] | None = None, dry: bool = False
) -> TargetFile:
    return find_target(project(root).environment(name), {"PATH": os.environ["PATH"], **(env or {})}, dry=dry)


def keys(root: Path, variable: str = VARIABLE) -> list[str]:
    found = re.search(rf"^{variable}=(.*)$", (root / ".env.keys").read_text(), re.MULTILINE)
    return found[1].split(",") if found else []


def publics(root: Path) -> list[str]:
    return [public_keys_in(read_env_file(root / f".env.{name}"))[0] for name in NAMES]


def opens(root: Path, *private: str, names: tuple[str, ...] = NAMES) -> bool:
    """Whether these keys alone open every value of the files, and it is the one that it was."""
    for name in names:
        entries = [each for each in read_env_file(root / f".env.{name}").entries if each.encrypted]
        if decrypt([each.value for each in entries], private) != list(VALUES.values()):
            return False
    return True


def test_prepare_puts_a_key_first_and_changes_no_env_file(shop: Path) -> None:
    """The new key can be handed over, while everything opens with the old one."""
    before = {name: (shop / f".env.{name}").read_bytes() for name in NAMES}
    done = prepare_rotation(project(shop), target(shop))

    assert (done.step, done.files, done.key_file, done.variable) == (
        "prepared",
        (".env.staging",),
        ".env.keys",
        VARIABLE,
    )
    assert (len(keys(shop)), keys(shop)[1]) == (2, OLD[0])
    assert {name: (shop / f".env.{name}").read_bytes() for name in NAMES} == before
    assert keys(shop, "DOTENV_PRIVATE_KEY_OTHER") == [OTHER[0]]


def test_a_prepared_key_is_taken_again(shop: Path) -> None:
    """Prepared twice, and rotated with --now after that: one new key."""
    prepare_rotation(project(shop), target(shop))
    first = keys(shop)

    assert prepare_rotation(project(shop), target(shop)).step == "unchanged"
    assert keys(shop) == first
    rotate(project(shop), target(shop), prepare=True)
    assert keys(shop) == first


def test_rotate_encrypts_every_file_of_the_key(shop: Path) -> None:
    """All environments that share the key are rotated, and open with the new key alone; others are not touched."""
    other = (shop / ".env.other").read_bytes()
    prepare_rotation(project(shop), target(shop))
    done = rotate(project(shop), target(shop))

    assert (done.step, done.files) == ("rotated", tuple(f".env.{name}" for name in NAMES))
    assert done.secrets == ("TOKEN", "PASSWORD")  # EMPTY is in not-secret
    assert opens(shop, keys(shop)[0])
    assert not opens(shop, OLD[0])
    assert (len(set(publics(shop))), publics(shop)[0] != OLD[1]) == (1, True)
    assert (shop / ".env.other").read_bytes() == other


def test_nothing_but_ciphertexts_and_the_public_key_changes(shop: Path) -> None:
    """Comments, quotes, order, plain values and the missing line break at the end stay as they were."""
    rotate(project(shop), target(shop), prepare=True)

    def outline(text: str) -> str:
        return re.sub(r"encrypted:[^']*", "…", re.sub("[0-9a-f]{66}", "…", text))

    assert outline((shop / ".env.staging").read_text()) == outline(file_text())


@pytest.mark.parametrize("quote", ["'", '"', "`", ""])
def test_quotes_keep_their_meaning(shop: Path, quote: str) -> None:
    """A `$` that is expanded is expanded after the rotation too, and one that is not stays as it is."""
    text = f"DOTENV_PUBLIC_KEY_SHOP={quote}{OLD[1]}{quote}\nA=1\n"
    (shop / ".env.qa").write_text(text + f"B={quote}{encrypt('x$A', OLD[1])}{quote}\n")
    environment = project(shop).environment("qa")
    before = dict(hydrate(environment, {}))
    rotate(project(shop), target(shop, "qa"), prepare=True)

    after = dict(hydrate(environment, {}))
    assert (after["B"], before["B"]) == (before["B"], "x$A" if quote == "'" else "x1")
    assert after["DOTENV_PUBLIC_KEY_SHOP"] != before["DOTENV_PUBLIC_KEY_SHOP"]


def test_every_assignment_of_a_name_is_rotated(shop: Path) -> None:
    """A value that a later line shadows is a secret too, and must not stay under the old key."""
    with (shop / ".env.qa").open("a") as file:
        file.write(f"\nTOKEN='{encrypt('second', OLD[1])}'\n")
    rotate(project(shop), target(shop), prepare=True)

    values = [each.value for each in read_env_file(shop / ".env.qa").entries if each.name == "TOKEN"]
    assert decrypt(values, keys(shop)[:1]) == ["t$oken", "second"]


def test_rotate_without_a_prepared_key_is_refused(shop: Path) -> None:
    """The hint has both ways on."""
    with pytest.raises(Refused, match=r"No new key is prepared for \.env\.staging") as refused:
        rotate(project(shop), target(shop))
    assert "--prepare; or --now" in refused.value.hint


def test_a_value_under_a_third_key_goes_to_the_new_one(shop: Path) -> None:
    """A file that a merge mixed is whole again after the rotation, if the other key is at hand."""
    with (shop / ".env.qa").open("a") as file:
        file.write(f"\nMIXED='{encrypt('m', OTHER[1])}'\n")
    rotate(project(shop), target(shop), prepare=True)

    values = [each.value for each in read_env_file(shop / ".env.qa").entries if each.name == "MIXED"]
    assert decrypt(values, keys(shop)[:1]) == ["m"]


def test_a_value_that_no_key_opens_stops_before_anything_changes(shop: Path) -> None:
    """No value is lost, and no file is rotated without the others: the names are said."""
    stranger = generate_keys()[1]
    with (shop / ".env.qa").open("a") as file:
        file.write(f"\nLOST='{encrypt('m', stranger)}'\n")
    before = {name: (shop / f".env.{name}").read_bytes() for name in NAMES}

    with pytest.raises(DecryptionFailed, match=r"\.env\.qa: no key at hand opens LOST"):
        rotate(project(shop), target(shop), prepare=True)

    assert {name: (shop / f".env.{name}").read_bytes() for name in NAMES} == before


@pytest.mark.parametrize("files", range(len(NAMES) + 1))
def test_an_interrupted_rotation_goes_on(shop: Path, monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    """After any number of files, all values open with the keys that are there, and the next call does the rest."""
    prepare_rotation(project(shop), target(shop))
    interrupt(monkeypatch, after=files)
    with pytest.raises(KeyboardInterrupt):
        rotate(project(shop), target(shop))
    monkeypatch.undo()

    assert len(set(publics(shop))) == (1 if files in (0, len(NAMES)) else 2)
    assert opens(shop, *keys(shop))
    assert all(dict(hydrate(project(shop).environment(name), {}))["TOKEN"] == "t$oken" for name in NAMES)
    before = keys(shop)

    # from any environment of the key: one that is done, or one that is not
    for name in ("staging", "production"):
        rotate(project(shop), target(shop, name))
    assert keys(shop) == before
    assert opens(shop, keys(shop)[0])


def interrupt(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Let the rotation be interrupted after this many files."""
    real: Callable[..., None] = rotation._encrypt_again
    done: list[object] = []

    def encrypt_again(*args: object) -> None:
        if len(done) == after:
            raise KeyboardInterrupt
        real(*args)
        done.append(args)
        if len(done) == after == len(NAMES):
            raise KeyboardInterrupt

    monkeypatch.setattr(rotation, "_encrypt_again", encrypt_again)


def test_now_goes_on_with_what_was_begun(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--now after an interrupted --now makes no second key."""
    interrupt(monkeypatch, after=1)
    with pytest.raises(KeyboardInterrupt):
        rotate(project(shop), target(shop), prepare=True)
    monkeypatch.undo()
    before = keys(shop)

    done = rotate(project(shop), target(shop), prepare=True)

    assert done.files == (".env.qa", ".env.production")
    assert keys(shop) == before
    assert opens(shop, keys(shop)[0])


def test_rotated_twice_is_unchanged(shop: Path) -> None:
    """Once every file is under the new key, the command says so, and names the secrets again."""
    rotate(project(shop), target(shop), prepare=True)
    before = {name: (shop / f".env.{name}").read_bytes() for name in NAMES}
    done = rotate(project(shop), target(shop))

    assert (done.step, done.secrets) == ("unchanged", ("TOKEN", "PASSWORD"))
    assert {name: (shop / f".env.{name}").read_bytes() for name in NAMES} == before


def test_a_second_rotation_before_the_first_is_finished(shop: Path) -> None:
    """--prepare after a rotation puts a further key in front; the older ones stay."""
    rotate(project(shop), target(shop), prepare=True)
    first = keys(shop)
    prepare_rotation(project(shop), target(shop))
    rotate(project(shop), target(shop))

    assert keys(shop)[1:] == first
    assert opens(shop, keys(shop)[0])


def test_finish_removes_the_old_key(shop: Path) -> None:
    """The key file has the new key alone; everything opens."""
    rotate(project(shop), target(shop), prepare=True)
    new = keys(shop)[0]
    done = finish_rotation(project(shop), target(shop))

    assert (done.step, done.secrets) == ("finished", ("TOKEN", "PASSWORD"))
    assert keys(shop) == [new]
    assert keys(shop, "DOTENV_PRIVATE_KEY_OTHER") == [OTHER[0]]
    assert finish_rotation(project(shop), target(shop)).step == "unchanged"


def test_finish_can_keep_the_old_key_for_old_commits(shop: Path) -> None:
    """It moves to a name that ends in `_OLD`, where it is found for old commits, and is no rotation any more."""
    rotate(project(shop), target(shop), prepare=True)
    finish_rotation(project(shop), target(shop), keep_old=True)

    assert (len(keys(shop)), keys(shop, f"{VARIABLE}_OLD")) == (1, [OLD[0]])
    (shop / ".env.qa").write_text(file_text())
    assert hydrate(project(shop).environment("qa"), {})["TOKEN"] == "t$oken"

    (shop / ".env.qa").write_text((shop / ".env.staging").read_text())
    first = keys(shop)[0]
    rotate(project(shop), target(shop), prepare=True)
    finish_rotation(project(shop), target(shop), keep_old=True)
    assert keys(shop, f"{VARIABLE}_OLD") == [first, OLD[0]]


def test_finish_is_refused_while_a_file_is_under_the_old_key(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old key goes only when nothing needs it."""
    prepare_rotation(project(shop), target(shop))
    with pytest.raises(Refused, match="still under an old key"):
        finish_rotation(project(shop), target(shop))

    interrupt(monkeypatch, after=1)
    with pytest.raises(KeyboardInterrupt):
        rotate(project(shop), target(shop))
    with pytest.raises(Refused, match=r"\.env\.qa, \.env\.production: still under an old key"):
        finish_rotation(project(shop), target(shop))
    assert len(keys(shop)) == 2


@needs_git
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_finish_is_refused_before_the_rotated_file_is_committed(shop: Path, encoding: str) -> None:
    """`git checkout` would bring back a file that nothing opens; with --keep-old it does no harm."""
    (shop / ".env.staging").write_text(file_text(), encoding=encoding)
    git(shop, "init", "-q")
    (shop / ".gitignore").write_text(".env.keys\n")
    commit_all(shop)
    rotate(project(shop), target(shop), prepare=True)

    with pytest.raises(Refused, match=r"\.env\.staging is not committed since it was rotated"):
        finish_rotation(project(shop), target(shop))
    assert len(keys(shop)) == 2
    assert finish_rotation(project(shop), target(shop), keep_old=True).step == "finished"


@needs_git
def test_finish_names_what_still_has_a_value_from_history(shop: Path) -> None:
    """A value that was changed since the rotation, or that is new, is unknown to whoever has the old key."""
    git(shop, "init", "-q")
    (shop / ".gitignore").write_text(".env.keys\n")
    commit_all(shop)
    rotate(project(shop), target(shop), prepare=True)
    commit_all(shop)
    public = publics(shop)[0]
    for name in NAMES:
        path = shop / f".env.{name}"
        path.write_text(
            re.sub(r"TOKEN='[^']*'", lambda _: f"TOKEN='{encrypt('changed', public)}'", path.read_text())
            + f"\nNEW='{encrypt('new', public)}'\n"
        )
    commit_all(shop)

    assert finish_rotation(project(shop), target(shop)).secrets == ("PASSWORD",)


@needs_git
def test_git_never_gets_the_new_key(shop: Path) -> None:
    """A key file that git would add is ignored from then on; where git tracks it, nothing is rotated."""
    git(shop, "init", "-q")
    assert prepare_rotation(project(shop), target(shop)).notes == (
        ".env.keys is ignored by git from now on (.gitignore)",
    )

    (shop / ".gitignore").unlink()
    write_keys(shop, f"{VARIABLE}={OLD[0]}\n")
    git(shop, "add", ".env.keys")
    with pytest.raises(LeakFound):
        rotate(project(shop), target(shop), prepare=True)
    assert publics(shop) == [OLD[1]] * 3


def test_the_old_key_may_come_from_the_process_environment(shop: Path) -> None:
    """Where the key file has none, both keys are written there, so that the rotation can go on anywhere."""
    (shop / ".env.keys").unlink()
    env = {VARIABLE: OLD[0]}
    prepare_rotation(project(shop), target(shop, env=env))
    assert (len(keys(shop)), keys(shop)[1]) == (2, OLD[0])

    rotate(project(shop), target(shop))
    assert opens(shop, keys(shop)[0])


def test_a_list_without_the_file_s_key_is_no_rotation(shop: Path) -> None:
    """Keys that are left from before must never become the key of a file: the new one goes before them."""
    write_keys(shop, f"{VARIABLE}={OTHER[0]},{generate_keys()[0]}\n")
    env = {VARIABLE: OLD[0]}
    with pytest.raises(Refused, match="No new key is prepared"):
        rotate(project(shop), target(shop, env=env))
    assert finish_rotation(project(shop), target(shop, env=env)).step == "unchanged"

    rotate(project(shop), target(shop, env=env), prepare=True)
    assert keys(shop)[1:3] == [OLD[0], OTHER[0]]
    assert opens(shop, keys(shop)[0])


def test_the_key_itself_is_needed(shop: Path) -> None:
    """Who cannot open the file cannot rotate it; where it was looked for is said."""
    write_keys(shop, "# none\n")
    with pytest.raises(KeyMissing, match=r"No private key at hand is that of \.env\.staging") as missing:
        prepare_rotation(project(shop), target(shop))
    assert "searched: " in missing.value.hint
    assert keys(shop) == []


def test_a_file_without_a_public_key_has_nothing_to_rotate(shop: Path) -> None:
    """The hint has what makes a key."""
    (shop / ".env.qa").write_text("A=1\n")
    with pytest.raises(EnvFileInvalid, match="names no public key"):
        prepare_rotation(project(shop), target(shop, "qa"))


@pytest.mark.parametrize("step", ["prepare", "rotate", "now", "finish"])
def test_a_dry_run_writes_nothing(shop: Path, step: str) -> None:
    """Each step says what it would do."""
    if step == "rotate":
        prepare_rotation(project(shop), target(shop))
    if step == "finish":
        rotate(project(shop), target(shop), prepare=True)
    before = {path.name: path.read_bytes() for path in shop.iterdir()}
    steps = {
        "prepare": lambda: prepare_rotation(project(shop), target(shop, dry=True)),
        "rotate": lambda: rotate(project(shop), target(shop, dry=True)),
        "now": lambda: rotate(project(shop), target(shop, dry=True), prepare=True),
        "finish": lambda: finish_rotation(project(shop), target(shop, dry=True)),
    }
    done = steps[step]()

    assert done.dry
    assert done.step == {"prepare": "prepared", "finish": "finished"}.get(step, "rotated")
    assert {path.name: path.read_bytes() for path in shop.iterdir()} == before


def test_a_file_of_two_environments_is_rotated_once(shop: Path) -> None:
    """Overrides that two environments share are in both; both key files get the key."""
    (shop / "pyproject.toml").write_text(
        "[tool.envtasks.environments]\n"
        "staging = { files = ['.env.staging'] }\n"
        "copy = { files = ['.env.staging'], keys = ['copy.keys'] }\n"
    )
    (shop / "copy.keys").write_text(f"{VARIABLE}={OLD[0]}\n")
    done = rotate(project(shop), target(shop), prepare=True)

    assert done.files == (".env.staging",)
    assert (shop / "copy.keys").read_text() == f"{VARIABLE}={','.join(keys(shop))}\n"
    assert opens(shop, keys(shop)[0], names=("staging",))


def test_no_message_shows_a_key_or_a_value(shop: Path) -> None:
    """Neither results nor errors repeat what is secret."""
    stranger = generate_keys()[1]
    results = [
        repr(prepare_rotation(project(shop), target(shop))),
        repr(rotate(project(shop), target(shop))),
        repr(finish_rotation(project(shop), target(shop))),
    ]
    with (shop / ".env.qa").open("a") as file:
        file.write(f"\nLOST='{encrypt('m', stranger)}'\n")
    with pytest.raises(EnvtasksError) as refused:
        rotate(project(shop), target(shop), prepare=True)
    text = " ".join([*results, str(refused.value), repr(target(shop, env={VARIABLE: OLD[0]}))])

    secret = [*keys(shop), OLD[0], OTHER[0], VALUES["TOKEN"], VALUES["PASSWORD"]]
    assert [each for each in secret if each in text] == []
