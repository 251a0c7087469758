"""Prove, without a private key, that all parts of a project that use environments agree: what `env.check` finds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..envfiles import write_atomic, writing
from ..errors import ConfigInvalid
from ..inventory import example_path
from . import (
    compose,
    deployment,
    dockerfile,
    env_files,
    example,
    findings,
    pipelines,
    readers,
    repository,
    secrets,
    settings,
)
from .comparison import Comparison, Difference, compare_environments, compare_with_revision
from .credentials import is_placeholder, is_secret_name, looks_like_credential
from .explanation import Explanation, explain
from .findings import KINDS, Finding, NotChecked, Result, located
from .inputs import Inputs
from .readers import values_by_dotenv

if TYPE_CHECKING:
    from ..config import Project
    from .example_file import ExampleChange

__all__ = [
    "KINDS",
    "Comparison",
    "Difference",
    "ExampleChange",
    "Explanation",
    "Finding",
    "NotChecked",
    "Report",
    "check",
    "compare_environments",
    "compare_with_revision",
    "example_path",
    "explain",
    "is_placeholder",
    "is_secret_name",
    "located",
    "looks_like_credential",
    "values_by_dotenv",
    "write_example",
    "write_sarif",
]

_Find = Callable[[Inputs], Iterator[Result]]
_PARTS: Final[tuple[tuple[str, _Find], ...]] = (  # with the names that the kinds of findings have
    ("env files", env_files.find),
    ("env files", readers.find),
    ("secrets", secrets.find),
    ("git", repository.find),
    ("settings class", settings.find),
    ("example", example.find),
    ("compose", compose.find),
    ("Dockerfile", dockerfile.find),
    ("deployment", deployment.find),
    ("pipelines", pipelines.find),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, what of it `ignore` accepts, and what could not be checked."""

    findings: tuple[Finding, ...]
    accepted: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    environments: tuple[str, ...]

    @property
    def code(self) -> int:
        """The exit code of the gravest finding: the highest; 0 where there is none."""
        return max((each.code for each in self.findings), default=0)

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON document."""
        return {
            "code": self.code,
            "environments": list(self.environments),
            "findings": [_row(each) for each in self.findings],
            "accepted": [_row(each) for each in self.accepted],
            "not_checked": [{"part": each.part, "what": each.what} for each in self.not_checked],
        }


def check(
    project: Project, process_env: Mapping[str, str], *, environment: str | None = None, staged: bool = False
) -> Report:
    """All findings about a project, or about one environment of it; `staged`: about what is staged in git.

    Raises ConfigInvalid, UnknownEnvironment, and ToolMissing or Refused where nothing can be staged.
    """
    if not staged:
        return _check(project, process_env, environment)
    from .staged import staged_project

    with staged_project(project, process_env) as (copy, env):
        return _check(copy, env, environment)


def write_example(project: Project, process_env: Mapping[str, str], *, dry: bool = False) -> ExampleChange:
    """Write `.env.example`, or only say what would be written. Raises ConfigInvalid, EnvFileInvalid."""
    from .example_file import write_example as write

    inputs = Inputs(project, tuple(project.environments.values()), process_env)
    for error in inputs.errors.values():  # its names would be missing
        raise error
    return write(inputs, dry=dry)


def write_sarif(report: Report, path: Path, *, version: str) -> None:
    """Write the findings of a report as a SARIF file. Raises EnvFileInvalid where it cannot be written."""
    from .sarif import to_sarif

    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(to_sarif(report.findings, version=version), indent=2) + "\n", mode=0o644)


def _check(project: Project, process_env: Mapping[str, str], environment: str | None) -> Report:
    table = project.table("check")
    table.allow_only("ignore")
    ignore = table.strings("ignore", "a list such as ['ET020:staging:DB_PASSWORD']")
    chosen = (
        tuple(project.environments.values()) if environment is None else (project.environment(environment),)
    )
    inputs = Inputs(project, chosen, process_env)
    results = [result for name, find in _PARTS for result in _run(name, find, inputs)] if chosen else []
    found = {
        (each.id, each.file, each.line, each.name, each.sentence): each
        for each in results
        if isinstance(each, Finding)
    }
    not_checked = tuple(dict.fromkeys(each for each in results if isinstance(each, NotChecked)))
    if not chosen:
        not_checked = (NotChecked("env files", "there is no environment"),)
    accepted = tuple(each for each in found.values() if any(_accepts(entry, each) for entry in ignore))
    left = [each for each in found.values() if each not in accepted]
    if environment is None:
        left += _unused(inputs, ignore, accepted, not_checked)
    ordered = sorted(left, key=lambda each: (each.file, each.line, each.id, each.name))
    return Report(tuple(ordered), accepted, not_checked, tuple(each.name for each in chosen))


def _run(name: str, find: _Find, inputs: Inputs) -> Iterator[Result]:
    """What a part finds; a table or file that it cannot read is a finding too."""
    try:
        yield from find(inputs)
    except ConfigInvalid as error:
        file, line, sentence = located(error, "pyproject.toml")
        yield Finding(findings.CONFIGURATION, file, line, sentence, "inv env.check")
        yield NotChecked(name, f"the rest of {name}, as {file} is wrong")


def _accepts(entry: str, finding: Finding) -> bool:
    """Whether an entry of `ignore` is for a finding: each of its parts is a pattern, and those left out match all."""
    wanted, has = entry.split(":"), finding.key.split(":")
    return len(wanted) <= len(has) and all(map(fnmatchcase, has, wanted))


def _unused(
    inputs: Inputs, ignore: Sequence[str], accepted: Sequence[Finding], not_checked: Sequence[NotChecked]
) -> Iterator[Finding]:
    """The entries of `ignore` that match nothing; not those for what was not checked here."""
    kinds = {kind.id: kind for kind in KINDS}
    skipped = {each.part for each in not_checked}
    path = inputs.project.root / "pyproject.toml"
    text = path.read_text(encoding="utf-8").splitlines() if ignore else []
    for entry in ignore:
        kind = kinds.get(entry.partition(":")[0])
        uncertain = kind is not None and (kind.part in skipped or (kind.needs_key and "secrets" in skipped))
        if uncertain or any(_accepts(entry, each) for each in accepted):
            continue
        line = next((number for number, row in enumerate(text, 1) if entry in row), 1)
        why = "matches no finding" if kind else "begins with no id of a finding"
        hint = "inv env.check --json"
        yield Finding(
            findings.UNUSED_IGNORE, "pyproject.toml", line, f"ignore = [{entry!r}] {why}.", hint, name=entry
        )


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "code": finding.code,
        "file": finding.file,
        "line": finding.line,
        "sentence": finding.sentence,
        "hint": finding.hint,
        "environment": finding.environment or None,
        "name": finding.name or None,
        "key": finding.key,
    }
