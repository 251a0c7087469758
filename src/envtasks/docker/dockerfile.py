"""What a Dockerfile declares: the names it takes, by which way, in which stage.

Two readers give it: `docker.outline` asks BuildKit and is the truth at build time; `docker.dockerfile` needs no
engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

REFERENCE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^{}]*))?\})")


@dataclass(frozen=True, slots=True)
class Argument:
    """One `ARG`: its name, its default (None: it has none) and its line."""

    name: str
    default: str | None = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True)
class SecretMount:
    """One `--mount=type=secret`: its id, whether its step refuses to run without it, and its RUN's line."""

    id: str
    required: bool
    line: int


@dataclass(frozen=True, slots=True)
class Stage:
    """One `FROM`: its name (its number where it has none), what it starts from as written, and its line."""

    name: str
    base: str
    line: int


@dataclass(frozen=True, slots=True)
class Declared:
    """What the stages that a target needs declare, and all stages of the file in order."""

    target: str
    arguments: tuple[Argument, ...]
    mounts: tuple[SecretMount, ...]
    stages: tuple[Stage, ...]
    text: str = field(repr=False)

    def chain(self) -> tuple[Stage, ...]:
        """The stages whose history the target's image carries: the target, its FROM, that one's FROM, …

        After a FROM that cannot be told without more values, every stage before it counts: none is missed.
        """
        values = {argument.name: argument.default or "" for argument in self.arguments}
        found: list[Stage] = []
        rest, wanted = list(self.stages), self.target
        while stage := next(
            (stage for stage in reversed(rest) if stage.name.lower() == wanted.lower()), None
        ):
            found.append(stage)
            rest = rest[: rest.index(stage)]
            base = expand(stage.base, values)
            if base is None:
                return (*found, *reversed(rest))
            wanted = base
        return tuple(found)

    def declares(self, stage: Stage, name: str) -> bool:
        """Whether this very stage has an `ARG` of this name; a heredoc that looks like one counts too."""
        return _declares(self._text_of(stage), name)

    def lines(self, name: str) -> list[int]:
        """The lines with an `ARG` of this name."""
        return [n for n, line in enumerate(self.text.splitlines(), start=1) if _declares(line, name)]

    def runs(self, name: str) -> Iterator[int]:
        """The lines of the RUN instructions that an `ARG` of this name reaches."""
        for stage in self.stages:
            reached = False
            for number, line in enumerate(self._text_of(stage).splitlines(), start=stage.line):
                reached = reached or _declares(line, name)
                if reached and re.match(r"\s*RUN\b", line, re.IGNORECASE):
                    yield number

    def _text_of(self, stage: Stage) -> str:
        later = [other.line - 1 for other in self.stages if other.line > stage.line]
        return "\n".join(self.text.splitlines()[stage.line - 1 : min(later, default=None)])


def expand(text: str, values: Mapping[str, str]) -> str | None:
    """Text with `$X`, `${X}`, `${X:-word}`, `${X:+word}` replaced as FROM does it; None if more is in it."""

    def value_of(match: re.Match[str]) -> str:
        operator, word = match[3] or "", match[4] or ""
        value = values.get(match[1] or match[2])
        present = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return word if present else ""
        return value or "" if present or not operator else word

    expanded = REFERENCE.sub(value_of, text)
    return None if "$" in expanded else expanded


def _declares(text: str, name: str) -> bool:
    """Whether text has an `ARG` with this name, on its first line or on one that it is continued on."""
    continued = r"(?:[^\n]*[\\`][ \t]*\n(?:[ \t]*(?:\#[^\n]*)?\n)*)*"
    argument = rf"^[ \t]*ARG\b{continued}[^\n]*(?<!\w){re.escape(name)}(?!\w)"
    return bool(re.search(argument, text, re.IGNORECASE | re.MULTILINE))
