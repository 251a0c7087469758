"""The instructions of a Dockerfile, read without BuildKit: enough to say what stays in the image, and where.

https://docs.docker.com/reference/dockerfile/ and, for .dockerignore, https://docs.docker.com/build/concepts/context/
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .settings import ImageSettings

_DIRECTIVE: Final = re.compile(r"#\s*escape\s*=\s*([\\`])\s*", re.IGNORECASE)
# a word of its own, as BuildKit has it (parser.ParseHeredoc): neither `$((1<<4))` nor the here-string `<<<text`
_HEREDOC: Final = re.compile(r"\d*<<(-?)([\"']?)([^<\"']+)\2")
_PAIR: Final = re.compile(
    r"""([A-Za-z_]\w*)(?:=((?:"(?:\\.|[^"])*"|'[^']*'|\\.|[^\s"'])*))?(?=\s|\Z)""", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its keyword, what follows it with continued lines joined, and its first line."""

    keyword: str
    text: str = field(repr=False)
    line: int

    def pairs(self) -> Iterator[tuple[str, str | None]]:
        """The names of ARG or ENV, each with its value as written, None where an ARG has no default."""
        single = re.fullmatch(r"([A-Za-z_]\w*)\s+(.*)", self.text, re.DOTALL)
        if self.keyword == "ENV" and single and "=" not in single[1]:
            yield single[1], single[2]
            return
        for name, value in _PAIR.findall(self.text):
            yield name, value.strip("\"'") if f"{name}=" in self.text else None

    def sources(self) -> tuple[str, ...]:
        """The paths of the build context that COPY or ADD takes; none of another stage or of an address."""
        *paths, _ = self.paths() or ("",)
        if self.from_stage() is not None:
            return ()
        return tuple(path for path in paths if "://" not in path and not path.startswith("<<"))

    def paths(self) -> tuple[str, ...]:
        """What COPY or ADD names: its sources, and last its destination; empty for other instructions."""
        if self.keyword not in ("COPY", "ADD"):
            return ()
        return tuple(word for word in _words(self.text) if not word.startswith("--"))

    def from_stage(self) -> str | None:
        """The stage or image that COPY takes its files from, in lower case; None where that is the build context."""
        flags = (word for word in _words(self.text) if word.startswith("--from="))
        found = next(flags, None) if self.keyword == "COPY" else None
        return None if found is None else found.partition("=")[2].lower()


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, in order."""
    lines = text.splitlines()
    directive = next((_DIRECTIVE.fullmatch(line) for line in lines[:3] if _DIRECTIVE.fullmatch(line)), None)
    escape = directive[1] if directive else "\\"
    number = 0
    while number < len(lines):
        start, joined = number, ""
        while number < len(lines):
            line = lines[number].strip()
            number += 1
            if line.startswith("#") or not line:
                if not joined:
                    break
                continue
            joined += line.removesuffix(escape) + " "
            if not line.endswith(escape):
                break
        keyword, _, rest = joined.strip().partition(" ")
        if keyword.upper() in ("RUN", "COPY", "ADD"):
            for heredoc in filter(None, map(_HEREDOC.fullmatch, _split(rest, posix=False))):
                number = _after(heredoc, lines, number)
        if keyword:
            yield Instruction(keyword.upper(), rest.strip(), start + 1)


def ignore_file(settings: ImageSettings) -> Path:
    """The file whose rules keep others out of the build context: the Dockerfile's own, else the .dockerignore there."""
    own = settings.file.with_name(f"{settings.file.name}.dockerignore")
    return own if own.is_file() else settings.context / ".dockerignore"


def files_in_context(settings: ImageSettings, paths: Iterable[Path]) -> Mapping[Path, str]:
    """Those of the paths that the build context has, by the rules of its .dockerignore, as COPY names them."""
    file = ignore_file(settings)
    rules = list(_rules(file.read_text(encoding="utf-8-sig", errors="replace"))) if file.is_file() else []
    context = settings.context.resolve()
    names = {
        path: path.resolve().relative_to(context).as_posix()
        for path in paths
        if path.resolve().is_relative_to(context)
    }
    return {path: name for path, name in names.items() if not _excluded(name, rules)}


def copies_file(source: str, name: str) -> bool:
    """Whether COPY of a source takes the file of this name: it is the file, a folder above it, or a pattern for it."""
    path = posixpath.normpath(source.lstrip("/") or ".")
    above = [".", *_parents(name), name]
    return path in above or any(re.fullmatch(_regex(path), each) for each in above[1:])


def _after(heredoc: re.Match[str], lines: Sequence[str], number: int) -> int:
    """The number of lines up to the end of a heredoc whose text begins with line `number`; `<<-` allows tabs there."""
    ends = (line.lstrip("\t") if heredoc[1] else line for line in lines[number:])
    return next((n for n, line in enumerate(ends, number + 1) if line == heredoc[3]), len(lines))


def _words(text: str) -> Sequence[str]:
    """The words of COPY or ADD: its flags, then its paths, which may be a JSON list."""
    paths = re.sub(r"^(?:--\S+\s+)*", "", text.lstrip())
    if paths.startswith("["):
        flags = text.lstrip().removesuffix(paths).split()
        return [*flags, *re.findall(r'"((?:\\.|[^"])*)"', paths)]
    return _split(text)


def _split(text: str, *, posix: bool = True) -> Sequence[str]:
    """The words of a text; with `posix` their quotes are removed."""
    try:
        return shlex.split(text, comments=False, posix=posix)
    except ValueError:
        return text.split()


def _rules(text: str) -> Iterator[tuple[re.Pattern[str], bool]]:
    """The patterns of a .dockerignore, each with whether it excludes."""
    for line in text.splitlines():
        pattern = line.strip()
        if pattern and not line.startswith("#"):
            keeps = pattern.startswith("!")
            path = posixpath.normpath(pattern.removeprefix("!").strip().lstrip("/") or ".")
            yield re.compile(_regex(path)), not keeps


def _excluded(name: str, rules: Iterable[tuple[re.Pattern[str], bool]]) -> bool:
    """Whether the last rule that matches the path, or a folder above it, excludes it."""
    above = [*_parents(name), name]
    matching = [excludes for pattern, excludes in rules if any(pattern.fullmatch(each) for each in above)]
    return bool(matching) and matching[-1]


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts) - 1)]


def _regex(pattern: str) -> str:
    """The regular expression of a pattern: `*` and `?` within one folder, `**` any number of folders."""
    found = ""
    for piece in re.findall(r"\*\*/?|\*|\?|\[[^\]]*\]|\\?.", pattern, re.DOTALL):
        if piece.startswith("**"):
            found += "(?:.*/)?" if piece.endswith("/") else ".*"
        elif piece in ("*", "?"):
            found += "[^/]*" if piece == "*" else "[^/]"
        elif piece.startswith("["):
            found += piece.replace("[!", "[^")
        else:
            found += re.escape(piece.removeprefix("\\") or piece)
    return found
