"""What `ci.render` writes: the platform's file with our jobs in it, checked as a whole before anything is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from ..envfiles.document import write_atomic
from ..errors import ConfigInvalid
from . import github, gitlab
from . import region as marked_region
from .plan import Pipeline, plan
from .yaml_text import child, entries, line, parse, read_text

if TYPE_CHECKING:
    from ..config import Project

PLATFORMS: Final = ("gitlab", "github")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file: its path, its name in messages, its text, and whether it differs from what is there."""

    path: Path
    label: str
    text: str
    changed: bool


def render(
    project: Project, process_env: Mapping[str, str], platform: str, *, include: bool = False
) -> tuple[Rendered, ...]:
    """The files of a platform; `include` puts GitLab's jobs into a file of their own. Raises ConfigInvalid."""
    if platform not in PLATFORMS:
        raise ConfigInvalid(f"There is no platform {platform!r}.", hint=f"one of {', '.join(PLATFORMS)}")
    if include and platform != "gitlab":
        raise ConfigInvalid("--include is for GitLab: a GitHub workflow cannot take jobs from another file.")
    pipeline = plan(project, process_env)
    if platform == "github":
        return (_rendered(project.root, github.FILE, _github(project.root, pipeline)),)
    jobs = gitlab.jobs(pipeline)
    if not include:
        return (_rendered(project.root, gitlab.FILE, _gitlab(project.root, jobs)),)
    return (
        _rendered(project.root, gitlab.OWN_FILE, _in_file(project.root, gitlab.OWN_FILE, jobs)),
        _rendered(project.root, gitlab.FILE, _including(project.root, jobs)),
    )


def write(rendered: Rendered) -> None:
    """Put one file in its place, whole or not at all."""
    rendered.path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(rendered.path, rendered.text, mode=None if rendered.path.exists() else 0o644)


def _rendered(root: Path, name: str, text: str) -> Rendered:
    parse(text, name)
    return Rendered(root / name, name, text, changed=read_text(root / name) != text)


def _gitlab(root: Path, jobs: str) -> str:
    return _in_file(root, gitlab.FILE, jobs)


def _in_file(root: Path, name: str, jobs: str) -> str:
    """The jobs in the file's region, or after everything else where it has none."""
    text = read_text(root / name)
    if text is None:
        return marked_region.wrapped(jobs)
    parse(text, name)
    replaced = marked_region.replace(text, jobs, name)
    return (
        replaced
        if replaced is not None
        else _ended(text) + marked_region.wrapped(jobs, newline=marked_region.newline_of(text))
    )


def _ended(text: str) -> str:
    newline = marked_region.newline_of(text)
    return text if not text or text.endswith("\n" * 2) else text + newline * (1 if text.endswith("\n") else 2)


def _github(root: Path, pipeline: Pipeline) -> str:
    jobs = github.jobs(pipeline)
    text = read_text(root / github.FILE)
    if text is None:
        return github.HEADER + marked_region.wrapped(jobs, indent="  ")
    document = parse(text, github.FILE)
    replaced = marked_region.replace(text, jobs, github.FILE)
    if replaced is not None:
        return replaced
    return _ended(text) + marked_region.wrapped(
        jobs, indent=_indent_of_jobs(document), newline=marked_region.newline_of(text)
    )


def _indent_of_jobs(document: yaml.MappingNode) -> str:
    """How deep the jobs of a workflow stand, if they are the last that is in it."""
    names = [key.value for key, _ in document.value]
    jobs = child(document, "jobs")
    if names[-1:] != ["jobs"] or not isinstance(jobs, yaml.MappingNode) or jobs.flow_style or not jobs.value:
        raise ConfigInvalid(
            f"{github.FILE} has no place for our jobs.",
            hint=f"put the lines '  {marked_region.BEGIN}' and '  {marked_region.END}' under its jobs:",
        )
    return " " * int(jobs.value[0][0].start_mark.column)


def _including(root: Path, jobs: str) -> str:
    """`.gitlab-ci.yml` with one line that takes the other file in."""
    line_of_ours = f"  - local: {gitlab.OWN_FILE}"
    text = read_text(root / gitlab.FILE)
    if text is None:
        return f"include:\n{line_of_ours}\n"
    document = parse(text, gitlab.FILE)
    if marked_region.find(text, gitlab.FILE):
        raise ConfigInvalid(
            f"{gitlab.FILE} holds the jobs itself, so they would be there twice.",
            hint=f"remove the lines from {marked_region.BEGIN!r} to {marked_region.END!r}",
        )
    _refuse_overriding(document, jobs)
    if any(node.value.lstrip("/") == gitlab.OWN_FILE for node in _included(child(document, "include"))):
        return text
    newline = marked_region.newline_of(text)
    found = child(document, "include")
    if found is None:
        return f"include:{newline}{line_of_ours}{newline}{newline}{text}"
    match = re.search(r"^include:[ \t]*(?:#.*)?\r?\n([ \t]*)- ", text, re.MULTILINE)
    if not isinstance(found, yaml.SequenceNode) or match is None:
        raise ConfigInvalid(
            f"{gitlab.FILE}:{line(found)}: `include` is not a list of lines, so no line can be added.",
            hint=f"write it as a list, with {line_of_ours.strip()!r} in it",
        )
    at = match.start(1)
    return f"{text[:at]}{match[1]}- local: {gitlab.OWN_FILE}{newline}{text[at:]}"


def _included(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    for item in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        local = item if isinstance(item, yaml.ScalarNode) else child(item, "local")
        if isinstance(local, yaml.ScalarNode):
            yield local


def _refuse_overriding(document: yaml.MappingNode, jobs: str) -> None:
    ours = entries(parse(jobs, gitlab.OWN_FILE))
    for name, (key, _) in entries(document).items():
        if name in ours:
            raise ConfigInvalid(
                f"{gitlab.FILE}:{line(key)}: {name} is defined twice, first in {gitlab.OWN_FILE}.",
                hint="remove or rename one of them",
            )
