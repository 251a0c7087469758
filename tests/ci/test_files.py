"""Where rendered jobs go: a file of their own, or between markers in a file that people write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from envtasks.ci import github, gitlab
from envtasks.ci.files import (
    BEGIN,
    END,
    PLATFORMS,
    PipelineFile,
    find_block,
    load_documents,
    managed_block,
    render_files,
    rendered,
    replace_block,
    write_file,
)
from envtasks.ci.plan import Pipeline
from envtasks.errors import ConfigInvalid, EnvFileInvalid
from envtasks.yaml_nodes import child, entries
from tests.ci.pipeline_projects import loaded, shop
from tests.projects import Sandbox

OWN_GITLAB = "# ours\nstages: [build, test, deploy]   # kept\n\ndocs:\n  script: ['true']\n"
OWN_GITHUB = """\
name: mine
on:  # kept
  push:
permissions: {}
jobs:
    docs:
        runs-on: x
        steps: []
"""


@dataclass(frozen=True, slots=True)
class Folder:
    """A project's folder, in which the files of one pipeline are rendered and written."""

    root: Path
    pipeline: Pipeline

    def write(self, name: str, text: str) -> Path:
        """Write a file exactly."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def render(self, platform: str, *, include: bool = False) -> list[PipelineFile]:
        """The rendered files, written."""
        files = list(rendered(self.root, self.pipeline, PLATFORMS[platform], include=include))
        for file in files:
            write_file(file)
        return files


@pytest.fixture
def folder(tmp_path: Path, pipeline: Pipeline) -> Folder:
    """An empty folder and the shop's pipeline."""
    return Folder(tmp_path, pipeline)


@pytest.mark.parametrize(("platform", "name"), [("gitlab", gitlab.FILE), ("github", github.FILE)])
def test_rendering_again_changes_nothing(folder: Folder, platform: str, name: str) -> None:
    """The same project gives the same bytes, in a file of mode 0644."""
    first = folder.render(platform)
    assert [(file.label, file.changed) for file in first] == [(name, True)]
    again = folder.render(platform)
    assert [(file.text, file.changed) for file in again] == [(first[0].text, False)]
    assert first[0].path.stat().st_mode & 0o777 in (0o644, 0o666)


@pytest.mark.parametrize(
    ("platform", "name", "own"), [("gitlab", gitlab.FILE, OWN_GITLAB), ("github", github.FILE, OWN_GITHUB)]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_hand_written_file_keeps_every_byte(
    folder: Folder, platform: str, name: str, own: str, newline: str
) -> None:
    """Our jobs come after what is there, as deep as the file's own jobs, with its line ends, and stay there."""
    path = folder.write(name, own.replace("\n", newline))
    text = folder.render(platform)[0].text
    assert text.startswith(own.replace("\n", newline))
    assert text.count("\n") == text.count(newline)
    (document,) = load_documents(text, name)
    jobs = entries(child(document, "jobs") if platform == "github" else document)
    assert {"docs", "unit", "deploy-production"} <= set(jobs)
    later = (
        "later: {script: ['true']}\n".replace("\n", newline) if platform == "gitlab" else f"# end{newline}"
    )
    path.write_bytes((text + later).encode())
    assert folder.render(platform)[0].text == text + later


def test_markers_say_where_the_jobs_go(folder: Folder) -> None:
    """With two marker lines in the middle of a file, what is before and after them stays there."""
    before, after = f"jobs:\n  first: {{}}\n  {BEGIN}\n", f"  {END}\n  last: {{}}\nname: mine\n"
    folder.write(github.FILE, before + after)
    text = folder.render("github")[0].text
    assert text.startswith("jobs:\n  first: {}\n")
    assert text.endswith(after)


def test_a_job_defined_twice_is_an_error_and_nothing_is_written(folder: Folder) -> None:
    """A job of the same name outside the markers would win or lose silently: file, line and name are said."""
    own = "unit:\n  script: ['true']\n"
    path = folder.write(gitlab.FILE, own)
    with pytest.raises(
        ConfigInvalid, match=r"^\.gitlab-ci\.yml:\d+: unit is defined twice, first in line 1\."
    ):
        folder.render("gitlab")
    assert path.read_text(encoding="utf-8") == own


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ("jobs:\n  a: {\n", r"ci\.yml:\d+: this is not valid YAML"),
        ("jobs:\n  a: {}\nname: last\n", "has no place for our jobs"),
        ("name: none\n", "has no place for our jobs"),
        (f"jobs:\n  {BEGIN}\n", r"ci\.yml:2: the marker .* has no partner"),
        ("- a list\n", "expected a mapping"),
    ],
)
def test_a_file_that_has_no_place_is_left_alone(folder: Folder, own: str, sentence: str) -> None:
    """What cannot be read or has no room is an error that says so."""
    path = folder.write(github.FILE, own)
    with pytest.raises(ConfigInvalid, match=sentence):
        folder.render("github")
    assert path.read_text(encoding="utf-8") == own


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (None, "include:\n  - local: .gitlab/envtasks.yml\n"),
        (OWN_GITLAB, f"include:\n  - local: .gitlab/envtasks.yml\n\n{OWN_GITLAB}"),
        (
            "a: {script: x}\ninclude:  # more\n- remote: https://ci.example.com/a.yml\n",
            (
                "a: {script: x}\ninclude:  # more\n- local: .gitlab/envtasks.yml\n"
                "- remote: https://ci.example.com/a.yml\n"
            ),
        ),
        ("include: /.gitlab/envtasks.yml\n", "include: /.gitlab/envtasks.yml\n"),
        (
            "\ufeffa: {script: x}\r\n",
            "\ufeffinclude:\r\n  - local: .gitlab/envtasks.yml\r\n\r\na: {script: x}\r\n",
        ),
        (
            "\ufeff---\na: {script: x}\n",
            "\ufeff---\ninclude:\n  - local: .gitlab/envtasks.yml\n\na: {script: x}\n",
        ),
    ],
)
def test_include_adds_one_line(folder: Folder, own: str | None, expected: str) -> None:
    """The jobs are in a file of their own; the user's file gets a line that takes it in, once."""
    if own is not None:
        folder.write(gitlab.FILE, own)
    jobs, file = folder.render("gitlab", include=True)
    assert (jobs.label, file.label) == (gitlab.INCLUDE_FILE, gitlab.FILE)
    assert jobs.text.startswith(BEGIN)
    assert file.text == expected
    assert [each.changed for each in folder.render("gitlab", include=True)] == [False, False]


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ("include: other.yml\n", "`include` is not a list of lines"),
        (
            "unit:\n  script: ['true']\n",
            r"^\.gitlab-ci\.yml:1: unit is defined twice, first in \.gitlab/envtasks",
        ),
        (f"{BEGIN}\n{END}\n", "holds the jobs itself"),
    ],
)
def test_include_refuses_what_would_not_do(folder: Folder, own: str, sentence: str) -> None:
    """A scalar `include`, a job that would override ours, and jobs that are there already."""
    folder.write(gitlab.FILE, own)
    with pytest.raises(ConfigInvalid, match=sentence):
        folder.render("gitlab", include=True)
    assert not (folder.root / gitlab.INCLUDE_FILE).exists()


@pytest.mark.parametrize("start", ["---\n", "# ours\n---  # jobs\n", "spec:\n  inputs:\n    name:\n---\n"])
@pytest.mark.parametrize("include", [False, True])
def test_a_file_of_several_documents_keeps_them(folder: Folder, start: str, include: bool) -> None:
    """A header with `spec:`, or `---` alone, stays first, and our part is in the document with the jobs."""
    own = f"{start}docs:\n  script: ['true']\n"
    path = folder.write(gitlab.FILE, own)
    folder.render("gitlab", include=include)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(start)
    before, after = load_documents(own, "own"), load_documents(text, "new")
    assert len(after) == len(before)
    assert {"docs", "include" if include else "unit"} <= set(entries(after[-1]))
    assert [file.changed for file in folder.render("gitlab", include=include)] == [False] * (1 + include)


@pytest.mark.parametrize(("platform", "include"), [("jenkins", False), ("github", True)])
def test_only_what_there_is_can_be_rendered(sandbox: Sandbox, platform: str, include: bool) -> None:
    """Two platforms, and `--include` for the one that can include."""
    with pytest.raises(ConfigInvalid):
        render_files(loaded(shop(sandbox)), sandbox.env, platform, include=include)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("after", ["", "last:\n  - \t end  \n\n"])
def test_every_byte_outside_the_markers_stays(newline: str, after: str) -> None:
    """Comments, odd spaces, line ends and the missing last line end are the user's own."""
    before = "\ufeff# mine\nkey:   'value'   # kept\n\n"
    text = (before + f"  {BEGIN} old\n  a: 1\n  {END}\n" + after).replace("\n", newline)
    new = replace_block(text, "b: 2\n\nc: 3\n", "file")
    region = managed_block("b: 2\n\nc: 3\n", indent="  ", newline=newline)
    assert new == before.replace("\n", newline) + region + after.replace("\n", newline)
    assert region.split(newline)[1:-2] == ["  b: 2", "", "  c: 3"]


def test_replacing_twice_changes_nothing() -> None:
    """What was rendered is rendered again byte for byte."""
    once = replace_block(f"{BEGIN}\n{END}", "a: 1\n", "file")
    assert once is not None
    assert not once.endswith("\n")
    assert replace_block(once, "a: 1\n", "file") == once


def test_a_text_without_markers_has_no_region() -> None:
    """A line that only begins like a marker is none."""
    assert replace_block(f"{BEGIN}x\n{END}x\n", "a: 1\n", "file") is None


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [([BEGIN], 1), ([END], 1), ([END, BEGIN], 2), ([BEGIN, BEGIN, END], 2), ([BEGIN, END, BEGIN, END], 3)],
)
def test_markers_without_their_partner_are_refused(lines: list[str], wrong: int) -> None:
    """The message names the line; nothing is guessed about where our part ends."""
    with pytest.raises(ConfigInvalid, match=rf"^file:{wrong}: "):
        find_block("\n".join(lines), "file")


def test_a_folder_that_cannot_be_made_is_one_sentence(sandbox: Sandbox) -> None:
    """Where `.github` is a file, the error says so in place of a traceback."""
    sandbox.write(".github", "mine")
    path = sandbox.root / github.FILE
    with pytest.raises(EnvFileInvalid, match=r"^ci\.yml cannot be written"):
        write_file(PipelineFile(path, github.FILE, "x", changed=True))
