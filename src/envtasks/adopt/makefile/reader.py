"""Reads a Makefile without make: variables, rules, documentation, conditionals, includes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ...envfiles import read_env_file
from ...errors import ConfigInvalid, EnvtasksError
from ..file_names import ENV_FILE_OF_MAKE
from .expansion import evaluate
from .model import Include, Makefile, Rule, Variable, is_continued

NAMES: Final = ("GNUmakefile", "makefile", "Makefile")
_ASSIGNMENT: Final = re.compile(
    r"(?P<modifiers>(?:(?:override|export|private)\s+)*)(?P<name>[^\s:#=+?!]+)\s*(?P<operator>:::?=|::=|:=|\?=|\+=|!=|=)"
    r"\s*(?P<raw>.*)",
    re.DOTALL,
)
_RULE: Final = re.compile(r"(?P<targets>[^:=#]+?)\s*(?P<colon>&?::?)(?!=)\s*(?P<rest>.*)", re.DOTALL)
_DEFINE: Final = re.compile(r"(?:override\s+|export\s+)*define\s+(\S+)\s*(:?=|\+=)?\s*$")
_CONDITIONAL: Final = re.compile(r"(ifeq|ifneq|ifdef|ifndef|else|endif)\b\s*(.*)")
_INCLUDE: Final = re.compile(r"(?:-|s)?include\s+(.+)")
_EVAL_INCLUDE: Final = re.compile(r"\$\(eval\s+(?:-|s)?include\s+([^)]+)\)")
_HELP: Final = re.compile(r"\s#+\s*(.+)$")
_SPECIAL: Final = re.compile(r"\.[A-Z_]+")


@dataclass(frozen=True, slots=True)
class _Conditional:
    """One that is open: its condition, and whether this branch and an earlier one hold."""

    text: str
    holds: bool
    held: bool = False


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    path: Path
    variables: dict[str, Variable] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    phony: set[str] = field(default_factory=set)
    docs: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, str] = field(default_factory=dict)
    stack: list[_Conditional] = field(default_factory=list)
    exports: set[str] = field(default_factory=set)
    exports_all: bool = False
    env_files: list[Include] = field(default_factory=list)
    file: str = ""  # that is being read
    not_translated: list[tuple[str, str]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    not_read: list[tuple[str, str]] = field(default_factory=list)
    current: tuple[str, ...] = ()  # the targets that recipe lines belong to
    comments: list[str] = field(default_factory=list)
    default: str = ""
    one_shell: bool = False

    @property
    def holds(self) -> bool:
        return all(each.holds for each in self.stack)

    def value(self, name: str) -> str | None:
        if name in {include_name for include in self.env_files for include_name in include.names}:
            return None
        variable = self.variables.get(name)
        if variable is None:
            return "/bin/sh" if name == "SHELL" else "" if re.fullmatch(r"[\w-]+", name) else None
        if variable.operator in ("define", "!=") or f"$({name})" in variable.raw:
            return None
        return evaluate(variable.raw, self.value)


def find(folder: Path, name: str = "") -> Path:
    """The Makefile that was named, or the one make would find. Raises ConfigInvalid."""
    for each in [name] if name else NAMES:
        if (folder / each).is_file():
            return folder / each
    raise ConfigInvalid(
        f"There is no {name or 'Makefile'} in {folder.name}.",
        hint="give its path: envtasks migrate PATH",
    )


def read(path: Path) -> Makefile:
    """The Makefile as it is written; conditionals are decided where its own variables suffice. Raises ConfigInvalid."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ConfigInvalid(f"{path.name} cannot be read: {error.strerror}.") from None
    reading = _Reading(path, file=path.name)
    _read_lines(reading, text.splitlines())
    rules = {
        name: replace(rule, phony=name in reading.phony)
        for name, rule in reading.rules.items()
        if not _SPECIAL.fullmatch(name) and (rule.recipe or rule.needs)
    }
    values = {name: value for name in reading.variables if (value := reading.value(name)) is not None}
    return Makefile(
        path,
        reading.variables,
        rules,
        values,
        reading.docs,
        reading.conditions,
        values.get(".DEFAULT_GOAL") or reading.default,
        frozenset(reading.exports),
        reading.exports_all,
        tuple(reading.env_files),
        tuple(reading.not_translated),
        (path, *reading.files),
        tuple(reading.not_read),
        reading.one_shell,
        frozenset({*reading.rules, *reading.phony}.difference(rules)),
    )


def _read_lines(reading: _Reading, lines: list[str]) -> None:
    at = 0
    while at < len(lines):
        number, recipe = at + 1, lines[at].startswith("\t") and bool(reading.current)
        logical = lines[at]
        at += 1
        while is_continued(logical) and at < len(lines):
            logical += "\n" + lines[at]
            at += 1
        if recipe and not _CONDITIONAL.match(logical.strip()):
            _add_recipe(reading, logical)
            continue
        if found := _DEFINE.match(logical.strip()):
            body = []
            while at < len(lines) and lines[at].strip() != "endef":
                body.append(lines[at])
                at += 1
            at += 1
            if reading.holds:
                reading.variables[found[1]] = Variable(found[1], "define", "\n".join(body), number)
            continue
        line = re.sub(r"\s*\\\n\s*", " ", logical).strip()
        if not logical.startswith("\t") or _CONDITIONAL.match(line) or _ASSIGNMENT.fullmatch(line):
            _read_line(reading, line, number)


def _add_recipe(reading: _Reading, line: str) -> None:
    _note_condition(reading, reading.current)
    if not reading.holds:
        return
    for target in reading.current:
        rule = reading.rules[target]
        reading.rules[target] = replace(rule, recipe=(*rule.recipe, line.removeprefix("\t")))


def _read_line(reading: _Reading, line: str, number: int) -> None:
    if not line or line.startswith("#"):
        reading.comments = [*reading.comments, line] if line else []
        return
    comments, reading.comments = reading.comments, []
    if found := _CONDITIONAL.match(line):
        _read_conditional(reading, found[1], found[2])
    elif found := _EVAL_INCLUDE.search(line) or _INCLUDE.fullmatch(_without_comment(line)):
        _read_include(reading, found[1].split(), number, optional=line.startswith(("-", "s")))
    elif not reading.holds:
        _skip(reading, line, comments)
    elif line == "$(eval export)" or (line.startswith("export $(") and reading.env_files):
        reading.exports_all = True  # `export $(shell sed …)` takes the names out of the env file
    elif re.fullmatch(r"(un)?export(\s+[\w\s]+)?", _without_comment(line)):
        words = _without_comment(line).split()
        if words[0] == "export":
            reading.exports |= set(words[1:])
        else:
            reading.exports -= set(words[1:])
        reading.exports_all |= words == ["export"]
    elif (found := _ASSIGNMENT.fullmatch(line)) and not found["name"].startswith("$"):
        reading.current = ()
        _add_variable(reading, found, number)
    elif found := _RULE.fullmatch(line):
        _note_documentation(reading, line, comments)
        _read_rule(reading, found, number)
    else:
        reading.current = ()
        reading.not_translated.append((f"{reading.file}:{number}", line))


def _add_variable(reading: _Reading, found: re.Match[str], number: int) -> None:
    variable = _variable(found, number)
    before = reading.variables.get(variable.name)
    if variable.operator == "?=" and before is not None:
        return
    if variable.operator == "+=" and before is not None:
        variable = replace(variable, operator=before.operator, raw=f"{before.raw} {variable.raw}".strip())
    _note_condition(reading, [variable.name])
    if variable.exported:
        reading.exports.add(variable.name)
    reading.variables[variable.name] = variable


def _variable(found: re.Match[str], number: int) -> Variable:
    operator = ":=" if found["operator"] in ("::=", ":::=") else found["operator"]
    return Variable(
        found["name"], operator, _without_comment(found["raw"]), number, "export" in found["modifiers"]
    )


def _without_comment(text: str) -> str:
    return re.sub(r"(?<!\\)(?:^|(?<=\s))#.*$", "", text, flags=re.DOTALL).strip()


def _read_conditional(reading: _Reading, word: str, rest: str) -> None:
    if word == "endif":
        del reading.stack[-1:]
        return
    if word != "else":
        reading.stack.append(_Conditional(f"{word} {rest}", _decide(reading, word, rest)))
    elif reading.stack:
        before = reading.stack.pop()
        held = before.held or before.holds
        nested = _CONDITIONAL.match(rest)
        holds = not held and (nested is None or _decide(reading, nested[1], nested[2]))
        reading.stack.append(_Conditional(before.text, holds, held))


def _decide(reading: _Reading, word: str, rest: str) -> bool:
    """Whether a conditional holds, as far as the Makefile itself tells; one on what it does not define does not."""
    if word in ("ifdef", "ifndef"):
        return (rest.strip() in reading.variables) == (word == "ifdef")
    found = re.fullmatch(r"""\((.*?),\s*(.*)\)|["'](.*?)["']\s+["'](.*?)["']""", rest.strip())
    if not found:
        return False
    texts = [found[1] or found[3] or "", found[2] or found[4] or ""]
    sides = [evaluate(_with_files(side, reading.path.parent), reading.value) for side in texts]
    return None not in sides and (sides[0] == sides[1]) == (word == "ifeq")


def _with_files(text: str, folder: Path) -> str:
    """The text with the file in place of each `$(wildcard file)`; nothing where it is not there."""
    return re.sub(
        r"\$\(wildcard ([^$()*?]+)\)", lambda found: found[1] if (folder / found[1]).exists() else "", text
    )


def _read_include(reading: _Reading, names: list[str], number: int, *, optional: bool) -> None:
    for word in names:
        name = word if re.fullmatch(ENV_FILE_OF_MAKE, word) else evaluate(word, reading.value) or word
        path = reading.path.parent / name
        if re.fullmatch(ENV_FILE_OF_MAKE, name):
            include = Include(name, number, _names_of(path), word, reading.file, reading.holds)
            reading.env_files.append(include)
        elif not reading.holds:
            if path.is_file() or "$" in name:
                reading.not_read.append((f"{reading.file}:{number}", name))
        elif path.is_file() and "$" not in name:
            reading.files.append(path)
            current, reading.current, reading.file = reading.current, (), name
            _read_lines(reading, path.read_text(encoding="utf-8", errors="surrogateescape").splitlines())
            reading.current, reading.file = current, reading.path.name
        else:
            reading.files += [] if "$" in name else [path]  # which a rule may make
            reading.not_read += [(f"{reading.file}:{number}", name)] if "$" in name else []
            if not optional:
                reading.not_translated.append((f"{reading.file}:{number}", f"include {name}"))


def _names_of(path: Path) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(entry.name for entry in read_env_file(path).entries))
    except (EnvtasksError, OSError):
        return ()


def _note_condition(reading: _Reading, names: Iterable[str]) -> None:
    for name in names if reading.stack else ():
        reading.conditions[name] = reading.stack[-1].text


def _skip(reading: _Reading, line: str, comments: list[str]) -> None:
    """Note what a conditional that does not hold encloses."""
    if found := _ASSIGNMENT.fullmatch(line):
        _note_condition(reading, [found["name"]])
    elif found := _RULE.fullmatch(line):
        _note_documentation(reading, line, comments)
        reading.current = tuple(found["targets"].split())
        _note_condition(reading, reading.current)


def _note_documentation(reading: _Reading, line: str, comments: list[str]) -> None:
    found = _RULE.fullmatch(line)
    if not found:
        return
    text = help_text[1].strip() if (help_text := _HELP.search(line)) else _comment_text(comments)
    for target in found["targets"].split() if text else ():
        reading.docs.setdefault(target, text)


def _comment_text(comments: list[str]) -> str:
    """The text of the comment above a target; nothing where it is a separator, a heading or a line of code."""
    lines = [comment.lstrip("#").strip() for comment in comments]
    lines = [line for line in lines if line and not re.fullmatch(r"\W*|@.*", line)]
    if any(_ASSIGNMENT.fullmatch(line) for line in lines) or any(c.startswith("##@") for c in comments):
        return ""
    return " ".join(lines)


def _read_rule(reading: _Reading, found: re.Match[str], number: int) -> None:
    rest, _, inline = _without_comment(found["rest"]).partition(";")
    targets = tuple(_words(reading, found["targets"]))
    reading.current = ()
    if specific := _ASSIGNMENT.fullmatch(rest.strip()):
        for target in targets:
            rule = reading.rules.get(target, Rule(target))
            reading.rules[target] = replace(rule, variables=(*rule.variables, _variable(specific, number)))
        return
    normal, _, order_only = rest.partition("|")
    prerequisites, order = tuple(_words(reading, normal)), tuple(_words(reading, order_only))
    if targets == (".PHONY",):
        reading.phony |= set(prerequisites)
        return
    if any("%" in target for target in targets) or (":" in rest and "=" not in rest):
        reading.not_translated.append(
            (f"{reading.file}:{number}", f"{found[0].split('##')[0].strip()}: a pattern rule")
        )
        return
    reading.one_shell |= ".ONESHELL" in targets
    reading.exports_all |= ".EXPORT_ALL_VARIABLES" in targets
    _note_condition(reading, targets)
    for target in targets:
        if not reading.default and not target.startswith("."):
            reading.default = target
        before = reading.rules.get(target, Rule(target))
        reading.rules[target] = replace(
            before,
            prerequisites=tuple(dict.fromkeys((*before.prerequisites, *prerequisites))),
            order_only=(*before.order_only, *order),
            line=before.line if before.recipe else number,
            double_colon="::" in found["colon"],
        )
    reading.current = targets
    if inline.strip():
        _add_recipe(reading, inline.strip())


def _words(reading: _Reading, text: str) -> Iterator[str]:
    value = evaluate(text, reading.value)
    yield from (text if value is None else value).split()
