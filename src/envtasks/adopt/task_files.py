"""Plan tasks.py and noxfile.py: new ones from a template, existing ones extended."""

from __future__ import annotations

import ast

from ..envfiles import appended
from .entry import Entry, Tests, find_entry, find_tests, find_worker
from .expressions import dotted
from .insertion import parse_python, top_level_names, with_python
from .plan import Draft
from .render import render
from .sources import LOCAL

NOXFILE = "noxfile.py"
SMOKE_TEST = "tests/test_environment.py"
_OF_TESTS = ("test", "testing", "tests")  # environments that a project has for its unit tests
_DECORATOR = "environment_session"  # what ours is called in a noxfile that has its own


def plan_task_files(draft: Draft, environments: tuple[str, ...]) -> None:
    """Write or extend tasks.py and noxfile.py; a first test where there is none."""
    entry, tests = find_entry(draft.survey), find_tests(draft.survey)
    if entry is None:
        draft.leave(
            draft.survey.tasks_file,
            1,
            "no entry point was found, so there is no task `run`",
            'c.exec("python", "-m", …)',
        )
    worker = find_worker(draft.survey)
    names = {entry.name for source in draft.sources for entry in source.entries}
    new = "envtasks" not in draft.text(draft.survey.tasks_file)
    if worker and worker.argv[0] == "rq" and new and "RQ_REDIS_URL" not in names:
        draft.notes.append(
            "rq takes the address of Redis from RQ_REDIS_URL: inv env.set RQ_REDIS_URL --env local"
        )
    _plan_tasks(draft, entry, worker if worker and (not entry or worker.argv != entry.argv) else None)
    _plan_noxfile(draft, tests, environments)
    draft.packages += tests.packages
    if not tests.present and not draft.survey.named(r"(?:.*/)?tests?/test_environment\.py"):
        _plan_first_test(draft, _of_unit_tests(environments), integration="staging" in environments)


def _of_unit_tests(environments: tuple[str, ...]) -> str:
    """The environment of the unit tests: one that the project has for them, else local."""
    return next((name for name in environments if name in _OF_TESTS), LOCAL)


def _plan_first_test(draft: Draft, environment: str, *, integration: bool) -> None:
    """Write a test that the environment arrives; one of staging too where its marker can be declared."""
    configured = any(draft.survey.has(name) for name in ("pytest.ini", "tox.ini", "setup.cfg", ".pytest.ini"))
    pyproject = draft.text("pyproject.toml")
    marked = integration and not configured and "[tool.pytest" not in pyproject and bool(pyproject)
    if marked:
        lines = '[tool.pytest.ini_options]\nmarkers = ["integration: needs the services of staging"]\n'
        draft.write(
            "pyproject.toml", appended(pyproject, lines, gap=1), what="the marker integration", why=""
        )
    variable = draft.project.environment_variable
    text = render("test_environment.py.j2", variable=variable, environment=environment, integration=marked)
    draft.write(SMOKE_TEST, text, what="a first test", why="there is none yet")


def _plan_tasks(draft: Draft, entry: Entry | None, worker: Entry | None) -> None:
    file = draft.survey.tasks_file
    text = draft.text(file)
    entries = {name: each for name, each in (("run", entry), ("worker", worker)) if each}
    if not text.strip():
        new = render(
            "tasks.py.j2",
            title=draft.survey.project.name,
            entries=entries,
            django=entry is not None and entry.framework == "Django",
        )
        draft.write(file, new, what=f"tasks {', '.join([*entries, 'test'])}", why="what `inv` offers")
        return
    names = top_level_names(text)
    if "envtasks" in text:
        draft.keep(file, "it uses envtasks already")
        return
    namespace = next((name for name in ("ns", "namespace") if name in names), None)
    added = {name: each for name, each in entries.items() if name not in names}
    if entry and "run" in names:
        draft.leave(
            file,
            _line_of(text, "def run("),
            "the task `run` is your own, without an environment",
            '@task(env="local") of envtasks',
        )
    body = render("tasks_added.py.j2", entries=added, namespace=namespace)
    imports = render("tasks_imports.py.j2", namespace=namespace)
    after = with_python(text, file, imports=imports, body=body)
    draft.write(file, after, what="our lines at its end", why="the built-in tasks beside its own")


def _plan_noxfile(draft: Draft, tests: Tests, environments: tuple[str, ...]) -> None:
    text = draft.text(NOXFILE)
    integration = tests.integration if "staging" in environments else None
    own = _of_unit_tests(environments)
    values = {"tests": tests, "integration": integration, "unit_environment": own}
    if not text.strip():
        what = "sessions unit, integration" if integration else "the session unit"
        draft.write(
            NOXFILE, render("noxfile.py.j2", **values), what=what, why="tests, each in its environment"
        )
        return
    names = top_level_names(text)
    if "envtasks" in text:
        draft.keep(NOXFILE, "it uses envtasks already")
        if _DECORATOR in names:  # as we have extended it
            _leave_unselected(draft, text)
        return
    if "unit" in names:
        replacement = f'from envtasks.sessions import session; @session(env="{own}")'
        line = _line_of(text, "def unit(")
        draft.leave(NOXFILE, line, "the session `unit` is your own, without an environment", replacement)
        draft.keep(NOXFILE, "it has a session `unit`")
        return
    values["integration"] = integration if "integration" not in names else None
    after = with_python(
        text,
        NOXFILE,
        imports="from sys import executable as environment_python\n\n"
        f"from envtasks.sessions import session as {_DECORATOR}\n",
        body=render("noxfile_added.py.j2", decorator=_DECORATOR, **values),
    )
    draft.write(NOXFILE, after, what="sessions in an environment", why="tests, each in its environment")
    _leave_unselected(draft, after)


def _leave_unselected(draft: Draft, text: str) -> None:
    """Report the line of a noxfile that keeps plain `nox` from running the session `unit`."""
    nodes = [node for node in ast.walk(parse_python(text, NOXFILE)) if isinstance(node, ast.Assign)]
    selecting = [each for each in nodes if dotted(each.targets[0]).endswith("options.sessions")]
    for node in selecting[-1:]:  # the last one holds
        listed = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple, ast.Set)) else [node.value]
        has = [each.value for each in listed if isinstance(each, ast.Constant)]
        if "unit" in has or has == [None]:  # with None nox runs all of them
            continue
        star = "*" if listed == [node.value] else ""
        selected = [*(f"{star}{ast.get_source_segment(text, each)}" for each in listed), '"unit"']
        sentence = "plain `nox` does not run the session unit, only what is listed here"
        replacement = f"{ast.unparse(node.targets[0])} = [{', '.join(selected)}]"
        draft.leave(NOXFILE, node.lineno, sentence, replacement)


def _line_of(text: str, start: str) -> int:
    """The number of the first line that starts like this; 1 where none does."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start)), 1)
