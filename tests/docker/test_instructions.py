"""A Dockerfile and its .dockerignore, read without BuildKit."""

from __future__ import annotations

from pathlib import Path

import pytest

from envtasks.docker import ImageSettings, files_in_context, ignore_file, instructions
from envtasks.docker.instructions import copies_file


def _settings(root: Path, *, target: str | None = None) -> ImageSettings:
    return ImageSettings(root, root / "Dockerfile", root, "app", target=target)


def _read(text: str) -> list[tuple[str, str, int]]:
    return [(each.keyword, each.text, each.line) for each in instructions(text)]


def test_instructions_with_their_lines() -> None:
    """Continued lines are joined, comments between them left out, keywords in any case."""
    text = "# a comment\nfrom python\n\nRUN a \\\n  # why\n\n  && b\nENV A=1 \\\n    B=2\n"

    assert _read(text) == [("FROM", "python", 2), ("RUN", "a  && b", 4), ("ENV", "A=1  B=2", 8)]


def test_another_escape_character() -> None:
    """The directive at the top chooses the backtick, as for Windows."""
    assert _read("# escape=`\nFROM x\nRUN a `\n b\n") == [("FROM", "x", 2), ("RUN", "a  b", 3)]


def test_a_heredoc_is_no_instruction() -> None:
    """Its lines belong to the RUN or COPY that begins it."""
    text = 'FROM x\nRUN <<EOF\nENV SECRET=1\nEOF\nCOPY <<-A <<"B" /x/\nCOPY . /\n\tA\nB\nUSER app\n'

    assert [each[0] for each in _read(text)] == ["FROM", "RUN", "COPY", "USER"]


@pytest.mark.parametrize(
    "line",
    [
        "RUN cat <<<text",
        "RUN echo $((1<<4))",
        "RUN echo 'a <<EOF b'",
        "RUN <<EOF\n  EOF\nEOF",
        "RUN 3<<EOF cat <&3\nEOF",
    ],
)
def test_what_looks_like_a_heredoc_does_not_take_the_rest_of_the_file(line: str) -> None:
    """As with BuildKit, a heredoc is a word of its own, and ends with a line that is its name alone."""
    assert [each[0] for each in _read(f"FROM x\n{line}\nCOPY .env /\n")] == ["FROM", "RUN", "COPY"]


@pytest.mark.parametrize(
    ("line", "pairs"),
    [
        (
            "ENV A=1 B=\"two words\" C='x' D=a\\ b",
            [("A", "1"), ("B", "two words"), ("C", "x"), ("D", "a\\ b")],
        ),
        ("ENV OLD the whole rest", [("OLD", "the whole rest")]),
        ("ARG TOKEN", [("TOKEN", None)]),
        ("ARG A=1 B", [("A", "1"), ("B", None)]),
        ("ENV EMPTY=", [("EMPTY", "")]),
    ],
)
def test_pairs_of_env_and_arg(line: str, pairs: list[tuple[str, str | None]]) -> None:
    """Names and values as written, quotes removed; an ARG without a default has None."""
    (found,) = instructions(line)

    assert list(found.pairs()) == pairs


@pytest.mark.parametrize(
    ("line", "sources"),
    [
        ("COPY . /srv", (".",)),
        ("COPY --chown=a:b a b /srv/", ("a", "b")),
        ('COPY ["with blank", "/srv"]', ("with blank",)),
        ('COPY --chown=a:b --link [".env", "/srv"]', (".env",)),
        ('COPY --from=builder ["/opt", "/opt"]', ()),
        ("COPY --from=builder /opt /opt", ()),
        ("ADD https://example.com/x /x", ()),
        ("RUN cp . /srv", ()),
    ],
)
def test_what_copy_takes_of_the_context(line: str, sources: tuple[str, ...]) -> None:
    """Neither what comes from another stage, nor from an address."""
    (found,) = instructions(line)

    assert found.sources() == sources


@pytest.mark.parametrize(
    ("rules", "in_context"),
    [
        ("", True),
        (".env*", False),
        ("/.env.local", False),
        ("**/.env*", False),
        ("# .env*", True),
        (".env*\n!.env.local", True),
        ("!.env.local\n.env*", False),
        ("*", False),
        ("*.local", False),
        ("**", False),
        (".env.loca?", False),
        (".env.[a-l]ocal", False),
        (".env.[!l]ocal", True),
        ("sub/.env.local", True),
        ("env", True),
    ],
)
def test_a_dockerignore(tmp_path: Path, rules: str, in_context: bool) -> None:
    """The last rule that matches decides, as in docker; `*` stays within a folder, `**` does not."""
    (tmp_path / ".dockerignore").write_text(rules, encoding="utf-8")
    path = tmp_path / ".env.local"

    assert (path in files_in_context(_settings(tmp_path), [path])) is in_context


def test_a_dockerignore_of_folders(tmp_path: Path) -> None:
    """A folder that is excluded takes its files with it; `**/` finds them in any folder."""
    (tmp_path / ".dockerignore").write_text("config\n**/*.keys\n", encoding="utf-8")
    paths = [tmp_path / name for name in ("config/.env", "a/b/.env.keys", "a/.env")]

    assert dict(files_in_context(_settings(tmp_path), paths)) == {paths[2]: "a/.env"}


def test_the_dockerfiles_own_dockerignore_wins(tmp_path: Path) -> None:
    """`Dockerfile.dockerignore` is read in place of that of the context; what is outside of it never gets in."""
    (tmp_path / ".dockerignore").write_text(".env\n", encoding="utf-8")
    (tmp_path / "Dockerfile.dockerignore").write_text("x\n", encoding="utf-8")

    assert ignore_file(_settings(tmp_path)) == tmp_path / "Dockerfile.dockerignore"
    assert list(files_in_context(_settings(tmp_path), [tmp_path / ".env", tmp_path.parent / ".env"])) == [
        tmp_path / ".env"
    ]


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        (".", True),
        ("./", True),
        ("/", True),
        (".env", True),
        ("./.env", True),
        (".env*", True),
        ("*", True),
        ("src", False),
    ],
)
def test_what_a_source_takes(source: str, taken: bool) -> None:
    """The folder, the file itself, or a pattern for it."""
    assert copies_file(source, ".env") is taken


def test_a_source_that_is_a_folder() -> None:
    """It takes what is below it."""
    assert copies_file("config/", "config/deep/.env")
    assert not copies_file("conf", "config/.env")
