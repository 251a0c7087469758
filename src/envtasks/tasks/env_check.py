"""`inv env.check`, `example`, `explain`, `diff`: what is declared, and whether all parts agree with it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context as InvokeContext
from invoke.exceptions import Exit

from .. import console
from ..config import Project
from ..declare import task
from ..error_translation import PlainTask

if TYPE_CHECKING:
    from ..check import Finding, Report

ENV = "The environment to check; all of them when left out"


@task(
    env=None,
    klass=PlainTask,
    help={
        "env": ENV,
        "json": "Print JSON",
        "sarif": "Write a SARIF file, which code hosts show beside the lines",
        "staged": "Judge what is staged in git, as a pre-commit hook does",
    },
)
def check(c: InvokeContext, env: str = "", json: bool = False, sarif: str = "", staged: bool = False) -> None:
    """Check that settings class, git, secrets, example, containers and pipelines agree; needs no key."""
    from .. import __version__
    from .. import check as checks

    report = checks.check(Project.load(), os.environ, environment=env or None, staged=staged)
    if sarif and not c.config.run.dry:
        checks.write_sarif(report, Path(sarif), version=__version__)
    if json:
        console.print_json(report.to_json())
    else:
        _print(report)
    if report.code:
        raise Exit(code=report.code)


@task(env=None, klass=PlainTask, help={"json": "Print JSON"})
def example(c: InvokeContext, json: bool = False) -> None:
    """Write .env.example: every variable of env files and settings class, with harmless placeholders."""
    from ..check import write_example

    change = write_example(Project.load(), os.environ, dry=bool(c.config.run.dry))
    if json:
        console.print_json(asdict(change))
        return
    would = bool(c.config.run.dry)
    if change.created:
        verb = "would write" if would else "wrote"
        console.write_utf8(f"{verb} {change.file}: {len(change.added)} variables\n")
    elif change.added or change.replaced:
        parts = [
            ("add" if would else "added", change.added),
            ("replace" if would else "replaced", change.replaced),
        ]
        what = "; ".join(f"{verb} {', '.join(names)}" for verb, names in parts if names)
        console.write_utf8(f"{'would change' if would else 'changed'} {change.file}: {what}\n")
    else:
        console.write_utf8(f"{change.file} is up to date\n")


def _print(report: Report) -> None:
    """Print each finding with the command that mends it, then what was checked and what was not."""
    for finding in report.findings:
        console.write_utf8(f"{_line(finding)}\n    {finding.hint}\n")
    found = f"{len(report.findings)} finding{'' if len(report.findings) == 1 else 's'}"
    accepted = f", {len(report.accepted)} accepted in pyproject.toml" if report.accepted else ""
    where = ", ".join(report.environments) or "no environment"
    console.write_utf8(f"{found if report.findings else 'no findings'}{accepted} ({where})\n")
    for each in report.not_checked:
        console.say("note", f"not checked: {each.what}")


def _line(finding: Finding) -> str:
    of = f" [{finding.environment}]" if finding.environment else ""
    return f"{finding.file}:{finding.line}: {finding.id}{of} {finding.sentence}"
