"""The source of tasks.py for a translation: imports, constants, helpers and one function for each task."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .code import WIDTH, call, comment, constant_name, literal, quoted
from .make import UNKNOWN
from .order import closure, definition_order
from .shell import Step, Word
from .translation import Statement, Task, Translation
from .values import Function, Parameter, Value

HELPERS: Final = {
    "_output": '''def _output(c: Context, line: str) -> str:
    """What a command prints, in one line; it runs in a dry run too."""
    return " ".join(c.run(line, hide=True, warn=True, dry=False).stdout.split())
''',
    "_is_current": '''def _is_current(target: str, *sources: str) -> bool:
    """Whether a file is there and not older than what it is made from."""
    made = Path(target)
    return made.exists() and all(
        Path(source).stat().st_mtime <= made.stat().st_mtime for source in sources
    )
''',
}


@dataclass(frozen=True, slots=True)
class Source:
    """The parts of a tasks.py, each as lines of source."""

    imports: tuple[str, ...]
    definitions: tuple[tuple[str, str], ...]  # constants and helpers: name and source
    tasks: tuple[tuple[str, str], ...]  # function and source
    configuration: str = ""  # what follows `ns = …`

    def whole(self) -> str:
        """A whole tasks.py."""
        head = '"""The tasks of this project."""\n'
        ours = "from envtasks import namespace, task\nfrom envtasks.context import Context\n"
        constants, functions = self.defined()
        imports = "".join(f"{line}\n" for line in self.import_lines())
        top = "\n".join(part for part in (head, imports, ours, constants) if part)
        return "\n\n".join([top, *functions, f"ns = namespace(__name__)\n{self.configuration}"])

    def import_lines(self, taken: Collection[str] = ()) -> list[str]:
        """The imports of Python's own modules, but for names that are taken."""
        names = [name for name in self.imports if name not in taken]
        lines = [f"import {name}" for name in names if name != "Path"]
        return [*lines, *(["from pathlib import Path"] if "Path" in names else [])]

    def defined(self, taken: Collection[str] = ()) -> tuple[str, list[str]]:
        """The constants as one text, and the functions, those of tasks last, but for names that are taken."""
        texts = [text for name, text in self.definitions if name not in taken]
        functions = [text for text in texts if text.startswith("def ")]
        constants = "".join(text for text in texts if text not in functions)
        return constants, [*functions, *(text for _, text in self.tasks)]


class Renderer:
    """Writes the source of tasks.py for one translation."""

    def __init__(
        self,
        translation: Translation,
        *,
        decorator: str = "task",
        context: str = "Context",
        is_new: bool = True,
    ) -> None:
        self.is_new = is_new
        self.translation, self.decorator, self.context = translation, decorator, context
        self.values = translation.values
        self.default = translation.makefile.default
        self.tuples = self._find_tuples()
        self.defaults = self._find_defaults()

    def source(self) -> Source:
        """The source of all tasks."""
        wanted = [task for task in definition_order(self.translation) if not task.exists]
        tasks = tuple((task.function, self._task(task)) for task in wanted)
        configuration = self._configuration()
        definitions = (*self._constants(), *self._helpers("".join(text for _, text in tasks)))
        used = _names("".join(text for _, text in (*definitions, *tasks)) + configuration)
        imports = tuple(name for name in ("os", "shlex", "Path") if name in used)
        return Source(imports, definitions, tasks, configuration)

    def _find_tuples(self) -> set[str]:
        """The variables of constants that become tuples: several words that stand among those of a command."""
        statements = [each for task in self.translation.tasks.values() for each in task.statements]
        texts = [word.text for statement in statements for word in statement.step.words if word.open]
        found: set[str] = set()
        while texts:
            value = self.values.of(texts.pop())
            if (
                value
                and value.kind == "constant"
                and len(value.sample.split()) > 1
                and value.name not in found
            ):
                found.add(value.name)
                texts += [word for word in self.values.constants[value.name].text.split() if len(word) == 1]
        return found

    def _find(self, sign: str) -> Value | None:
        """The value that a character stands for, as it is written within text."""
        value = self.values.of(sign)
        if value and value.kind == "constant" and value.name in self.tuples:
            return replace(value, code=f'" ".join({value.code})')
        return value

    def _used(self) -> set[str]:
        """The variables of the constants that are used, also by other constants."""
        statements = [
            each for task in self.translation.tasks.values() if not task.exists for each in task.statements
        ]
        texts = [text for each in statements for text in _texts_of(each)]
        texts += [function.text for function in self.values.functions.values()]
        texts += list(self.translation.run_env.values())
        found: set[str] = set()
        while texts:
            for value in self.values.within(texts.pop()):
                if value.kind == "constant" and value.name not in found:
                    found.add(value.name)
                    texts.append(self.values.constants[value.name].text)
                elif value.kind == "shared":
                    found.add(value.name)
        return found

    def _constants(self) -> list[tuple[str, str]]:
        used = self._used()
        found = {constant_name(name): self.values.parameters[name].default for name in self.defaults}
        for name in used & self.values.shared:
            variable = self.translation.makefile.variables.get(name)
            sample = self.translation.makefile.values.get(name, "") if variable else ""
            found[constant_name(name)] = f"os.getenv({literal(name)}, {literal(sample)})"
        lines = [(name, f"{name} = {code}\n") for name, code in sorted(found.items())]
        for name, constant in self.values.constants.items():
            if name not in used:
                continue
            checks = (
                "".join(f"{line}\n" for line in comment(f"check: {constant.check}", indent=0))
                if constant.check
                else ""
            )
            if name in self.tuples:
                words = [Word(word, open=len(word) == 1) for word in constant.text.split()]
                code = f"({', '.join(map(self._word, words))})"
            else:
                code = self._text(constant.text)
            lines.append((constant.name, f"{checks}{constant.name} = {code}\n"))
        return lines

    def _helpers(self, body: str) -> list[tuple[str, str]]:
        functions = {each.name: self._function(name, each) for name, each in self.values.functions.items()}
        used: set[str] = set()
        texts = [body]
        while texts:
            more = functions.keys() & _names(texts.pop()) - used
            used |= more
            texts += [functions[name] for name in more]
        found = [(name, text) for name, text in functions.items() if name in used]
        names = _names(body + "".join(text for _, text in found))
        helpers = [(name, text) for name, text in HELPERS.items() if name in names]
        return [*((name, text.replace("c: Context", f"c: {self.context}")) for name, text in helpers), *found]

    def _function(self, name: str, function: Function) -> str:
        """The source of a function that gives the value of a variable."""
        doc = f"{name} of the {'process environment, or of the Makefile' if function.before else 'Makefile'}."
        if function.is_line and not self.values.within(function.text) and len(function.text) < 50:
            doc = f"{name}: what `{function.text}` prints.".replace("\\", "/").replace('"', "'")
        text = self._text(function.text)
        lines = [f"    return {function.before}{text}"]
        if function.is_line:
            lines = call("return _output", ["c", text], indent=4)
        head = f"def {function.name}(c: {self.context}) -> str:"
        return "\n".join([head, f'    """{doc}"""', *lines]) + "\n"

    def _configuration(self) -> str:
        """What gives all commands the variables that the Makefile exports."""
        if not self.translation.run_env:
            return ""
        pairs = [f'"{name}": {self._text(text)}' for name, text in self.translation.run_env.items()]
        short = f'ns.configure({{"run": {{"env": {{{", ".join(pairs)}}}}}}})'
        if len(short) <= WIDTH:
            return f"{short}\n"
        entries = "".join(f"                {pair},\n" for pair in pairs)
        opening, closing = '{\n        "run": {\n            "env": {\n', "            }\n        }\n    }"
        return f"ns.configure(\n    {opening}{entries}{closing}\n)\n"

    def _task(self, task: Task) -> str:
        lines = [line for each in task.checks for line in comment(f"check: {each}", indent=0)]
        lines += self._decorator_lines(task)
        parameters = [f"{each.name}: str = {self._default(each)}" for each in task.parameters]
        lines += call(f"def {task.function}", [f"c: {self.context}", *parameters], indent=0, tail=" -> None:")
        lines.append(f'    """{task.doc}"""')
        body = list(self._calls(task))
        if task.is_file:
            sources = [name for name in task.rule.prerequisites if not self._is_command(name)]
            if len(sources) == len(task.rule.prerequisites):
                arguments = [literal(task.rule.target), *map(literal, sources)]
                body += [*call("if _is_current", arguments, indent=4, tail=":"), "        return"]
        for parameter in task.parameters:
            if parameter.computed:
                body.append(f"    {parameter.name} = {parameter.computed}")
        folder = ""
        for statement in task.statements:
            body += self._statement(statement, folder, task)
            folder = statement.step.folder
        return "\n".join([*lines, *body]) + "\n"

    def _default(self, parameter: Parameter) -> str:
        return constant_name(parameter.variable) if parameter.variable in self.defaults else parameter.default

    def _find_defaults(self) -> set[str]:
        """The variables whose default is read from the process environment for more than one task."""
        found = [
            each for task in self.translation.tasks.values() if not task.exists for each in task.parameters
        ]
        many = {each.variable for each in found if found.count(each) > 1 and each.default.startswith("os.")}
        return {each for each in many if constant_name(each) not in self.values.constants}

    def _is_command(self, target: str) -> bool:
        """Whether a prerequisite always runs, so that what needs it is never up to date."""
        task = self.translation.tasks.get(target)
        return not task.is_file if task else target in self.translation.makefile.empty

    def _decorator_lines(self, task: Task) -> list[str]:
        arguments = [self.translation.tasks[name].function for name in task.pre]
        if task.function.rstrip("_").replace("_", "-") != task.name or task.function.endswith("_"):
            arguments.append(f"name={literal(task.name)}")
        if task.environment:
            arguments.append(f"env={literal(task.environment)}")
        elif task.environment_is_default:
            arguments.append("requires_environment=True")
        if task.rule.target == self.default and self.is_new:
            arguments.append("default=True")
        return call(f"@{self.decorator}", arguments, indent=0) if arguments else [f"@{self.decorator}"]

    def _calls(self, task: Task) -> list[str]:
        lines = []
        for name in task.calls:
            lines += self._call(name, task)
        return lines

    def _call(self, target: str, task: Task) -> list[str]:
        called = self.translation.tasks[target]
        arguments = [
            "c",
            *(f"{each.name}={each.name}" for each in called.parameters if each in task.parameters),
        ]
        if called.environment and called.environment != task.environment:
            arguments.append(f"env={literal(called.environment)}")
        return call(called.function, arguments, indent=4)

    def _statement(self, statement: Statement, folder: str, task: Task) -> list[str]:
        lines = comment(f"check: {statement.check}", indent=4) if statement.check else []
        match statement.kind:
            case "comment":
                return comment(statement.text, indent=4)
            case "print":
                return lines + call("print", [self._text(statement.text)] if statement.text else [], indent=4)
            case "missing":
                return lines + call("raise NotImplementedError", [literal(statement.text)], indent=4)
            case "call":
                names = closure(self.translation.tasks, statement.text)
                return lines + [line for name in self._flat(names) for line in self._call(name, task)]
            case _:
                return lines + self._step(statement.step, opened=folder)

    def _flat(self, names: Sequence[str]) -> list[str]:
        """The tasks to call so that all of these run: those that call others in their bodies stand for them."""
        last = names[-1:]
        called = [self.translation.tasks[name].calls for name in last]
        return list(last) if called and called[0] else list(names)

    def _step(self, step: Step, *, opened: str) -> list[str]:
        lines, indent = [], 4
        if step.folder:
            if step.folder != opened:
                lines.append(f"    with c.cd({self._text(step.folder)}):")
            indent = 8
        if step.line:
            arguments = self._shell_arguments(step.line, indent)
            shell = self.translation.makefile.shell
            if not shell.endswith("bash") and (step.needs_posix_shell or shell != "/bin/sh"):
                arguments.append(f"shell={literal(shell)}")
            head = "c.run"
        else:
            arguments, head = [self._word(word) for word in step.words], "c.exec"
        if step.variables:
            pairs = ", ".join(f'"{name}": {self._text(value)}' for name, value in step.variables)
            arguments.append(f"env={{{pairs}}}")
        if step.warn:
            arguments.append("warn=True")
        return [*lines, *call(head, arguments, indent=indent)]

    def _shell_arguments(self, line: str, indent: int) -> list[str]:
        if "\n" in line:
            space = "\n" + " " * (indent + 4)
            return [space.join(self._text(each) for each in line.splitlines(keepends=True))]
        whole = self._text(line)
        if len(whole) + indent < 100 or len(line.split()) < 4:
            return [whole]
        pieces, current = [], ""
        for word in line.split(" "):
            if len(current) + len(word) > 70 and current:
                pieces.append(f"{current} ")
                current = word
            else:
                current = f"{current} {word}" if current else word
        texts = [self._text(each) for each in (*pieces, current)]
        space = "\n" + " " * (indent + 4)
        return [space.join(f"{text}" for text in texts)]

    def _word(self, word: Word) -> str:
        value = self.values.of(word.text) if len(word.text) == 1 else None
        if value is None or not word.open:
            return self._text(word.text)
        if value.kind in ("constant", "shared") and len(value.sample.split()) != 1:
            return f"*{value.code}" if value.name in self.tuples else f"*{value.code}.split()"
        if value.kind == "parameter" and len(value.sample.split()) != 1:
            return f"*shlex.split({value.code})"
        if value.kind == "output" and len(value.sample.split()) != 1 and value.sample != UNKNOWN:
            return f"*{value.code}.split()"
        return self._text(word.text)

    def _text(self, text: str) -> str:
        return quoted(text, self._find)


def _texts_of(statement: Statement) -> list[str]:
    step = statement.step
    return [
        statement.text,
        step.line,
        step.folder,
        *(w.text for w in step.words),
        *(v for _, v in step.variables),
    ]


def _names(source: str) -> set[str]:
    """The names that Python code uses, without those that only its texts hold."""
    tree = ast.parse(
        source.encode("utf-8", "replace")
    )  # texts may have bytes that were read as no characters
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
