"""From the rules of a Makefile to tasks: each recipe line as the shortest Python that does the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from ...config import LAYERED, OVERRIDES, Project
from .code import function_name, sentence, task_name
from .make import PREFIX, Make, align, is_dry
from .model import Makefile, Rule, Variable
from .shell import Step, Word, printed, steps
from .values import Parameter, Untranslatable, Value, Values

_MAKE: Final = re.compile(
    r"\$[({]MAKE[)}]((?:\s+(?:-s|--silent|--no-print-directory))*)((?:\s+[\w./-]+)+)\s*$"
)
_STILL_MAKE: Final = re.compile(r"(?:^|[;&|(]\s*|\bdo |\bthen )make\b")
_HELP: Final = re.compile(r"MAKEFILE_LIST|(grep|sed|awk|cat)\b.*\bMakefile\b|(grep|awk|sed)\b.*##")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a task: a command, a text that is printed, a call of another task or a comment."""

    kind: str  # "step", "print", "call", "comment", "missing"
    step: Step = field(default_factory=Step)
    text: str = ""  # what is printed, the target that is called, or the comment
    check: str = ""  # why a person should look at it


@dataclass(slots=True)
class Task:
    """One task: what it is called, what runs before it, and what it does."""

    rule: Rule
    name: str
    function: str
    doc: str
    statements: list[Statement]
    parameters: list[Parameter] = field(default_factory=list)
    environment: str = ""
    environment_is_default: bool = False  # the env file's name came from a variable without a value
    pre: list[str] = field(default_factory=list)  # targets, before the body
    calls: list[str] = field(default_factory=list)  # targets, called in the body
    is_file: bool = False
    exists: bool = False  # tasks.py has it already
    checks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Translation:
    """All tasks of a Makefile by target, with the values that they use."""

    makefile: Makefile
    values: Values
    tasks: Mapping[str, Task]
    env_files: Mapping[str, tuple[str, ...]]  # of each environment
    dropped: Mapping[str, str]  # targets without a task, and why
    run_env: Mapping[str, str]  # what all commands get, as text with values
    not_exported: tuple[Variable, ...] = ()  # what they do not get, as it has no translation
    extends: bool = False  # a tasks.py that is there already


class Translator:
    """Translates one Makefile; with make each line is compared with what make would run."""

    def __init__(self, makefile: Makefile, make: Make | None, project: Project) -> None:
        self.makefile, self.make, self.project = makefile, make, project
        self.values = Values(makefile)
        self.env_files: dict[str, tuple[str, ...]] = {}
        self.not_exported: list[Variable] = []

    def translate(
        self,
        *,
        shared: frozenset[str] = frozenset(),
        taken: Collection[str] = (),
        existing: Mapping[str, str] = MappingProxyType({}),
    ) -> Translation:
        """The translation. `shared` variables become constants; tasks.py has the names `taken` and the tasks `existing`
        already: their names, and the functions behind them."""
        self.values.shared = shared
        tasks: dict[str, Task] = {}
        dropped: dict[str, str] = {}
        functions = list(taken)
        for target, rule in self.makefile.rules.items():
            if _is_help(rule):
                dropped[target] = "inv --list shows the tasks and what they do"
            elif rule.double_colon:
                dropped[target] = "a double-colon rule"
            else:
                name = _unique(task_name(target), {task.name for task in tasks.values()})
                known = existing.get(name)
                function = known or function_name(name, functions)
                functions.append(function)
                tasks[target] = self._task(rule, name, function)
                tasks[target].exists = known is not None
        run_env = self._run_env()
        return Translation(
            self.makefile, self.values, tasks, self.env_files, dropped, run_env, tuple(self.not_exported)
        )

    def _task(self, rule: Rule, name: str, function: str) -> Task:
        statements = [self._with_exports(each, rule) for each in self._statements(rule)]
        doc = sentence(self.makefile.docs.get(rule.target) or self._doc(rule))
        task = Task(rule, name, function, doc, statements)
        task.is_file = not rule.phony and _makes_file(rule)
        if condition := self.makefile.conditions.get(rule.target):
            task.checks.append(f"only what holds today of the Makefile's `{condition}` is here")
        self._set_environment(task)
        used = [
            value for each in task.statements for text in _texts(each) for value in self.values.within(text)
        ]
        names = [value.name for value in used if value.kind == "parameter"]
        task.parameters = list(self._parameters(names))
        return task

    def _parameters(self, names: Sequence[str]) -> dict[Parameter, None]:
        """The parameters of these variables, each after those that its default is computed from."""
        found: dict[Parameter, None] = {}
        for name in names:
            parameter = self.values.parameters[name]
            found |= self._parameters(parameter.others) | {parameter: None}
        return found

    def _with_exports(self, statement: Statement, rule: Rule) -> Statement:
        """The statement with the variables that the Makefile exports for this target alone."""
        if statement.kind != "step":
            return statement
        own = [each for each in rule.variables if each.exported or each.name in self.makefile.exports]
        given = dict(statement.step.variables)
        try:
            exported = {each.name: self.values.expand(each.raw, rule) for each in own}
        except Untranslatable as reason:
            return replace(statement, check=f"{reason.message}: a variable of this target is not exported")
        return replace(statement, step=replace(statement.step, variables=tuple((exported | given).items())))

    def _doc(self, rule: Rule) -> str:
        """What a task without documentation does, from its name or from what it needs."""
        names = [task_name(name) for name in rule.needs if name in self.makefile.rules]
        if not rule.recipe and names:
            return f"Run {' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)}"
        if _makes_file(rule) and not rule.phony:
            return f"Make {rule.target}"
        return task_name(rule.target).replace("-", " ")

    def _set_environment(self, task: Task) -> None:
        """The environment of a task: that of its dotenvx lines, or that of the env file that the Makefile includes."""
        found: list[str] = []
        for at, statement in enumerate(task.statements):
            if statement.step.env_files:
                name = self._environment(statement.step.env_files)
                if found and name != found[0]:
                    task.statements[at] = _with_dotenvx(
                        statement, f"this line runs in {name}, the task in {found[0]}"
                    )
                else:
                    found.append(name)
        values = [
            value for each in task.statements for text in _texts(each) for value in self.values.within(text)
        ]
        includes = self.makefile.included
        exported = self.makefile.exports_all or self.makefile.exports & self.makefile.env_file_names
        runs = any(each.kind in ("step", "call") for each in task.statements)
        if not found and includes and ((exported and runs) or any(each.kind == "env" for each in values)):
            found.append(self._environment(includes, raw=True))
        if found or any(value.kind == "environment" for value in values):
            default = next(
                (self.makefile.values.get(name, "") for name in self.values.environment_variables), ""
            )
            task.environment = found[0] if found else default
            task.environment_is_default = not task.environment

    def _environment(self, files: Sequence[str], *, raw: bool = False) -> str:
        texts = [self.values.expand(file) if raw else file for file in files]
        expanded = [self.values.expanded(text) for text in texts]
        name = environment_of(self.project, expanded)
        if not any(self.values.within(text) for text in texts):
            self.env_files.setdefault(name, tuple(expanded))
        return name

    def _statements(self, rule: Rule) -> list[Statement]:
        recipe = [line for line in rule.recipe if line.strip()]
        if self.makefile.one_shell and len(recipe) > 1:
            recipe = ["\n".join(recipe)]
        own = self._own_lines(rule)
        if unknown := self._made_by_pattern(rule):
            own = None if own is None else [line for line in own if line.strip()]
            return self._frozen(
                own, f"make builds {unknown} by a pattern rule or a built-in one", rule.recipe
            )
        expected = [self._expected(line, rule) for line in recipe]
        oracles: Sequence[list[str] | None] | None = [None] * len(recipe)
        if own is not None:
            oracles = align(expected, own)
        if oracles is None:
            return self._frozen(own, "make expands this recipe in another way", rule.recipe)
        found: list[Statement] = []
        for line, oracle in zip(recipe, oracles, strict=True):
            try:
                found += self._line(line, rule)
            except Untranslatable as reason:
                if own is None:
                    return [*found, *self._frozen(None, reason.message, [line])]
                found += self._frozen(oracle, reason.message, [line]) if oracle is not None else []
        return found

    def _expected(self, line: str, rule: Rule) -> str | None:
        """What make prints for a recipe line; None where it cannot be told."""
        try:
            text = self.values.expand(PREFIX.sub("", line, count=1), rule)
            return self.values.expanded(text, outputs=False)
        except Untranslatable:
            return None

    def _own_lines(self, rule: Rule) -> list[str] | None:
        """What make prints for the recipe of this rule alone."""
        runs = rule.recipe or self._made_by_pattern(rule)
        if self.make is None or not runs or not is_dry(self.makefile, rule.target):
            return None
        targets = [name for name in rule.needs if name in self.makefile.rules]
        lines = self.make.lines(rule.target, assumed=targets, quiet=True)
        if lines and self.makefile.one_shell:
            lines = ["\n".join(lines)]
        if lines == [] or (lines and lines[0].startswith("make: Nothing")):
            return None  # it is up to date
        return lines

    def _made_by_pattern(self, rule: Rule) -> str:
        """The first prerequisite that is neither a file nor a target."""
        folder = self.makefile.path.parent
        known = {*self.makefile.rules, *self.makefile.empty}
        missing = (name for name in rule.needs if name not in known and not (folder / name).exists())
        return next(missing, "")

    def _line(self, line: str, rule: Rule) -> list[Statement]:
        """The statements for one recipe line. Raises Untranslatable."""
        prefix = PREFIX.match(line)
        body = line[prefix.end() :] if prefix else line
        warn = bool(prefix and "-" in prefix[0])
        if body.startswith("#"):
            return [Statement("comment", text=self.values.expanded(self.values.expand(body)).lstrip("# "))]
        if called := _MAKE.match(body):
            targets = called[2].split()
            if all(target in self.makefile.rules for target in targets):
                return [Statement("call", text=target) for target in targets]
        return self._of_text(self.values.expand(body, rule), warn=warn)

    def _of_text(self, text: str, *, warn: bool = False, check: str = "") -> list[Statement]:
        found = []
        for step in steps(text, self.values.samples, warn=warn):
            output = printed(step)
            if output is not None and not warn:
                found.append(Statement("print", text=output, check=check))
            elif (step.words and step.words[0].text == "true") or step.line == ":":
                continue
            else:
                if _STILL_MAKE.search(step.line or " ".join(word.text for word in step.words)):
                    check = check or "this still runs make"
                found.append(Statement("step", self._with_options(step), check=check))
            check = ""
        return found

    def _with_options(self, step: Step) -> Step:
        """A shell line with the options of .SHELLFLAGS, where it is more than one command."""
        options = self.makefile.shell_options
        if not options or not re.search(r"[|;\n]", step.line):
            return step
        return replace(step, line=f"set {options}{chr(10) if chr(10) in step.line else '; '}{step.line}")

    def _frozen(self, lines: Sequence[str] | None, reason: str, recipe: Sequence[str]) -> list[Statement]:
        """The statements for what make expanded; where that is not known, one that says what is missing."""
        if lines is None:
            shown = " ".join(" ".join(recipe).replace("\\\n", " ").split())
            return [Statement("missing", text=shown, check=f"{reason}: not translated")]
        if not lines:
            return [Statement("comment", text=f"check: {reason}: runs nothing today")]
        found: list[Statement] = []
        for line in lines:
            text = self.values.frozen(re.sub(r"\btrue make\b", "make", line))
            check = "" if found else f"{reason}: frozen as make expands it today"
            found += self._of_text(text, check=check)
        return found

    def _defined(self, variable: Variable) -> str:
        """The text of a `define`, where make expands nothing in it; empty for other variables."""
        text = variable.raw.replace("$$", "")
        return variable.raw.replace("$$", "$") if variable.operator == "define" and "$" not in text else ""

    def _run_env(self) -> dict[str, str]:
        """The variables that the Makefile exports to all commands, as text with values in it."""
        names = self.makefile.exports
        if self.makefile.exports_all and not self.makefile.included:
            names = frozenset(self.makefile.variables)
        found = {}
        for name in sorted(names - self.makefile.env_file_names):
            variable = self.makefile.variables.get(name)
            if variable is None:
                continue
            try:
                text = self._defined(variable) or self.values.expand(f"$({name})")
            except Untranslatable:
                self.not_exported += [variable] if name in self.makefile.exports else []
                continue
            if all(value.kind == "constant" for value in self.values.within(text)):
                found[name] = text
            elif variable.operator == "?=" and variable.name in self.values.parameters:
                default = self.values.parameters[name].default
                found[name] = self.values.sign(Value(default, self.values.expanded(text), "code", name))
        return found


def _texts(statement: Statement) -> list[str]:
    step = statement.step
    return [
        statement.text, step.line, step.folder,
        *(word.text for word in step.words),
        *(value for _, value in step.variables),
        *step.env_files,
    ]  # fmt: skip


def _with_dotenvx(statement: Statement, check: str) -> Statement:
    options = [word for file in statement.step.env_files for word in ("-f", file)]
    words = [Word(word) for word in ("dotenvx", "run", *options, "--")]
    step = replace(statement.step, env_files=(), words=(*words, *statement.step.words))
    if statement.step.line:
        step = replace(step, words=(), line=" ".join([*(w.text for w in words), statement.step.line]))
    return replace(statement, step=step, check=check)


def _is_help(rule: Rule) -> bool:
    """Whether a target only lists the targets."""
    return bool(rule.recipe) and any(_HELP.search(line) for line in rule.recipe)


def _makes_file(rule: Rule) -> bool:
    recipe = " ".join(rule.recipe)
    return bool(rule.recipe) and (
        "/" in rule.target or "." in rule.target or re.search(r"\$@|\$\(@", recipe) is not None
    )


def _unique(name: str, taken: Collection[str]) -> str:
    number = 2
    while name in taken:
        name, number = f"{name.removesuffix(f'-{number - 1}')}-{number}", number + 1
    return name


def environment_of(project: Project, files: Sequence[str]) -> str:
    """The name of the environment that has these env files; `local` for `.env` alone."""
    names = [name.removeprefix("./") for name in files]
    for environment in project.environments.values():
        if [environment.label(path) for path in environment.files] == names:
            return environment.name
    for name in reversed(names):
        file = PurePosixPath(name).name
        if file.startswith(f"{OVERRIDES}."):
            return file.removeprefix(f"{OVERRIDES}.")
        if file != OVERRIDES:
            return file.removesuffix(".env")
    return LAYERED[0]


def declaration(project: Project, name: str, files: Sequence[str]) -> str:
    """The line of pyproject.toml that gives an environment these files; empty where it has them already."""
    wanted = [file.removeprefix("./") for file in files]
    environment = project.environments.get(name)
    known = [environment.label(path) for path in environment.files] if environment else []
    usual = [OVERRIDES, f"{OVERRIDES}.{name}"] if name in LAYERED else [f"{OVERRIDES}.{name}"]
    if known == wanted or [file for file in known if file != OVERRIDES] == wanted:
        return ""
    if environment and wanted == [OVERRIDES] == known[:1] and any(map(Path.is_file, environment.baselines)):
        return ""  # it has the values that .env had
    if not environment and wanted in (usual, usual[-1:]) and not project.environments:
        return ""
    return f"{name} = {{ files = [{', '.join(f'{chr(34)}{file}{chr(34)}' for file in wanted)}] }}"
