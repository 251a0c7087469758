"""`inv ci.*`: pipelines that call these same tasks, each job with only its own key."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from .. import console
from ..declare import task
from ..error_translation import PlainTask
from ..errors import ConfigInvalid, LeakFound
from ..invocation import current_invocation
from ..redaction.ci_log import group
from .doctor import print_checks

if TYPE_CHECKING:
    from ..doctor import Check

HELP_ENV = "The environment to look at; all of them when left out, and then a missing key is no failure"


@task(
    env=None,
    klass=PlainTask,
    positional=["platform"],
    help={
        "platform": "gitlab or github",
        "include": "GitLab: the jobs in .gitlab/envtasks.yml, and one line that includes them",
        "stdout": "Print the file, write nothing",
    },
)
def render(c: Context, platform: str, include: bool = False, stdout: bool = False) -> None:
    """Write the pipeline: its jobs run this project's sessions and tasks."""
    from .. import ci

    files, warnings = ci.render_files(current_invocation(c).project, os.environ, platform, include=include)
    for warning in warnings:
        console.say("warning", warning)
    for file in files:
        if stdout:
            console.write_utf8(f"# {file.label}\n{file.text}" if include else file.text)
        elif file.changed and not c.config.run.dry:
            ci.write_file(file)
            console.say("note", f"wrote {file.label}")
        else:
            console.say("note", f"{file.label} {'would change' if file.changed else 'is up to date'}")


@task(env=None, klass=PlainTask, help={"json": "Print JSON"})
def check(c: Context, json: bool = False) -> None:
    """Check that the pipeline's files agree with the project, and that each job has its own key only."""
    from .. import ci

    files, findings = ci.check_pipelines(current_invocation(c).project, os.environ)
    if json:
        console.print_json([asdict(finding) for finding in findings])
    else:
        for each in findings:
            line = f"{each.file}:{each.line}: {each.sentence} [{each.id}]"
            console.write_utf8(f"{console.one_line(line)}\n")
            if each.hint:
                console.write_utf8(f"    {each.hint}\n")
    if not files:
        raise ConfigInvalid(
            "There is no pipeline here: no .gitlab-ci.yml, no .github/workflows.",
            hint="inv ci.render gitlab, or inv ci.render github",
        )
    if findings:
        raise Exit(code=LeakFound.code if any(each.leak for each in findings) else ConfigInvalid.code)
    if not json:
        console.write_utf8(f"{', '.join(files)}: no findings\n")


@task(
    env=None,
    klass=PlainTask,
    help={
        "env": HELP_ENV,
        "tools": "What the job needs besides, such as docker,kubectl",
        "json": "Print JSON",
    },
)
def doctor(c: Context, env: str = "", tools: str = "", json: bool = False) -> None:
    """Look at what a job needs before it runs: key, values, settings, tools; code 4, 5 or 7."""
    from ..doctor import check_job

    project = current_invocation(c).project
    environments = [project.environment(env)] if env else list(project.environments.values())
    checks = check_job(project, environments, tools.replace(",", " ").split(), os.environ)
    if not env:  # then a missing key is no failure
        checks = (
            (of, replace(each, code=0, missing=True) if _lacks_key(each) else each) for of, each in checks
        )
    with group(f"ci.doctor {env}".strip(), {} if json else os.environ):
        codes = print_checks(checks, json=json)
    if codes:
        raise Exit(code=min(codes))


def _lacks_key(check: Check) -> bool:
    return check.what == "key" and bool(check.code)
