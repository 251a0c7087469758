"""What make itself says of a Makefile: its database, the values of its variables, its dry run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from .model import Makefile, Rule, Variable, is_continued

UNKNOWN: Final = "\ufffd"  # stands for the output of a command, which is not known before
PREFIX: Final = re.compile(r"[@+\-\s]*")  # of a recipe line, that is not part of its command
_SECONDS: Final = 60
_NO_GOAL: Final = ":"  # a target that no Makefile has, so that make looks at none of its own
# what programs need to run at all: no value of the caller's environment may end up in a tasks.py
_KEPT: Final = (
    *("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "COMSPEC", "PATHEXT"),
    *("USERPROFILE", "MSYSTEM", "VIRTUAL_ENV"),
)
_ORIGIN: Final = re.compile(r"# (makefile|environment|command line|'override' directive|default|automatic)\b")
_PLACE: Final = re.compile(r"\(from '(.*)', line (\d+)\)")
_VARIABLE: Final = re.compile(r"([^\s:#=]+) (:?:?=|\+=) ?(.*)")
_TARGET: Final = re.compile(r"(?P<name>[^#\t=]+?)(?P<colon>::?)(?: (?P<rest>.*))?")
_SPECIFIC: Final = re.compile(r"[^:]+: (\S+) (:?=) ?(.*)")
# functions and assignments that run a command, write a file or load code
_AT_ONCE: Final = re.compile(r"\$[({](?:shell|file|guile)\b|^[^\t#=]*[^\s#=]\s*!=|^\s*-?load\s")
# make takes several short flags in one word, and the beginning of a long one
_OTHER_MAKEFILE: Final = re.compile(r"\s(?:-\w*[Cf]|--(?:di|fi|ma))")
_SUFFIX_RULE: Final = re.compile(r"\.[^./%\s]+(\.[^./%\s]+)")
_OWN: Final = ("MAKEFILE_LIST", "MAKEFLAGS", "CURDIR", "SHELL", ".DEFAULT_GOAL", ".SHELLFLAGS")


@dataclass(frozen=True, slots=True)
class Make:
    """Runs make on one Makefile, with none of the caller's variables, and no value of an env file."""

    program: str
    folder: Path
    file: str  # as -f has it
    env: Mapping[str, str]
    variables: Sequence[str] = ()  # NAME=value, which win over the Makefile's own

    def lines(self, target: str, *, assumed: Sequence[str] = (), quiet: bool = False) -> list[str] | None:
        """The lines that a dry run of a target prints, continued ones joined; None where make fails.

        `assumed` are targets that are taken as made; `quiet` keeps `$(MAKE)` from being started.
        """
        words = [word for name in assumed for word in ("-o", name)]
        output = self._run(
            "-n", "--no-print-directory", *words, *(["MAKE=true make"] if quiet else []), target
        )
        return None if output is None else joined_lines(output)

    def database(self) -> str:
        """What `make -p` prints; empty where make fails."""
        return self._run("-pqRr", _NO_GOAL, codes=(0, 1, 2)) or ""

    def complaint(self) -> str:
        """What make has against the Makefile, with its file and line; empty where it can read it."""
        done = self._start("-n", _NO_GOAL)
        found = re.search(
            r"^(.+:\d+: )\*\*\* (.+?)\.?  Stop\.$",
            done.stderr.decode("utf-8", "replace") if done else "",
            re.MULTILINE,
        )
        return found[1] + found[2] if found else ""

    def values(self, names: Sequence[str]) -> dict[str, str]:
        """What variables expand to, as far as they do so to text of one line."""
        asked = "".join(f"$(info \x01{name}\x02$({name}))\n" for name in names)
        with tempfile.TemporaryDirectory() as folder:
            questions = Path(folder) / "questions.mk"
            text = f"{asked}_envtasks_questions:;@:\n"
            questions.write_text(text, encoding="utf-8", errors="surrogateescape")
            output = self._run("-f", str(questions), "_envtasks_questions") or ""
        found = re.findall(r"^\x01(.*?)\x02(.*)$", output, re.MULTILINE)
        return {name: value for name, value in found if name in names}

    def _run(self, *words: str, codes: Sequence[int] = (0,)) -> str | None:
        done = self._start(*words)
        if done is None or done.returncode not in codes:
            return None
        return done.stdout.decode("utf-8", "surrogateescape").replace("\r\n", "\n")

    def _start(self, *words: str) -> subprocess.CompletedProcess[bytes] | None:
        try:
            return subprocess.run(
                [Path(self.program).stem, "-f", self.file, *words, *self.variables],
                executable=self.program,
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None


@contextmanager
def find_make(makefile: Makefile, process_env: Mapping[str, str]) -> Iterator[Make | None]:
    """make for this Makefile; None where it is not installed, or where an included file includes an env file.

    Lines that include env files are left out of what make reads: their values would show in its output, and it fails
    where the file is not there. A variable from one expands to its name in braces.
    """
    program = _program(process_env)
    if program is None:
        yield None
        return
    env = {name: value for name, value in process_env.items() if name.upper() in _KEPT}
    path = makefile.path
    env |= {"LC_ALL": "C", "PWD": str(path.parent)}
    if not makefile.env_files:
        yield Make(program, path.parent, path.name, env)
        return
    if any(include.makefile != path.name for include in makefile.env_files):
        yield None
        return
    variables = [f"{name}={{{name}}}" for name in sorted(makefile.env_file_names)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(_without_env_files(makefile), encoding="utf-8", errors="surrogateescape")
        yield Make(program, path.parent, str(copy), env, [*variables, f"MAKEFILE_LIST={path.name}"])


def has_make(process_env: Mapping[str, str]) -> bool:
    """Whether make is installed."""
    return _program(process_env) is not None


def _program(process_env: Mapping[str, str]) -> str | None:
    # an empty PATH is none: shutil.which would take this process's own
    found = (shutil.which(name, path=process_env.get("PATH") or "\0") for name in ("make", "gmake"))
    return next(filter(None, found), None)


def _without_env_files(makefile: Makefile) -> str:
    """The text of the Makefile without the names of env files in its includes."""
    text = makefile.path.read_text(encoding="utf-8", errors="surrogateescape")
    lines = text.splitlines(keepends=True)
    for include in makefile.env_files:
        before, _, after = lines[include.line - 1].partition("include")
        lines[include.line - 1] = f"{before}include{after.replace(include.word, '', 1)}"
    return "".join(lines)


def joined_lines(output: str) -> list[str]:
    """The lines of a dry run, each with those that a backslash continues it with."""
    lines: list[str] = []
    continued = False
    for line in output.splitlines():
        if continued:
            lines[-1] += "\n" + line
        elif not re.match(r"make(\[\d+\])?: |make: ", line):
            lines.append(line)
        else:
            continue
        continued = is_continued(line)
    return lines


def with_database(makefile: Makefile, make: Make) -> Makefile:
    """The Makefile with the targets and variables that make finds in it, and what the variables expand to."""
    text = make.database()
    variables, _, files = text.partition("\n# Files\n")
    rules = _rules(files)
    if not rules:
        return makefile
    found = _variables(variables, makefile)
    values = make.values(
        [name for name, each in found.items() if each.operator != "define"] + ["SHELL", ".SHELLFLAGS"]
    )
    default = make.values([".DEFAULT_GOAL"]).get(".DEFAULT_GOAL", "")
    phony = set(rules[".PHONY"].prerequisites) if ".PHONY" in rules else set()
    kept = {
        name: replace(rule, phony=rule.phony or name in phony, variables=_specific(rule, makefile))
        for name, rule in sorted(rules.items(), key=lambda item: _place(item[0], item[1], makefile))
        if not re.fullmatch(rf"\.[A-Z_]+|{_NO_GOAL}|.*%.*", name) and (rule.recipe or rule.needs)
    }
    return replace(
        makefile,
        variables=found,
        rules=kept,
        values=values,
        default=default if default in kept else makefile.default,
        empty=frozenset({*rules, *phony}.difference(kept)),
        # what else was not read make has evaluated
        not_translated=[each for each in makefile.not_translated if "%" in each[1]],
        one_shell=".ONESHELL" in rules or makefile.one_shell,
    )


def _specific(rule: Rule, makefile: Makefile) -> tuple[Variable, ...]:
    """The variables of a target; the database does not say which of them are exported."""
    read = makefile.rules.get(rule.target)
    return read.variables if read and len(read.variables) == len(rule.variables) else rule.variables


def _place(name: str, rule: Rule, makefile: Makefile) -> tuple[int, str]:
    read = makefile.rules.get(name)
    return (read.line if read else rule.line or 10**6, name)


def _variables(text: str, makefile: Makefile) -> dict[str, Variable]:
    """The variables that the Makefile defines; those it does not show the definition of are as make expanded them."""
    found: dict[str, Variable] = {}
    origin, line = "", 0
    for each in text.splitlines():
        if any(each.startswith((f"{own} ", f"define {own}")) for own in _OWN):
            origin = ""
        elif start := _ORIGIN.match(each):
            place = _PLACE.search(each)
            origin, line = start[1], int(place[2]) if place else 0
        elif origin == "makefile" and line and (variable := _VARIABLE.fullmatch(each)):
            name = variable[1]
            read = makefile.variables.get(name)
            found[name] = read or Variable(name, "=", variable[3], line, name in makefile.exports)
            origin = ""
        elif origin == "makefile" and (name := each.removeprefix("define ")) != each:
            found[name] = makefile.variables.get(name) or Variable(name, "define", "", line)
            origin = ""
    return found


def _rules(text: str) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for block in re.split(r"\n\n+", text):
        rule = _rule(block.strip("\n").splitlines())
        if rule is not None:
            rules[rule.target] = rule
    return rules


def _rule(lines: list[str]) -> Rule | None:
    """The rule that a block of the database describes; None for a file that no rule makes."""
    if not lines or lines[0].startswith("# Not a target"):
        return None
    variables: list[Variable] = []
    recipe: list[str] = []
    rule: Rule | None = None
    for each in lines:
        if place := re.match(r"#\s+recipe to execute \(from '.*', line (\d+)\)", each):
            rule = replace(rule, line=int(place[1])) if rule else None
        elif rule and recipe and is_continued(recipe[-1]):
            recipe[-1] += "\n" + each.removeprefix("\t")
        elif each.startswith("\t"):
            recipe.append(each.removeprefix("\t"))
        elif each.startswith("#"):
            if "Phony target" in each and rule:
                rule = replace(rule, phony=True)
        elif specific := _SPECIFIC.fullmatch(each):
            variables.append(Variable(specific[1], specific[2], specific[3]))
        elif found := _TARGET.fullmatch(each):
            normal, _, order = (found["rest"] or "").partition("|")
            rule = Rule(
                found["name"],
                tuple(dict.fromkeys(normal.split())),
                tuple(order.split()),
                double_colon=found["colon"] == "::",
            )
    return replace(rule, recipe=tuple(recipe), variables=tuple(variables)) if rule else None


def is_dry(makefile: Makefile, target: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a dry run of a target runs nothing: make does run lines with `+`, or with `$(MAKE)` and more."""
    rule = makefile.rules.get(target)
    if rule is None or target in seen:
        return True
    for line in rule.recipe:
        prefix = PREFIX.match(line)
        if prefix and "+" in prefix[0]:
            return False
        if re.search(r"\$[({]MAKE[)}]", line) and not _only_make(line):
            return False
    called = [name for line in rule.recipe for name in line.split() if name in makefile.rules]
    return all(is_dry(makefile, name, seen | {target}) for name in (*rule.needs, *called))


def runs_at_once(makefile: Makefile) -> tuple[str, ...]:
    """The lines for which make runs commands or writes files in a dry run too, each with its file and line.

    Commands are run for a variable or an expanded line that asks for their output, and to make a file that is included.
    Nobody knows what a file has that was not read, or the Makefile of another folder.
    """
    found = []
    for path in makefile.files:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for number, line in enumerate(text.splitlines(), 1):
            at_once = _AT_ONCE.search(line) or (_only_make(line) and _OTHER_MAKEFILE.search(line))
            if at_once and (line.startswith("\t") or not line.lstrip().startswith("#")):
                found.append(f"{path.name}:{number}: {line.strip()}")
    found += [f"{place}: include {name}" for place, name in makefile.not_read]
    folder = makefile.path.parent
    # a target that is phony, or has a rule without a recipe, is not made by a pattern
    files = {os.path.normpath(folder / path) for path in makefile.files}
    files -= {os.path.normpath(folder / name) for name in makefile.empty}
    for target, rule in makefile.rules.items():
        suffix = _SUFFIX_RULE.fullmatch(target)
        makes = os.path.normpath(folder / target) in files or (
            suffix and any(file.endswith(suffix[1]) for file in files)
        )
        if rule.recipe and makes:
            found.append(f"{makefile.path.name}:{rule.line}: {target}: a rule that makes an included file")
    names = {Path(each).as_posix() for file in files for each in (file, os.path.relpath(file, folder))}
    for place, text in makefile.not_translated:
        patterns = [
            re.escape(each).replace("%", ".+") for each in text.partition(":")[0].split() if "%" in each
        ]
        if any(re.fullmatch(pattern, name) for pattern in patterns for name in names):
            found.append(f"{place}: {text}")
    return tuple(found)


def _only_make(line: str) -> bool:
    return not re.search(r"[;&|`<>]|\$\(shell", line) and PREFIX.sub("", line, count=1).startswith(
        ("$(MAKE)", "${MAKE}")
    )


def align(expected: Sequence[str | None], own: Sequence[str]) -> list[list[str] | None] | None:
    """The lines that make prints for each recipe line: any number where that is None. None: they differ.

    Where several in a row are None and do not share the lines one by one, the first of them gets all, the others None.
    """
    found: list[list[str] | None] = []
    rest = [line for line in own if line.strip()]
    at = 0
    while at < len(expected):
        line = expected[at]
        if line is not None:
            if line.strip() and not (rest and _same(line, rest[0])):
                return None
            found.append([rest.pop(0)] if line.strip() else [])
            at += 1
            continue
        end = next(
            (after for after in range(at, len(expected)) if expected[after] is not None), len(expected)
        )
        following = next((each for each in expected[end:] if each and each.strip()), None)
        taken: list[str] = []
        while rest and not (following and _same(following, rest[0])):
            taken.append(rest.pop(0))
        shared = len(taken) == end - at
        found += [[each] for each in taken] if shared else [taken, *[None] * (end - at - 1)]
        at = end
    return None if rest else found


def _same(expanded: str, oracle: str) -> bool:
    """Whether two lines are one but for blanks; what a command prints is not known before."""
    left, right = (" ".join(re.sub(r"\\\n", " ", text).split()) for text in (expanded, oracle))
    right = re.sub(r"\btrue make\b", "make", right)
    if UNKNOWN in left:
        pieces = [re.escape(piece.strip()) for piece in left.split(UNKNOWN)]
        return re.fullmatch(r".*".join(pieces), right) is not None
    return left == right
