"""Draw up the plan: every part of the project in turn, in a private copy of the files that may change."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .. import git
from ..console import counted
from ..envfiles import KEY_FILE
from ..errors import Refused
from .baselines import choose_environments, leave_unknown, plan_baselines, plan_example
from .containers import plan_containers, plan_manifests
from .dependency import for_new_pythons, own_requirement, requirements_file, too_old_python, with_requirements
from .entry import find_entry, find_tests
from .pipelines import plan_pipeline_file, plan_pre_commit
from .plan import Draft, Plan, drafting
from .project_files import (
    plan_allowlist,
    plan_attributes,
    plan_gitignore,
    plan_ignore_files,
    plan_page,
    plan_pyproject,
    plan_settings,
)
from .questions import Answers
from .readers import plan_readers
from .sources import find_sources
from .survey import Survey
from .task_files import plan_task_files


def draw_up(survey: Survey, answers: Answers, *, allow_dirty: bool = False) -> Plan:
    """The plan for a project; nothing of the project is changed.

    Raises Refused where git has changes that are not committed, ConfigInvalid, EnvFileInvalid, ToolMissing.
    """
    with drafting(survey, answers) as draft:
        names = choose_environments(draft)
        plan_pyproject(draft, names, plan_settings(draft))
        plan_gitignore(draft)
        plan_baselines(draft, names)
        leave_unknown(draft)
        plan_readers(draft)
        plan_ignore_files(draft, names)
        plan_example(draft, names)
        plan_attributes(draft)
        plan_task_files(draft, names)
        plan_allowlist(draft, names)
        plan_containers(draft)
        plan_manifests(draft)
        plan_pipeline_file(draft)
        plan_pre_commit(draft)
        packages = _packages(draft)
        plan_page(draft, names, _start(draft))
        plan = _plan(draft, names, packages)
    if not plan.empty and not allow_dirty:
        _refuse_dirty(survey)
    return plan


def described(survey: Survey) -> dict[str, str]:
    """What was found, in a few words: the package manager, the entry point, the tests, the env files."""
    entry, tests = find_entry(survey), find_tests(survey)
    sources = [each.file for each in find_sources(survey)]
    return {
        "packages": survey.manager,
        "runs by": " ".join(entry.argv) if entry else "no entry point was found",
        "tests by": tests.runner if tests.present else f"{tests.runner}, none yet",
        "env files": ", ".join(sources) or "none",
        "git": "none" if survey.top is None else f"{len(survey.tracked)} files",
    }


def _plan(draft: Draft, names: tuple[str, ...], packages: tuple[str, ...]) -> Plan:
    changes = tuple(draft.changes())
    written = {each.file for each in changes}
    return Plan(
        survey=draft.survey,
        changes=changes,
        kept=tuple(each for each in draft.kept if each.file not in written),
        left=tuple(draft.left),
        untrack=tuple(dict.fromkeys(draft.untrack)),
        packages=packages,
        next=_next(draft, names),
        notes=(*draft.notes, *_notes(draft.survey)),
    )


def _packages(draft: Draft) -> tuple[str, ...]:
    """The packages that the package manager adds; for pip they are written into a requirements file."""
    survey = draft.survey
    packages: tuple[str, ...] = (
        () if _has_package(survey) else (for_new_pythons(own_requirement(), survey.pyproject),)
    )
    packages += tuple(each for each in draft.packages if not survey.depends_on(each))
    if packages and (python := too_old_python(survey.pyproject)):
        sentence = (
            f"this project is for Python {python} alone, and envtasks needs 3.11, so it is no dependency"
        )
        draft.leave("pyproject.toml", 1, sentence, "a newer Python; until then: uv tool install envtasks")
        return ()
    about = f"These files need {', '.join(packages)}."
    if not packages or not draft.answers.yes("dependency", default=True, about=about):
        return ()
    if survey.manager != "pip":
        return packages
    file = requirements_file(survey)
    text = with_requirements(survey, draft.text(file), packages)
    draft.write(file, text, what=", ".join(packages), why="pip installs them")
    return ()


def _notes(survey: Survey) -> tuple[str, ...]:
    found = []
    if survey.unread:
        version = ".".join(map(str, sys.version_info[:2]))
        found.append(
            f"Python {version}, with which init runs, cannot read {_some(survey.unread)}, which was not looked at"
        )
    if survey.others:
        found.append(f"projects of their own, for which init is run in their folder: {_some(survey.others)}")
    return tuple(found)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _has_package(survey: Survey) -> bool:
    return survey.project.name == "envtasks" or survey.installation.declared


def _refuse_dirty(survey: Survey) -> None:
    """Raise Refused where tracked files have changes: git could not tell them from ours afterwards."""
    changed = git.output(
        survey.root, survey.process_env, "status", "--porcelain", "--untracked-files=no", "--", "."
    )
    # ` A`: a new file that git was told of, as the first run does; nothing of it could be lost
    lines = [line for line in (changed or "").splitlines() if not line.startswith(" A")]
    if lines:
        raise Refused(
            f"git has {counted(len(lines), 'change')} not committed yet, such as {lines[0][2:].strip()}.",
            hint="commit them first, or: envtasks init --allow-dirty",
        )


def _start(draft: Draft) -> str:
    """The command that installs the project with its development dependencies."""
    survey = draft.survey
    if survey.manager != "pip":
        return "uv sync" if survey.manager == "uv" else survey.installation.manager.install[-1]
    files = [name for name in (requirements_file(survey), "requirements.txt") if draft.text(name)]
    return f"pip install -r {files[0]}" if files else f'pip install "{own_requirement()}"'


def _next(draft: Draft, names: tuple[str, ...]) -> tuple[str, ...]:
    """The commands to type next."""
    runner = draft.survey.runner
    first = "local" if "local" in names else names[0]
    commands = [_start(draft)] if not runner or draft.survey.manager in ("poetry", "pdm", "pipenv") else []
    commands += (
        [f"{runner}inv run --env {first}"] if "def run(" in draft.text(draft.survey.tasks_file) else []
    )
    commands += [f"{runner}inv env.check", f"{runner}nox -s unit", f"{runner}inv env.set NAME --env {first}"]
    if draft.survey.top is not None:
        commands += ["git diff", "git add --all", "git commit"]
    if (draft.root / KEY_FILE).exists():
        commands.append(f"{runner}inv env.keys --env {first} --export")
    return tuple(commands)
