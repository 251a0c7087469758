"""Plan tasks.py and noxfile.py: new ones from a template, existing ones extended."""

from __future__ import annotations

from ..envfiles import appended
from .entry import Entry, Tests, find_entry, find_tests
from .insertion import top_level_names, with_python
from .plan import Draft
from .render import render

TASKS = "tasks.py"
NOXFILE = "noxfile.py"
SMOKE_TEST = "tests/test_environment.py"


def plan_task_files(draft: Draft, environments: tuple[str, ...]) -> None:
    """Write or extend tasks.py and noxfile.py; a first test where there is none."""
    entry, tests = find_entry(draft.survey), find_tests(draft.survey)
    if entry is None:
        draft.leave(
            TASKS, 1, "no entry point was found, so there is no task `run`", 'c.exec("python", "-m", …)'
        )
    _plan_tasks(draft, entry)
    _plan_noxfile(draft, tests, environments)
    draft.packages += tests.packages
    if not tests.present and not draft.survey.named(r"(?:.*/)?tests?/test_environment\.py"):
        _plan_first_test(draft, integration="staging" in environments)


def _plan_first_test(draft: Draft, *, integration: bool) -> None:
    """Write a test that the environment arrives; one of staging too where its marker can be declared."""
    configured = any(draft.survey.has(name) for name in ("pytest.ini", "tox.ini", "setup.cfg", ".pytest.ini"))
    pyproject = draft.text("pyproject.toml")
    marked = integration and not configured and "[tool.pytest" not in pyproject and bool(pyproject)
    if marked:
        lines = '[tool.pytest.ini_options]\nmarkers = ["integration: needs the services of staging"]\n'
        draft.write(
            "pyproject.toml", appended(pyproject, lines, gap=1), what="the marker integration", why=""
        )
    text = render("test_environment.py.j2", variable=draft.project.environment_variable, integration=marked)
    draft.write(SMOKE_TEST, text, what="a first test", why="there is none yet")


def _plan_tasks(draft: Draft, entry: Entry | None) -> None:
    text = draft.text(TASKS)
    values = {"entry": entry, "django": entry is not None and entry.framework == "Django"}
    if not text.strip():
        title = draft.survey.project.name
        draft.write(
            TASKS,
            render("tasks.py.j2", title=title, **values),
            what="tasks run, test",
            why="what `inv` offers",
        )
        return
    names = top_level_names(text)
    if "envtasks" in text:
        draft.keep(TASKS, "it uses envtasks already")
        return
    namespace = next((name for name in ("ns", "namespace") if name in names), None)
    run = entry if "run" not in names else None
    if entry and run is None:
        draft.leave(
            TASKS,
            _line_of(text, "def run("),
            "the task `run` is your own, without an environment",
            '@task(env="local") of envtasks',
        )
    body = render("tasks_added.py.j2", run=run, namespace=namespace)
    imports = render("tasks_imports.py.j2", run=run, namespace=namespace)
    after = with_python(text, TASKS, imports=imports, body=body)
    draft.write(TASKS, after, what="our lines at its end", why="the built-in tasks beside its own")


def _plan_noxfile(draft: Draft, tests: Tests, environments: tuple[str, ...]) -> None:
    text = draft.text(NOXFILE)
    integration = tests.integration if "staging" in environments else None
    values = {"tests": tests, "integration": integration}
    if not text.strip():
        what = "sessions unit, integration" if integration else "the session unit"
        draft.write(
            NOXFILE, render("noxfile.py.j2", **values), what=what, why="tests, each in its environment"
        )
        return
    names = top_level_names(text)
    if "envtasks" in text:
        draft.keep(NOXFILE, "it uses envtasks already")
        return
    if "unit" in names:
        replacement = 'from envtasks.sessions import session; @session(env="local")'
        line = _line_of(text, "def unit(")
        draft.leave(NOXFILE, line, "the session `unit` is your own, without an environment", replacement)
        draft.keep(NOXFILE, "it has a session `unit`")
        return
    values["integration"] = integration if "integration" not in names else None
    after = with_python(
        text,
        NOXFILE,
        imports="from sys import executable as environment_python\n\n"
        "from envtasks.sessions import session as environment_session\n",
        body=render("noxfile_added.py.j2", **values),
    )
    draft.write(NOXFILE, after, what="sessions in an environment", why="tests, each in its environment")


def _line_of(text: str, start: str) -> int:
    """The number of the first line that starts like this; 1 where none does."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start)), 1)
