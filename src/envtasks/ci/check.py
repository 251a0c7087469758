"""The findings of `ci.check`: where the files of a pipeline and the project disagree, each with its file and line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import yaml

from ..errors import ConfigInvalid, did_you_mean
from ..yaml_nodes import line, read_text, scalar, walk
from .files import PLATFORMS, Platform, find_block, line_at, load_documents, rendered
from .plan import JobInFile, Pipeline, key_variable, list_sessions, plan_pipeline

if TYPE_CHECKING:
    from ..config import Project

_COMMAND: Final = re.compile(r"[^;&|\n]+")
_ASSIGNMENTS: Final = re.compile(r"\s*(?:\w+=\S*\s+)*")
_RUNNER: Final = re.compile(r"\b(?:run|uvx)\b")
_PROGRAM: Final = re.compile(r"(?<![^\s(])(?:[^\s(]*/)?(inv|invoke|envtasks|nox)\s+")
_MODULE: Final = re.compile(r"-m\s+$")
_ARGUMENTS: Final = re.compile(r"(?:(?!\s\d*[<>])[^#])*")
_ENVIRONMENT: Final = re.compile(r"""(?:^|\s)--env(?:=|\s+)["']?([\w-]+)(?=["']?(?:\s|$))""")
_SESSIONS: Final = re.compile(r"(?:^|\s)(?:-s|--sessions?)(?:=|\s+)(.*?)(?=\s-|$)")
_WORD: Final = re.compile(r"""["']([^"']*)["']|(\S+)""")
_KEY: Final = re.compile(r"DOTENV_PRIVATE_KEY[\w.-]*")
_KEY_WITH_VALUE: Final = re.compile(
    rf"""({_KEY.pattern})["']?\s*[:=]\s*["']?[0-9a-fA-F]{{64}}(?![0-9a-fA-F])"""
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: its kind, where it is, a sentence about it, and what mends it. Never a value."""

    id: str
    file: str
    line: int
    sentence: str
    hint: str = ""

    @property
    def leak(self) -> bool:
        """Whether a secret is where it may not be."""
        return self.id == "literal-secret"


def check_pipelines(
    project: Project, process_env: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The files of all platforms that are there, and all findings, in the order of the files. Raises ConfigInvalid."""
    files = [
        (platform, name, text)
        for platform in PLATFORMS.values()
        for name in platform.pipeline_files(project.root)
        if (text := read_text(project.root / name)) is not None
    ]
    if not files:
        return (), ()
    checker = _Checker(project, process_env)
    found = [
        finding
        for platform, name, text in files
        for finding in sorted(checker.file(platform, name, text), key=lambda each: each.line)
    ]
    return tuple(name for _, name, _ in files), tuple(dict.fromkeys(found))


def pipeline_lines(
    project: Project, name: str, environments: Mapping[str, str]
) -> Iterator[tuple[str, int, str]]:
    """File and line of what pipelines do with a variable: texts that name it, calls of ours in one of the environments,
    jobs with the private key of one (each environment's variable). Raises ConfigInvalid for a file that is no YAML.
    """
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for platform in PLATFORMS.values():
        for label in platform.pipeline_files(project.root):
            text = read_text(project.root / label) or ""
            yield from ((label, line_at(text, found.start()), "names it") for found in word.finditer(text))
            for document in load_documents(text, label):
                yield from ((label, at, how) for at, how in _uses(platform, document, environments))


def _uses(
    platform: Platform, document: yaml.MappingNode, environments: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    """The lines of jobs with the key of an environment, and of calls in one."""
    for job in platform.read_jobs(document):
        opened = [environment for environment, key in environments.items() if key in job.keys]
        yield from ((job.line, f"job {job.name} has the key of {environment}") for environment in opened)
    for script in platform.read_scripts(document):
        calls = [(at, name) for at, *_, named in _calls_in(script) for name in named if name in environments]
        yield from ((at, f"runs in {environment}") for at, environment in calls)


def _calls_in(node: yaml.ScalarNode) -> Iterator[tuple[int, str, str, list[str]]]:
    """The calls of ours in a script: line, program, its own arguments, and the environments that it names."""
    first = line(node) + (1 if node.style in ("|", ">") else 0)
    for position, program, arguments in _calls(node.value):
        own, _, rest = arguments.partition(" -- ")
        # what follows `--` goes to nox's sessions, which take --env; after inv it is another program's
        environments = _ENVIRONMENT.findall(rest if program == "nox" else own)
        yield first + line_at(node.value, position) - 1, program, own, environments


class _Checker:
    """The checks of one project's files, with what they look up in the project looked up once."""

    def __init__(self, project: Project, process_env: Mapping[str, str]) -> None:
        self.project = project
        self.process_env = process_env

    @cached_property
    def pipeline(self) -> Pipeline:
        """What `ci.render` would render."""
        return plan_pipeline(self.project, self.process_env)

    @cached_property
    def sessions(self) -> Collection[str]:
        """The names that `nox -s` takes, without the parameters of variants."""
        listed = list_sessions(self.project.root, self.process_env, every=True)
        names = [name for session in listed for name in (session.name, *session.variants)]
        return frozenset(name.partition("(")[0] for name in names)

    @cached_property
    def protected_keys(self) -> Mapping[str, str]:
        """The key variables of protected environments, each with its environment."""
        protected = [each for each in self.project.environments.values() if each.protected]
        keys = {key_variable(each, self.process_env): each.name for each in protected}
        return {key: name for key, name in keys.items() if key is not None}

    def file(self, platform: Platform, name: str, text: str) -> Iterator[Finding]:
        """The findings of one file."""
        yield from _keys_in_text(name, text)
        try:
            documents = load_documents(text, name)
            block = find_block(text, name)
        except ConfigInvalid as error:
            yield _invalid(name, error)
            return
        for document in documents:
            yield from _keys_in_mappings(name, document)
            for job in platform.read_jobs(document):
                yield from self.keys(name, job)
            for script in platform.read_scripts(document):
                yield from self.script(name, script)
        if block and name in (platform.FILE, platform.INCLUDE_FILE):
            yield from self.managed_block(platform, name, line_at(text, block[0]))

    def keys(self, file: str, job: JobInFile) -> Iterator[Finding]:
        """A job with several keys, or with that of a protected environment but in no environment of the platform."""
        if len(job.keys) > 1:
            sentence = f"Job {job.name} has {len(job.keys)} keys: {', '.join(job.keys)}."
            hint = "split it into jobs of one environment each"
            yield Finding("several-keys", file, job.line, sentence, hint)
        for key in () if job.in_environment else job.keys:
            if key in self.protected_keys:
                environment = self.protected_keys[key]
                yield Finding(
                    "no-environment",
                    file,
                    job.line,
                    f"Job {job.name} has the key of {environment}, which is protected, but runs in no environment "
                    "of the platform.",
                    f"environment: {environment}",
                )

    def script(self, file: str, node: yaml.ScalarNode) -> Iterator[Finding]:
        """Environments and sessions that a script names and that do not exist."""
        for at, program, own, environments in _calls_in(node):
            for name in environments:
                if name not in self.project.environments:
                    near = did_you_mean(name, self.project.environments)
                    hint = f"environments: {', '.join(self.project.environments)}"
                    sentence = f"There is no environment {name}{near}"
                    yield Finding("unknown-environment", file, at, sentence, hint)
            for name in _sessions_in(own) if program == "nox" else ():
                if name not in self.sessions:
                    near = did_you_mean(name, self.sessions)
                    sentence = f"There is no session {name}{near}"
                    yield Finding("unknown-session", file, at, sentence, "nox --list")

    def managed_block(self, platform: Platform, name: str, at: int) -> Iterator[Finding]:
        """A managed block whose jobs cannot run, that `ci.render` would write differently now, or cannot write."""
        include = name == platform.INCLUDE_FILE
        pipeline = self.pipeline
        for warning in pipeline.warnings:
            sentence, _, hint = warning.partition(": ")
            yield Finding("cannot-run", name, at, f"{sentence}.", hint)
        try:
            files = rendered(self.project.root, pipeline, platform, include=include)
        except ConfigInvalid as error:
            yield _invalid(name, error)
            return
        if any(file.changed for file in files if file.label == name):
            command = next(key for key, each in PLATFORMS.items() if each is platform)
            yield Finding(
                "out-of-date",
                name,
                at,
                "The project has changed since these jobs were rendered.",
                f"inv ci.render {command}{' --include' if include else ''}",
            )


def _invalid(name: str, error: ConfigInvalid) -> Finding:
    """The finding for an error whose message begins with the file and, if it has one, the line."""
    found = re.fullmatch(rf"{re.escape(name)}(?::(\d+))?: (.*)", error.message, re.DOTALL)
    at, sentence = (int(found[1] or 1), found[2]) if found else (1, error.message)
    return Finding("invalid-file", name, at, sentence, error.hint)


def _calls(script: str) -> Iterator[tuple[int, str, str]]:
    """The calls of ours in a script: where, the program and its arguments.

    A call is where a command begins, or after `uv run …`, `uvx` or `python -m`.
    """
    for command in _COMMAND.finditer(script):
        text, before = command[0], 0
        begin = _end_of(_ASSIGNMENTS, text, 0)
        runner = _RUNNER.search(text)
        for found in _PROGRAM.finditer(text):
            at = found.start()
            opened = text.rfind("(", before, at)
            begin, before = _end_of(_ASSIGNMENTS, text, opened + 1) if opened >= 0 else begin, at
            if at == begin or (runner and at > runner.end()) or _MODULE.search(text, max(0, at - 9), at):
                arguments = text[found.end() : _end_of(_ARGUMENTS, text, found.end())]
                yield command.start() + found.start(1), found[1], arguments
                break


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a match that begins at this position ends; the position itself where there is none."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _sessions_in(arguments: str) -> Iterator[str]:
    """The sessions after `-s` that stand there literally, without the parameters of variants."""
    for names in _SESSIONS.findall(arguments):
        for quoted, bare in _WORD.findall(names):
            name = (quoted or bare.rstrip(")")).partition("(")[0]
            if re.fullmatch(r"[\w.-]+", name):
                yield name


def _keys_in_text(file: str, text: str) -> Iterator[Finding]:
    """Keys with their value anywhere in a file, also in scripts and comments."""
    for found in _KEY_WITH_VALUE.finditer(text):
        yield _literal(file, line_at(text, found.start()), found[1])


def _keys_in_mappings(file: str, node: yaml.Node) -> Iterator[Finding]:
    """Variables for keys whose value is not taken from anywhere."""
    for mapping in (each for each in walk(node) if isinstance(each, yaml.MappingNode)):
        for key, value in mapping.value:
            text = scalar(value) or scalar(value, "value") or ""
            if _KEY.fullmatch(scalar(key) or "") and text not in ("", "null", "~") and "$" not in text:
                yield _literal(file, line(key), key.value)


def _literal(file: str, at: int, variable: str) -> Finding:
    sentence = f"{variable} is a private key, and its value stands here."
    hint = "keep it in the platform's settings, and replace it: git has it now"
    return Finding("literal-secret", file, at, sentence, hint)
