"""Whether the tasks run what make runs: the dry run of each target beside that of its task."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ...config import Project
from ...errors import EnvtasksError
from .make import Make, has_make, is_dry
from .shell import Step, Word, printed, steps
from .translation import Task, Translation, environment_of

SAME: Final = "same"
DIFFERS: Final = "differs"
NOT_COMPARED: Final = "not compared"
_SECONDS: Final = 300
_MAKE_LINE: Final = re.compile(r"make((?: -s| --silent| --no-print-directory)*)((?: [\w./-]+)+)")
_OPTIONS: Final = re.compile(
    r"set (?:-\w+ ?|-o \w+ ?|\w+ ?)+(?:; |\n)"
)  # of .SHELLFLAGS, which make does not print
_FOR_PYTHON: Final = ("PYTHONPATH", "PYTHONHOME")


@dataclass(frozen=True, slots=True)
class Row:
    """One target: the task that it became, whether both run the same, and why not."""

    target: str
    task: str
    verdict: str
    why: str = ""


def compare(
    translation: Translation,
    make: Make | None,
    source: str,
    *,
    project: Project,
    process_env: Mapping[str, str],
) -> list[Row]:
    """One row for each target. Raises EnvtasksError where a tasks.py that is all new cannot be loaded."""
    tasks = translation.tasks
    rows = {
        target: Row(target, "", NOT_COMPARED, f"no task: {why}")
        for target, why in translation.dropped.items()
    }
    why = "make did not run" if has_make(process_env) else "make is not installed"
    if make is not None:
        before = {target: make.lines(target) for target in tasks if is_dry(translation.makefile, target)}
        python = {name: process_env[name] for name in _FOR_PYTHON if name in process_env}
        try:
            recorded = _dry_run(source, [task.name for task in tasks.values()], make, python)
        except TasksNotLoaded as error:
            if not translation.extends:
                raise
            make, why = None, f"{error.message.rstrip('.')}, so its tasks cannot be run here"
    for target, task in tasks.items():
        if make is None:
            rows[target] = Row(target, task.name, NOT_COMPARED, why)
        else:
            recording = recorded[task.name]
            rows[target] = _row(translation, make, task, recording, project, before.get(target))
    return [rows[target] for target in translation.makefile.rules if target in rows]


class TasksNotLoaded(EnvtasksError):
    """tasks.py cannot be loaded: it imports what is not installed here, for example."""


def _row(
    translation: Translation,
    make: Make,
    task: Task,
    recorded: Mapping[str, Any],
    project: Project,
    lines: list[str] | None,
) -> Row:
    """The row of one target; `lines` are those of a dry run that was made before that of its task."""
    target = task.rule.target
    if not is_dry(translation.makefile, target):
        why = "even a dry run of make would run commands of this target"
        return Row(target, task.name, NOT_COMPARED, why)
    if lines is None:
        return Row(target, task.name, NOT_COMPARED, "make fails on this target")
    if lines != make.lines(target):
        return Row(target, task.name, NOT_COMPARED, "two dry runs of make differ")
    runs = bool(task.rule.recipe) and not task.is_file and not task.rule.phony
    if runs and not lines and (make.folder / target).exists():
        return Row(target, task.name, NOT_COMPARED, f"make does nothing, as {target} exists; the task runs")
    if "error" in recorded:
        return Row(target, task.name, DIFFERS, f"the task fails: {recorded['error']}")
    wanted = _of_make(lines, translation.makefile.rules)
    got = [each for record in recorded["steps"] for each in _of_record(record)]
    if why := _difference(wanted, [_without(each, _exported(translation)) for each in got], project):
        return Row(target, task.name, DIFFERS, why)
    return Row(target, task.name, SAME)


def _exported(translation: Translation) -> frozenset[str]:
    """The variables that the Makefile exports for single targets: a dry run of make does not show them."""
    rules = translation.makefile.rules.values()
    return frozenset(each.name for rule in rules for each in rule.variables if each.exported)


def _without(step: Step | str, names: frozenset[str]) -> Step | str:
    if isinstance(step, str):
        return step
    return replace(step, variables=tuple(each for each in step.variables if each[0] not in names))


def _of_make(lines: Sequence[str], rules: Mapping[str, object]) -> list[Step | str]:
    found: list[Step | str] = []
    for line in lines:
        called = _MAKE_LINE.fullmatch(line.strip())
        if line.lstrip().startswith("#") or (called and all(name in rules for name in called[2].split())):
            continue
        found += [_canonical(step) for step in steps(line, {})]
    return [each for each in found if each not in ("", None)]


def _of_record(record: Mapping[str, Any]) -> list[Step | str]:
    if "print" in record:
        return [" ".join(record["print"].split())] if record["print"].strip() else []
    details = {
        "folder": record["folder"],
        "variables": tuple(record["variables"].items()),
        "env_files": (record["environment"],) if record["environment"] else (),
    }
    if "words" in record:
        return [_canonical(Step(tuple(Word(word) for word in record["words"]), **details))]
    lines = _OPTIONS.sub("", record["line"]).split("\n")  # make prints those of .ONESHELL one by one
    return [_canonical(_within(step, details)) for line in lines for step in steps(line, {})]


def _within(step: Step, details: Mapping[str, Any]) -> Step:
    given = {name: value for name, value in details.items() if value}
    return replace(step, **given)


def _canonical(step: Step) -> Step | str:
    """A step as it is compared: without what a dry run does not show; the text where it only prints one."""
    text = printed(Step(step.words))
    if text is not None and not step.folder:
        return " ".join(text.split())
    if step.words[:1] == (Word("true"),) or step.line == ":":
        return ""
    words = tuple(Word(word.text) for word in step.words)
    return Step(
        words, " ".join(step.line.split()), step.folder, tuple(sorted(step.variables)), step.env_files
    )


def _difference(wanted: Sequence[Step | str], got: Sequence[Step | str], project: Project) -> str:
    """What differs first; nothing where both are the same."""
    for at in range(max(len(wanted), len(got))):
        left = wanted[at] if at < len(wanted) else None
        right = got[at] if at < len(got) else None
        if not _equal(left, right, project):
            return f"make: {_shown(left)} | task: {_shown(right)}"
    return ""


def _equal(left: Step | str | None, right: Step | str | None, project: Project) -> bool:
    if not isinstance(left, Step) or not isinstance(right, Step):
        return left == right
    environment = environment_of(project, left.env_files) if left.env_files else ""
    same_environment = not environment or (environment,) == right.env_files
    parts = [(each.words, each.line, each.folder, each.variables) for each in (left, right)]
    return same_environment and parts[0] == parts[1]


def _shown(step: Step | str | None) -> str:
    if step is None:
        return "nothing"
    if isinstance(step, str):
        return f"echo {step}"
    text = step.line or " ".join(word.text for word in step.words)
    text = "".join(f"{name}={value} " for name, value in step.variables) + text
    text = f"cd {step.folder} && {text}" if step.folder else text
    text = f"[{' '.join(step.env_files)}] {text}" if step.env_files else text
    return text if len(text) <= 120 else f"{text[:120]}…"


def _dry_run(source: str, names: Sequence[str], make: Make, variables: Mapping[str, str]) -> dict[str, Any]:
    """What each task would run. Raises TasksNotLoaded."""
    path = make.folder / "tasks.py"
    request = json.dumps({"source": source, "path": str(path), "tasks": list(names)})
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.dry_run"],
            input=request.encode(),
            capture_output=True,
            check=False,
            cwd=make.folder,
            env={**make.env, **variables, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"},
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise TasksNotLoaded("The dry run of the new tasks did not end in time.") from None
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise TasksNotLoaded(f"tasks.py cannot be loaded: {' '.join(last)}.", hint="nothing was written")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
