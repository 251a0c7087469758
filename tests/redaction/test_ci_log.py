"""Groups and masks: what a CI platform reads out of our output."""

from __future__ import annotations

import base64
import io
from contextlib import suppress

import pytest

from envtasks.activation import hydrate_and_report
from envtasks.config import Project
from envtasks.redaction.ci_log import group, masks_of, register_masks
from tests.projects import Sandbox

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n{\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


def test_every_line_of_a_secret_and_its_encodings_are_masked() -> None:
    """Each line that is long enough is masked, and the whole in base64; frames and short lines are not."""
    found = masks_of(PEM)
    assert {"MIIEvQIBADANBgkq", "hkiG9w0BAQEFAASC", base64.b64encode(PEM.strip().encode()).decode()} <= found
    assert not [form for form in found if form in ("{", "-----BEGIN PRIVATE KEY-----")]


@pytest.mark.parametrize(
    "value", ["", "abc", "postgres", "Password", "localhost", "127.0.0.1", "true", "5432"]
)
def test_short_and_common_values_are_not_masked(value: str) -> None:
    """A mask holds for a job's whole log, so a value that stands everywhere would make it unreadable."""
    assert masks_of(value) == frozenset()


def test_masks_are_commands_of_one_line_each() -> None:
    """Per cent signs and line ends are escaped, as GitHub's runner reads them."""
    stream = io.StringIO()
    register_masks(["100%-s3cret"], stream=stream)
    lines = stream.getvalue().splitlines()
    assert all(line.startswith("::add-mask::") for line in lines)
    assert "::add-mask::100%25-s3cret" in lines


@pytest.mark.parametrize(
    ("variables", "masked"),
    [({}, False), ({"GITHUB_ACTIONS": "true"}, True), ({"GITLAB_CI": "true", "CI": "true"}, False)],
)
def test_masks_are_registered_on_stderr_under_github_only(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str], variables: dict[str, str], masked: bool
) -> None:
    """Only GitHub's runner reads them; anywhere else they would show the secrets themselves. stdout stays clean."""
    sandbox.environment("staging", TOKEN="s3cret-t0ken")
    project = Project.load(sandbox.root)
    hydrate_and_report(project, project.environment("staging"), {**sandbox.env, **variables})
    out, err = capsys.readouterr()
    assert out == ""
    assert ("::add-mask::s3cret-t0ken\n" in err) is masked
    assert ("s3cret-t0ken" in err) is masked


def test_values_of_a_public_environment_are_not_masked(
    sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are fake, and words such as a user's name would be blotted out of the log."""
    sandbox.environment("local", TOKEN="s3cret-t0ken")
    sandbox.write(
        "pyproject.toml",
        '[tool.envtasks.environments]\nlocal = { public = true, files = [".env.local"], keys = ".env.keys" }\n',
    )
    project = Project.load(sandbox.root)
    hydrate_and_report(project, project.environment("local"), {**sandbox.env, "GITHUB_ACTIONS": "true"})
    assert capsys.readouterr().err == ""


def test_a_group_folds_on_github() -> None:
    """GitHub's own commands, also when the body fails."""
    stream = io.StringIO()
    with suppress(RuntimeError), group("build staging", {"GITHUB_ACTIONS": "true"}, stream=stream):
        stream.write("line\n")
        raise RuntimeError
    assert stream.getvalue() == "::group::build staging\nline\n::endgroup::\n"


def test_a_section_folds_on_gitlab(monkeypatch: pytest.MonkeyPatch) -> None:
    """GitLab's marks carry a time and a name without spaces; the end names the same section."""
    monkeypatch.setattr("time.time", iter([10.0, 20.0]).__next__)
    stream = io.StringIO()
    with group("build staging", {"GITLAB_CI": "true"}, stream=stream):
        stream.write("line\n")
    assert stream.getvalue() == (
        "\033[0Ksection_start:10:build_staging\r\033[0Kbuild staging\nline\n"
        "\033[0Ksection_end:20:build_staging\r\033[0K\n"
    )


def test_a_title_stays_in_its_line() -> None:
    """A name with line breaks and escape sequences begins no command of its own on either platform."""
    for variables in ({"GITHUB_ACTIONS": "true"}, {"GITLAB_CI": "true"}):
        stream = io.StringIO()
        with group("a\n::error::b\r\x1b[0Ksection_end:1:c", variables, stream=stream):
            stream.write("line\n")
        lines = stream.getvalue().splitlines()
        assert not [line for line in lines if line.startswith("::error")]
        assert "\n".join(lines).count("\x1b[0Ksection_end:") == ("GITLAB_CI" in variables)


def test_a_group_writes_nothing_elsewhere() -> None:
    """On a developer's machine output is what it was."""
    stream = io.StringIO()
    with group("build", {}, stream=stream):
        stream.write("line\n")
    assert stream.getvalue() == "line\n"
