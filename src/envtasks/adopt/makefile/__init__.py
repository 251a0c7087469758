"""A Makefile made into a tasks.py: read, translated, and compared with what make runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ... import git
from ...config import LAYERED, Project
from ...envfiles import read_env_file, write_atomic
from ...errors import ConfigInvalid, EnvtasksError, LeakFound
from ..insertion import encoded, encoding_of
from . import reader, tasks_file
from .code import flag
from .make import Make, find_make, has_make, runs_at_once, with_database
from .order import arrange, closure
from .parity import DIFFERS, NOT_COMPARED, SAME, Row, compare
from .rendering import Renderer
from .translation import Translation, Translator, declaration

__all__ = [
    "DIFFERS", "NOT_COMPARED", "SAME", "Migration", "Row", "find_makefile", "has_make", "lines_run_at_once", "migrate",
    "require_committed", "write",
]  # fmt: skip


_NO_UTF8: Final = re.compile(r"[\udc80-\udcff]|\\udc[89a-f][0-9a-f]")  # such a byte, and how Python writes it
_FORWARDS: Final = (
    "# Hands each target to its task in tasks.py: inv --list"  # the first line of such a Makefile
)
_SHORTEST: Final = 6  # characters of a value that is looked for in tasks.py


@dataclass(frozen=True, slots=True)
class Migration:
    """What a Makefile becomes: the new text of tasks.py, the comparison, and what is left for a person."""

    makefile: Path
    tasks_file: Path
    before: str | None
    after: str
    rows: tuple[Row, ...]
    added: tuple[str, ...]  # tasks
    flags: Mapping[str, Mapping[str, str]]  # of each task: the flag of each variable
    process_variables: tuple[str, ...]  # variables that several tasks of one run use
    checks: tuple[tuple[str, str], ...]  # task and what to look at
    left: tuple[str, ...]
    forwarding: str  # a Makefile that hands each target to inv
    encoding: str  # of tasks.py

    @property
    def same(self) -> bool:
        """Whether every target that can be compared runs the same."""
        return not any(row.verdict == DIFFERS for row in self.rows)


def find_makefile(folder: Path, name: str = "") -> Path:
    """The Makefile that is named, or the one that make finds. Raises ConfigInvalid."""
    path = reader.find(folder, name)
    if path.read_bytes().startswith(_FORWARDS.encode()):
        raise ConfigInvalid(f"{path.name} hands its targets to tasks.py already.", hint="inv --list")
    return path


def migrate(
    makefile: Path, project: Project, process_env: Mapping[str, str], *, with_make: bool = True
) -> Migration:
    """What it becomes; nothing is written. `with_make` runs make, and so its `$(shell)`. Raises EnvtasksError."""
    path = makefile.parent / tasks_file.TASKS_FILE
    data = path.read_bytes() if path.is_file() else None
    if data is None:
        _refuse_package(makefile.parent)
    encoding = encoding_of(path.name, data or b"")
    before = None if data is None else data.decode(encoding, "surrogateescape")  # line ends as they are
    existing = tasks_file.read(before or "")
    read = reader.read(makefile)
    with find_make(read, process_env if with_make else {}) as make:
        whole = with_database(read, make) if make else read
        decorator, context = tasks_file.names_for(existing)
        taken, known = existing.names, existing.tasks
        translation = Translator(whole, make, project).translate(taken=taken, existing=known)
        while shared := _constants(translation) - translation.values.shared:
            shared |= translation.values.shared
            translation = Translator(whole, make, project).translate(
                shared=shared, taken=taken, existing=known
            )
        translation = replace(_with_targets(translation, make, makefile), extends=before is not None)
        made = Renderer(translation, decorator=decorator, context=context, is_new=before is None).source()
        after = _in_utf8(made.whole() if before is None else tasks_file.extended(existing, made), makefile)
        rows = compare(translation, make, after, project=project, process_env=process_env)
    _require_no_value(after + "".join(row.why for row in rows), before or "", makefile)
    return Migration(
        makefile,
        path,
        before,
        after,
        tuple(_of_existing(rows, translation)),
        tuple(task.name for task in translation.tasks.values() if not task.exists),
        _flags(translation),
        tuple(sorted(translation.values.shared)),
        tuple(dict.fromkeys(_checks(translation))),
        tuple(_left(translation, project, existing)),
        _forwarding_makefile(translation),
        encoding,
    )


def _refuse_package(folder: Path) -> None:
    """Raise ConfigInvalid where the tasks are in a package, which a tasks.py beside it would hide."""
    package = folder / "tasks" / "__init__.py"
    if package.is_file() and re.search(rb"\b(?:invoke|envtasks)\b", package.read_bytes()):
        raise ConfigInvalid(
            "The tasks of this project are in tasks/__init__.py, and a tasks.py beside it would hide them.",
            hint="envtasks migrate in a copy without tasks/, and take over from its tasks.py what you need",
        )


def _constants(translation: Translation) -> frozenset[str]:
    """The variables that have to be constants: a run would give them two values, or a function uses them."""
    values = translation.values
    in_functions = (value for each in values.functions.values() for value in values.within(each.text))
    return frozenset(arrange(translation)) | {each.name for each in in_functions if each.kind == "parameter"}


def _flags(translation: Translation) -> dict[str, dict[str, str]]:
    tasks = [task for task in translation.tasks.values() if task.parameters]
    return {task.name: {each.variable: flag(each.name) for each in task.parameters} for task in tasks}


def _with_targets(translation: Translation, make: Make | None, makefile: Path) -> Translation:
    """The translation. Raises ConfigInvalid where there is nothing in it, with what make says of that."""
    if translation.tasks:
        return translation
    complaint = make.complaint() if make else ""
    raise ConfigInvalid(
        f"{complaint}: make cannot read it." if complaint else f"{makefile.name} has no target.",
        hint="mend that line" if complaint else "envtasks migrate FILE reads another one",
    )


def _in_utf8(after: str, makefile: Path) -> str:
    """The text of tasks.py. Raises ConfigInvalid where it would have bytes of the Makefile that are no UTF-8."""
    if not _NO_UTF8.search(after):
        return after
    lines = makefile.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    line = next((number for number, each in enumerate(lines, 1) if _NO_UTF8.search(each)), 1)
    raise ConfigInvalid(
        f"{makefile.name}:{line}: its bytes are not UTF-8, and would be lost; nothing was written.",
        hint=f"save {makefile.name} as UTF-8",
    )


def _require_no_value(after: str, before: str, makefile: Path) -> None:
    """Raise LeakFound where a value of an env file came into tasks.py or the report by a command of the Makefile."""
    known = before + makefile.read_text(encoding="utf-8", errors="replace")
    for path in sorted(makefile.parent.glob(".env*")):
        try:
            entries = read_env_file(path).entries if path.is_file() else ()
        except EnvtasksError:
            continue
        for entry in entries:
            if len(entry.raw) >= _SHORTEST and entry.raw in after and entry.raw not in known:
                raise LeakFound(
                    f"The value of {entry.name} in {path.name} would stand in tasks.py; nothing was written.",
                    hint="envtasks migrate --no-make reads the Makefile without running its commands",
                )


def _of_existing(rows: list[Row], translation: Translation) -> list[Row]:
    """The rows; a task that was there before is the project's own, and may do something else."""
    own = {target for target, task in translation.tasks.items() if task.exists}
    return [_with_own(row, own & set(closure(translation.tasks, row.target))) for row in rows]


def _with_own(row: Row, own: Collection[str]) -> Row:
    if row.verdict != DIFFERS or not own:
        return row
    if row.target in own:
        return replace(
            row, verdict=NOT_COMPARED, why="tasks.py has its own task of this name, which does something else"
        )
    return replace(
        row,
        verdict=NOT_COMPARED,
        why=f"it runs {', '.join(sorted(own))} of tasks.py, which does something else",
    )


def _checks(translation: Translation) -> list[tuple[str, str]]:
    found = []
    for task in translation.tasks.values():
        if not task.exists:
            found += [(task.name, check) for check in task.checks]
            found += [(task.name, each.check) for each in task.statements if each.check]
    constants = translation.values.constants.values()
    return [*found, *((constant.name, constant.check) for constant in constants if constant.check)]


def _left(translation: Translation, project: Project, existing: tasks_file.TasksFile) -> list[str]:
    """What a person still has to do, each with the line to write."""
    makefile = translation.makefile
    found = []
    for name, files in translation.env_files.items():
        if line := declaration(project, name, files):
            found.append(f"pyproject.toml, [tool.envtasks.environments]: {line}")
    names = {task.environment for task in translation.tasks.values() if task.environment}
    declared = {each.partition(": ")[2].partition(" ")[0] for each in found}
    found += [
        f"make the environment {name}: inv env.new {name}"
        for name in sorted(names - set(project.environments) - declared)
    ]
    found += [f"{place}: {text} is not translated" for place, text in makefile.not_translated]
    found += [
        f"{makefile.path.name}:{each.line}: the value of {each.name}, which is exported, is not translated"
        for each in translation.not_exported
    ]
    if LAYERED[0] in project.environments and (composed := list(_with_compose(translation))):
        found.append(
            f"tasks.py: {', '.join(composed)}: docker compose read .env by itself; "
            f'@task(env="{LAYERED[0]}") gives it the values of the environment'
        )
    if translation.run_env and existing.text and not existing.has_our_namespace:
        found.append(
            f"the Makefile exports {', '.join(translation.run_env)}: give them to the tasks' commands"
        )
    return found


def _with_compose(translation: Translation) -> Iterator[str]:
    """The new tasks that call docker compose in no environment."""
    for task in translation.tasks.values():
        steps = [each.step for each in task.statements]
        texts = [each.line or " ".join(word.text for word in each.words) for each in steps]
        lines = map(translation.values.expanded, texts)
        if not (task.environment or task.exists) and any(
            re.search(r"\bdocker[ -]compose\b", x) for x in lines
        ):
            yield task.name


def _forwarding_makefile(translation: Translation) -> str:
    """A Makefile that hands each target to its task; a variable that is given becomes the flag of its parameter."""
    tasks = translation.tasks
    default = translation.makefile.default
    lines = [
        _FORWARDS,
        f".DEFAULT_GOAL := {default}" if default else "",
    ]
    lines += [f".PHONY: {' '.join([*tasks, *translation.dropped])}", ""]
    for target, task in tasks.items():
        variables = {parameter.variable: parameter for parameter in task.parameters}
        words = [f"inv {task.name}"]
        words += [
            f'$(if $({name}),{flag(parameter.name)} "$({name})")' for name, parameter in variables.items()
        ]
        if task.environment and translation.values.environment_variables:
            words += [
                f"$(if $({name}),--env $({name}))"
                for name in sorted(translation.values.environment_variables)
            ]
        lines += [f"{target}:", f"\t@{' '.join(words)}", ""]
    for target in translation.dropped:
        lines += [f"{target}:", "\t@inv --list", ""]
    return "\n".join(lines)


def require_committed(makefile: Path, process_env: Mapping[str, str]) -> None:
    """Raise ConfigInvalid where git could not bring this Makefile back as it is now."""
    folder = makefile.parent
    if not git.is_tracked(folder, makefile, process_env):
        raise ConfigInvalid(
            f"git does not have {makefile.name}, so it is not replaced.",
            hint=f"git add {makefile.name} && git commit",
        )
    if git.output(folder, process_env, "status", "--porcelain", "--", makefile.name):
        raise ConfigInvalid(
            f"{makefile.name} has changes that are not committed, so it is not replaced.",
            hint=f"git commit {makefile.name}",
        )


def write(migration: Migration, *, keep_makefile: bool) -> None:
    """Write tasks.py, and with `keep_makefile` the forwarding Makefile: both or none. Raises EnvFileInvalid."""
    if migration.after != migration.before:
        write_atomic(
            migration.tasks_file, encoded(migration.after, migration.encoding, migration.tasks_file.name)
        )
    if not keep_makefile:
        return
    try:
        write_atomic(migration.makefile, migration.forwarding)
    except BaseException:
        if migration.before is None:
            migration.tasks_file.unlink()
        else:
            write_atomic(
                migration.tasks_file, encoded(migration.before, migration.encoding, migration.tasks_file.name)
            )
        raise


def lines_run_at_once(makefile: Path) -> tuple[str, ...]:
    """The lines for which make runs something even in a dry run, each with its place. Raises ConfigInvalid."""
    return runs_at_once(reader.read(makefile))
