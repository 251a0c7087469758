"""An env file is edited with its values decrypted; what comes back is encrypted, value by value."""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from envtasks.authoring import Dialogue, Edit, Editor, TargetFile, edit_file, find_editor, find_target
from envtasks.authoring.private_folders import PREFIX, private_folder
from envtasks.envfiles import encrypt, public_key
from envtasks.errors import (
    ConfigInvalid,
    DecryptionFailed,
    EnvFileInvalid,
    EnvtasksError,
    Refused,
    ToolMissing,
)
from tests.authoring.files import HEADER, hydrated, target, text_of
from tests.dotenv_files import OTHER, encrypted

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes and programs")
Change = Callable[[str], str]


class Person(Editor):
    """An editor in which somebody makes these changes, one after another, to the text that is shown."""

    changes: list[Change]
    seen: list[str]
    paths: list[Path]

    @classmethod
    def making(cls, *changes: Change, name: str = "ed") -> Person:
        person = cls((name,), {})
        person.changes, person.seen, person.paths = list(changes), [], []
        return person

    def edit(self, path: Path) -> bool:
        """Change the text as a program does that replaces the file."""
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        self.seen.append(text)
        self.paths.append(path)
        changed = path.with_name("changed")
        changed.write_bytes(self.changes.pop(0)(text).encode("utf-8", "surrogateescape"))
        changed.replace(path)
        return False


def replacing(old: str, new: str) -> Change:
    return lambda text: text.replace(old, new)


def edited(
    target: TargetFile, person: Person, *, encrypts: bool = True, again: list[bool] | None = None
) -> Edit:
    answers = again or []

    def ask(error: EnvtasksError) -> bool:
        return bool(answers) and answers.pop(0)

    notes: list[str] = []
    done = edit_file(target, person, Dialogue(lambda name: encrypts, ask, notes.append))
    return Edit(done.file, done.written, done.changed, done.added, done.removed, (*notes, *done.notes))


def private(target: TargetFile, folder: Path) -> TargetFile:
    """The target, where the folder for decrypted text is in this one."""
    (folder / "run").mkdir()
    return find_target(target.environment, {"XDG_RUNTIME_DIR": str(folder / "run")})


SECRETS = (
    f"# db\nA='{encrypted('pa$$ w')}' # note\nB=plain\nC=\"{encrypted('two')}\"\nA='{encrypted('last')}'\n"
)


def test_what_is_shown(tmp_path: Path) -> None:
    """Values in plain spelling, everything else as it is, below lines that say what is going to be encrypted."""
    person = Person.making(lambda text: text)

    edited(target(tmp_path, HEADER + SECRETS), person)

    assert person.seen[0] == (
        "#| .env.staging, decrypted; lines like this one are removed\n"
        "#| encrypted when you save: A, C, and new secrets\n"
        f"{HEADER}# db\nA='pa$$ w' # note\nB=plain\nC=two\nA=last\n"
    )


@pytest.mark.parametrize("change", [lambda text: text, lambda text: text + "\n", lambda text: text[:-1]])
def test_without_a_change_not_a_byte_is_written(tmp_path: Path, change: Change) -> None:
    """Line breaks at the end, which editors add, are no change."""
    it = target(tmp_path, HEADER + SECRETS)
    before = it.path.stat().st_mtime_ns

    assert edited(it, Person.making(change)).written is False
    assert it.path.stat().st_mtime_ns == before


def test_a_ciphertext_that_is_none_is_refused(tmp_path: Path) -> None:
    """A whole one may be pasted, as from another branch; half of one would end every command with code 4."""
    it = target(tmp_path, HEADER + SECRETS)

    with pytest.raises(
        EnvFileInvalid, match=r"\.env\.staging:\d: C: the value begins with encrypted:, but is no "
    ):
        edited(it, Person.making(replacing("C=two", "C=encrypted:BAbc")))
    assert text_of(it) == HEADER + SECRETS

    assert edited(it, Person.making(replacing("C=two", f"C='{encrypted('pasted')}'"))).changed == ("C",)
    assert hydrated(it)["C"] == "pasted"


def test_unchanged_values_keep_their_ciphertext(tmp_path: Path) -> None:
    """Only what was changed is encrypted anew; new variables are encrypted, or not, as is asked."""
    it = target(tmp_path, HEADER + SECRETS)
    change = lambda text: text.replace("C=two", "C='other $X'").replace("B=plain\n", "") + "N=new\n"  # noqa: E731

    done = edited(it, Person.making(change))

    assert (done.changed, done.added, done.removed, done.written) == (("C",), ("N",), ("B",), True)
    lines, before = text_of(it).splitlines(), (HEADER + SECRETS).splitlines()
    assert [line for line in lines if line in before] == [before[0], *before[1:3], before[5]]
    assert {name: hydrated(it)[name] for name in "ACN"} == {"A": "last", "C": "other $X", "N": "new"}
    assert all(hydrated(it).origin(name).encrypted for name in "ACN")


def test_a_plain_value_stays_plain(tmp_path: Path) -> None:
    """What was plain in the file is written as it was typed, and so is a new variable that is not to be encrypted."""
    it = target(tmp_path, HEADER + "A=1\n")

    edited(it, Person.making(replacing("A=1", 'A="x y"  # typed\nB=2')), encrypts=False)

    assert text_of(it) == HEADER + 'A="x y"  # typed\nB=2\n'


def test_other_quotes_around_the_same_value_are_no_change_of_it(tmp_path: Path) -> None:
    """An editor's or a person's habit does not make a new ciphertext."""
    it = target(tmp_path, HEADER + SECRETS)

    done = edited(
        it, Person.making(lambda text: text.replace("C=two", 'C="two"').replace("# db", "# database"))
    )

    assert (done.written, done.changed) == (True, ())
    assert text_of(it) == (HEADER + SECRETS).replace("# db", "# database")


@pytest.mark.parametrize("quoted", ["'{}'", '"{}"', "`{}`", "{}"])
def test_a_ciphertext_keeps_its_quotes(tmp_path: Path, quoted: str) -> None:
    """Whatever they are, the bytes of a value that was not touched stay; so do plain values in quotes."""
    lines = HEADER + f"A={quoted.format(encrypted('x y'))}\nB=`q\n`\nC=1\n"
    it = target(tmp_path, lines)

    edited(it, Person.making(replacing("C=1", "C=2")))

    assert text_of(it) == lines.replace("C=1", "C=2")


def test_references_are_shown_and_kept(tmp_path: Path) -> None:
    """What is expanded after decryption is shown in double quotes, and a changed one is expanded as it is typed."""
    it = target(tmp_path, HEADER + f'H=db\nU="{encrypted("http://$H/")}"\n')
    person = Person.making(replacing("http://$H/", "https://${H}/"))

    edited(it, person)

    assert 'U="http://$H/"\n' in person.seen[0]
    assert (hydrated(it)["U"], hydrated(it).origin("U").encrypted) == ("https://db/", True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "the edited text is empty, so nothing was written"),
        (lambda text: " \n\n", "the edited text is empty, so nothing was written"),
        (replacing(HEADER, ""), "encrypted values need the line DOTENV_PUBLIC_KEY_STAGING=…"),
        (
            replacing(HEADER, "DOTENV_PUBLIC_KEY_STAGING=abc\n"),
            "encrypted values need the line DOTENV_PUBLIC_KEY_",
        ),
    ],
)
def test_what_would_lose_all_values_or_their_key_is_not_written(
    tmp_path: Path, change: Change, message: str
) -> None:
    """An editor that fails may leave nothing behind; without its public key nothing can be encrypted."""
    it = target(tmp_path, HEADER + SECRETS)
    before = text_of(it)

    with pytest.raises(EnvFileInvalid, match=message):
        edited(it, Person.making(change))
    assert text_of(it) == before


def test_a_public_key_without_a_secret_may_go(tmp_path: Path) -> None:
    """Nothing needs it; the last secret may go with it."""
    it = target(tmp_path, HEADER + f"A='{encrypted('x')}'\nB=1\n")

    edited(it, Person.making(lambda text: "B=1\n"))

    assert text_of(it) == "B=1\n"


def test_a_placeholder_is_replaced_as_a_new_variable_is(tmp_path: Path) -> None:
    """env.new writes it plain, and a password in its place is none to be read; what was plain stays plain."""
    it = target(tmp_path, HEADER + "A=changeme\nB=x\nC=changeme\n")
    person = Person.making(lambda text: text.replace("A=changeme", "A=s3cr3t").replace("B=x", "B=y"))

    done = edited(it, person)

    assert done.changed == ("A", "B")
    assert re.sub("'encrypted:.*'", "'…'", text_of(it)) == HEADER + "A='…'\nB=y\nC=changeme\n"
    assert hydrated(it)["A"] == "s3cr3t"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_replacement_in_the_whole_text_leaves_none_of_our_lines(tmp_path: Path, mark: str) -> None:
    """They name the variables that are encrypted, and so such a replacement changes them too."""
    it = target(tmp_path, f"{mark}# mine\n{HEADER}PASSWORD='{encrypted('s')}'\n")

    done = edited(it, Person.making(replacing("PASSWORD", "PASSPHRASE")))

    assert (done.added, done.removed) == (("PASSPHRASE",), ("PASSWORD",))
    assert text_of(it).startswith(f"{mark}# mine\n{HEADER}PASSPHRASE='encrypted:")


def test_what_no_plain_text_carries_is_shown_encrypted(tmp_path: Path) -> None:
    """It stays as it is, unless something is put in its place."""
    ciphertext = encrypted("a\rb")
    it = target(tmp_path, HEADER + f"A='{ciphertext}'\nB=1\n")

    edited(it, Person.making(replacing("B=1", "B=2")))
    assert text_of(it) == HEADER + f"A='{ciphertext}'\nB=2\n"

    edited(it, Person.making(replacing(f"'{ciphertext}'", "typed")))
    assert (hydrated(it)["A"], "typed" in text_of(it)) == ("typed", False)


@pytest.mark.parametrize(
    "text", ["\ufeffA=1\r\nB=2\r\n", "A=1\r\n", "# caf\udce9\nA=1\n", "#!/bin/sh\nA=1", "A=1"]
)
def test_bytes_that_were_not_edited_stay(tmp_path: Path, text: str) -> None:
    """Byte-order marks, line ends and bytes that are not UTF-8."""
    it = target(tmp_path, text)

    edited(it, Person.making(replacing("A=1", "A=3")))

    assert it.path.read_bytes() == text.replace("A=1", "A=3").encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("C='open", "BAD:5: C: the quote is not closed"),
        ("garbage", "BAD:5: this line is not an assignment"),
        ("<<<<<<< HEAD\nC=1", "BAD:5: the file has the conflict markers of a merge"),
        ("C=op://vault", "BAD:5: C: the value begins with op://"),
        ("C=$(date)", r"BAD:5: C: `\$\(…\)` is a command"),
        ("A-B=1", "'A-B' cannot be the name of a variable"),
        ("ENVTASKS_CONFIRM=x", "may not set variables that control envtasks"),
    ],
)
def test_what_cannot_be_written_is_edited_again(tmp_path: Path, typed: str, problem: str) -> None:
    """The text comes back with the problem above it, with the line where it is; nothing is written meanwhile."""
    it = target(tmp_path, HEADER + f"A='{encrypted('x')}'\nB=1\n")
    before = text_of(it)
    person = Person.making(replacing("B=1", typed), replacing(typed, "B=2"))

    done = edited(it, person, again=[True])

    assert (done.written, done.changed) == (True, ("B",))
    first = person.seen[1].splitlines()[0]
    assert first.startswith("#| error: ")
    it.path.write_text(before, encoding="utf-8")
    with pytest.raises(EnvFileInvalid, match=problem.replace("BAD", r"\.env\.staging")) as caught:
        edited(it, Person.making(replacing("B=1", typed)))
    assert caught.value.message in first
    assert text_of(it) == before


def test_lines_that_were_ignored_before_hinder_no_edit(tmp_path: Path) -> None:
    """Not even where one of several is taken away, so that the sentence about them is another one."""
    it = target(tmp_path, HEADER + "garbage\nmore of it\nA=1\n")

    edited(it, Person.making(lambda text: text.replace("A=1", "A=2").replace("more of it\n", "")))

    assert text_of(it) == HEADER + "garbage\nA=2\n"


@pytest.mark.parametrize(
    ("before", "change", "written"),
    [
        ("words\nB=1\nmore words\n", replacing("B=1", "B=2"), True),
        ("words\nB=1\nmore words\n", replacing("more words", "C=1"), True),
        ("words\nB=1\nmore words\n", replacing("words\nB=1", "B=1"), True),
        ("words\nB=1\n", replacing("B=1", "B=1\nwords"), False),
        ("words\nB=1\n", replacing("words", "other"), False),
        ("export\r=x\rB=1\r", lambda text: text.replace("B=1\r", "B=1\rC=2\r"), True),
        ("B='a\nwords'\n", replacing("words'", "two\nlines'"), True),
        ("=x\rexport\r", lambda text: text + "C=2", True),
    ],
)
def test_lines_that_were_ignored_before(tmp_path: Path, before: str, change: Change, written: bool) -> None:
    """A line that is no assignment may stay or go; one more is refused, with its own line."""
    it = target(tmp_path, before)

    if written:
        assert edited(it, Person.making(change), encrypts=False).written
        return
    line = 5 if before.startswith("words\nB") and "words" in change("B=1") else 3
    with pytest.raises(EnvFileInvalid, match=rf"\.env\.staging:{line}: this line is not an assignment"):
        edited(it, Person.making(change), encrypts=False)


def test_a_damaged_ciphertext_can_be_mended(tmp_path: Path) -> None:
    """Where it is the only encrypted value no key could open any: it is shown as it is."""
    it = target(tmp_path, HEADER + "A='encrypted:damaged'\nB=1\n")

    done = edited(it, Person.making(replacing("A='encrypted:damaged'", "A=whole")))

    assert (done.changed, hydrated(it)["A"]) == (("A",), "whole")


def test_the_file_may_change_meanwhile(tmp_path: Path) -> None:
    """Then it stays as the other left it, and the edit is kept beside it, encrypted."""
    it = target(tmp_path, HEADER + SECRETS)

    def change(text: str) -> str:
        it.path.write_text(HEADER + "Z=1\n", encoding="utf-8")
        return text.replace("C=two", "C=edited")

    with pytest.raises(EnvFileInvalid, match="was changed by something else while you edited it") as caught:
        edited(it, Person.making(change), again=[True])

    kept = (tmp_path / ".env.staging.edited").read_text(encoding="utf-8")
    assert text_of(it) == HEADER + "Z=1\n"
    assert ("edited" in kept, "C='encrypted:" in kept, "last" in kept) == (False, True, False)
    assert "your edit is in .env.staging.edited" in caught.value.hint


def test_without_a_key_nothing_is_shown(tmp_path: Path) -> None:
    """The editor is not opened on ciphertexts alone."""
    person = Person.making()
    with pytest.raises(DecryptionFailed, match="no key at hand opens A"):
        edited(target(tmp_path, HEADER + SECRETS, key=False), person)
    assert person.seen == []


def test_a_value_under_another_key_is_shown_encrypted(tmp_path: Path) -> None:
    """The others can be edited."""
    foreign = encrypt("theirs", public_key(OTHER))
    person = Person.making(lambda text: text)

    edited(target(tmp_path, HEADER + SECRETS + f"F='{foreign}'\n"), person)

    assert f"C=two\nA=last\nF='{foreign}'\n" in person.seen[0]


def test_a_file_with_an_open_quote_can_be_mended(tmp_path: Path) -> None:
    """Its values are shown as they are where decrypting them would change its meaning."""
    it = target(tmp_path, HEADER + f"A='open\nB='{encrypted(chr(10))}'\n")

    edited(it, Person.making(replacing("'open", "closed")))

    assert (hydrated(it)["A"], hydrated(it)["B"]) == ("closed", "\n")


@posix
def test_the_decrypted_text_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    """Folder and file are for this user alone, in memory where there is such a place."""
    it = private(target(tmp_path, HEADER + SECRETS), tmp_path)
    modes: list[int] = []

    def look(text: str) -> str:
        [folder] = (tmp_path / "run").iterdir()
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir()))
        return text

    done = edited(it, Person.making(look))

    assert (modes, list((tmp_path / "run").iterdir()), done.notes) == ([0o700, 0o600], [], ())


@posix
def test_it_is_gone_after_a_failure_too(tmp_path: Path) -> None:
    """Whatever ends the edit."""
    it = private(target(tmp_path, HEADER + SECRETS), tmp_path)

    def fail(text: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        edited(it, Person.making(fail))

    assert list((tmp_path / "run").iterdir()) == []


@posix
def test_what_a_killed_edit_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """A folder whose process still runs is not touched."""
    env = {"XDG_RUNTIME_DIR": str(tmp_path)}
    (tmp_path / f"{PREFIX}left").mkdir()
    (tmp_path / f"{PREFIX}left" / ".env").write_text("A=1", encoding="utf-8")

    with private_folder(env) as (first, _), private_folder(env) as (second, _):
        assert sorted(tmp_path.iterdir()) == sorted([first, second])


@posix
def test_where_there_is_no_memory_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary folder may be on a disk."""
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).startswith("/dev/shm"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    person = Person.making(lambda text: text)
    folder = tmp_path / "project"
    folder.mkdir()

    done = edited(target(folder, "A=1\n"), person)

    assert person.paths[0].parent.parent == tmp_path
    assert done.notes[0].startswith(f"while you edit, the decrypted text is in {person.paths[0].parent}")


def test_an_editor_that_keeps_copies_is_named(tmp_path: Path) -> None:
    """VS Code has a local history; the note says what to exclude."""
    done = edited(target(tmp_path, "A=1\n"), Person.making(lambda text: text, name="code"))

    assert any("exclude **/envtasks-edit-*/** from its local history" in note for note in done.notes)


def _script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@posix
def test_visual_goes_before_editor_and_may_have_options(tmp_path: Path) -> None:
    """As everywhere; the path comes last."""
    _script(tmp_path, "mine", 'echo "$1" > "$2"')
    path = tmp_path / "file"

    editor = find_editor({"PATH": f"{tmp_path}:/usr/bin:/bin", "VISUAL": "mine 'A=1 2'", "EDITOR": "nonsuch"})
    editor.edit(path)

    assert (editor.name, path.read_text(encoding="utf-8")) == ("mine", "A=1 2\n")


@posix
def test_no_key_reaches_the_editor(tmp_path: Path) -> None:
    """Its environment is that of any command."""
    _script(tmp_path, "mine", 'env > "$1"')
    env = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "EDITOR": "mine",
        "DOTENV_PRIVATE_KEY_STAGING": "abc",
        "X": "1",
    }

    find_editor(env).edit(tmp_path / "file")

    text = (tmp_path / "file").read_text(encoding="utf-8")
    assert ("X=1" in text, "DOTENV" in text) == (True, False)


@posix
@pytest.mark.parametrize("line", ["nano", "mine", "emacs -nw"])
def test_without_a_terminal_an_editor_that_needs_one_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """vim, for one, would wait for ever; `mine` is a link to it."""
    for name in ("nano", "vim", "emacs"):
        _script(tmp_path, name, "")
    (tmp_path / "mine").symlink_to(tmp_path / "vim")
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)

    with pytest.raises(Refused, match=f"^{line.split()[0]} needs a terminal, and there is none"):
        find_editor({"PATH": str(tmp_path), "EDITOR": line})


@posix
@pytest.mark.parametrize("name", ["vim", "nvim", "vim.tiny", "view"])
def test_vim_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It is started without swap file, viminfo, undo file and backup, under whatever name it has."""
    monkeypatch.setattr(os, "isatty", lambda descriptor: True)
    _script(tmp_path, name, "")
    (tmp_path / "vi").symlink_to(tmp_path / name)

    argv = find_editor({"PATH": str(tmp_path), "EDITOR": "vi +1"}).argv

    assert argv == ("vi", "-n", "-i", "NONE", "-c", "silent! set noundofile nobackup nowritebackup", "+1")


@posix
def test_an_editor_that_fails_changes_nothing(tmp_path: Path) -> None:
    """As `:cq` of vim."""
    _script(tmp_path, "mine", "exit 3")

    with pytest.raises(EnvtasksError, match="mine ended with code 3, so nothing was written"):
        find_editor({"PATH": f"{tmp_path}:/bin", "EDITOR": "mine"}).edit(tmp_path / "file")


@posix
def test_a_command_line_that_cannot_be_read(tmp_path: Path) -> None:
    """One sentence; a variable of blanks counts as none."""
    with pytest.raises(ConfigInvalid, match=r"VISUAL or EDITOR has a quote that is not closed: 'mine"):
        find_editor({"PATH": str(tmp_path), "EDITOR": "'mine"})
    _script(tmp_path, "mine", "")
    assert find_editor({"PATH": str(tmp_path), "VISUAL": "  ", "EDITOR": "mine"}).argv == ("mine",)


def test_without_an_editor_the_error_says_so(tmp_path: Path) -> None:
    """Neither named nor installed."""
    with pytest.raises(ToolMissing, match="neither VISUAL nor EDITOR is set"):
        find_editor({"PATH": str(tmp_path)})
    with pytest.raises(ToolMissing, match="The program nonsuch was not found"):
        find_editor({"PATH": str(tmp_path), "EDITOR": "nonsuch"})
