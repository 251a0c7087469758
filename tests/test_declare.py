"""declare.py: a task declares its environment, and stock Invoke runs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke import tasks as plain_invoke
from invoke.collection import Collection
from invoke.context import Context as InvokeContext
from invoke.exceptions import Exit
from invoke.tasks import call

from envtasks import task
from envtasks.context import Context
from envtasks.errors import Refused
from tests.conftest import Inv


def _recorder(seen: list[Any], **declared: Any) -> Any:
    @task(name="record", **declared)
    def record(c: Context, word: str = "") -> None:
        """Record where it ran."""
        seen.append((c.environment, c.env.get("WHERE"), *([word] if word else [])))

    return record


@pytest.mark.parametrize(
    ("declared", "argv", "seen"),
    [
        ({"env": "local"}, [], ("local", "local")),
        ({"env": "local"}, ["--env", "staging"], ("staging", "staging")),
        ({"env": "local"}, ["-e", "staging"], ("staging", "staging")),
        ({}, [], (None, None)),
        ({}, ["--env=staging"], ("staging", "staging")),
    ],
)
def test_the_environment_is_declared_or_given(
    inv: Inv, declared: dict[str, Any], argv: list[str], seen: tuple[Any, ...]
) -> None:
    """`--env` wins over the declared environment; a bare task without it runs in none."""
    recorded: list[Any] = []

    assert inv([_recorder(recorded, **declared)], "record", *argv) == 0
    assert recorded == [seen]


def test_a_task_that_does_not_hydrate_reads_no_env_file(inv: Inv, shop: Path) -> None:
    """With hydrate=False the body knows its environment and gets no value, and a file without its key is no error."""
    (shop / ".env.staging").write_text("WHERE='encrypted:AAAA'\n", encoding="utf-8")
    recorded: list[Any] = []

    assert inv([_recorder(recorded, hydrate=False)], "record", "--env", "staging") == 0
    assert recorded == [("staging", None)]


def test_a_task_that_does_not_hydrate_is_confirmed_all_the_same(inv: Inv) -> None:
    """A protected environment is confirmed, whatever the body does with it."""
    recorded: list[Any] = []

    assert inv([_recorder(recorded, hydrate=False)], "record", "--env", "production") == 6
    assert recorded == []


def test_env_none_is_a_plain_invoke_task(inv: Inv) -> None:
    """With env=None the result is Invoke's own Task, without our flags."""

    @task(env=None)
    def plain(c: InvokeContext) -> None:
        """A plain one."""

    assert type(plain) is plain_invoke.Task
    assert inv([plain], "plain", "--env", "local") == 1


def test_bare_decorator_without_parentheses(inv: Inv) -> None:
    """`@task` alone works as Invoke's does."""
    seen = []

    @task
    def bare(c: Context, word: str = "x") -> None:
        """Bare."""
        seen.append((c.environment, word))

    assert inv([bare], "bare", "--word", "y") == 0
    assert seen == [(None, "y")]


def test_unknown_environment_is_one_sentence(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown environment ends with code 2, a near name and a hint, and no traceback."""
    assert inv([_recorder([], env="local")], "record", "--env", "stagin") == 2
    assert capsys.readouterr().err == (
        f"error: There is no environment 'stagin' in {Path.cwd().name}: did you mean staging?\n"
        "  hint: environments: local, staging, production\n"
    )


def test_a_task_can_require_an_environment(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """requires_environment=True refuses to run in none, naming the environments; `--env` and a caller's are enough."""
    seen: list[Any] = []
    record = _recorder(seen, requires_environment=True)

    @task(env="local")
    def outer(c: Context) -> None:
        """Outer."""
        record(c)

    assert inv([record], "record") == 2
    assert capsys.readouterr().err == (
        "error: record needs an environment.\n  hint: add --env NAME, one of: local, staging, production\n"
    )
    assert inv([record], "record", "--env", "staging") == 0
    assert inv([outer], "outer") == 0
    assert seen == [("staging", "staging"), ("local", "local")]


def test_an_error_of_a_called_task_can_be_caught(inv: Inv) -> None:
    """A body that calls another task gets its EnvtasksError; only the task that `inv` called turns it into an exit."""
    seen: list[Any] = []
    record = _recorder(seen, only=["staging"])

    @task(env="local")
    def outer(c: Context) -> None:
        """Outer."""
        try:
            record(c)
        except Refused:
            seen.append("refused")

    assert inv([outer], "outer") == 0
    assert seen == ["refused"]


def test_hydrated_is_the_environment_of_the_body(inv: Inv) -> None:
    """c.hydrated is c.env with its origins; in a task without an environment it is a ConfigInvalid."""
    seen = []

    @task
    def look(c: Context) -> None:
        """Look."""
        seen.append(c.hydrated.origin("WHERE").file)

    assert inv([look], "look", "--env", "staging") == 0
    assert inv([look], "look") == 2
    assert seen == [".env.staging"]


def test_only_refuses_another_environment(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """`only` refuses every other environment, saying which are allowed."""
    seen: list[Any] = []

    assert inv([_recorder(seen, env="local", only=["staging", "production"])], "record") == 6
    assert "record is not for local: only for staging, production." in capsys.readouterr().err
    assert seen == []


def test_protected_is_refused_without_a_terminal(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """A protected environment is refused when nobody can be asked and nothing said yes."""
    seen: list[Any] = []

    assert inv([_recorder(seen, env="production")], "record") == 6
    assert "--yes, or ENVTASKS_CONFIRM=production" in capsys.readouterr().err
    assert seen == []


@pytest.mark.parametrize("argv", [["-y"], ["--yes"]])
def test_yes_confirms_a_protected_environment(inv: Inv, argv: list[str]) -> None:
    """-y and --yes confirm."""
    seen: list[Any] = []

    assert inv([_recorder(seen, env="production")], "record", *argv) == 0
    assert seen == [("production", "production")]


def test_confirm_variable_names_the_environment(inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENVTASKS_CONFIRM confirms the environment that it names, and no other."""
    seen: list[Any] = []
    monkeypatch.setenv("ENVTASKS_CONFIRM", "staging")
    assert inv([_recorder(seen, env="production")], "record") == 6

    monkeypatch.setenv("ENVTASKS_CONFIRM", "production")
    assert inv([_recorder(seen, env="production")], "record") == 0


def _terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    import io
    import sys

    stdin = io.StringIO(answer)
    for stream in (stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)


@pytest.mark.parametrize(("answer", "code"), [("production\n", 0), ("yes\n", 6), ("", 6)])
def test_a_terminal_is_asked_for_the_name(
    inv: Inv, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, code: int
) -> None:
    """On a terminal the environment's name has to be typed; anything else refuses."""
    _terminal(monkeypatch, answer)

    assert inv([_recorder([], env="production")], "record") == code
    assert "Type production to go on: " in capsys.readouterr().err


def test_a_terminal_is_asked_once(
    inv: Inv, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One confirmation counts for every task of the call in that environment."""
    _terminal(monkeypatch, "production\n")
    seen: list[Any] = []
    record = _recorder(seen, env="production")

    assert inv([record], "record", "record", "--word", "again") == 0
    assert capsys.readouterr().err.count("Type production to go on: ") == 1
    assert len(seen) == 2


def test_no_prompt_in_ci(inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CI set nobody is asked, even on a terminal."""
    _terminal(monkeypatch, "production\n")
    monkeypatch.setenv("CI", "true")

    assert inv([_recorder([], env="production")], "record") == 6


def test_confirm_true_asks_everywhere_and_false_nowhere(inv: Inv) -> None:
    """confirm=True asks in any environment, confirm=False not even in a protected one."""
    assert inv([_recorder([], env="local", confirm=True)], "record") == 6
    assert inv([_recorder([], env="local", confirm=True)], "record", "-y") == 0
    assert inv([_recorder([], env="production", confirm=False)], "record") == 0


def test_needs_names_everything_that_is_missing(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing names of `needs` are reported all at once, with code 5."""
    assert inv([_recorder([], env="local", needs=["API_KEY", "DB_*", "TOKEN"])], "record") == 5
    error = capsys.readouterr().err
    assert "API_KEY" in error
    assert "TOKEN" in error


def test_one_consent_is_not_anothers(inv: Inv) -> None:
    """A task's own question is asked even after other tasks ran, or were confirmed, in the same environment."""
    seen: list[Any] = []
    drop = _recorder(seen, env="staging", confirm="Really drop it?")

    @task(env="staging", pre=[drop])
    def outer(c: Context) -> None:
        """Outer."""

    @task(env="production")
    def leaf(c: Context) -> None:
        """Leaf."""

    assert inv([outer, drop], "outer") == 6
    assert inv([leaf, drop], "leaf", "-e", "staging", "record") == 6
    assert inv([leaf, drop], "leaf", "-y", "record", "-e", "production") == 6
    assert seen == []


def test_an_empty_environment_is_no_default(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """`--env ''`, an unset variable in CI, is an unknown environment and not the task's default."""
    assert inv([_recorder([], env="local")], "record", "--env", "") == 2
    assert "There is no environment ''" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["env", "yes", "no_mask", "e", "y"])
def test_a_parameter_of_our_name_is_an_error_at_definition(name: str) -> None:
    """A body's parameter that would clash with our flags is a clear Exit when the task is defined."""
    namespace: dict[str, Any] = {}
    exec(f"def body(c, {name}=''): pass", namespace)

    with pytest.raises(Exit, match=f"has a parameter named '{name}'") as caught:
        task(namespace["body"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "declared",
    [
        {"only": "staging"},
        {"needs": "DB_*"},
        {"env": None, "needs": ["A"]},
        {"env": None, "requires_environment": True},
        {"env": "local", "requires_environment": True},
        {"env": 3},
        {"needs": 3},
        {"needs": ["A", 3]},
        {"only": b"staging"},
        {"confirm": 3},
        {"check": "no"},
        {"requires_environment": 1},
        {"hydrate": None},
    ],
)
def test_wrong_declarations_are_refused_at_definition(declared: dict[str, Any]) -> None:
    """A string in place of a list, or a plain task with needs, is code 2 when the task is defined."""
    with pytest.raises(Exit) as caught:
        task(**declared)(lambda c: None)
    assert caught.value.code == 2


def test_short_flags_of_ours_are_taken(inv: Inv) -> None:
    """A body's own parameter does not take -e or -y."""
    seen = []

    @task(env="local")
    def own(c: Context, extra: str = "", year: str = "") -> None:
        """Own flags."""
        seen.append((c.environment, extra, year))

    assert inv([own], "own", "-e", "staging", "-x", "1", "--year", "2") == 0
    assert seen == [("staging", "1", "2")]


def test_pre_and_post_run_in_the_callers_environment(inv: Inv) -> None:
    """Pre and post tasks run where the task that called them runs, around its body."""
    seen: list[Any] = []
    first, last = _recorder(seen), _recorder(seen, env="local")

    @task(pre=[call(first, word="first")], post=[call(last, word="last")])
    def middle(c: Context) -> None:
        """The body."""
        seen.append((c.environment, "body"))

    assert inv([middle], "middle", "--env", "staging") == 0
    assert seen == [("staging", "staging", "first"), ("staging", "body"), ("staging", "staging", "last")]


def test_a_pre_task_can_be_pinned(inv: Inv) -> None:
    """`call(task, env=…)` pins a pre task's environment."""
    seen: list[Any] = []
    record = _recorder(seen)

    @task(pre=[call(record, env="local")], env="staging")
    def build(c: Context) -> None:
        """Build."""
        seen.append(c.environment)

    assert inv([build], "build") == 0
    assert seen == [("local", "local"), "staging"]


def test_an_environment_is_no_positional_argument() -> None:
    """`@task("local")` would be a pre task, on which Invoke fails with a traceback."""
    with pytest.raises(Exit) as caught:
        task("local")  # type: ignore[call-overload]

    assert (caught.value.code, "hint: an environment is env='local'" in str(caught.value.message)) == (
        2,
        True,
    )


def test_only_refuses_to_run_in_no_environment(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """What is for production alone does not run with whatever the shell has."""
    seen: list[Any] = []
    record = _recorder(seen, only=["staging"])

    assert inv([record], "record") == 2
    assert "record needs an environment.\n  hint: add --env NAME, one of: staging" in capsys.readouterr().err
    assert inv([record], "record", "--env", "staging") == 0
    assert seen == [("staging", "staging")]


def test_a_pinned_pre_task_is_refused_by_its_only(inv: Inv) -> None:
    """A pin that the pre task's `only` excludes is Refused, and the body does not run."""
    seen: list[Any] = []
    record = _recorder(seen, only=["staging"])

    @task(pre=[call(record, env="local")], env="staging")
    def build(c: Context) -> None:
        """Build."""
        seen.append("body")

    assert inv([build], "build") == 6
    assert seen == []


@pytest.mark.parametrize("argv", [["record", "build"], ["build", "record"], ["build", "build"]])
def test_a_task_runs_once_per_environment_and_arguments(inv: Inv, argv: list[str]) -> None:
    """What is both called and a pre task runs once, as Invoke's deduplication has it."""
    seen: list[Any] = []
    record = _recorder(seen, env="local")

    @task(pre=[record], env="local")
    def build(c: Context) -> None:
        """Build."""

    assert inv([record, build], *argv) == 0
    assert seen == [("local", "local")]


def test_another_environment_or_argument_runs_again(inv: Inv) -> None:
    """The same task runs again with other arguments or in another environment."""
    seen: list[Any] = []
    record = _recorder(seen, env="local")

    assert inv([record], "record", "record", "-e", "staging", "record", "--word", "x") == 0
    assert seen == [("local", "local"), ("staging", "staging"), ("local", "local", "x")]


def test_plain_pre_tasks_run_plainly_and_once(inv: Inv) -> None:
    """A plain Invoke task among the pre tasks runs without an environment, once, in the order written."""
    seen: list[Any] = []
    record = _recorder(seen)

    @plain_invoke.task
    def plain(c: InvokeContext) -> None:
        """Plain."""
        seen.append(type(c))

    @task(pre=[plain, record], env="local")
    def mixed(c: Context) -> None:
        """Mixed."""

    @task(pre=[plain], env="local")
    def all_plain(c: Context) -> None:
        """All plain."""

    assert inv([plain, mixed, all_plain], "plain", "mixed", "all-plain") == 0
    assert seen == [InvokeContext, ("local", "local")]


def test_a_body_calls_another_task_in_its_own_environment(inv: Inv) -> None:
    """A task called from a body with the body's context runs in that environment."""
    seen: list[Any] = []
    record = _recorder(seen, env="local")

    @task(env="staging")
    def outer(c: Context) -> None:
        """Outer."""
        record(c)

    assert inv([outer], "outer") == 0
    assert seen == [("staging", "staging")]


def test_aliases_namespaces_and_help(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """Aliases, sub-collections, --list and --help TASK work, and the help names the environments."""

    @task(env="local", aliases=["mig"], help={"dry": "Change nothing"})
    def migrate(c: Context, dry: bool = False) -> None:
        """Migrate the database."""
        print("ran in", c.environment)

    tasks = [Collection("db", migrate)]

    assert inv(tasks, "db.mig", "-e", "staging") == 0
    assert capsys.readouterr().out == "ran in staging\n"
    assert inv(tasks, "--list") == 0
    assert "db.migrate (db.mig)   Migrate the database." in capsys.readouterr().out
    assert inv(tasks, "--help", "db.migrate") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Environment to run in: local, staging, production (default: local)" in text
    assert "Change nothing" in text


def test_process_environment_is_left_alone(inv: Inv) -> None:
    """os.environ is the same during and after a task."""
    before = dict(os.environ)
    during: list[dict[str, str]] = []

    @task(env="local")
    def look(c: Context) -> None:
        """Look."""
        during.append(dict(os.environ))

    assert inv([look], "look") == 0
    assert during == [before]
    assert dict(os.environ) == before


def test_repr_of_the_context_shows_no_value(inv: Inv, shop: Path) -> None:
    """repr(c), which prints Invoke's whole configuration, holds no value of the environment."""
    shown = []

    @task(env="local")
    def look(c: Context) -> None:
        """Look."""
        shown.append(repr(c) + repr(c.env))

    assert inv([look], "look") == 0
    assert "db.local" not in shown[0]


def test_a_task_is_a_pre_task_for_type_checkers_too() -> None:
    """`@task(other)` is a decorator whose result is a task, and not the task of `other`."""

    @task
    def install(c: Context) -> None:
        """Install."""

    @task(install)
    def check(c: Context) -> None:
        """Check."""

    assert [call.name for call in check.pre] == ["install"]


@pytest.mark.skipif(sys.platform == "win32", reason="the folder is quoted for a POSIX shell")
def test_a_dry_run_prints_the_folder_of_a_command(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """`c.exec` in a `c.cd()` prints its folder as `c.run` does, also in the dotenvx line."""

    @task(env="local")
    def build(c: Context) -> None:
        """Build."""
        with c.cd("web app"):
            c.exec("npm", "ci")

    assert inv([build], "--dry", "build") == 0
    *_, dotenvx, plain = capsys.readouterr().out.splitlines()
    assert plain == "cd web\\ app && npm ci"
    assert dotenvx.endswith("dotenvx run --strict -f .env.local -- bash -c 'cd web\\ app && npm ci'")


@pytest.mark.parametrize(
    ("system", "line"),
    [
        pytest.param(
            "linux",
            "env APP_ENV=local dotenvx run --strict -f .env.local -- echo 'a b' 'c&d'\n",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to prepare for"),
        ),
        ("win32", 'set "APP_ENV=local" && dotenvx run --strict -f .env.local -- echo "a b" "c&d"\n'),
    ],
)
def test_the_dotenvx_line_is_for_the_shell_of_this_system(
    inv: Inv, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], system: str, line: str
) -> None:
    """What `--dry` prints can be pasted into sh, on Windows into cmd."""

    @task(env="local")
    def show(c: Context) -> None:
        """Show."""
        monkeypatch.setattr(sys, "platform", system)
        try:
            c.exec("echo", "a b", "c&d")
        finally:
            monkeypatch.undo()

    assert inv([show], "--dry", "show") == 0
    assert line in capsys.readouterr().out
