"""Variables of a Makefile as values of a tasks.py: constants, parameters, outputs of commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ...errors import EnvtasksError
from .code import constant_name, literal, parameter_name, quoted, task_name
from .expansion import AUTOMATIC, evaluate, function, names, parts, shell_line
from .make import UNKNOWN
from .model import Makefile, Rule, Variable

_FIRST: Final = 0x100000  # private characters that nobody writes stand for values within texts
_DOTENVX: Final = re.compile(r"(?:\S+ ){0,3}?(?:@dotenvx/)?dotenvx run\b")
_ENVIRONMENT: Final = re.compile(r"\.env\.\$[({](\w+)[)}]")
_FREE: Final = re.compile(r"args?|.*_args|opts?|.*_opts|flags?|.*_flags", re.IGNORECASE)


class Untranslatable(EnvtasksError):
    """A text needs what only make can do; the message says what."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value within a text: the expression that gives it, and what make expands it to (an example)."""

    code: str
    sample: str
    kind: str  # "constant", "parameter", "output", "path", "env"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a task: its variable, and its default as Python has it."""

    name: str
    variable: str
    default: str
    computed: str = ""  # the expression that gives it where it is left empty
    others: tuple[str, ...] = ()  # the variables of parameters within that expression


@dataclass(frozen=True, slots=True)
class Function:
    """A function that gives the value of a variable: the output of a line, or a text."""

    name: str
    text: str
    before: str = ""  # of the expression
    is_line: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of the module: its value as text with values in it, and why it is not what the Makefile says."""

    name: str
    text: str
    check: str = ""


@dataclass(slots=True)
class Values:
    """All values that the tasks of one Makefile use."""

    makefile: Makefile
    all: list[Value] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)  # by variable
    functions: dict[str, Function] = field(default_factory=dict)  # by variable
    environment_variables: frozenset[str] = frozenset()  # those that name the env file
    called: frozenset[str] = frozenset()  # functions that a body may call, whose names no parameter can have
    shared: frozenset[str] = frozenset()  # variables that become constants, as prerequisites use them

    def __post_init__(self) -> None:
        texts = [variable.raw for variable in self.makefile.variables.values()]
        texts += [line for rule in self.makefile.rules.values() for line in rule.recipe]
        texts += [include.file for include in self.makefile.env_files]
        self.environment_variables = frozenset(
            name for text in texts for name in _ENVIRONMENT.findall(text)
        ) - set(self.makefile.env_file_names)

        rules = self.makefile.rules.values()
        words = [word for rule in rules for line in rule.recipe if "MAKE" in line for word in line.split()]
        needed = {*words, *(name for rule in rules for name in rule.needs)} & set(self.makefile.rules)
        self.called = frozenset(task_name(name).replace("-", "_") for name in needed)

    def _parameter_name(self, variable: str) -> str:
        name = parameter_name(variable)
        return f"{name}_value" if name in self.called else name

    def _is_open(self, variable: Variable | None) -> bool:
        """Whether a variable is there to be given on the command line: not set, set by default, or set to nothing."""
        if variable is None or variable.operator == "?=":
            return True
        nothing = variable.operator in ("=", ":=") and not variable.raw
        return nothing and variable.name not in self.makefile.conditions

    @property
    def samples(self) -> dict[str, str]:
        """The sample text of each value, by the character that stands for the value."""
        return {chr(_FIRST + at): value.sample for at, value in enumerate(self.all)}

    def of(self, sign: str) -> Value | None:
        """The value that a character stands for; None for any other character."""
        at = ord(sign) - _FIRST
        return self.all[at] if 0 <= at < len(self.all) else None

    def within(self, text: str) -> list[Value]:
        """The values within a text."""
        return [value for sign in text if (value := self.of(sign))]

    def expanded(self, text: str, *, outputs: bool = True) -> str:
        """A text as make expands it, as far as that is known; without `outputs` that of commands counts as unknown."""
        pieces = []
        for sign in text:
            value = self.of(sign)
            sample = value.sample if value else sign
            pieces.append(UNKNOWN if value and value.kind == "output" and not outputs else sample)
        return "".join(pieces)

    def sign(self, value: Value) -> str:
        """The character that stands for a value."""
        for at, known in enumerate(self.all):
            if (known.code, known.sample) == (value.code, value.sample):
                return chr(_FIRST + at)
        self.all.append(value)
        return chr(_FIRST + len(self.all) - 1)

    def expand(self, raw: str, rule: Rule | None = None) -> str:
        """A text with a character in place of each value. Raises Untranslatable."""
        pieces = []
        for part in parts(raw):
            match part.kind:
                case "variable":
                    pieces.append(self._variable(part.text, rule))
                case "call":
                    pieces.append(self._call(part.text, rule))
                case _:
                    pieces.append(part.text)
        return "".join(pieces)

    def _variable(self, name: str, rule: Rule | None) -> str:
        if name[0] in AUTOMATIC:
            return _automatic(name, rule)
        if rule and (own := [each for each in rule.variables if each.name == name]):
            return self.expand(own[-1].raw, rule)
        if fixed := self._fixed(name):
            return fixed
        variable = self.makefile.variables.get(name)
        if variable is None or self._is_open(variable):
            return self._parameter(name, variable)
        if variable.operator == "define":
            raise Untranslatable(f"$({name}) is a define of several lines")
        if _DOTENVX.match(self.makefile.values.get(name, "")) and not self._is_dynamic(name):
            return self.makefile.values[name]
        if line := self._shell_line(variable):
            return self._output(name, line)
        return self.expand(variable.raw, rule) if self._is_dynamic(name) else self._constant(variable)

    def _fixed(self, name: str) -> str:
        """A variable of make itself, of an env file or of the environment; empty for one of the Makefile."""
        if name in self.makefile.env_file_names:
            return self.sign(Value(f'c.env["{name}"]', f"{{{name}}}", "env", name))
        if name in ("CURDIR", "PWD"):
            return self.sign(Value("Path.cwd()", self.makefile.path.parent.as_posix(), "path"))
        if name == "HOME":
            return self.sign(Value("Path.home()", Path.home().as_posix(), "path"))
        if name in self.environment_variables:
            default = self.makefile.values.get(name, "")
            return self.sign(Value("c.environment", default, "environment", name))
        return {"MAKE": "make", "SHELL": self.makefile.shell}.get(name, "")

    def _shell_line(self, variable: Variable) -> str | None:
        if "MAKEFILE_LIST" in variable.raw:  # the Makefile's own folder
            return None
        return variable.raw if variable.operator == "!=" else shell_line(variable.raw)

    def _is_dynamic(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a variable depends on what is only known when a task runs."""
        variable = self.makefile.variables.get(name)
        if name in seen or name in self.environment_variables or name in self.makefile.env_file_names:
            return True
        if variable is None or self._is_open(variable) or variable.operator in ("!=", "define"):
            return name not in ("MAKE", "SHELL", "MAKEFILE_LIST")
        if "$(shell" in variable.raw and not re.search(r"\bMAKEFILE_LIST\b", variable.raw):
            return True
        return any(self._is_dynamic(each, seen | {name}) for each in names(variable.raw))

    def _constant(self, variable: Variable) -> str:
        name = constant_name(variable.name)
        value = self.makefile.values.get(variable.name)
        if variable.name not in self.constants:
            check = ""
            try:
                text = self.expand(variable.raw)
                if value is not None and " ".join(self.expanded(text).split()) != " ".join(value.split()):
                    raise Untranslatable("make expands it in another way")
            except Untranslatable as reason:
                own_folder = "MAKEFILE_LIST" in variable.raw
                if value is None and own_folder:
                    value = str(self.makefile.path.parent)
                if value is None:
                    raise
                text, check = self.frozen(value), "" if own_folder else reason.message
            if condition := self.makefile.conditions.get(variable.name):
                check = check or f"the Makefile sets it under {condition}; what holds today is here"
            self.constants[variable.name] = Constant(name, re.sub(r"\s*\n\s*", " ", text.strip()), check)
        text = self.constants[variable.name].text
        return self.sign(Value(name, self.expanded(text), "constant", variable.name))

    def frozen(self, text: str) -> str:
        """A text as make expanded it, with this machine's folders taken out."""
        folder, home = str(self.makefile.path.parent), str(Path.home())
        if folder in text:
            text = text.replace(folder, self.sign(Value("Path.cwd()", folder, "path")))
        if home in text and len(home) > 1:
            text = text.replace(home, self.sign(Value("Path.home()", home, "path")))
        return text

    def _parameter(self, name: str, variable: Variable | None) -> str:
        sample = self.makefile.values.get(name, "") if variable else ""
        if variable and ("$(shell" in variable.raw or any(map(self._is_dynamic, names(variable.raw)))):
            return self._computed(variable, sample)
        default = self._default(variable) if variable else '""'
        # make takes only what is not set otherwise from the process environment
        free = _FREE.fullmatch(name) or not name.isupper() or (variable and variable.operator != "?=")
        known = Parameter(
            self._parameter_name(name), name, default if free else f'os.getenv("{name}", {default})'
        )
        if name in self.shared:
            return self.sign(Value(constant_name(name), sample, "shared", name))
        self.parameters[name] = known
        return self.sign(Value(known.name, sample, "parameter", name))

    def _computed(self, variable: Variable, sample: str) -> str:
        """A parameter whose default is not known before the task runs."""
        name, parameter = variable.name, self._parameter_name(variable.name)
        text = self.expand(variable.raw)
        others = tuple(value.name for value in self.within(text) if value.kind == "parameter")
        if name not in self.shared:
            code = quoted(text, self.of)
            self.parameters[name] = Parameter(
                parameter, name, f'os.getenv("{name}", "")', f"{parameter} or {code}", others
            )
            return self.sign(Value(parameter, sample, "parameter", name))
        if others:
            raise Untranslatable(f"the default of {name}")
        self.functions[name] = Function(f"_{parameter}", text, f'os.getenv("{name}") or ')
        return self.sign(Value(f"_{parameter}(c)", sample, "output", name))

    def _default(self, variable: Variable) -> str:
        value = self.makefile.values.get(variable.name)
        if value is None:
            value = evaluate(variable.raw, self.makefile.values.get)
        if value is None:
            raise Untranslatable(f"the default of {variable.name} needs make")
        return literal(value)

    def _output(self, name: str, raw: str) -> str:
        function_name = f"_{parameter_name(name)}"
        self.functions[name] = Function(function_name, self.expand(raw), is_line=True)
        sample = self.makefile.values.get(name, UNKNOWN)
        return self.sign(Value(f"{function_name}(c)", sample, "output", name))

    def _inline_output(self, line: str, rule: Rule | None) -> str:
        """The output of a command within a recipe line; of a function where it could not stand in an f-string."""
        code = f"_output(c, {quoted(line, self.of)})"
        if "'" in code or "\\" in code:
            name = f"{rule.target if rule else ''} output"
            while name in self.functions and self.functions[name].text != line:
                name += "_"
            self.functions[name] = Function(f"_{parameter_name(name)}", line, is_line=True)
            code = f"{self.functions[name].name}(c)"
        return self.sign(Value(code, UNKNOWN, "output"))

    def _call(self, text: str, rule: Rule | None) -> str:
        call = function(text)
        if call is None:
            raise Untranslatable(f"$({text})")
        if call[0] == "shell":
            line = self.expand(",".join(call[1]).strip(), rule)
            return self._inline_output(line, rule)
        if not any(self._is_dynamic(name) for name in names(f"$({text})")):
            value = evaluate(f"$({text})", self.makefile.values.get)
            if value is not None:
                return value
        raise Untranslatable(f"$({call[0]} …)")


def _automatic(name: str, rule: Rule | None) -> str:
    if rule is None:
        raise Untranslatable(f"${name}")
    first = rule.prerequisites[:1]
    texts = {"@": rule.target, "<": "".join(first), "^": " ".join(rule.prerequisites)}
    texts["+"] = texts["^"]
    texts["|"] = " ".join(rule.order_only)
    if name in texts:
        return texts[name]
    path = Path(texts.get(name[0], ""))
    if name[0] in "@<" and name[1:] in ("D", "F"):
        return str(path.parent) if name[1:] == "D" else path.name
    raise Untranslatable(f"${name}")
