"""git with `env.git-setup`: diffs that can be read, and merges by variable, run by the real git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from envtasks.authoring import set_up_git
from envtasks.authoring.git_commands import UNUSABLE
from envtasks.config import Project
from envtasks.envfiles import encrypt, generate_keys
from envtasks.errors import ConfigInvalid
from tests.authoring.repositories import commit_all, git, needs_git

pytestmark = needs_git

OLD, NEW = generate_keys(), generate_keys()
ATTRIBUTES = ".env.* -text diff=envtasks merge=envtasks\n"


def commit(root: Path, text: str) -> None:
    (root / ".env.staging").write_bytes(text.encode())
    commit_all(root)


def encrypted(value: str, public: str = OLD[1]) -> str:
    return f"'{encrypt(value, public)}'"


def header(public: str = OLD[1]) -> str:
    return f'DOTENV_PUBLIC_KEY_STAGING="{public}"\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one env file, set up."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    (tmp_path / ".gitignore").write_text(".env.keys\n")
    (tmp_path / ".env.staging").write_text("A=1\n")
    set_up_git(Project.load(tmp_path), os.environ)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def diverge(root: Path, base: str, ours: str, theirs: str) -> None:
    """Two branches from one commit; the first is checked out."""
    commit(root, base)
    git(root, "checkout", "-q", "-b", "theirs")
    commit(root, theirs)
    git(root, "checkout", "-q", "main")
    commit(root, ours)


def test_what_it_writes_and_removes(tmp_path: Path) -> None:
    """Lines of .gitattributes and three settings of this clone; nothing the second time; all of it can be undone."""
    git(tmp_path, "init", "-q")
    attributes = tmp_path / ".gitattributes"
    attributes.write_bytes(b"*.png binary")
    project = Project.load(tmp_path)

    assert set_up_git(project, os.environ) == [
        ".gitattributes names the env files; commit it",
        "git's configuration here: diff.envtasks.textconv, merge.envtasks.name, merge.envtasks.driver",
    ]
    assert attributes.read_text() == (
        f"*.png binary\n{ATTRIBUTES}.env.example !text !diff !merge\n"
        ".env.keys !text !diff !merge\n.env.*.keys !text !diff !merge\n"
    )
    assert set_up_git(project, os.environ) == []
    assert set_up_git(project, os.environ, remove=True) == [
        ".gitattributes no longer names the env files; commit it",
        "git's configuration here: diff.envtasks, merge.envtasks removed",
    ]
    assert attributes.read_text() == "*.png binary\n"
    assert "envtasks" not in git(tmp_path, "config", "--local", "--list")
    assert set_up_git(project, os.environ, remove=True) == []


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It says what would be done, both ways."""
    git(tmp_path, "init", "-q")
    before = git(tmp_path, "config", "--local", "--list")

    assert len(set_up_git(Project.load(tmp_path), os.environ, dry=True)) == 2
    assert not (tmp_path / ".gitattributes").exists()
    assert git(tmp_path, "config", "--local", "--list") == before

    set_up_git(Project.load(tmp_path), os.environ)
    after = git(tmp_path, "config", "--local", "--list")
    assert len(set_up_git(Project.load(tmp_path), os.environ, remove=True, dry=True)) == 2
    assert (tmp_path / ".gitattributes").exists()
    assert git(tmp_path, "config", "--local", "--list") == after


def test_a_file_of_nothing_but_our_lines_goes(tmp_path: Path) -> None:
    """A .gitattributes that was made for us is not left behind empty."""
    git(tmp_path, "init", "-q")
    set_up_git(Project.load(tmp_path), os.environ)
    set_up_git(Project.load(tmp_path), os.environ, remove=True)

    assert not (tmp_path / ".gitattributes").exists()


def test_env_files_of_other_names_are_listed(tmp_path: Path) -> None:
    """A baseline that is not called `.env.<name>` has a line of its own."""
    git(tmp_path, "init", "-q")
    (tmp_path / "pyproject.toml").write_text(
        "[tool.envtasks.environments]\nlive = { files = ['conf/live.env'] }\n"
    )
    set_up_git(Project.load(tmp_path), os.environ)

    lines = (tmp_path / ".gitattributes").read_text().splitlines()
    assert lines[-1] == "/conf/live.env -text diff=envtasks merge=envtasks"


def test_outside_a_repository_it_is_refused(tmp_path: Path) -> None:
    """There is nothing to configure."""
    with pytest.raises(ConfigInvalid, match="in no git repository"):
        set_up_git(Project.load(tmp_path), os.environ)


def test_a_diff_shows_names_and_no_ciphertext(repository: Path) -> None:
    """Which variable changed can be read, with a checksum and the length of its value."""
    commit(repository, f"{header()}A=1\nTOKEN={encrypted('first')} # of the api\nB=2\n")
    (repository / ".env.staging").write_text(
        f"{header()}A=1\nTOKEN={encrypted('second')} # of the api\nB=3\n"
    )

    lines = [
        line for line in git(repository, "diff").splitlines() if line[:1] in "+-" and line[1:2] not in "+-"
    ]

    assert [line[:18] for line in lines] == ["-TOKEN='encrypted ", "-B=2", "+TOKEN='encrypted ", "+B=3"]
    assert [line.partition(", ")[2] for line in lines] == [
        "5 bytes' # of the api",
        "",
        "6 bytes' # of the api",
        "",
    ]


def test_a_diff_works_without_us(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the command is gone, or a file is not readable as an env file, git shows the text as it is."""
    git(repository, "config", "diff.envtasks.textconv", _without_python(repository, "diff.envtasks.textconv"))
    (repository / ".env.staging").write_text("A=2\n")

    assert git(repository, "diff").splitlines()[-2:] == ["-A=1", "+A=2"]


def _without_python(root: Path, name: str) -> str:
    value = git(root, "config", "--get", name).strip()
    assert Path(sys.executable).as_posix() in value
    return value.replace(Path(sys.executable).as_posix(), "/no/such/python")


def test_a_merge_goes_by_variables(repository: Path) -> None:
    """What git's own merge calls a conflict, both adding at one place, merges; the merge is committed."""
    diverge(repository, "A=1\n", "A=1\nB=2\n", "A=1\nC=3\n")

    git(repository, "merge", "-q", "-m", "merge", "theirs")

    assert (repository / ".env.staging").read_bytes() == b"A=1\nB=2\nC=3\n"
    assert git(repository, "status", "--short") == ""


@pytest.mark.parametrize("command", [("rebase", "theirs"), ("cherry-pick", "theirs")])
def test_rebase_and_cherry_pick_go_by_variables_too(repository: Path, command: tuple[str, ...]) -> None:
    """git runs the same driver for each of them."""
    diverge(repository, "A=1\n", "A=1\nB=2\n", "A=1\nC=3\n")

    git(repository, *command)

    assert sorted((repository / ".env.staging").read_text().split()) == ["A=1", "B=2", "C=3"]


def test_a_conflict_has_markers_and_is_named(repository: Path) -> None:
    """git stops, and the line says which variable both sides changed."""
    diverge(repository, "A=1\nB=1\n", "A=2\nB=1\n", "A=3\nB=2\n")

    output = git(repository, "merge", "theirs", code=1)

    assert "error: .env.staging: both sides changed A" in output
    assert "CONFLICT (content)" in output
    assert (
        repository / ".env.staging"
    ).read_text() == "<<<<<<< ours\nA=2\n=======\nA=3\n>>>>>>> theirs\nB=2\n"


def test_a_rotation_against_an_added_secret_is_a_conflict(repository: Path) -> None:
    """git's own merge would commit a file that no key opens; here the variable is named with what mends it."""
    base = f"{header()}TOKEN={encrypted('t')}\n"
    ours = f"{header(NEW[1])}TOKEN={encrypted('t', NEW[1])}\n"
    added = f"PASSWORD={encrypted('p')}\n"
    diverge(repository, base, ours, base + added)

    output = git(repository, "merge", "theirs", code=1)

    assert (repository / ".env.staging").read_text() == ours + added
    assert "PASSWORD: encrypted for another key than the one that the file names now" in output
    assert " env.encrypt --rekey PASSWORD --env staging, then git add" in output


def test_the_keys_at_hand_tell_equal_values(repository: Path) -> None:
    """Both sides set the same value: two ciphertexts, one value, no conflict."""
    (repository / ".env.keys").write_text(f"DOTENV_PRIVATE_KEY_STAGING={OLD[0]}\n")
    (repository / ".env.keys").chmod(0o600)
    ours = f"{header()}A={encrypted('same')}\n"
    diverge(repository, f"{header()}A={encrypted('before')}\n", ours, f"{header()}A={encrypted('same')}\n")

    git(repository, "merge", "-q", "-m", "merge", "theirs")

    assert (repository / ".env.staging").read_text() == ours


def test_no_key_command_is_run_while_git_merges(repository: Path) -> None:
    """A branch must not decide what runs here, and nobody wants to be asked for a fingerprint by a rebase."""
    script = repository / "custody.py"
    script.write_text(f"open('ran', 'w').close(); print({OLD[0]!r})")
    (repository / "pyproject.toml").write_text(
        "[tool.envtasks.environments]\n"
        f"staging = {{ files = ['.env.staging'], key-command = {json.dumps([sys.executable, str(script)])} }}\n"
    )
    ours, theirs = (f"{header()}A={encrypted('same')}\n" for _ in range(2))
    diverge(repository, f"{header()}A=1\n", ours, theirs)

    git(repository, "merge", "theirs", code=1)

    assert not (repository / "ran").exists()


def test_a_merge_works_without_us(repository: Path) -> None:
    """Where the command is gone, git's own merge does what it can, with markers."""
    git(repository, "config", "merge.envtasks.driver", _without_python(repository, "merge.envtasks.driver"))
    diverge(repository, "A=1\n\n\n\nB=1\n", "A=2\n\n\n\nB=1\n", "A=1\n\n\n\nB=2\n")
    git(repository, "merge", "-q", "-m", "merge", "theirs")
    assert (repository / ".env.staging").read_text() == "A=2\n\n\n\nB=2\n"

    git(repository, "checkout", "-q", "-B", "theirs")
    diverge_again = ("A=5\n", "A=6\n")
    commit(repository, diverge_again[0])
    git(repository, "checkout", "-q", "main")
    commit(repository, diverge_again[1])
    git(repository, "merge", "theirs", code=1)
    assert "<<<<<<< ours\nA=6\n=======\nA=5\n>>>>>>> theirs" in (repository / ".env.staging").read_text()


def test_what_is_no_env_file_is_merged_line_by_line(repository: Path) -> None:
    """A version with conflict markers in it is left to git."""
    broken = "A=1\n<<<<<<< a\nB=1\n=======\nB=2\n>>>>>>> b\nC=1\n"
    diverge(repository, broken, broken.replace("A=1", "A=2"), broken + "\n\nD=1\n")

    git(repository, "merge", "-q", "-m", "merge", "theirs")

    assert (repository / ".env.staging").read_text() == broken.replace("A=1", "A=2") + "\n\nD=1\n"


def test_a_branch_cannot_run_code_in_our_place(repository: Path) -> None:
    """Modules in the repository's folder are not imported, whatever they are called."""
    for name in ("envtasks", "zlib", "json", "dataclasses", "sitecustomize"):
        (repository / f"{name}.py").write_text("open('ran', 'w').close()\n")
    diverge(repository, "A=1\n", "A=1\nB=2\n", "A=1\nC=3\n")
    git(repository, "merge", "-q", "-m", "merge", "theirs")
    (repository / ".env.staging").write_text("A=5\n")
    git(repository, "diff")

    assert not (repository / "ran").exists()


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "envtasks", *words],
        cwd=cwd,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "words", [("git-textconv",), ("git-textconv", "missing"), ("git-merge", "a"), ("git-merge", *"abcde")]
)
def test_what_cannot_be_done_has_its_own_exit_code(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Python's own 1 and 2 would pass for a conflict, so git's commands have codes that only they give."""
    done = run(*words, cwd=tmp_path)

    assert (done.returncode, done.stdout) == (UNUSABLE, b"")
    assert done.stderr.startswith(b"error: ")


def test_git_s_commands_start_without_invoke(tmp_path: Path) -> None:
    """git starts one for each file that it shows: neither Invoke nor cryptography nor the rest of us is imported."""
    (tmp_path / ".env.staging").write_text(f"A={encrypted('a')}\n")
    program = (
        "import sys; from envtasks.__main__ import main; sys.argv[1:] = ['git-textconv', '.env.staging']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = 'invoke nox yaml rich pydantic cryptography dataclasses subprocess hashlib tomllib'.split()\n"
        "print([n for n in [*heavy, 'envtasks.config', 'envtasks.hydration'] if n in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_a_damaged_ciphertext_is_shown_as_such(tmp_path: Path) -> None:
    """A ciphertext that is too short for one has no length."""
    (tmp_path / "f").write_text("A=encrypted:abc # note\nB=2\n")

    assert (
        run("git-textconv", "f", cwd=tmp_path).stdout.decode()
        == "A=encrypted 6f4eea12, damaged # note\nB=2\n"
    )
