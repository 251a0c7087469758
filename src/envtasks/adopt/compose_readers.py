"""Compose files: services that get an env file, and secrets that are written out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import yaml

from ..check import is_placeholder, is_secret_name, looks_like_credential
from ..compose import read_compose_files
from ..errors import ConfigInvalid, EnvtasksError
from ..yaml_nodes import child, entries, is_flow, items, last_line, line, load, scalar
from .file_names import COMPOSE, is_env_file, is_example
from .places import Place
from .survey import Survey

_BY_STAGE: Final = re.compile(r"(?:.*/)?\.env\.\$.*")  # the env file of whichever environment


@dataclass(frozen=True, slots=True)
class Literal:
    """A secret that a compose file has written out."""

    name: str
    value: str
    file: str
    line: int


def compose_places(
    survey: Survey, files: Collection[str], variables: Mapping[str, str]
) -> Iterator[tuple[Place, str]]:
    """The places in compose files, each with the service that gets one of these env files; empty for any other place.

    `files`: those whose values environments have. `variables`: the values that the baseline of local has, by name.
    """
    for each in _env_files(survey):
        ours = {path for path in each.paths if path in files or _BY_STAGE.fullmatch(path)}
        for path in each.paths:
            if path not in ours and is_env_file(path):
                yield _own_file(survey, each, path), ""
        if ours:
            yield _without(survey, each, ours), each.service
    yield from ((place, "") for place in _mounts(survey, files))
    for literal in compose_literals(survey):
        yield _written_out(survey, literal, variables), ""


def _written_out(survey: Survey, literal: Literal, variables: Mapping[str, str]) -> Place:
    """The place of a secret, with a reference to the variable that has its value; where none has, it stays."""
    own = literal.name
    same = [name for name, value in variables.items() if value == literal.value]
    name = own if own in same or not same else same[0]
    instead = _referring(survey.text(literal.file), literal, name) if same else None
    advice = f'{own}: "${{{name}}}"'
    if not same and own in variables:
        advice = f"where local has this value: {advice}; else first, under another name: inv env.set NAME --env local"
    elif not same:
        advice = f"inv env.set {own} --env local, then: {advice}"
    patch = None if instead is None else (instead,)
    return Place(literal.file, literal.line, literal.line, f"{own} is written out here", patch, advice)


def files_of_services(survey: Survey) -> Mapping[str, frozenset[str]]:
    """The env files that compose files name, each with the services that get it."""
    found: dict[str, frozenset[str]] = {}
    for each in _env_files(survey):
        for path in each.paths:
            found[path] = found.get(path, frozenset()) | {each.service}
    return found


def stack_files(survey: Survey) -> tuple[str, ...]:
    """The compose files that `inv compose.up` starts. Raises ConfigInvalid and what reading them raises."""
    compose = read_compose_files(survey.project, {})
    return tuple(path.relative_to(survey.root).as_posix() for path in compose.files) if compose else ()


def compose_literals(survey: Survey) -> tuple[Literal, ...]:
    """The secrets that compose files have written out, placeholders left out.

    Where the project has a stack it is that of its files; those in hidden folders are a CI's or an editor's own.
    """
    found = []
    stack: tuple[str, ...] = ()
    with suppress(EnvtasksError):
        stack = stack_files(survey)
    for file, document in _documents(survey):
        if file not in stack and (stack or file.startswith(".")):
            continue
        for _, node in entries(child(document, "services")).values():
            for name, value, at in _environment(child(node, "environment")):
                secret = is_secret_name(name) or looks_like_credential(name, value)
                if value and "$" not in value and secret and not is_placeholder(value):
                    found.append(Literal(name, value, file, at))
    return tuple(found)


def _referring(text: str, literal: Literal, name: str) -> str | None:
    """The line of a literal with a reference to a variable in its place; None where the line holds more than that."""
    lines = text.splitlines()
    line = lines[literal.line - 1]
    before = rf"\s*(?:-\s+)?[\"']?{re.escape(literal.name)}[\"']?\s*[:=]\s*(?:[&!]\S+\s+)*"
    alone = re.fullmatch(rf"{before}[\"']?{re.escape(literal.value)}[\"']?\s*(?:#.*)?", line)
    if not alone or line.count(literal.value) > 1:
        return None
    lines[literal.line - 1] = instead = line.replace(literal.value, f"${{{name}}}")
    try:
        load("\n".join(lines), literal.file)  # within braces a reference would need quotes
    except ConfigInvalid:
        return None
    return instead


def _documents(survey: Survey) -> Iterator[tuple[str, yaml.MappingNode]]:
    for file in survey.named(COMPOSE):
        try:
            yield file, load(survey.text(file), file)
        except ConfigInvalid:
            continue


@dataclass(frozen=True, slots=True)
class _EnvFiles:
    """An `env_file` of a service: its lines, and the lines of each file, which is relative to the project.

    `alone`: these lines have nothing else, and all of it; `listed`: each file has lines of its own.
    """

    file: str
    service: str
    line: int
    last: int
    paths: Mapping[str, tuple[int, int]]
    alone: bool
    listed: bool


def _env_files(survey: Survey) -> Iterator[_EnvFiles]:
    """Every `env_file` of a service."""
    for file, document in _documents(survey):
        for service, (_, node) in entries(child(document, "services")).items():
            if found := entries(node).get("env_file"):
                key, value = found
                paths = {}
                for each in items(value) or (value,):
                    name = scalar(each, "path") or (each.value if isinstance(each, yaml.ScalarNode) else "")
                    paths[_below(file.rpartition("/")[0], str(name))] = line(each), last_line(each)
                listed = bool(items(value)) and not is_flow(value)
                own = line(value) >= line(key)  # an alias stands for what is written above
                last = last_line(value) if own else line(key)
                yield _EnvFiles(file, service, line(key), last, paths, own and not is_flow(node), listed)


def _without(survey: Survey, found: _EnvFiles, ours: Collection[str]) -> Place:
    """The place of an `env_file` without those that a service does not need where it gets its environment."""
    removed = {number for path in ours for number in range(found.paths[path][0], found.paths[path][1] + 1)}
    lines = list(enumerate(survey.text(found.file).splitlines(), 1))[found.line - 1 : found.last]
    instead: tuple[str, ...] | None = ()
    if not found.alone or (len(ours) < len(found.paths) and not found.listed):
        instead = None
    elif len(ours) < len(found.paths):
        instead = tuple(text for number, text in lines if number not in removed)
    names = ", ".join(path for path in found.paths if path in ours)
    sentence = f"gives the container {names}"
    return Place(found.file, found.line, found.last, sentence, instead, f"remove {names} here")


def _mounts(survey: Survey, files: Collection[str]) -> Iterator[Place]:
    """The places where a service mounts one of these env files: without it docker would make a folder there."""
    for file, document in _documents(survey):
        for service, (_, node) in entries(child(document, "services")).items():
            for each in items(child(node, "volumes")):
                short = str(each.value).partition(":")[0] if isinstance(each, yaml.ScalarNode) else ""
                path = _below(file.rpartition("/")[0], str(scalar(each, "source") or short))
                if path in files:
                    sentence = f"mounts {path} into the container of {service}"
                    advice = f'inject = ["{service}"] in [tool.envtasks.compose], then remove this volume'
                    yield Place(file, line(each), last_line(each), sentence, None, advice)


def _own_file(survey: Survey, found: _EnvFiles, path: str) -> Place:
    """The place of an env file that only a service reads: it stays, as its values are in no environment."""
    folder, _, name = path.rpartition("/")
    examples = [
        each
        for each in filter(is_example, survey.files)
        if each.startswith(path)
        or (folder and name == ".env" and each.rpartition("/")[0] == folder and is_env_file(each))
    ]
    named = f" (its example: {', '.join(examples)})" if examples else ""
    sentence = f"gives {found.service} values of its own, {path}{named}; the file and this line stay"
    advice = (
        f"to encrypt them: inv env.set NAME --env local for each, NAME under environment of {found.service}, "
        f"then remove {path} here"
    )
    return Place(found.file, found.line, found.last, sentence, None, advice)


def _below(folder: str, name: str) -> str:
    """A path of a compose file, relative to the project."""
    parts = [part for part in folder.split("/") if part]
    for part in name.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)


def _environment(node: yaml.Node | None) -> Iterator[tuple[str, str, int]]:
    """The variables of a service: name, value, line."""
    for name, (key, value) in entries(node).items():
        if isinstance(value, yaml.ScalarNode):
            yield name, str(value.value), line(key)
    for each in items(node):
        if isinstance(each, yaml.ScalarNode):
            name, _, text = str(each.value).partition("=")
            yield name, text, line(each)
