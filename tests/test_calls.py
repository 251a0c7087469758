"""declare.py: what a call of a task runs, by Invoke's executor, from a list, or by the body of another task."""

from __future__ import annotations

from typing import Any

import pytest
from invoke import tasks as plain_invoke
from invoke.collection import Collection
from invoke.context import Context as InvokeContext
from invoke.exceptions import Exit
from invoke.executor import Executor
from invoke.tasks import call

from envtasks import task
from envtasks.context import Context
from envtasks.declare import Task
from envtasks.errors import Refused, VariableMissing
from tests.conftest import Inv


def test_a_body_s_calls_each_run_and_return_their_value(inv: Inv) -> None:
    """What a body calls itself runs each time, with the same arguments too, and gives its result."""
    seen: list[Any] = []

    @task
    def upload(c: Context, name: str) -> str:
        """Upload; works the third time."""
        seen.append(name)
        if len(seen) < 3:
            raise ConnectionError
        return f"uploaded {name}"

    @task(env="local")
    def release(c: Context) -> None:
        """Release."""
        for _ in range(3):
            try:
                seen.append(upload(c, "app"))
            except ConnectionError:
                continue
        seen.append(upload(c, "app"))

    assert inv([release, upload], "release") == 0
    assert seen == ["app", "app", "app", "uploaded app", "app", "uploaded app"]


def test_a_plain_task_s_calls_each_run(inv: Inv) -> None:
    """A plain Invoke task, whose context is Invoke's own, calls a task of ours each time too."""
    seen: list[Any] = []

    @task(env="local")
    def version(c: Context) -> str:
        """Version."""
        seen.append(c.environment)
        return "1.2"

    @plain_invoke.task
    def plain(c: InvokeContext) -> None:
        """Plain."""
        seen.extend([version(c), version(c)])

    assert inv([plain, version], "plain") == 0
    assert seen == ["local", "local", "1.2", "1.2"]


def test_a_direct_call_runs_the_body_alone(inv: Inv) -> None:
    """As in Invoke, pre and post tasks belong to the command line and the lists, not to a call by a body."""
    seen: list[str] = []

    @task
    def clean(c: Context) -> None:
        """Clean."""
        seen.append("clean")

    @task(pre=[clean], post=[clean])
    def build(c: Context) -> None:
        """Build."""
        seen.append("build")

    @task
    def release(c: Context) -> None:
        """Release."""
        build(c)

    assert inv([release], "release") == 0
    assert seen == ["build"]


def test_what_a_body_called_is_not_taken_for_done(inv: Inv) -> None:
    """A direct call does not keep a list or the command line from running the task."""
    seen: list[str] = []

    @task
    def clean(c: Context) -> None:
        """Clean."""
        seen.append("clean")

    @task
    def first(c: Context) -> None:
        """First."""
        clean(c)

    @task(pre=[clean])
    def second(c: Context) -> None:
        """Second."""

    assert inv([first, second, clean], "first", "second", "clean") == 0
    assert seen == ["clean", "clean"]


def test_the_result_of_a_task_that_ran_before_is_kept(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """A task with autoprint that a list has run already prints its result, not None."""

    @task(autoprint=True)
    def version(c: Context) -> str:
        """Version."""
        return "1.2"

    @task(pre=[version])
    def build(c: Context) -> None:
        """Build."""

    assert inv([build, version], "build", "version") == 0
    assert capsys.readouterr().out == "1.2\n"


def test_a_failed_task_is_not_done(inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    """An executor that goes on after a failure runs the task again for the next one."""
    seen: list[str] = []

    class Persistent(Executor):
        def execute(self, *tasks: Any) -> Any:
            for each in tasks:
                try:
                    super().execute(each)
                except ConnectionError:
                    continue
            return {}

    monkeypatch.setattr("invoke.program.Executor", Persistent)

    @task
    def connect(c: Context) -> None:
        """Fails once."""
        seen.append("connect")
        if len(seen) == 1:
            raise ConnectionError

    @task(pre=[connect])
    def one(c: Context) -> None:
        """One."""
        seen.append("one")

    @task(pre=[connect])
    def two(c: Context) -> None:
        """Two."""
        seen.append("two")

    assert inv([one, two], "one", "two") == 0
    assert seen == ["connect", "connect", "two"]


def test_the_lists_are_shown_as_declared(inv: Inv) -> None:
    """`pre` and `post` are what was declared, also from within a run, though Invoke's executor sees none of ours."""
    seen: list[Any] = []

    @task
    def clean(c: Context) -> None:
        """Clean."""
        seen.append("clean")

    pinned = call(clean, env="staging")

    @task(pre=[clean], post=[pinned])
    def build(c: Context) -> None:
        """Build."""
        seen.append((build.pre, build.post))

    assert (build.pre, build.post) == ([clean], [pinned])
    assert inv([build], "build") == 0
    assert seen == ["clean", ([clean], [pinned]), "clean"]
    assert Collection(build).tasks["build"].pre == [clean]


def test_a_task_class_may_wrap_the_call(inv: Inv) -> None:
    """A subclass that does something around each call changes nothing of what runs once and what runs each time."""
    seen: list[Any] = []

    class Timed(Task):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            seen.append(f"start {self.name}")
            return super().__call__(*args, **kwargs)

    @task(klass=Timed)
    def clean(c: Context) -> None:
        """Clean."""
        seen.append("clean")

    @task(klass=Timed, pre=[clean])
    def build(c: Context) -> None:
        """Build."""
        clean(c)

    assert inv([build, clean], "build", "clean") == 0
    assert seen == ["start build", "start clean", "clean", "start clean", "clean", "start clean"]


def test_a_call_may_be_wrapped_by_others(inv: Inv, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function around `Task.__call__`, as tracing libraries put there, does not make a call look like a body's."""
    seen: list[str] = []
    original = Task.__call__

    def traced(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    monkeypatch.setattr(Task, "__call__", traced)

    @task
    def clean(c: Context) -> None:
        """Clean."""
        seen.append("clean")

    @task(pre=[clean])
    def build(c: Context) -> None:
        """Build."""
        clean(c)

    assert inv([build, clean], "build", "clean") == 0
    assert seen == ["clean", "clean"]


def test_consent_is_for_the_environment_that_was_named(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """`--yes` for staging does not confirm a production that the body or a list calls; a `yes` of the call does."""
    seen: list[Any] = []

    @task
    def deploy(c: Context) -> None:
        """Deploy."""
        seen.append(c.environment)

    @task(env="staging")
    def body(c: Context, sure: bool = False) -> None:
        """Calls production."""
        deploy(c, env="production", **({"yes": True} if sure else {}))

    @task(env="staging", pre=[call(deploy, env="production")])
    def listed(c: Context) -> None:
        """Has production on a list."""

    @task
    def bare(c: Context) -> None:
        """Names no environment."""
        deploy(c, env="production")

    for name in ("body", "listed", "bare"):
        assert inv([body, listed, bare], name, "--yes") == 6
        assert "ENVTASKS_CONFIRM=production" in capsys.readouterr().err
    assert seen == []
    assert inv([body], "body", "--sure") == 0
    assert inv([body, deploy], "body", "--env", "production", "--yes") == 0
    assert seen == ["production", "production"]


def _generator(c: Context) -> Any:
    yield


async def _coroutine(c: Context) -> None:
    pass


async def _async_generator(c: Context) -> Any:
    yield


class _Callable:
    async def __call__(self, c: Context) -> None:
        pass


@pytest.mark.parametrize("body", [_coroutine, _generator, _async_generator, _Callable()])
def test_a_body_that_a_call_would_not_run_is_refused(body: Any) -> None:
    """An async function or a generator, of which a call runs nothing, is code 2 when the task is defined."""
    with pytest.raises(Exit, match="is async or a generator: a call of it runs nothing") as caught:
        task(name="t")(body)
    assert caught.value.code == 2


def test_an_async_body_behind_a_decorator_is_refused(inv: Inv) -> None:
    """Where only the result shows that nothing ran, that is code 2 as well; a body may still await such a task."""
    import asyncio

    seen: list[Any] = []

    async def fetch() -> str:
        seen.append("fetched")
        return "page"

    @task(name="fetch")
    def fetch_task(c: Context) -> Any:
        """Fetch."""
        return fetch()

    @task
    def awaits(c: Context) -> None:
        """Await."""
        seen.append(asyncio.run(fetch_task(c)))

    assert inv([fetch_task], "fetch") == 2
    assert inv([awaits], "awaits") == 0
    assert seen == ["fetched", "page"]


class Foreign(plain_invoke.Task[Any]):
    """A task class of somebody else."""


def test_a_foreign_task_class_gets_invoke_s_own_arguments(inv: Inv) -> None:
    """With a class that is not ours, and nothing of ours declared, the task is exactly Invoke's."""
    seen: list[Any] = []

    @task(klass=Foreign, name="t", aliases=["u"])
    def body(c: InvokeContext, word: str = "") -> None:
        """A foreign one."""
        seen.append((type(c), word))

    assert isinstance(body, Foreign)
    assert inv([body], "u", "--word", "x") == 0
    assert seen == [(InvokeContext, "x")]


@pytest.mark.parametrize(
    "declared", [{"env": "local"}, {"needs": []}, {"confirm": False}, {"requires_environment": True}]
)
def test_a_foreign_task_class_cannot_declare_an_environment(declared: dict[str, Any]) -> None:
    """A class that is not ours beside something of ours is one sentence with code 2."""
    with pytest.raises(Exit, match="its klass is no subclass of envtasks") as caught:
        task(klass=Foreign, **declared)(lambda c: None)
    assert caught.value.code == 2


def test_an_unknown_name_is_said_with_a_near_one(inv: Inv, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that c.env has not is code 5 and a near name; `get`, `in` and KeyError work as for any mapping."""
    seen: list[Any] = []

    @task
    def look(c: Context) -> None:
        """Look."""
        seen.append((c.env.get("DB_HSOT"), "DB_HSOT" in c.env))
        for lookup in (c.env.__getitem__, c.env.origin):
            with pytest.raises(KeyError):
                lookup("DB_HSOT")
            with pytest.raises(VariableMissing):
                lookup("DB_HSOT")
        c.env["DB_HSOT"]

    assert inv([look], "look", "--env", "staging") == 5
    assert capsys.readouterr().err == (
        "error: DB_HSOT is not in staging: did you mean DB_HOST?\n"
        "  hint: inv env.show --env staging lists what is there\n"
    )
    assert inv([look], "look") == 5
    assert "DB_HSOT is not set here: this task runs in no environment." in capsys.readouterr().err
    assert seen == [(None, False)] * 2


def test_errors_of_other_tasks_stay_exceptions_for_the_body(inv: Inv) -> None:
    """A caught refusal leaves no trace: the same call, allowed the next time, runs."""
    seen: list[Any] = []

    @task(only=["staging"])
    def picky(c: Context) -> str:
        """Picky."""
        return "ran"

    @task(env="local")
    def outer(c: Context) -> None:
        """Outer."""
        with pytest.raises(Refused):
            picky(c)
        seen.append(picky(c, env="staging"))

    assert inv([outer], "outer") == 0
    assert seen == ["ran"]
