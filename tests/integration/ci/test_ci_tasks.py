"""`inv ci.render`, `ci.check` and `ci.doctor` as a user types them."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from envtasks.ci import github, gitlab
from tests.ci.pipeline_projects import shop
from tests.projects import Sandbox

pytestmark = pytest.mark.integration


def test_render_says_what_it_wrote(sandbox: Sandbox) -> None:
    """The file's name once written; up to date the second time; what would change with --dry, and nothing written."""
    shop(sandbox)
    dry = sandbox.inv("--dry", "ci.render", "github")
    assert (dry.returncode, dry.stderr) == (0, f"note: {github.FILE} would change\n")
    assert not (sandbox.root / github.FILE).exists()
    wrote = sandbox.inv("ci.render", "github")
    assert (wrote.returncode, wrote.stdout, wrote.stderr) == (0, "", f"note: wrote {github.FILE}\n")
    again = sandbox.inv("ci.render", "github")
    assert (again.returncode, again.stderr) == (0, f"note: {github.FILE} is up to date\n")
    shown = sandbox.inv("ci.render", "github", "--stdout")
    assert shown.stdout == (sandbox.root / github.FILE).read_text(encoding="utf-8")


def test_render_with_include(sandbox: Sandbox) -> None:
    """Two files for GitLab; the check looks at both."""
    shop(sandbox)
    done = sandbox.inv("ci.render", "gitlab", "--include")
    assert done.stderr == f"note: wrote {gitlab.INCLUDE_FILE}\nnote: wrote {gitlab.FILE}\n"
    checked = sandbox.inv("ci.check")
    assert (checked.returncode, checked.stdout) == (0, f"{gitlab.FILE}, {gitlab.INCLUDE_FILE}: no findings\n")


def test_check_prints_a_line_for_each_finding(sandbox: Sandbox) -> None:
    """File, line, sentence, kind and hint; code 9 where a secret leaks, 2 for the rest; JSON for programs."""
    shop(sandbox)
    sandbox.write(gitlab.FILE, "job:\n  script:\n    - nox -s unti\n")
    done = sandbox.inv("ci.check")
    sentence = "There is no session unti: did you mean unit?"
    assert (done.returncode, done.stdout) == (
        2,
        f"{gitlab.FILE}:3: {sentence} [unknown-session]\n    nox --list\n",
    )
    sandbox.write(gitlab.FILE, f"job:\n  script:\n    - export DOTENV_PRIVATE_KEY_STAGING={'0' * 64}\n")
    found = sandbox.inv("ci.check", "--json")
    assert found.returncode == 9
    assert json.loads(found.stdout) == [
        {
            "id": "literal-secret",
            "file": gitlab.FILE,
            "line": 3,
            "sentence": "DOTENV_PRIVATE_KEY_STAGING is a private key, and its value stands here.",
            "hint": "keep it in the platform's settings, and replace it: git has it now",
        }
    ]


def test_check_without_a_pipeline(sandbox: Sandbox) -> None:
    """The hint renders one."""
    done = sandbox.inv("ci.check")
    assert (done.returncode, done.stderr) == (
        2,
        (
            "error: There is no pipeline here: no .gitlab-ci.yml, no .github/workflows.\n"
            "  hint: inv ci.render gitlab, or inv ci.render github\n"
        ),
    )


def test_doctor_without_an_environment_looks_at_all(sandbox: Sandbox) -> None:
    """A key that is not here is no failure then: a machine rarely has all of them."""
    shop(sandbox)
    (sandbox.root / ".env.keys").unlink()
    done = sandbox.inv("ci.doctor")
    states = [line[:7].strip() for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert (done.returncode, states) == (0, ["ok", "ok", "none", "none"])
    one = sandbox.inv("ci.doctor", "--env", "staging")
    assert (one.returncode, one.stdout.startswith("FAILED  staging key: ")) == (4, True)


def test_doctor_folds_its_lines_on_github_and_answers_in_json(sandbox: Sandbox) -> None:
    """A group around the lines; with --json nothing but JSON on stdout."""
    shop(sandbox)
    folded = sandbox.inv("ci.doctor", "--env", "local", GITHUB_ACTIONS="true")
    lines = folded.stdout.splitlines()
    assert (lines[0], lines[-1], folded.stderr) == ("::group::ci.doctor local", "::endgroup::", "")
    rows = json.loads(sandbox.inv("ci.doctor", "--env", "local", "--json", GITHUB_ACTIONS="true").stdout)
    assert [(row["of"], row["what"], row["state"]) for row in rows] == [
        ("local", "key", "ok"),
        ("local", "values", "ok"),
    ]


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell's pipe")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_doctor_keeps_its_code_when_nobody_reads_on(sandbox: Sandbox, unbuffered: str) -> None:
    """`| head -n 1` shows the first line, the code stays, and nothing is said about the pipe."""
    shop(sandbox)
    (sandbox.root / ".env.keys").unlink()
    done = subprocess.run(
        [
            "bash",
            "-o",
            "pipefail",
            "-c",
            "inv ci.doctor --env staging --tools absent,absent,absent | (exec <&-; sleep 1)",
        ],
        cwd=sandbox.root,
        env={**sandbox.env, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (4, "")


def test_an_unknown_environment_is_one_sentence(sandbox: Sandbox) -> None:
    """Code 2 and the nearest name."""
    done = shop(sandbox).inv("ci.doctor", "--env", "stagin")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean staging?" in done.stderr
