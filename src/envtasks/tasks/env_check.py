"""`inv env.check`, `example`, `explain`, `diff`: what is declared, and whether all parts agree with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context as InvokeContext
from invoke.exceptions import Exit

from .. import console
from ..declare import task
from ..error_translation import PlainTask
from ..errors import ConfigInvalid
from ..invocation import current_invocation
from .word_arguments import OfTwoEnvironments

if TYPE_CHECKING:
    from ..check import Explanation, Finding, Report
    from ..check.explanation import Source

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

    report = checks.check(current_invocation(c).project, os.environ, environment=env or None, staged=staged)
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

    change = write_example(current_invocation(c).project, os.environ, dry=bool(c.config.run.dry))
    if json:
        console.print_json(asdict(change))
        return
    would = bool(c.config.run.dry)
    if change.created:
        verb = "would write" if would else "wrote"
        console.write_utf8(f"{verb} {change.file}: {console.counted(len(change.added), 'variable')}\n")
    elif change.added or change.replaced:
        parts = [
            ("add" if would else "added", change.added),
            ("replace" if would else "replaced", change.replaced),
        ]
        what = "; ".join(f"{verb} {', '.join(names)}" for verb, names in parts if names)
        console.write_utf8(f"{'would change' if would else 'changed'} {change.file}: {what}\n")
    else:
        console.write_utf8(f"{change.file} is up to date\n")


@task(
    env=None,
    klass=PlainTask,
    positional=["name"],
    help={"name": "The variable", "env": "The environment; all of them when left out", "json": "Print JSON"},
)
def explain(c: InvokeContext, name: str, env: str = "", json: bool = False) -> None:
    """Explain one variable: where its value comes from, who can read it, what uses it; no value."""
    from ..check import explain as explanation

    found = explanation(current_invocation(c).project, name, os.environ, environment=env or None)
    if json:
        console.print_json(asdict(found))
    else:
        console.write_utf8("\n".join(map(console.one_line, _explained(found))) + "\n")


def _explained(found: Explanation) -> Iterator[str]:
    """The lines that explain a variable."""
    yield found.name
    for source in found.sources:
        yield ""
        yield f"in {source.environment}"
        yield from (f"  {line}" for line in _value(source))
    yield ""
    yield "settings class"
    yield from (f"  {line}" for line in _field(found))
    yield ""
    yield "used by"
    lines: dict[tuple[str, str], list[str]] = {}
    for each in found.consumers:
        lines.setdefault((each.file, each.how), []).append(str(each.line))
    rows = [(f"{file}:{', '.join(numbers)}", how) for (file, how), numbers in lines.items()]
    width = max((len(place) for place, _ in rows), default=0)
    yield from (f"  {place:{width}}  {how}" for place, how in rows)
    if not rows:
        yield "  nothing that was found: tasks, Dockerfile, compose files, allowlist, manifests, pipelines, code"
    yield from (f"  not read: {each}" for each in found.not_read)


def _value(source: Source) -> Iterator[str]:
    if source.place:
        hides = f", which hides {', '.join(source.hides)}" if source.hides else ""
        yield f"its value comes from {source.place}{hides}"
    else:
        yield "no env file sets it"
    if source.encrypted:
        of = (
            f" for the public key {source.public_key}"
            if source.public_key
            else ", but its file names no public key"
        )
        yield f"it is encrypted{of}"
        at_hand = f"at hand: {source.key}" if source.key else "not at hand"
        yield f"only the private key {source.key_variable} opens it, which is {at_hand}"
    elif source.place:
        yield "it is plain text, which everybody with the file can read"
    if source.secret:
        yield f"it counts as a secret: {source.secret}"
    if source.fingerprint:
        yield f"fingerprint of the value, equal for equal values under this key: {source.fingerprint}"
    if source.process:
        yield source.process
    for other, place in source.made_from:
        yield f"it is made from {other} ({place or 'which no env file sets'})"
    for other, place in source.parts_of:
        yield f"{other} is made from it ({place})"
    yield from (f"warning: {each}" for each in source.mistakes)


def _field(found: Explanation) -> Iterator[str]:
    field = found.field
    if field is None:
        is_class = " " not in found.settings  # else it is the reason why there is none
        yield f"{found.settings}: no field reads it" if is_class else found.settings
        return
    place = f" ({field.file}:{field.line})" if field.file else ""
    kind = (
        "required"
        if field.required
        else f"optional, default {field.default!r}"
        if field.default
        else "optional"
    )
    secret = ", secret" if field.secret else ""
    yield f"{found.settings} reads it into {field.field}{place}: {field.type}, {kind}{secret}"
    if field.description:
        yield field.description


@task(
    env=None,
    klass=OfTwoEnvironments,
    iterable=["environments"],
    help={
        "environments": "One environment or two, as plain words",
        "against": "Compare with what the environment was in this commit: HEAD~3, v1.2, main",
        "json": "Print JSON",
    },
)
def diff(c: InvokeContext, environments: list[str], against: str = "", json: bool = False) -> None:
    """Compare two environments, or one with its past (--against), by name; no value is shown."""
    from ..check import compare_environments, compare_with_revision

    project = current_invocation(c).project
    if len({*environments}) != (1 if against else 2):
        first = environments[0] if environments else next(iter(project.environments), "NAME")
        raise ConfigInvalid(
            "env.diff compares two environments with each other, or one with what it was in a commit.",
            hint=f"inv env.diff {first} OTHER, or inv env.diff {first} --against HEAD~1",
        )
    if against:
        found = compare_with_revision(project, environments[0], against, os.environ)
    else:
        found = compare_environments(project, environments[0], environments[1], os.environ)
    if json:
        console.print_json(asdict(found))
        return
    rows = [[each.name, each.change, each.left, each.right] for each in found.differences]
    if rows:
        console.table(["name", "change", found.left, found.right], rows)
    if found.not_compared:
        names = ", ".join(found.not_compared)
        console.say("note", f"no key at hand opens both sides of: {names}")
    if not rows:
        console.write_utf8("no other differences\n" if found.not_compared else "no differences\n")


def _print(report: Report) -> None:
    """Print each finding with the command that mends it, then what was checked and what was not."""
    for finding in report.findings:
        console.write_utf8(f"{_line(finding)}\n    {console.as_called_here(finding.hint)}\n")
    found = console.counted(len(report.findings), "finding")
    accepted = f", {len(report.accepted)} accepted in pyproject.toml" if report.accepted else ""
    where = ", ".join(report.environments) or "no environment"
    console.write_utf8(f"{found if report.findings else 'no findings'}{accepted} ({where})\n")
    for each in report.not_checked:
        console.say("note", f"not checked: {each.what}")


def _line(finding: Finding) -> str:
    of = f" [{finding.environment}]" if finding.environment else ""
    return console.one_line(f"{finding.file}:{finding.line}: {finding.id}{of} {finding.sentence}")
