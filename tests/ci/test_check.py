"""`ci.check`: every kind of disagreement between a pipeline's files and its project is found, with its place."""

from __future__ import annotations

import re
import subprocess

import pytest

from envtasks.ci import github, gitlab
from envtasks.ci.check import Finding, check_pipelines
from envtasks.ci.files import PLATFORMS, render_files, write_file
from tests.ci.pipeline_projects import loaded, shop
from tests.deadlines import ended
from tests.projects import Sandbox

WORKFLOW = ".github/workflows/own.yml"
HEAD = "on: [push]\njobs:\n  j:\n    runs-on: x\n"
STEP = "    steps:\n      - run: {run}\n        env: {env}\n"
HEX = "0a" * 32


def findings(sandbox: Sandbox, name: str, text: str) -> list[tuple[str, int, str]]:
    """Kind, line and sentence of what is found in one file of the shop, which is removed again."""
    path = sandbox.write(name, "")
    path.write_text(text, encoding="utf-8")
    try:
        files, found = check_pipelines(loaded(sandbox), sandbox.env)
    finally:
        path.unlink()
    assert files == (name,)
    assert {each.file for each in found} <= {name}
    assert all(each.hint for each in found if each.id != "invalid-file")
    return [(each.id, each.line, each.sentence) for each in found]


def key(environment: str) -> str:
    """A step's env with the key of an environment."""
    variable = f"DOTENV_PRIVATE_KEY_{environment.upper()}"
    return f"{{{variable}: '${{{{ secrets.{variable} }}}}'}}"


NO_ENVIRONMENT = (
    "no-environment",
    3,
    "Job j has the key of production, which is protected, but runs in no environment of the platform.",
)


@pytest.mark.parametrize(
    ("job", "env", "expected"),
    [
        ("", key("staging"), []),
        ("", key("production"), [NO_ENVIRONMENT]),
        ("    env: {X: '${{ secrets.DOTENV_PRIVATE_KEY_PRODUCTION }}'}\n", "{}", [NO_ENVIRONMENT]),
        ("    env: {X: \"${{ secrets['DOTENV_PRIVATE_KEY_PRODUCTION'] }}\"}\n", "{}", [NO_ENVIRONMENT]),
        ("    environment: production\n", key("production"), []),
        ("    environment: {name: production-eu}\n", key("production"), []),
        ("", "{X: DOTENV_PRIVATE_KEY_PRODUCTION}", []),
        (f"    env: {key('local')}\n", key("staging"),
         [("several-keys", 3, "Job j has 2 keys: DOTENV_PRIVATE_KEY_LOCAL, DOTENV_PRIVATE_KEY_STAGING.")]),
    ],
)  # fmt: skip
def test_keys_of_a_github_job(
    shared_shop: Sandbox, job: str, env: str, expected: list[tuple[str, int, str]]
) -> None:
    """One key for each job, and that of a protected environment only in an environment of GitHub."""
    assert findings(shared_shop, WORKFLOW, HEAD + job + STEP.format(run="inv show", env=env)) == expected


@pytest.mark.parametrize("name", ["MY_ENV", "MY-ENV"])
def test_a_key_whose_name_has_a_dash_is_one_key(shared_shop: Sandbox, name: str) -> None:
    """The variable and the secret may be called as in the key file or as GitHub takes it."""
    env = f"{{DOTENV_PRIVATE_KEY_{name}: '${{{{ secrets.DOTENV_PRIVATE_KEY_MY-ENV }}}}'}}"
    assert findings(shared_shop, WORKFLOW, HEAD + STEP.format(run="inv show", env=env)) == []
    text = f"{HEAD}    env: {{DOTENV_PRIVATE_KEY_MY-ENV: {HEX}}}  # DOTENV_PRIVATE_KEY_MY-ENV={HEX}\n"
    sentence = "DOTENV_PRIVATE_KEY_MY-ENV is a private key, and its value stands here."
    assert set(findings(shared_shop, WORKFLOW, text)) == {("literal-secret", 5, sentence)}


def test_a_key_for_all_jobs_of_a_workflow_counts_for_each(shared_shop: Sandbox) -> None:
    """What stands in the workflow's own `env` is in every job; a job of another workflow file may have it too."""
    text = f"env: {key('staging')}\n{HEAD}    env: {key('local')}\n  k:\n    uses: ./x.yml\n"
    assert [(kind, line) for kind, line, _ in findings(shared_shop, WORKFLOW, text)] == [("several-keys", 4)]


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("  variables: {DOTENV_PRIVATE_KEY_STAGING: $KEY}\n", []),
        ("  variables: {DOTENV_PRIVATE_KEY_PRODUCTION: $KEY}\n", [NO_ENVIRONMENT]),
        ("  secrets: {DOTENV_PRIVATE_KEY_PRODUCTION: {vault: a/b@c}}\n", [NO_ENVIRONMENT]),
        ("  script: ['test -n \"${DOTENV_PRIVATE_KEY_PRODUCTION}\"']\n", [NO_ENVIRONMENT]),
        ("  script: [echo set DOTENV_PRIVATE_KEY_PRODUCTION and DOTENV_PRIVATE_KEY_STAGING]\n", []),
        ("  extends: .key\n", [NO_ENVIRONMENT]),
        ("  extends: [.key, .production]\n", []),
        ("  extends: [.key, .elsewhere]\n", []),
        ("  extends: .key\n  environment: production\n", []),
        ("  extends: .key\n  environment: !reference [.x, environment]\n", []),
        ("  <<: *production\n  variables: {DOTENV_PRIVATE_KEY_PRODUCTION: $KEY}\n", []),
        ("  extends: .key\n  environment: production\n  variables: {DOTENV_PRIVATE_KEY_STAGING: $KEY}\n",
         [("several-keys", 3, "Job j has 2 keys: DOTENV_PRIVATE_KEY_PRODUCTION, DOTENV_PRIVATE_KEY_STAGING.")]),
    ],
)  # fmt: skip
def test_keys_of_a_gitlab_job(shared_shop: Sandbox, job: str, expected: list[tuple[str, int, str]]) -> None:
    """Its variables, secrets and references count, also those that it extends; a parent elsewhere is not judged."""
    head = ".key: {variables: {DOTENV_PRIVATE_KEY_PRODUCTION: $KEY}}\n.production: &production {environment: p}\nj:\n"
    assert findings(shared_shop, gitlab.FILE, head + job) == expected


NO_UNTI = "There is no session unti: did you mean unit?"
NO_PROD = "There is no environment prod: did you mean production?"
SCRIPTS = [
    ("inv show --env staging", None),
    ("uv run nox -s unit lint", None),
    ("nox --session=integration -- --env production", None),
    ("nox -s \"integration(database='sqlite')\"", None),
    ("nox -s \"$SESSION\" '${{ matrix.session }}' $X -- --env $APP_ENV", None),
    ("inv exec --env staging -- tool --env prod", None),
    ("inv exec --env=$NAME", None),
    ("tool --env prod; docker run --env prod=1 image", None),
    ("echo inv show --env prod", None),
    ("pip install invoke nox", None),
    ("inv -e show", None),
    ("nox -s unit > log.txt", None),
    ("(cd app && nox -s unit) 2>&1 | tee log.txt  # inv show --env prod", None),
    ("nox -s unit 2>&1 \\", None),
    ("inv show --env prod", ("unknown-environment", NO_PROD)),
    ("X=1 uv run --group dev inv show --env='prod'", ("unknown-environment", NO_PROD)),
    ("true && .venv/bin/envtasks exec --env=prod -- true", ("unknown-environment", NO_PROD)),
    ("nox -s unit -- --env prod", ("unknown-environment", NO_PROD)),
    ("nox -s unti", ("unknown-session", NO_UNTI)),
    ("python -m nox --sessions unit unti -r", ("unknown-session", NO_UNTI)),
    ("uvx --with x nox -s unti", ("unknown-session", NO_UNTI)),
]


@pytest.mark.parametrize(("script", "expected"), SCRIPTS)
@pytest.mark.parametrize("platform", ["gitlab", "github"])
def test_names_in_scripts(
    shared_shop: Sandbox, platform: str, script: str, expected: tuple[str, str] | None
) -> None:
    """An environment or a session that a script names literally has to exist; the finding is at its line."""
    lines = f"|\n          # the tests\n          {script}\n"
    if platform == "github":
        found = findings(shared_shop, WORKFLOW, f"{HEAD}    steps:\n      - run: {lines}")
        line = 8
    else:
        found = findings(shared_shop, gitlab.FILE, f".base:\n  before_script:\n    - {lines}")
        line = 5
    assert found == ([] if expected is None else [(expected[0], line, expected[1])])


@pytest.mark.parametrize("place", ["default:\n  after_script", "before_script", "j:\n  script"])
def test_every_script_of_gitlab_is_read(shared_shop: Sandbox, place: str) -> None:
    """Those of the whole file, of its defaults and of jobs."""
    found = findings(shared_shop, gitlab.FILE, f"{place}: [inv show --env prod]\n")
    assert [kind for kind, _, _ in found] == ["unknown-environment"]


VARIABLE = "DOTENV_PRIVATE_KEY_STAGING"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"variables:\n  {VARIABLE}: {HEX}\n", [2]),
        (f"variables: {{{VARIABLE}: letmein}}\n", [1]),
        (f"variables:\n  {VARIABLE}: {{value: '{HEX}', description: x}}\n", [2]),
        (f"j:\n  script:\n    - |\n      true\n      export {VARIABLE}={HEX}\n", [5]),
        (f"# {VARIABLE}: '{HEX}'\nj: {{script: x}}\n", [1]),
        (f"variables: {{{VARIABLE}: $KEY, X: '{HEX}'}}\n", []),
        (f"j:\n  image: x@sha256:{HEX}\n  script: [sha256sum -c {HEX}]\n", []),
        (f"variables: {{{VARIABLE}: '', {VARIABLE}_X: null}}\n", []),
    ],
)
def test_a_key_with_its_value_is_found(shared_shop: Sandbox, text: str, lines: list[int]) -> None:
    """In variables, scripts and comments, by the name of its variable; other hexadecimal digits are none of ours."""
    sentence = f"{VARIABLE} is a private key, and its value stands here."
    assert findings(shared_shop, gitlab.FILE, text) == [("literal-secret", line, sentence) for line in lines]
    assert Finding("literal-secret", "x", 1, "").leak


def test_a_reusable_workflow_may_declare_a_key(shared_shop: Sandbox) -> None:
    """`on.workflow_call.secrets` names it and holds no value."""
    text = f"on:\n  workflow_call:\n    secrets:\n      {VARIABLE}: {{required: true, description: x}}\njobs: {{}}\n"
    assert findings(shared_shop, WORKFLOW, text) == []


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a: [\n", 2, "this is not valid YAML: "),
        ("a: {script: x}\nb: {script: x}\na: {script: y}\n", 3, "a is defined twice, first in line 1."),
        ("- a\n", 1, "expected a mapping of names."),
        ("a: {script: x}\n# >>> envtasks\n", 2, "the marker '# >>> envtasks' has no partner"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding(
    shared_shop: Sandbox, text: str, line: int, sentence: str
) -> None:
    """YAML that does not load, a name defined twice, a marker without its partner: told with the line."""
    ((kind, at, told),) = findings(shared_shop, gitlab.FILE, text)
    assert (kind, at, told[: len(sentence)]) == ("invalid-file", line, sentence)


def test_a_broken_file_does_not_hide_a_key_or_another_file(shared_shop: Sandbox) -> None:
    """What is found elsewhere is told as well, in the order of the files."""
    shared_shop.write(gitlab.FILE, f"a: [\n{VARIABLE}: {HEX}\n")
    shared_shop.write(WORKFLOW, "jobs: {j: {steps: [{run: nox -s unti}]}}\n")
    try:
        files, found = check_pipelines(loaded(shared_shop), shared_shop.env)
    finally:
        for name in (gitlab.FILE, WORKFLOW):
            (shared_shop.root / name).unlink()
    assert files == (gitlab.FILE, WORKFLOW)
    assert [each.id for each in found] == ["literal-secret", "invalid-file", "unknown-session"]


def test_a_header_and_several_documents_are_valid(shared_shop: Sandbox) -> None:
    """GitLab's `spec:` header is a document of its own, and the jobs of the next one are checked."""
    text = "spec:\n  inputs:\n    name:\n---\nj:\n  script:\n"
    text += "    - inv show --env prod\n    - inv show --env $[[ inputs.name ]]\n"
    assert findings(shared_shop, gitlab.FILE, text) == [("unknown-environment", 7, NO_PROD)]


@pytest.mark.parametrize(
    "text",
    [
        "on:\n  pull_request_target:\njobs:\n  j:\n    steps:\n      - uses: actions/checkout@v6\n",
        "on: [push]\njobs:\n  j:\n    steps:\n      - run: set -x; echo $TOKEN; env; inv env.get TOKEN --reveal\n",
    ],
)
def test_what_other_linters_find_is_left_to_them(shared_shop: Sandbox, text: str) -> None:
    """Triggers, permissions, pins and printed values are for zizmor and actionlint."""
    assert findings(shared_shop, WORKFLOW, text) == []


@pytest.mark.parametrize(("platform", "include"), [("gitlab", False), ("gitlab", True), ("github", False)])
def test_a_managed_block_of_another_state_is_found(sandbox: Sandbox, platform: str, include: bool) -> None:
    """A session that is gone: our jobs are out of date, and the hint renders them anew."""
    shop(sandbox)
    project = loaded(sandbox)
    for file in render_files(project, sandbox.env, platform, include=include)[0]:
        write_file(file)
    assert check_pipelines(project, sandbox.env)[1] == ()
    noxfile = (sandbox.root / "noxfile.py").read_text(encoding="utf-8")
    sandbox.write("noxfile.py", noxfile.replace("def lint", "def style"))
    found = {each.id: each for each in check_pipelines(project, sandbox.env)[1]}
    assert set(found) == {"unknown-session", "out-of-date"}
    name = PLATFORMS[platform].INCLUDE_FILE if include else PLATFORMS[platform].FILE
    line = github.HEADER.count("\n") + 1 if platform == "github" else 1
    assert found["out-of-date"] == Finding(
        "out-of-date",
        name,
        line,
        "The project has changed since these jobs were rendered.",
        f"inv ci.render {platform}{' --include' if include else ''}",
    )


def test_a_project_without_pipeline_has_no_files(shared_shop: Sandbox) -> None:
    """No file is told apart from no finding."""
    assert check_pipelines(loaded(shared_shop), shared_shop.env) == ((), ())


@pytest.mark.parametrize("platform", ["gitlab", "github"])
def test_jobs_that_cannot_run_are_found(sandbox: Sandbox, platform: str) -> None:
    """A baseline that git does not have is a finding where our jobs stand, as it is a warning of `ci.render`."""
    shop(sandbox)
    project = loaded(sandbox)
    for file in render_files(project, sandbox.env, platform)[0]:
        write_file(file)
    subprocess.run(["git", "rm", "-q", "--cached", ".env.staging"], cwd=sandbox.root, check=True)
    (found,) = check_pipelines(project, sandbox.env)[1]
    assert (found.id, found.file) == ("cannot-run", PLATFORMS[platform].FILE)
    assert (found.sentence, found.hint) == (
        ".env.staging, which jobs need, is not in git.",
        "git add .env.staging",
    )


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("A=1 B=2 .venv/bin/nox -s unti", ["unti"]),
        ("uv run --group ci nox -s unti", ["unti"]),
        ("python -m nox -s unti", ["unti"]),
        ("echo nox -s unti", []),
        ("cd x && nox -s unti # nox -s untj", ["unti"]),
        ("(nox -s unti); nox -s untj", ["unti", "untj"]),
        ('uv run nox -s "unti(database=\'x\')" "lint(a)"', ["unti"]),
        ("FORCE_COLOR=1 (A=2 ./bin/nox -s unti)", ["unti"]),
        ("nox -s unit > nox -s unti", []),
        ("echo run nox; poetry run nox -s unti", ["unti"]),
    ],
)
def test_calls_are_found_where_a_command_begins(shared_shop: Sandbox, script: str, found: list[str]) -> None:
    """After assignments, after a runner such as `uv run`, in each command of a line; not in other programs' words."""
    text = f"job:\n  script:\n    - |\n      {script}\n"
    said = [sentence for _, _, sentence in findings(shared_shop, gitlab.FILE, text)]
    assert [re.findall("session (\\w+)", sentence)[0] for sentence in said] == found


@pytest.mark.parametrize("words", ["run ", "echo nox ", "-m ", "a=b ", "nox -s ", "/"])
def test_a_long_line_is_read_in_time(sandbox: Sandbox, words: str) -> None:
    """A script's line of 400,000 characters is searched once, not once for each of its words."""
    sandbox.write(gitlab.FILE, f"job:\n  script:\n    - {words * (400_000 // len(words))}\n")
    done = sandbox.inv("ci.check")  # ends after two minutes, whatever it does
    assert done.returncode in (0, 2)


def test_extends_in_many_ways_is_followed_once(shared_shop: Sandbox) -> None:
    """Jobs of which each extends two, that both extend the same two, and so on, are no more than there are."""
    levels = "".join(
        f"a{n}: {{extends: [a{n - 1}, b{n - 1}]}}\nb{n}: {{extends: [a{n - 1}, b{n - 1}]}}\n"
        for n in range(1, 40)
    )
    base = "a0: {script: [x], variables: {DOTENV_PRIVATE_KEY_STAGING: $A}}\nb0: {script: [x]}\n"
    other = "z: {extends: a39, variables: {DOTENV_PRIVATE_KEY_LOCAL: $B}}\n"
    found = ended(lambda: findings(shared_shop, gitlab.FILE, base + levels + other))
    assert found == [
        ("several-keys", 81, "Job z has 2 keys: DOTENV_PRIVATE_KEY_LOCAL, DOTENV_PRIVATE_KEY_STAGING.")
    ]


def test_a_job_that_extends_itself_is_read_once(shared_shop: Sandbox) -> None:
    """GitLab refuses a circle; here it ends."""
    assert ended(lambda: findings(shared_shop, gitlab.FILE, "a: {extends: b}\nb: {extends: a}\n")) == []


def test_jobs_merge_as_gitlab_merges(shared_shop: Sandbox) -> None:
    """An entry before `<<` is replaced by the merged one, so the job has the merged key alone."""
    text = (
        ".base: &base {variables: {DOTENV_PRIVATE_KEY_STAGING: $A}}\n"
        "job: {variables: {DOTENV_PRIVATE_KEY_PRODUCTION: $B}, <<: *base, script: [x]}\n"
    )
    assert findings(shared_shop, gitlab.FILE, text) == []
