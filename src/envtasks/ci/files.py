"""The files that `ci.render` writes: a platform's file with our jobs in a managed block, checked before it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import yaml

from ..envfiles import newline_of, write_atomic, writing
from ..errors import ConfigInvalid, did_you_mean
from ..yaml_nodes import entries, line, load_all, read_text, refuse_duplicate_keys
from . import github, gitlab
from .plan import JobInFile, Pipeline, plan_pipeline

if TYPE_CHECKING:
    from ..config import Project

BEGIN: Final = "# >>> envtasks"
END: Final = "# <<< envtasks"
NOTE: Final = " (written by `inv ci.render`; what stands between these lines is replaced)"
_MARKER: Final = re.compile(
    rf"^([ \t]*)({re.escape(BEGIN)}|{re.escape(END)})(?=[ \t(]|\r?$).*$", re.MULTILINE
)


class Platform(Protocol):
    """What the module of a CI platform provides; `documents` are those of one file, none where it is not there."""

    @property
    def FILE(self) -> str: ...  # noqa: N802 - a module's constant: the file that is rendered
    @property
    def HEADER(self) -> str: ...  # noqa: N802 - what precedes the jobs in a new file
    @property
    def INCLUDE_FILE(self) -> str: ...  # noqa: N802 - the file for `--include`, empty where there is no such thing

    def render_jobs(self, pipeline: Pipeline) -> str: ...
    def jobs_indent(self, documents: Sequence[yaml.MappingNode]) -> str | None: ...
    def add_include(self, text: str, documents: Sequence[yaml.MappingNode], newline: str) -> str: ...

    def pipeline_files(self, root: Path) -> tuple[str, ...]: ...
    def read_jobs(self, document: yaml.MappingNode) -> Iterator[JobInFile]: ...
    def read_scripts(self, document: yaml.MappingNode) -> Iterator[yaml.ScalarNode]: ...


PLATFORMS: Final[Mapping[str, Platform]] = {"gitlab": gitlab, "github": github}


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """One rendered file: its path, its name in messages, its text, and whether it differs from what is there."""

    path: Path
    label: str
    text: str
    changed: bool


def render_files(
    project: Project, process_env: Mapping[str, str], platform: str, *, include: bool = False
) -> tuple[tuple[PipelineFile, ...], tuple[str, ...]]:
    """The files of a platform, and warnings of what keeps their jobs from running. Raises ConfigInvalid.

    `include` puts GitLab's jobs into a file of their own.
    """
    if platform not in PLATFORMS:
        near = did_you_mean(platform, PLATFORMS)
        raise ConfigInvalid(f"There is no platform {platform!r}{near}", hint=f"one of {', '.join(PLATFORMS)}")
    pipeline = plan_pipeline(project, process_env)
    return rendered(project.root, pipeline, PLATFORMS[platform], include=include), pipeline.warnings


def rendered(
    root: Path, pipeline: Pipeline, platform: Platform, *, include: bool = False
) -> tuple[PipelineFile, ...]:
    """The files of a pipeline that is already planned. Raises ConfigInvalid."""
    jobs = platform.render_jobs(pipeline)
    if not include:
        return (_file(root, platform.FILE, _with_jobs(root, platform.FILE, jobs, platform)),)
    including = _including(root, jobs, platform)
    own = _with_jobs(root, platform.INCLUDE_FILE, jobs, platform)
    return _file(root, platform.INCLUDE_FILE, own), _file(root, platform.FILE, including)


def write_file(file: PipelineFile) -> None:
    """Write one file in one step."""
    with writing(file.path):
        file.path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file.path, file.text, mode=None if file.path.exists() else 0o644)


def load_documents(text: str, label: str) -> tuple[yaml.MappingNode, ...]:
    """The documents of a pipeline's file, each a mapping without repeated keys. Raises ConfigInvalid with the line."""
    documents = []
    for document in load_all(text, label, in_order=True):
        if not isinstance(document, yaml.MappingNode):
            raise ConfigInvalid(f"{label}:{line(document)}: expected a mapping of names.")
        refuse_duplicate_keys(document, label)
        documents.append(document)
    return tuple(documents)


def managed_block(content: str, *, indent: str = "", newline: str = "\n") -> str:
    """The content between its two markers, every line indented."""
    lines = [BEGIN + NOTE, *content.rstrip("\n").split("\n"), END]
    return newline.join(indent + each if each else "" for each in lines) + newline


def find_block(text: str, label: str) -> tuple[int, int, str] | None:
    """Where the managed block begins and ends, and its indentation; None if there is none. Raises ConfigInvalid."""
    markers = list(_MARKER.finditer(text))
    if not markers:
        return None
    kinds = [marker[2] for marker in markers]
    if kinds != [BEGIN, END]:
        wrong = markers[2] if kinds[:2] == [BEGIN, END] else markers[1] if len(kinds) > 1 else markers[0]
        raise ConfigInvalid(
            f"{label}:{line_at(text, wrong.start())}: the marker {wrong[2]!r} has no partner, or is one too many.",
            hint=f"leave one line {BEGIN!r} and, after it, one line {END!r}",
        )
    end = text.find("\n", markers[1].end())
    return markers[0].start(), len(text) if end < 0 else end + 1, markers[0][1]


def replace_block(text: str, content: str, label: str) -> str | None:
    """The text with the content of its managed block replaced; None if it has no block. Raises ConfigInvalid."""
    found = find_block(text, label)
    if found is None:
        return None
    start, end, indent = found
    newline = newline_of(text)
    block = managed_block(content, indent=indent, newline=newline)
    if not text[start:end].endswith("\n"):
        block = block.removesuffix(newline)  # the file ended without one
    return text[:start] + block + text[end:]


def line_at(text: str, position: int) -> int:
    """The line, from 1, of a position in a text."""
    return text.count("\n", 0, position) + 1


def _file(root: Path, label: str, text: str) -> PipelineFile:
    load_documents(text, label)
    return PipelineFile(root / label, label, text, changed=read_text(root / label) != text)


def _with_jobs(root: Path, label: str, jobs: str, platform: Platform) -> str:
    """The file's text with the jobs in its managed block, or after everything else where it has none."""
    text = read_text(root / label)
    if text is None:
        return platform.HEADER + managed_block(jobs, indent=platform.jobs_indent(()) or "")
    documents = load_documents(text, label)
    replaced = replace_block(text, jobs, label)
    if replaced is not None:
        return replaced
    newline = newline_of(text)
    indent = platform.jobs_indent(documents)
    if indent is None:
        raise ConfigInvalid(
            f"{label} has no place for our jobs.",
            hint=f"put the lines '  {BEGIN}' and '  {END}' under its jobs:",
        )
    if text and not text.endswith("\n" * 2):
        text += newline * (1 if text.endswith("\n") else 2)
    return text + managed_block(jobs, indent=indent, newline=newline)


def _including(root: Path, jobs: str, platform: Platform) -> str:
    """The platform's file with one line that includes the file of the jobs."""
    label = platform.FILE
    text = read_text(root / label) or ""
    documents = load_documents(text, label)
    including = platform.add_include(text, documents, newline_of(text))
    if find_block(text, label):
        raise ConfigInvalid(
            f"{label} holds the jobs itself, so they would be there twice.",
            hint=f"remove the lines from {BEGIN!r} to {END!r}",
        )
    (ours,) = load_documents(jobs, platform.INCLUDE_FILE)
    for name, (key, _) in entries(documents[-1] if documents else None).items():
        if name in entries(ours):
            raise ConfigInvalid(
                f"{label}:{line(key)}: {name} is defined twice, first in {platform.INCLUDE_FILE}.",
                hint="remove or rename one of them",
            )
    return including
