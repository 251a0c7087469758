"""`ci.check`: every kind of disagreement between a pipeline's files and its project is found, with its place."""

from __future__ import annotations

import textwrap

import pytest

from envtasks.ci import github, gitlab
from envtasks.ci.check import Finding, check
from envtasks.ci.files import render, write
from envtasks.errors import ConfigInvalid
from tests.ci.pipeline_projects import loaded, shop
from tests.projects import Sandbox

TASKS = """
from envtasks import namespace, task

@task(env="staging")
def migrate(c): ...

@task
def lint(c): ...

ns = namespace(__name__)
"""
HEAD = "on: [push]\npermissions: {contents: read}\njobs:\n  j:\n    runs-on: x\n"
GUARD = "    if: github.ref_protected\n    environment: production\n"


def findings(sandbox: Sandbox, name: str, text: str) -> list[tuple[str, int, str]]:
    """Kind, line and sentence of what is found in one file of the shop."""
    shop(sandbox)
    sandbox.write("tasks.py", TASKS)
    path = sandbox.write(name, "")
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    files, found = check(loaded(sandbox), sandbox.env)
    assert files == (name,)
    assert {each.file for each in found} <= {name}
    assert all(each.hint for each in found)
    return [(each.id, each.line, each.sentence) for each in found]


def key(environment: str) -> str:
    """A step's env with the key of an environment."""
    variable = f"DOTENV_PRIVATE_KEY_{environment.upper()}"
    return f"{{{variable}: '${{{{ secrets.{variable} }}}}'}}"


STEP = "    steps:\n      - run: {run}\n        env: {env}\n"
ON_GITHUB = [
    ("", "inv migrate", key("staging"), None),
    ("", "inv lint", "{}", None),
    ("", "uv run nox -s unit lint", "{}", None),
    (GUARD, "inv migrate --env production --yes", key("production"), None),
    ("", "uv run inv -e -c tasks -r . lint", "{}", None),
    ("", "pip install invoke nox && echo inv nothing", "{}", None),
    ("", "python -m nox -s unit -- -e staging", key("staging"), None),
    ("", "inv migrat", "{}", ("unknown-task", 7, "Job j runs migrat, and there is no such task.")),
    ("", "nox -s unti", "{}", ("unknown-session", 7, "Job j runs unti, and there is no such session.")),
    ("", "inv lint -e prod", "{}",
     ("unknown-environment", 7, "Job j names the environment prod, and there is no such one.")),
    ("", "inv migrate", "{}", ("no-key", 5, "Job j runs staging without DOTENV_PRIVATE_KEY_STAGING.")),
    ("", "nox -s integration", "{}",
     ("no-key", 5, "Job j runs staging without DOTENV_PRIVATE_KEY_STAGING.")),
    ("", "inv lint", key("staging"),
     ("wrong-key", 5, "Job j runs no environment and has DOTENV_PRIVATE_KEY_STAGING.")),
    ("", "inv lint --env production", key("production"),
     ("unguarded", 5, ("Job j runs production, which is protected, but not behind the platform's environment on a "
      "protected branch only."))),
    ("    environment: production\n", "inv lint --env production", key("production"),
     ("unguarded", 5, ("Job j runs production, which is protected, but not behind the platform's environment on a "
      "protected branch only."))),
    ("", "echo $TOKEN", "{}", ("secret-echoed", 7, "Job j prints TOKEN.")),
    ("", "true", "{TOKEN: letmein}", ("literal-secret", 8, "TOKEN is a secret, and its value stands here.")),
    ("", f"use {'0a' * 32}", "{}", ("literal-secret", 7, "Job j holds what looks like a private key.")),
]  # fmt: skip


@pytest.mark.parametrize(("job", "run", "env", "expected"), ON_GITHUB)
def test_what_a_github_job_has_and_does(
    sandbox: Sandbox, job: str, run: str, env: str, expected: tuple[str, int, str] | None
) -> None:
    """Tasks, sessions, environments, keys, prints and literals: each disagreement is one finding at its line."""
    found = findings(sandbox, ".github/workflows/own.yml", HEAD + job + STEP.format(run=run, env=env))
    shift = job.count("\n")
    assert found == (
        [] if expected is None else [(expected[0], expected[1] + shift * (expected[1] > 5), expected[2])]
    )


def test_a_job_that_runs_staging_with_productions_key_is_found(sandbox: Sandbox) -> None:
    """The wrong key is named, and that the right one is not there."""
    found = findings(
        sandbox,
        ".github/workflows/own.yml",
        HEAD + STEP.format(run="inv migrate", env=key("production")),
    )
    assert found == [
        ("wrong-key", 5, "Job j runs staging and has DOTENV_PRIVATE_KEY_PRODUCTION."),
        ("no-key", 5, "Job j runs staging without DOTENV_PRIVATE_KEY_STAGING."),
    ]


def test_a_job_with_two_keys_is_found(sandbox: Sandbox) -> None:
    """One job, one key: also where each key fits an environment that the job runs."""
    text = HEAD + GUARD + STEP.format(run="inv migrate", env=key("staging"))
    text += f"      - run: inv migrate --env production\n        env: {key('production')}\n"
    assert findings(sandbox, ".github/workflows/own.yml", text) == [
        ("several-keys", 5, "Job j has 2 keys: DOTENV_PRIVATE_KEY_PRODUCTION, DOTENV_PRIVATE_KEY_STAGING.")
    ]


def test_what_concerns_a_whole_workflow(sandbox: Sandbox) -> None:
    """The dangerous trigger, rights that nobody narrowed, and actions that can be moved."""
    text = """\
    on:
      pull_request_target:
    jobs:
      j:
        runs-on: x
        steps:
          - uses: actions/checkout@v6
          - uses: ./.github/actions/own
          - uses: actions/cache@cdf6c1fa76f9f475f3d7449005a359c84ca0f306
    """
    assert findings(sandbox, ".github/workflows/own.yml", text) == [
        (
            "pull-request-target",
            2,
            "pull_request_target hands this repository's secrets to what a fork sends.",
        ),
        ("permissions", 4, "Job j has more permissions than it needs."),
        ("unpinned-action", 7, "actions/checkout@v6 can be moved to other code."),
    ]


ON_GITLAB = [
    ("  environment: {name: staging, action: access}\n  script: [inv migrate]\n", None),
    ("  extends: .base\n  script: [inv lint]\n", None),
    ("  script:\n    - inv migrate\n",
     ("no-key", 4, ("Job j runs staging outside of GitLab's environment staging, the scope of "
      "DOTENV_PRIVATE_KEY_STAGING."))),
    ("  environment: production\n  script: [inv migrate --env production]\n",
     ("unguarded", 4, ("Job j runs production, which is protected, but not behind the platform's environment on a "
      "protected branch only."))),
    (("  environment: production\n  script: [inv migrate --env production]\n"
     "  rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}]\n"), None),
    (("  environment: production\n  script: [inv migrate --env production]\n"
     "  rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}, {if: $CI_COMMIT_BRANCH}]\n"),
     ("unguarded", 4, ("Job j runs production, which is protected, but not behind the platform's environment on a "
      "protected branch only."))),
    ("  extends: .loud\n  script: ['true']\n",
     ("secret-echoed", 2, "Job j has CI_DEBUG_TRACE, which prints every variable.")),
    ("  variables: {TOKEN: letmein}\n  script: ['true']\n",
     ("literal-secret", 4, "TOKEN is a secret, and its value stands here.")),
    ("  script:\n    - |\n      true\n      echo $TOKEN\n", ("secret-echoed", 7, "Job j prints TOKEN.")),
]  # fmt: skip


@pytest.mark.parametrize(("job", "expected"), ON_GITLAB)
def test_what_a_gitlab_job_has_and_does(
    sandbox: Sandbox, job: str, expected: tuple[str, int, str] | None
) -> None:
    """What a hidden job hands down counts; a key comes through the scope of its environment."""
    text = ".base: {image: x}\n.loud: {variables: {CI_DEBUG_TRACE: 'true'}}\nj:\n" + job
    assert findings(sandbox, gitlab.FILE, text) == ([] if expected is None else [expected])


def test_a_job_defined_twice_is_found(sandbox: Sandbox) -> None:
    """GitLab takes the last one silently."""
    text = "a: {script: x}\nb: {script: x}\na: {script: y}\n"
    assert findings(sandbox, gitlab.FILE, text) == [
        ("defined-twice", 3, "a is defined twice, first in line 1: only the last one counts.")
    ]


def test_a_stage_that_is_not_listed_is_found(sandbox: Sandbox) -> None:
    """A file with stages of its own may lack those of our jobs; GitLab would refuse it."""
    text = "stages: [one]\na: {stage: one, script: x}\nb:\n  stage: test\n  script: x\nc: {stage: .post, script: x}\n"
    assert findings(sandbox, gitlab.FILE, text) == [
        ("unknown-stage", 4, "Job b is in the stage test, which `stages` does not list.")
    ]


def test_what_is_merged_and_referenced_is_read(sandbox: Sandbox) -> None:
    """Anchors, merge keys and GitLab's own tags: a job has what it merges in, and its own words win."""
    text = """\
    .base: &base
      environment: staging
      before_script: [echo $TOKEN]
    good:
      <<: *base
      before_script: !reference [.other, script]
      script: inv migrate
    bad:
      <<: [*base]
      <<: {tags: [x]}
      script: inv migrate
    """
    assert findings(sandbox, gitlab.FILE, text) == [("secret-echoed", 3, "Job bad prints TOKEN.")]


@pytest.mark.parametrize("platform", ["gitlab", "github"])
def test_jobs_that_were_rendered_for_another_state_are_found(sandbox: Sandbox, platform: str) -> None:
    """A session that is gone: our jobs are out of date, and the hint renders them anew."""
    shop(sandbox)
    for file in render(loaded(sandbox), sandbox.env, platform):
        write(file)
    assert check(loaded(sandbox), sandbox.env)[1] == ()
    noxfile = (sandbox.root / "noxfile.py").read_text(encoding="utf-8")
    sandbox.write("noxfile.py", noxfile.replace("def lint", "def style"))
    found = {each.id: each for each in check(loaded(sandbox), sandbox.env)[1]}
    assert set(found) == {"unknown-session", "out-of-date"}
    name, line = (gitlab.FILE, 1) if platform == "gitlab" else (github.FILE, github.HEADER.count("\n") + 1)
    assert found["out-of-date"] == Finding(
        "out-of-date",
        name,
        line,
        "The project has changed since these jobs were rendered.",
        f"inv ci.render {platform}",
    )


def test_tasks_that_cannot_be_listed_are_said(sandbox: Sandbox) -> None:
    """A tasks.py that does not load is an error with what it said, not a project without tasks."""
    shop(sandbox)
    sandbox.write("tasks.py", "raise RuntimeError('no tasks today')\n")
    sandbox.write(gitlab.FILE, "a: {script: x}\n")
    with pytest.raises(ConfigInvalid, match=r"^tasks\.py: its tasks cannot be listed: .*no tasks today"):
        check(loaded(sandbox), sandbox.env)


def test_a_project_without_pipeline_has_no_files(sandbox: Sandbox) -> None:
    """Nothing to look at is told apart from nothing found."""
    assert check(loaded(shop(sandbox)), sandbox.env) == ((), ())
