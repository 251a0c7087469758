"""A Makefile as data: its variables and rules, each with the line it stands in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


def is_continued(line: str) -> bool:
    """Whether a line goes on in the next one: it ends with a backslash that no other one escapes."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that the Makefile defines. `raw` is its definition, nothing in it expanded."""

    name: str
    operator: str  # "=", ":=", "?=", "+=", "define"
    raw: str
    line: int = 0
    exported: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One target with what it needs and its recipe, one string for each logical line, nothing in it expanded."""

    target: str
    prerequisites: tuple[str, ...] = ()
    order_only: tuple[str, ...] = ()
    recipe: tuple[str, ...] = ()
    line: int = 0
    phony: bool = False
    variables: tuple[Variable, ...] = ()  # that hold for this target alone
    double_colon: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """All prerequisites, those that only have to exist last."""
        return tuple(dict.fromkeys((*self.prerequisites, *self.order_only)))


@dataclass(frozen=True, slots=True)
class Include:
    """An include of an env file: its name, and the names it sets."""

    file: str
    line: int
    names: tuple[str, ...] = ()
    word: str = ""  # what the Makefile has in its place
    makefile: str = ""  # the file it stands in
    holds: bool = True  # False: in a conditional that does not


@dataclass(frozen=True, slots=True)
class Makefile:
    """What a Makefile says, and what each of its variables expands to."""

    path: Path
    variables: Mapping[str, Variable] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)  # expanded; only where that is known
    docs: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(
        default_factory=dict
    )  # of targets and variables within a conditional
    default: str = ""
    exports: frozenset[str] = frozenset()
    exports_all: bool = False
    env_files: Sequence[Include] = ()
    not_translated: Sequence[
        tuple[str, str]
    ] = ()  # pattern rules and the like: file and line, and what it is
    files: Sequence[Path] = ()  # itself and what it includes, which may be missing
    not_read: Sequence[tuple[str, str]] = ()  # includes that make may read: file and line, and the name
    one_shell: bool = False
    empty: frozenset[str] = frozenset()  # targets with neither recipe nor prerequisites, such as FORCE

    @property
    def included(self) -> tuple[str, ...]:
        """The env files that are included today."""
        return tuple(each.file for each in self.env_files if each.holds)

    @property
    def env_file_names(self) -> frozenset[str]:
        """The variables that come from env files."""
        return frozenset(name for include in self.env_files for name in include.names)

    @property
    def shell_options(self) -> str:
        """The options of the shell besides -c, as `set` takes them."""
        given = self.variables.get(".SHELLFLAGS")
        raw = self.values.get(".SHELLFLAGS") or (given.raw if given else "")
        return " ".join(word for word in raw.replace("-ec", "-e -c").split() if word != "-c")

    @property
    def shell(self) -> str:
        """The shell of the recipes."""
        return self.values.get("SHELL", "/bin/sh")
