"""Env files as docker compose reads them, those of a service's or an include's `env_file`.

The rules are compose-go's (its package dotenv) and differ from dotenvx's: a comment starts after a blank, `:` separates
name and value too, and quotes may be escaped within quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..errors import EnvFileInvalid
from . import interpolation

_BETWEEN: Final = re.compile(r"(?:\s|#[^\n]*)*")
_NAME: Final = re.compile(r"(?:export\s+)?(?P<name>[\w.\-\[\]]*)[^\S\n]*(?P<end>[=:]|\n|\Z)[^\S\n]*")
_QUOTED: Final = re.compile(r"""(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"$": "$$", '"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Assignment:
    """One line `NAME=text`, or several where the text is quoted; `text` is None for a `NAME` alone, which is inherited.

    `template` is the text that compose interpolates, empty where it takes it as it is.
    """

    name: str
    text: str | None = field(repr=False)
    template: str = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True)
class ServiceEnvFile:
    """One entry of a service's `env_file`: its path, whether it must exist, whether compose takes it literally."""

    path: Path
    required: bool = True
    literal: bool = False

    @property
    def entry(self) -> dict[str, Any]:
        """It as compose's long form."""
        return {
            "path": str(self.path),
            "required": self.required,
            **({"format": "raw"} if self.literal else {}),
        }


def service_env_files(
    service: Mapping[str, Any], values: Mapping[str, str], directory: Path
) -> Iterator[ServiceEnvFile]:
    """The env files of a service; their paths are taken from `directory` and may refer to `values`."""
    entries = service.get("env_file") or []
    for entry in [entries] if isinstance(entries, (str, Mapping)) else entries:
        long: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {"path": entry}
        path = interpolation.expand_or_keep(str(long.get("path", "")), values)
        required, literal = str(long.get("required", True)).lower() != "false", long.get("format") == "raw"
        yield ServiceEnvFile(directory / path, required, literal)


def read_text(path: Path) -> str:
    """The text of an env file, line ends as `\n`. Raises EnvFileInvalid."""
    try:
        return path.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n")
    except OSError as error:
        raise EnvFileInvalid(f"{path} cannot be read: {error.strerror}.") from None


def read_assignments(path: Path, *, literal: bool = False) -> tuple[Assignment, ...]:
    """What an env file defines, up to a line that compose refuses; `literal` for an env file of `format: raw`.

    Raises EnvFileInvalid.
    """
    text = read_text(path)
    return tuple(_literal_lines(text) if literal else _assignments(text))


def values_of(paths: Sequence[Path], values: Mapping[str, str]) -> dict[str, str]:
    """What these env files define, a later one winning, with `values` to refer to. Raises EnvFileInvalid."""
    found: dict[str, str] = {}
    for path in filter(Path.is_file, paths):
        for assignment in read_assignments(path):
            if assignment.text is not None:
                known = {**found, **values}
                found[assignment.name] = (
                    interpolation.expand_or_keep(assignment.template, known)
                    if assignment.template
                    else assignment.text
                )
    return found


def _literal_lines(text: str) -> Iterator[Assignment]:
    for number, line in enumerate(text.split("\n"), 1):
        name, equals, value = line.lstrip().partition("=")
        if name and not name.startswith("#"):
            yield Assignment(name, value if equals else None, "", number)


def _assignments(text: str) -> Iterator[Assignment]:
    position = 0
    while True:
        between = _BETWEEN.match(text, position)
        assert between is not None
        start = _NAME.match(text, between.end())
        if start is None or not start[0].strip():
            return
        line = text.count("\n", 0, start.start()) + 1
        position = start.end()
        if start["end"] not in ("=", ":"):
            yield Assignment(start["name"], None, "", line)
        elif quoted := _QUOTED.match(text, position):
            position = quoted.end()
            yield Assignment(start["name"], quoted["text"], _template(quoted), line)
        else:
            position = (text + "\n").index("\n", position)
            value = text[start.end() : position].partition(" #")[0].rstrip()
            yield Assignment(start["name"], value, value, line)


def _template(quoted: re.Match[str]) -> str:
    if quoted["quote"] == "'":
        return ""
    return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[0]), quoted["text"])
