"""Where rendered jobs go: a file of their own, or between markers in a file that people write."""

from __future__ import annotations

import pytest

from envtasks.ci import github, gitlab
from envtasks.ci.files import Rendered, render, write
from envtasks.ci.region import BEGIN, END
from envtasks.ci.yaml_text import child, entries, parse
from envtasks.errors import ConfigInvalid
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


def rendered(sandbox: Sandbox, platform: str, *, include: bool = False) -> list[Rendered]:
    """What is written, written."""
    files = list(render(loaded(sandbox), sandbox.env, platform, include=include))
    for file in files:
        write(file)
    return files


@pytest.mark.parametrize(("platform", "name"), [("gitlab", gitlab.FILE), ("github", github.FILE)])
def test_rendering_again_changes_nothing(sandbox: Sandbox, platform: str, name: str) -> None:
    """The same project gives the same bytes, in a file of mode 0644."""
    shop(sandbox)
    first = rendered(sandbox, platform)
    assert [(file.label, file.changed) for file in first] == [(name, True)]
    again = rendered(sandbox, platform)
    assert [(file.text, file.changed) for file in again] == [(first[0].text, False)]
    assert first[0].path.stat().st_mode & 0o777 in (0o644, 0o666)


@pytest.mark.parametrize(
    ("platform", "name", "own"), [("gitlab", gitlab.FILE, OWN_GITLAB), ("github", github.FILE, OWN_GITHUB)]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_hand_written_file_keeps_every_byte(
    sandbox: Sandbox, platform: str, name: str, own: str, newline: str
) -> None:
    """Our jobs come after what is there, as deep as the file's own jobs, with its line ends, and stay there."""
    shop(sandbox)
    path = sandbox.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(own.replace("\n", newline).encode())
    text = rendered(sandbox, platform)[0].text
    assert text.startswith(own.replace("\n", newline))
    assert text.count("\n") == text.count(newline)
    document = parse(text, name)
    jobs = entries(child(document, "jobs") if platform == "github" else document)
    assert {"docs", "unit", "deploy-production"} <= set(jobs)
    later = (
        "later: {script: ['true']}\n".replace("\n", newline) if platform == "gitlab" else f"# end{newline}"
    )
    path.write_bytes((text + later).encode())
    assert rendered(sandbox, platform)[0].text == text + later


def test_markers_say_where_the_jobs_go(sandbox: Sandbox) -> None:
    """With two marker lines in the middle of a file, what is before and after them stays there."""
    shop(sandbox)
    before, after = f"jobs:\n  first: {{}}\n  {BEGIN}\n", f"  {END}\n  last: {{}}\nname: mine\n"
    sandbox.write(".github/workflows/ci.yml", "")
    (sandbox.root / github.FILE).write_text(before + after, encoding="utf-8")
    text = rendered(sandbox, "github")[0].text
    assert text.startswith("jobs:\n  first: {}\n")
    assert text.endswith(after)


def test_a_job_defined_twice_is_an_error_and_nothing_is_written(sandbox: Sandbox) -> None:
    """A job of the same name outside the markers would win or lose silently: file, line and name are said."""
    shop(sandbox)
    own = "unit:\n  script: ['true']\n"
    path = sandbox.write(gitlab.FILE, own)
    with pytest.raises(
        ConfigInvalid, match=r"^\.gitlab-ci\.yml:\d+: unit is defined twice, first in line 1\."
    ):
        rendered(sandbox, "gitlab")
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
def test_a_file_that_has_no_place_is_left_alone(sandbox: Sandbox, own: str, sentence: str) -> None:
    """What cannot be read or has no room is an error that says so."""
    shop(sandbox)
    path = sandbox.write(github.FILE, "")
    path.write_text(own, encoding="utf-8")
    with pytest.raises(ConfigInvalid, match=sentence):
        rendered(sandbox, "github")
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
    ],
)
def test_include_adds_one_line(sandbox: Sandbox, own: str | None, expected: str) -> None:
    """The jobs are in a file of their own; the user's file gets a line that takes it in, once."""
    shop(sandbox)
    if own is not None:
        sandbox.write(gitlab.FILE, own)
    jobs, file = rendered(sandbox, "gitlab", include=True)
    assert (jobs.label, file.label) == (gitlab.OWN_FILE, gitlab.FILE)
    assert jobs.text.startswith(BEGIN)
    assert file.text == expected
    assert [each.changed for each in rendered(sandbox, "gitlab", include=True)] == [False, False]


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
def test_include_refuses_what_would_not_do(sandbox: Sandbox, own: str, sentence: str) -> None:
    """A scalar `include`, a job that would override ours, and jobs that are there already."""
    shop(sandbox)
    sandbox.write(gitlab.FILE, own)
    with pytest.raises(ConfigInvalid, match=sentence):
        rendered(sandbox, "gitlab", include=True)
    assert not (sandbox.root / gitlab.OWN_FILE).exists()


@pytest.mark.parametrize(("platform", "include"), [("jenkins", False), ("github", True)])
def test_only_what_there_is_can_be_rendered(sandbox: Sandbox, platform: str, include: bool) -> None:
    """Two platforms, and `--include` for the one that can include."""
    with pytest.raises(ConfigInvalid):
        render(loaded(sandbox), sandbox.env, platform, include=include)
