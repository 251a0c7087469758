"""What runs before what: prerequisites as Invoke's pre tasks, or as calls in the body where they take values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .translation import Task, Translation


def arrange(translation: Translation) -> frozenset[str]:
    """Set `pre` or `calls` of each task. Returns the variables that cannot be parameters: a task would run twice.

    Pre tasks get no values of the task that needs them, and its environment: a prerequisite with parameters, or in
    another environment, is called by the body.
    """
    tasks = translation.tasks
    conflicts: set[str] = set()
    place = {target: at for at, target in enumerate(_dependencies_first(tasks))}
    for target in place:
        task = tasks[target]
        before = [name for name in closure(tasks, target) if name != target]
        passed = {parameter.variable for name in before for parameter in tasks[name].parameters}
        other = {tasks[name].environment for name in before} - {"", task.environment}
        # as make does, leave out what closes a circle
        direct = [name for name in task.rule.needs if name in tasks and place[name] < place[target]]
        if not passed and not (other and task.environment):
            task.pre = direct
            continue
        task.calls = list(_calls(tasks, direct))
        ran = [name for called in task.calls for name in _runs(tasks, called)]
        if ran != before:
            conflicts |= passed
        own = {parameter.variable for parameter in task.parameters}
        for name in before:
            task.parameters += [each for each in tasks[name].parameters if each.variable not in own]
            own |= {parameter.variable for parameter in tasks[name].parameters}
    return frozenset(conflicts)


def closure(tasks: Mapping[str, Task], target: str) -> list[str]:
    """The targets that make would run for one, itself last, each once."""
    found: dict[str, None] = {}
    _visit(tasks, target, found, set())
    return list(found)


def _visit(tasks: Mapping[str, Task], target: str, found: dict[str, None], entered: set[str]) -> None:
    if target in entered or target not in tasks:
        return
    entered.add(target)
    for name in tasks[target].rule.needs:
        _visit(tasks, name, found, entered)
    found[target] = None


def _dependencies_first(tasks: Mapping[str, Task]) -> list[str]:
    return list(dict.fromkeys(name for target in tasks for name in closure(tasks, target)))


def _calls(tasks: Mapping[str, Task], direct: list[str]) -> Iterator[str]:
    """The tasks that a body calls for its prerequisites: a task that is called does not run its own pre tasks."""
    done: set[str] = set()
    for name in direct:
        wanted = [name] if tasks[name].calls else closure(tasks, name)
        for each in wanted:
            if each not in done:
                yield each
            done |= set(_runs(tasks, each))


def _runs(tasks: Mapping[str, Task], target: str) -> list[str]:
    """The targets that a call of this task's body runs."""
    return [*(name for called in tasks[target].calls for name in _runs(tasks, called)), target]


def definition_order(translation: Translation) -> list[Task]:
    """The tasks in the order of the Makefile, but none before its pre tasks."""
    tasks = translation.tasks
    found: dict[str, None] = {}
    for target in tasks:
        _define(tasks, target, found, set())
    return [tasks[target] for target in found]


def _define(tasks: Mapping[str, Task], target: str, found: dict[str, None], entered: set[str]) -> None:
    if target in found or target in entered:
        return
    entered.add(target)
    for name in tasks[target].pre:
        _define(tasks, name, found, entered)
    found[target] = None
