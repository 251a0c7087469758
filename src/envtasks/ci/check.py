"""Do the pipeline's files and the project agree? Every disagreement is a finding, a value with a place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from ..errors import ConfigInvalid
from . import github, gitlab
from . import region as marked_region
from .facts import Facts
from .files import render
from .jobs import Command, Work, of_github, of_gitlab
from .script_leaks import prints
from .yaml_text import child, compose, doubles, entries, line, read_text, scalar, strings

if TYPE_CHECKING:
    from ..config import Project

LEAKS: Final = frozenset({"secret-echoed", "literal-secret"})
_PINNED: Final = re.compile(r"@[0-9a-f]{40}$|^\./|^docker://.*@sha256:[0-9a-f]{64}$")
_PRIVATE_KEY: Final = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_TRACES: Final = ("CI_DEBUG_TRACE", "CI_DEBUG_SERVICES")


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: what kind, where, what is wrong in a sentence, and what mends it. Never a value."""

    id: str
    file: str
    line: int
    sentence: str
    hint: str = ""


def check(project: Project, process_env: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The files that were looked at and all findings, in the order of the files. Raises ConfigInvalid."""
    files = [
        (name, text) for name in _names(project.root) if (text := read_text(project.root / name)) is not None
    ]
    if not files:
        return (), ()
    facts = Facts.of(project, process_env)
    found = [finding for name, text in files for finding in _in_file(name, text, facts)]
    found += _out_of_date(project, process_env, [name for name, _ in files])
    unique = dict.fromkeys(found)
    return tuple(name for name, _ in files), tuple(sorted(unique, key=lambda each: (each.file, each.line)))


def _names(root: Path) -> list[str]:
    workflows = sorted(
        path.relative_to(root).as_posix()
        for suffix in ("yml", "yaml")
        for path in (root / ".github" / "workflows").glob(f"*.{suffix}")
    )
    return [gitlab.FILE, gitlab.OWN_FILE, *workflows]


def _in_file(name: str, text: str, facts: Facts) -> Iterator[Finding]:
    document = compose(text, name)
    for first, again in doubles(document):
        sentence = f"{again.value} is defined twice, first in line {line(first)}: only the last one counts."
        yield Finding("defined-twice", name, line(again), sentence, "remove or rename one of them")
    on_github = name.startswith(".github/")
    works = list(of_github(document) if on_github else of_gitlab(document))
    found = _Check(name, facts, on_github)
    yield from found.workflow(document) if on_github else found.stages(document)
    for work in works:
        yield from found.commands(work)
        yield from found.keys(work)
        yield from found.printed(work)
        yield from found.literals(work)


@dataclass(frozen=True, slots=True)
class _Check:
    file: str
    facts: Facts
    on_github: bool

    def finding(self, id_: str, node: yaml.Node, sentence: str, hint: str = "") -> Finding:
        return Finding(id_, self.file, line(node), sentence, hint)

    def workflow(self, document: yaml.MappingNode) -> Iterator[Finding]:
        """What concerns a whole GitHub workflow."""
        events = child(document, "on")
        named = list(entries(events)) or [node.value for node in strings(events)] if events else []
        if "pull_request_target" in named and events is not None:
            yield self.finding(
                "pull-request-target",
                events,
                "pull_request_target hands this repository's secrets to what a fork sends.",
                "use pull_request",
            )
        whole = child(document, "permissions")
        for name, (key, job) in entries(child(document, "jobs")).items():
            granted = child(job, "permissions") or whole
            if granted is None or scalar(granted) == "write-all":
                yield self.finding(
                    "permissions",
                    key,
                    f"Job {name} has more permissions than it needs.",
                    "permissions: {contents: read}",
                )
            for node in _uses(job):
                if not _PINNED.search(node.value):
                    yield self.finding(
                        "unpinned-action",
                        node,
                        f"{node.value} can be moved to other code.",
                        "pin it by commit, with the version as a comment",
                    )

    def stages(self, document: yaml.MappingNode) -> Iterator[Finding]:
        """Jobs of GitLab whose stage is not among those that the file lists."""
        listed = child(document, "stages")
        known = {".pre", ".post", *(node.value for node in strings(listed))} if listed else None
        for name, (_, job) in entries(document).items() if known else ():
            stage = child(job, "stage")
            if known and isinstance(stage, yaml.ScalarNode) and stage.value not in known:
                sentence = f"Job {name} is in the stage {stage.value}, which `stages` does not list."
                yield self.finding("unknown-stage", stage, sentence, "stages: [build, test, deploy]")

    def commands(self, work: Work) -> Iterator[Finding]:
        """Tasks, sessions and environments that are not there."""
        for command in work.commands():
            known = self.facts.sessions if command.program == "nox" else self.facts.tasks
            kind = "session" if command.program == "nox" else "task"
            for name in command.names:
                if "$" not in name and name not in known:
                    yield self.finding(
                        f"unknown-{kind}",
                        command.node,
                        f"Job {work.name} runs {name}, and there is no such {kind}.",
                        "nox --list" if kind == "session" else "inv --list",
                    )
            name = command.environment or ""
            if name and "$" not in name and name not in self.facts.keys:
                yield self.finding(
                    "unknown-environment",
                    command.node,
                    f"Job {work.name} names the environment {name}, and there is no such one.",
                    f"environments: {', '.join(self.facts.keys)}",
                )

    def keys(self, work: Work) -> Iterator[Finding]:
        """Keys and what the job does with them."""
        used = dict.fromkeys(name for command in work.commands() for name in self._environments(command))
        if len(work.keys) > 1:
            yield self.finding(
                "several-keys",
                work.node,
                f"Job {work.name} has {len(work.keys)} keys: {', '.join(sorted(work.keys))}.",
                "part it into jobs of one environment each",
            )
        wanted = {self.facts.keys[name] for name in used} - {None}
        for key in sorted(work.keys - wanted):
            runs = ", ".join(used) or "no environment"
            yield self.finding(
                "wrong-key",
                work.node,
                f"Job {work.name} runs {runs} and has {key}.",
                f"give it {', '.join(sorted(filter(None, wanted))) or 'no key'}",
            )
        for name in used:
            yield from self._reach(work, name)

    def _reach(self, work: Work, name: str) -> Iterator[Finding]:
        key, protected = self.facts.keys[name], name in self.facts.protected
        if protected and not (work.guarded and work.environment):
            yield self.finding(
                "unguarded",
                work.node,
                f"Job {work.name} runs {name}, which is protected, but not "
                f"behind the platform's environment on a protected branch only.",
                "inv ci.render",
            )
        elif key and self.on_github and key not in work.keys:
            yield self.finding(
                "no-key",
                work.node,
                f"Job {work.name} runs {name} without {key}.",
                f"env: {{{key}: '${{{{ secrets.{key} }}}}'}}",
            )
        elif key and not self.on_github and work.environment != name:
            yield self.finding(
                "no-key",
                work.node,
                f"Job {work.name} runs {name} outside of GitLab's environment {name}, the scope of {key}.",
                f"environment: {{name: {name}, action: access}}",
            )

    def printed(self, work: Work) -> Iterator[Finding]:
        """Values that are printed."""
        for node in work.scripts:
            for offset, text in enumerate(node.value.split("\n")):
                at = line(node) + offset + (1 if node.style in ("|", ">") else 0)
                if sentence := prints(text, self.facts.secrets):
                    yield Finding(
                        "secret-echoed", self.file, at, f"Job {work.name} {sentence}.", "leave it out"
                    )

    def literals(self, work: Work) -> Iterator[Finding]:
        """Values that stand in the file."""
        for key, value in work.variables:
            text = scalar(value) or scalar(child(value, "value")) or ""
            if key.value in _TRACES and text.lower() == "true":
                sentence = f"Job {work.name} has {key.value}, which prints every variable."
                yield self.finding("secret-echoed", key, sentence, "leave it out")
            secret = key.value in self.facts.secrets or key.value.startswith("DOTENV_PRIVATE_KEY")
            if secret and text and "$" not in text:
                yield self.finding(
                    "literal-secret",
                    key,
                    f"{key.value} is a secret, and its value stands here.",
                    "keep it in the platform's variables, and replace it: git has it now",
                )
        for node in strings(work.node):
            if _PRIVATE_KEY.search(node.value) and "sha256:" not in node.value:
                yield self.finding(
                    "literal-secret",
                    node,
                    f"Job {work.name} holds what looks like a private key.",
                    "inv env.rotate, and keep the new key in the platform's variables",
                )

    def _environments(self, command: Command) -> Iterator[str]:
        """The environments that a command runs in: the one it names, else those of its tasks or sessions."""
        defaults = self.facts.sessions if command.program == "nox" else self.facts.tasks
        named = [command.environment] if command.environment else map(defaults.get, command.names)
        yield from (name for name in named if name is not None and name in self.facts.keys)


def _uses(job: yaml.Node) -> Iterator[yaml.ScalarNode]:
    steps = child(job, "steps")
    for place in (job, *(steps.value if isinstance(steps, yaml.SequenceNode) else ())):
        node = child(place, "uses")
        if isinstance(node, yaml.ScalarNode):
            yield node


def _out_of_date(project: Project, process_env: Mapping[str, str], names: Sequence[str]) -> Iterator[Finding]:
    """Regions that `ci.render` would write differently now."""
    for name in names:
        text = read_text(project.root / name) or ""
        found = marked_region.find(text, name)
        if found is None or name not in (gitlab.FILE, gitlab.OWN_FILE, github.FILE):
            continue
        platform = "github" if name == github.FILE else "gitlab"
        include = name == gitlab.OWN_FILE
        try:
            rendered = render(project, process_env, platform, include=include)
        except ConfigInvalid as error:
            if "defined twice" in error.message:
                continue  # said already
            raise
        if any(each.changed for each in rendered if each.label == name):
            flag = " --include" if include else ""
            yield Finding(
                "out-of-date",
                name,
                text.count("\n", 0, found[0]) + 1,
                "The project has changed since these jobs were rendered.",
                f"inv ci.render {platform}{flag}",
            )
