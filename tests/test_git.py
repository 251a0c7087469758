"""Questions to git, in repositories made for the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from envtasks import git

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.keys\n", encoding="utf-8")
    (tmp_path / "tracked").write_text("", encoding="utf-8")
    subprocess.run(["git", "-C", str(tmp_path), "add", "tracked"], check=True)
    return tmp_path


def test_tracked_and_ignored(repository: Path) -> None:
    """The index says what is tracked, .gitignore what is ignored."""
    assert git.is_tracked(repository, repository / "tracked", os.environ)
    assert not git.is_tracked(repository, repository / "a.keys", os.environ)
    assert git.is_ignored(repository, repository / "a.keys", os.environ) is True
    assert git.is_ignored(repository, repository / "tracked", os.environ) is False


def test_what_is_not_tracked(repository: Path) -> None:
    """The paths that the index does not have, in their order, each once; a name is no pattern."""
    names = ["x[y]", "tracked", "a.keys", "folder/file", "a.keys", "*"]
    paths = [repository / name for name in names]
    found = git.not_tracked(repository, paths, os.environ)
    assert [path.relative_to(repository).as_posix() for path in found] == [
        "x[y]",
        "a.keys",
        "folder/file",
        "*",
    ]
    assert git.not_tracked(repository, [], os.environ) == ()


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a repository, or without git, nothing is tracked and nothing is known to be ignored."""
    path = tmp_path / "x"
    assert git.output(tmp_path, os.environ, "rev-parse", "HEAD") is None
    assert git.is_ignored(tmp_path, path, os.environ) is None
    assert git.not_tracked(tmp_path, [path], os.environ) == ()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not git.is_tracked(tmp_path, path, os.environ)
    assert git.is_ignored(tmp_path, path, os.environ) is None


def test_variables_of_git_do_not_change_the_answer(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A hook's GIT_DIR, or a GIT_CONFIG of an env file, is not passed on."""
    other = tmp_path_factory.mktemp("other")
    env = {**os.environ, "GIT_DIR": str(other), "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "x"}

    assert git.is_tracked(repository, repository / "tracked", env)


@pytest.mark.skipif("sys.platform == 'win32'", reason="a shell script in place of git")
def test_git_gets_no_private_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DOTENV_PRIVATE_KEY* of the process environment stay out of git's, which runs filters and hooks."""
    (tmp_path / "git").write_text("#!/bin/sh\nenv\n", encoding="utf-8")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    printed = git.output(
        tmp_path, {**os.environ, "DOTENV_PRIVATE_KEY_LOCAL": "a" * 64, "KEPT": "1"}, "version"
    )

    assert printed is not None
    assert "KEPT=1" in printed
    assert "DOTENV_PRIVATE_KEY" not in printed


def test_the_repository_runs_no_program(repository: Path) -> None:
    """`core.fsmonitor` of a repository's own config is not run."""
    marker = repository / "ran"
    subprocess.run(["git", "-C", str(repository), "config", "core.fsmonitor", f"touch {marker}"], check=True)

    assert git.output(repository, os.environ, "status", "--porcelain") is not None
    assert not marker.exists()


def test_what_is_tracked_and_what_is_ignored(repository: Path) -> None:
    """Of many paths at once; a tracked file that a pattern matches counts as ignored too. None without a repository."""
    (repository / "b.keys").write_text("", encoding="utf-8")
    subprocess.run(["git", "-C", str(repository), "add", "--force", "b.keys"], check=True)
    paths = [repository / name for name in ("tracked", "a.keys", "b.keys", "x y\u00e4")]

    assert git.tracked(repository, paths, os.environ) == frozenset({paths[0], paths[2]})
    assert git.ignored(repository, paths, os.environ) == {paths[1], paths[2]}
    assert git.tracked(repository.parent, paths, os.environ) is None
    assert git.ignored(repository.parent, paths, os.environ) == set()


def test_words_in_tracked_files(repository: Path) -> None:
    """Whole words in any case, upper-cased; not those of env files, nor of files that git does not have."""
    files = {
        "tracked": "db_host and DB_HOSTS",
        "b.txt": "OTHER",
        ".env.x": "ONLY_HERE",
        "untracked": "NOWHERE",
    }
    for name, text in files.items():
        (repository / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "-C", str(repository), "add", "b.txt", ".env.x"], check=True)
    words = ["DB_HOST", "OTHER", "ONLY_HERE", "NOWHERE", "HOSTS"]

    assert git.words_found(repository, words, os.environ) == frozenset({"DB_HOST", "OTHER"})
    assert git.words_found(repository, [], os.environ) == frozenset()
    assert git.words_found(repository.parent, words, os.environ) is None


def test_files_and_lines_that_have_a_word(repository: Path) -> None:
    """Below a folder, relative to it, by a pattern for names."""
    (repository / "a").mkdir()
    (repository / "a" / "x.py").write_text("one\nTWO three\nTWO\n", encoding="utf-8")
    (repository / "a" / "x.txt").write_text("TWO\n", encoding="utf-8")
    subprocess.run(["git", "-C", str(repository), "add", "a"], check=True)

    assert git.lines_with(repository, "TWO", os.environ, names="*.py") == (("a/x.py", 2), ("a/x.py", 3))
    assert git.lines_with(repository / "a", "three", os.environ, names="*.py") == (("x.py", 2),)
    assert git.files_with(repository, ["three", "none"], os.environ, names="*.py") == ("a/x.py",)
    assert git.lines_with(repository.parent, "TWO", os.environ, names="*.py") == ()


def test_what_a_file_was_in_a_commit(repository: Path) -> None:
    """Its bytes; None for a commit or a file that is not there. No option of git's is taken from a name."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    (repository / "tracked").write_bytes(b"\xff\r\n")
    subprocess.run(["git", "-C", str(repository), *who, "commit", "-qam", "x"], check=True)
    (repository / "tracked").write_bytes(b"now")

    commit = git.commit(repository, "HEAD", os.environ)
    assert commit is not None
    assert git.content_at(repository, commit, repository / "tracked", os.environ) == b"\xff\r\n"
    assert git.content_at(repository, commit, repository / "other", os.environ) is None
    assert [git.commit(repository, name, os.environ) for name in ("nope", "--all", "")] == [None, None, None]
