"""`inv env.check`, `example`, `explain`, `diff` as a user calls them, piped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.check.shop import Shop
from tests.projects import Sandbox, make_sandbox

NOT_A_NUMBER = "Input should be a valid integer, unable to parse string as an integer."
TASKS = """
from envtasks import namespace, task

@task(env="staging", needs=["DB_*"])
def migrate(c):
    "Migrate."

@task(env="local")
def run(c):
    "Run."

ns = namespace(__name__)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project whose parts agree."""
    return Shop(tmp_path / "shop")


@pytest.fixture
def sandbox(shop: Shop) -> Sandbox:
    """The project whose parts agree, with a tasks.py."""
    pyproject = shop.text("pyproject.toml")
    made = make_sandbox(shop.root)
    shop.write("pyproject.toml", pyproject)
    shop.write("tasks.py", TASKS)
    return made


def test_check_without_a_finding(sandbox: Sandbox) -> None:
    """Exit code 0; what was not checked is on stderr."""
    done = sandbox.inv("env.check")

    assert (done.returncode, done.stdout) == (0, "no findings (local, staging, production)\n")
    assert (
        done.stderr == "note: not checked: git's history: a secret that was ever committed is still there\n"
    )


def test_the_project_is_that_of_the_tasks(sandbox: Sandbox, tmp_path: Path) -> None:
    """`inv --search-root` checks the project that tasks.py belongs to, not that of the current folder."""
    (tmp_path / "elsewhere").mkdir()
    elsewhere = Sandbox(tmp_path / "elsewhere", sandbox.env)

    done = elsewhere.inv("--search-root", str(sandbox.root), "env.check")

    assert (done.returncode, done.stdout) == (0, "no findings (local, staging, production)\n")


def test_check_with_findings(shop: Shop, sandbox: Sandbox, tmp_path: Path) -> None:
    """Place, id, environment, sentence; the command below; the code of the gravest. JSON and SARIF say the same."""
    shop.replace(".env.staging", "PORT=8000", "PORT=http")
    sarif = tmp_path / "check.sarif"

    done = sandbox.inv("env.check", "--env", "staging", "--sarif", str(sarif))
    answer = json.loads(sandbox.inv("env.check", "--json").stdout)

    assert (done.returncode, done.stdout.splitlines()) == (
        5,
        [
            f".env.staging:4: ET042 [staging] PORT does not fit shop.settings:Settings: {NOT_A_NUMBER}",
            "    inv env.set PORT --env staging",
            "1 finding (staging)",
        ],
    )
    assert json.loads(sarif.read_text(encoding="utf-8"))["runs"][0]["results"][0]["ruleId"] == "ET042"
    assert (answer["code"], answer["findings"][0]["key"]) == (5, "ET042:staging:PORT")
    assert answer["environments"] == ["local", "staging", "production"]


def test_check_in_a_dry_run_writes_no_file(sandbox: Sandbox, tmp_path: Path) -> None:
    """The findings are shown all the same."""
    done = sandbox.inv("--dry", "env.check", "--sarif", str(tmp_path / "x.sarif"))

    assert (done.returncode, (tmp_path / "x.sarif").exists()) == (0, False)


def test_example(shop: Shop, sandbox: Sandbox) -> None:
    """What would change, what changed, and then nothing."""
    shop.replace(".env.example", "PORT=8000\n", "")

    assert sandbox.inv("--dry", "env.example").stdout == "would change .env.example: add PORT\n"
    assert sandbox.inv("env.example").stdout == "changed .env.example: added PORT\n"
    assert sandbox.inv("env.example").stdout == ".env.example is up to date\n"
    assert json.loads(sandbox.inv("env.example", "--json").stdout)["added"] == []


def test_explain(shop: Shop, sandbox: Sandbox) -> None:
    """The story in words, with the tasks that need the variable; no value."""
    done = sandbox.inv("env.explain", "DB_PASSWORD", "--env", "staging")

    line = shop.line(".env.staging", "DB_PASSWORD")
    lines = done.stdout.splitlines()
    assert lines[:6] == [
        "DB_PASSWORD",
        "",
        "in staging",
        f"  its value comes from .env.staging:{line}",
        f"  it is encrypted for the public key {shop.public['staging']}",
        "  only the private key DOTENV_PRIVATE_KEY_STAGING opens it, which is at hand: .env.keys",
    ]
    assert (
        "  shop.settings:Settings reads it into db_password (src/shop/settings.py:19): SecretStr, required, secret"
        in lines
    )
    assert any(row.split(maxsplit=1) == ["tasks.py:4", "task migrate needs DB_*"] for row in lines)
    assert not any("task run" in row for row in lines)
    assert "Pa$$w0rd" not in done.stdout


def test_explain_without_the_settings_class(shop: Shop, sandbox: Sandbox) -> None:
    """Where it cannot be imported the story says why, and not that no field reads the variable."""
    shop.replace("src/shop/settings.py", "from typing", "import no_such_module\nfrom typing")

    lines = sandbox.inv("env.explain", "DB_PASSWORD", "--env", "staging").stdout.splitlines()

    assert lines[lines.index("settings class") + 1] == (
        "  [tool.envtasks] settings = 'shop.settings:Settings' cannot be imported: there is no module no_such_module."
    )


def test_envtasks_says_that_it_did_not_read_the_tasks(sandbox: Sandbox) -> None:
    """inv has imported tasks.py and knows what its tasks need."""
    by_envtasks = sandbox.python("-m", "envtasks", "env.explain", "DB_HOST").stdout
    by_inv = sandbox.inv("env.explain", "DB_HOST").stdout

    assert "  not read: tasks.py: inv env.explain reads it\n" in by_envtasks
    assert ("task migrate needs DB_*" in by_inv, "not read" in by_inv) == (True, False)


def test_explain_as_json_and_of_nothing(sandbox: Sandbox) -> None:
    """One document; a name that nobody knows ends with 5."""
    answer = json.loads(sandbox.inv("env.explain", "PORT", "--json").stdout)
    unknown = sandbox.inv("env.explain", "PROT")

    assert [each["environment"] for each in answer["sources"]] == ["local", "staging", "production"]
    assert answer["field"]["default"] == "8000"
    assert (unknown.returncode, "did you mean PORT?" in unknown.stderr) == (5, True)


def test_diff(shop: Shop, sandbox: Sandbox) -> None:
    """Two environments as plain words, or one and a commit; a table, or JSON."""
    shop.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "before")
    shop.replace(".env.staging", "PORT=8000\n", "")

    table = sandbox.inv("env.diff", "local", "staging")
    past = json.loads(sandbox.inv("env.diff", "staging", "--against", "HEAD", "--json").stdout)

    assert table.returncode == 0
    assert "PORT                only in local  .env.local:4" in table.stdout
    assert past["differences"] == [
        {"name": "PORT", "change": "removed", "left": ".env.staging:4", "right": ""}
    ]
    assert sandbox.inv("env.diff", "local", "--against", "HEAD").stdout == "no differences\n"


def test_what_could_not_be_compared_may_differ(shop: Shop, sandbox: Sandbox) -> None:
    """Without the keys of both sides nothing says that there is no difference."""
    shop.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "before")
    assert sandbox.inv("env.rotate", "--env", "staging", "--now", "--yes").returncode == 0
    shop.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qam", "after")
    assert sandbox.inv("env.rotate", "--env", "staging", "--finish", "--yes").returncode == 0

    done = sandbox.inv("env.diff", "staging", "--against", "HEAD~1")

    assert (done.returncode, done.stdout) == (0, "no other differences\n")
    assert done.stderr == "note: no key at hand opens both sides of: DB_PASSWORD, API_TOKEN\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["staging"],
            2,
            "env.diff compares two environments with each other, or one with what it was in a commit.",
        ),
        (["staging", "staging"], 2, "env.diff compares two environments with each other"),
        ([], 2, "env.diff compares two environments"),
        (["staging", "prod"], 2, "There is no environment 'prod' in shop: did you mean production?"),
        (["staging", "production", "--against", "HEAD"], 2, "env.diff compares"),
        (["staging", "--against", "nope"], 2, "git knows no commit 'nope' here."),
    ],
)
def test_diff_of_something_else(sandbox: Sandbox, words: list[str], code: int, message: str) -> None:
    """One sentence and a command."""
    done = sandbox.inv("env.diff", *words)

    assert (done.returncode, message in done.stderr, "hint: " in done.stderr) == (code, True, True)
