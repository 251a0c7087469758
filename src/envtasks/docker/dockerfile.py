"""What a Dockerfile declares (arguments, secret mounts, stages), as BuildKit reads it before anything is built."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from .client import docker_output, find_docker

if TYPE_CHECKING:
    from ..redaction import Redactor
    from .settings import ImageSettings

_MOUNT: Final = re.compile(r"--mount=(\S*type=[\"']?secret\b\S*)", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^{}]*))?\})")


@dataclass(frozen=True, slots=True)
class Argument:
    """One `ARG`: its name, its default (None: it has none) and its line."""

    name: str
    default: str | None = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True)
class SecretMount:
    """One `--mount=type=secret`: its id, whether its step fails without it, and the line of its RUN."""

    id: str
    required: bool
    line: int


@dataclass(frozen=True, slots=True)
class Stage:
    """One `FROM`: its name (its number where it has none), its base as written, its line, and its lines as text."""

    name: str
    base: str
    line: int
    text: str = field(repr=False)

    def declares(self, name: str) -> bool:
        """Whether this stage itself has an `ARG` of this name; a heredoc that looks like one counts too."""
        return _declares(self.text, name)

    def runs_with(self, name: str) -> Iterator[int]:
        """The lines of this stage's RUN instructions that its `ARG` of this name reaches."""
        declared = False
        for number, line in enumerate(self.text.splitlines(), start=self.line):
            declared = declared or _declares(line, name)
            if declared and re.match(r"\s*RUN\b", line, re.IGNORECASE):
                yield number


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """What the stages that the target needs declare, and all stages of the file in order."""

    target: str
    arguments: tuple[Argument, ...]
    secret_mounts: tuple[SecretMount, ...]
    stages: tuple[Stage, ...]
    text: str = field(repr=False)

    def history_stages(self) -> tuple[Stage, ...]:
        """The stages whose history the target's image carries: the target, the stage that it is FROM, and so on.

        After a FROM that depends on unknown values, every earlier stage counts, so that none is missed.
        """
        values = {argument.name: argument.default or "" for argument in self.arguments}
        found: list[Stage] = []
        earlier, wanted = list(self.stages), self.target
        while stage := next((s for s in reversed(earlier) if s.name.lower() == wanted.lower()), None):
            found.append(stage)
            earlier = earlier[: earlier.index(stage)]
            base = _expanded(stage.base, values)
            if base is None:
                return (*found, *reversed(earlier))
            wanted = base
        return tuple(found)

    def argument_lines(self, name: str) -> list[int]:
        """The lines with an `ARG` of this name."""
        return [n for n, line in enumerate(self.text.splitlines(), start=1) if _declares(line, name)]

    def run_lines(self, name: str) -> list[int]:
        """The lines of the RUN instructions that an `ARG` of this name reaches."""
        return [line for stage in self.stages for line in stage.runs_with(name)]


def secret_mounts(text: str) -> dict[str, bool]:
    """The ids of the secret mounts in a Dockerfile's text, each with whether it is required; read without BuildKit."""
    found: dict[str, bool] = {}
    for mount in _MOUNT.findall(text):
        pairs = (option.strip("\"'").partition("=") for option in mount.split(","))
        options = {name.lower(): value for name, _, value in pairs}
        target = next((options[name] for name in ("target", "dst", "destination") if name in options), "")
        if name := options.get("id") or target.rpartition("/")[2]:
            required = options.get("required", "false").lower() in ("", "true", "1")
            found[name] = required or found.get(name, False)
    return found


def read_dockerfile(
    settings: ImageSettings, child_env: Mapping[str, str], *, plain: Mapping[str, str], redactor: Redactor
) -> Dockerfile:
    """What the settings' target declares, as BuildKit's outline has it.

    `plain` are the names whose values may decide which stages are needed (`FROM ${VARIANT}`), each as a build arg is
    given: those that the Dockerfile mentions are passed. No secret may be among them, as the outline prints them.
    Raises BuildFailed with BuildKit's message when the Dockerfile is wrong, ConfigInvalid and ToolMissing.
    """
    text = settings.dockerfile_text()
    mentioned = set(re.findall(r"\w+", text))
    command = [find_docker(child_env), "buildx", "build", f"--file={settings.file}"]
    command += [f"--build-arg={argument}" for name, argument in plain.items() if name in mentioned]
    what = f"{settings.label} cannot be built"

    def call(method: str, *more: str) -> dict[str, Any]:
        argv = [*command, f"--call={method},format=json", "--progress=quiet", *more, str(settings.context)]
        return dict(json.loads(docker_output(argv, child_env, what=what, redactor=redactor)))

    outline = call("outline", *([f"--target={settings.target}"] if settings.target else []))
    stages = _stages(call("targets")["targets"], text)
    return Dockerfile(
        target=outline.get("name") or settings.target or stages[-1].name,
        arguments=tuple(Argument(a["name"], a.get("value"), _line(a)) for a in outline.get("args") or ()),
        secret_mounts=tuple(
            SecretMount(s["name"], bool(s.get("required")), _line(s)) for s in outline.get("secrets") or ()
        ),
        stages=stages,
        text=text,
    )


def _stages(targets: Sequence[Mapping[str, Any]], text: str) -> tuple[Stage, ...]:
    starts = [_line(target) for target in targets]
    lines = text.splitlines()
    return tuple(
        Stage(
            target.get("name") or str(number),
            target["base"],
            start,
            "\n".join(lines[start - 1 : min((line - 1 for line in starts if line > start), default=None)]),
        )
        for number, (target, start) in enumerate(zip(targets, starts, strict=True))
    )


def _line(element: Mapping[str, Any]) -> int:
    return int(element["location"]["ranges"][0]["start"]["line"])


def _expanded(text: str, values: Mapping[str, str]) -> str | None:
    """Text with `$X`, `${X}`, `${X:-word}`, `${X:+word}` replaced as FROM does it; None if other `$` are left."""

    def value_of(match: re.Match[str]) -> str:
        operator, word = match[3] or "", match[4] or ""
        value = values.get(match[1] or match[2])
        is_set = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return word if is_set else ""
        return value or "" if is_set or not operator else word

    expanded = _REFERENCE.sub(value_of, text)
    return None if "$" in expanded else expanded


def _declares(text: str, name: str) -> bool:
    """Whether text has an `ARG` with this name, on its first line or on one that it is continued on."""
    continued = r"(?:[^\n]*[\\`][ \t]*\n(?:[ \t]*(?:\#[^\n]*)?\n)*)*"
    argument = rf"^[ \t]*ARG\b{continued}[^\n]*(?<!\w){re.escape(name)}(?!\w)"
    return bool(re.search(argument, text, re.IGNORECASE | re.MULTILINE))
