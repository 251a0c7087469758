"""Command lines that stock Invoke would not understand: the words of `exec`, and advice on unknown words."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final

from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.parser.parser import ParseMachine
from invoke.program import Program

from .. import console
from ..config import Project
from ..error_translation import translate_errors
from ..errors import EnvtasksError, did_you_mean

if TYPE_CHECKING:
    from invoke.collection import Collection
    from invoke.parser.context import ParserContext
    from invoke.tasks import Task

WITH_VALUE: Final = ("-e", "--env")
FORMATS: Final = ("flat", "nested", "json")  # of --list
OWN_FLAGS: Final = (*WITH_VALUE, "-y", "--yes", "--no-mask", "--no-check")


def words_after_dashes() -> list[str]:
    """The words after the first `--` of the command line; Invoke's own remainder has lost their quoting."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []


def prepare(root: Collection) -> None:
    """Let the program that loads these tasks understand `exec` without `--`, and say what an unknown word may mean.

    Invoke has no hook for either: its program is found among the callers, as it loads tasks.py. Without one (the
    `envtasks` command, a test) only the command line is changed.
    """
    program = _loading_program()
    words = program.core.unparsed if program else sys.argv[1:]
    command = exec_command(words)
    if command:
        sys.argv.insert(len(sys.argv) - len(command), "--")
    if program:
        if command:
            program.core.unparsed = words[: -len(command)]
            program.core.remainder = shlex.join(command)
        adapt(program, root)


def lists_tasks() -> bool:
    """Whether this is `inv --list`."""
    program = _loading_program()
    return program is not None and bool(program.args.list.value)


def exec_command(words: Sequence[str]) -> list[str]:
    """The words of the command of `exec` where no `--` stands before it; none for one word, which is a shell line."""
    if "exec" not in words or "--" in sys.argv:
        return []
    at = list(words).index("exec") + 1
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in WITH_VALUE else 1
    return list(words[at:]) if len(words) - at > 1 else []


def adapt(program: Program, root: Collection) -> None:
    """Let `--help` follow any task, list the project's own first, and say what an unknown word probably means."""
    parse_tasks = program.parse_tasks

    def parse() -> None:
        if task := _task_to_explain(program.core.unparsed, root):
            program.args.help.value, program.core.unparsed = task, []
        with _in_one_sentence(root):
            parse_tasks()

    parse_core = program.parse_core

    def parse_first(argv: list[str] | None) -> None:
        with _in_one_sentence(root):
            parse_core(argv)

    parse_cleanup = program.parse_cleanup

    def clean_up() -> None:
        if problem := _wrong_core_value(program, root):
            raise Exit(console.message("error", *problem), 1)
        with translate_errors(failures=True):  # it prints lists and help, perhaps into a pipe that is closed
            parse_cleanup()

    program.parse_core = parse_first  # type: ignore[method-assign]  # of `envtasks`: that of `inv` is done by now
    program.parse_tasks = parse  # type: ignore[method-assign]
    program.parse_cleanup = clean_up  # type: ignore[method-assign]
    program.list_flat = partial(_list_flat, program, root)  # type: ignore[method-assign]


@contextmanager
def _in_one_sentence(root: Collection) -> Iterator[None]:
    """End with a message and a hint where Invoke's parser fails, also on a value that its type does not take."""
    try:
        yield
    except ParseError as error:
        said = _misused_flag(error) or _said_otherwise(str(error), _task_of(error.context), root)
        if said is None:
            raise
        raise Exit(console.message("error", *said), 1) from None
    except Exception as error:
        said = _wrong_type(error)
        if said is None:
            raise
        raise Exit(console.message("error", *said), 1) from None


def _task_of(context: ParserContext | None) -> str:
    """The task whose arguments are parsed; empty for those before any task."""
    return (context and context.name) or ""


def _parser_state(error: Exception) -> Mapping[str, Any]:
    """What Invoke's parser was at when this was raised, by the names of its variables; its exceptions do not say."""
    found = [dict(frame.f_locals) for frame, _ in walk_tb(error.__traceback__)]
    state = next((each for each in found if isinstance(each.get("machine"), ParseMachine)), {})
    argument = next((each["self"] for each in found if isinstance(each.get("self"), Argument)), None)
    return {**state, "argument": argument}


def _misused_flag(error: ParseError) -> tuple[str, str] | None:
    """Message and hint about a flag's second value, or a value of one that takes none: to Invoke they are tasks."""
    state = _parser_state(error)
    if not str(error).startswith("No idea what ") or "body" not in state:
        return None
    machine, words, seen = state["machine"], state["body"][: state["index"]], []
    task = _task_of(machine.context)
    for word in words[len(words) - words[::-1].index(task) if task in words else 0 :]:
        flag = word.partition("=")[0]
        flag = flag if flag in machine.context.flags else flag[:2]
        if flag not in machine.context.flags:
            continue
        argument = machine.context.flags[flag]
        if not argument.takes_value and word == f"{flag}={state['token']}":
            return f"{flag} takes no value.", f"{_call(task)} --help"
        if argument.takes_value and argument.kind is not list and argument in seen:
            return f"{flag} is given twice.", f"{_call(task)} --help"
        seen.append(argument)
    return None


def _wrong_type(error: Exception) -> tuple[str, str] | None:
    """Message and hint about a value that an argument's type does not take; None for an error from elsewhere."""
    state = _parser_state(error)
    argument = state["argument"]
    if argument is None:
        return None
    named = argument.names[0]
    name = named.upper() if argument.positional else f"--{named}" if len(named) > 1 else f"-{named}"
    kind = {int: "a whole number", float: "a number"}.get(
        argument.kind, f"a value of type {argument.kind.__name__}"
    )
    machine = state["machine"]
    core = machine.initial and argument in machine.initial.args.values()
    return (
        f"{name} takes {kind}, not {argument.raw_value!r}.",
        f"{_call('' if core else _task_of(machine.context))} --help",
    )


def _call(task: str) -> str:
    return f"inv {task}" if task else "inv"


def _said_otherwise(problem: str, task: str, root: Collection) -> tuple[str, str] | None:
    """Message and hint in place of what Invoke says of a command line; None for what it says well itself."""
    if unknown := re.fullmatch(r"No idea what '(.*)' is!", problem):
        return advice(unknown[1], task, root)
    if flag := re.fullmatch(r"Flag <Argument: ([\w-]+).*> needed value and was not given one!", problem):
        dashes = "--" if len(flag[1]) > 1 else "-"
        return f"{dashes}{flag[1].replace('_', '-')} needs a value.", f"{_call(task)} --help"
    if missing := re.fullmatch(r"'(.+)' did not receive required positional arguments: (.+)", problem):
        names = re.findall(r"'(.+?)'", missing[2])
        needed = ", ".join("a command" if name == "line" else name.upper() for name in names)
        return f"{missing[1]} needs {needed}.", f"inv {missing[1]} --help"
    return None


def _wrong_core_value(program: Program, root: Collection) -> tuple[str, str] | None:
    """Message and hint about a value of --help, --list or --list-format that does not exist."""
    task, collection = program.args.help.value, program.args.list.value
    if isinstance(task, str) and task not in program.parser.contexts:
        return advice(task, "", root)
    if isinstance(collection, str):
        try:
            program.collection.subcollection_from_path(collection)
        except KeyError:
            names = {name.rpartition(".")[0] for name in root.task_names} - {""}
            near = did_you_mean(collection, sorted(names))
            return f"There is no collection {collection!r}{near}", "inv --list shows all tasks"
    format_ = program.args["list-format"].value
    if format_ not in FORMATS:
        near = did_you_mean(format_, FORMATS)
        return f"There is no format {format_!r} of the list{near}", f"one of {', '.join(FORMATS)}"
    return None


def _list_flat(program: Program, root: Collection) -> None:
    """Print all tasks, the project's own under Invoke's heading and those of envtasks below them."""
    pairs = program._make_pairs(program.scoped_collection)
    scope = f"{program.list_root}" if program.list_root else ""
    ours = [pair for pair in pairs if _is_ours(scope + pair[0].partition(" ")[0], root)]
    own = [(_as_typed(pair[0], root), pair[1]) for pair in pairs if pair not in ours]
    program.display_with_columns(pairs=own or ours)
    if own and ours:
        print("Tasks of envtasks:\n")
        program.print_columns(ours)


def _as_typed(name: str, root: Collection) -> str:
    """The name of a task in the list; that of the built-in collection whose default it is, which is its own."""
    head, _, rest = name.partition(" (")[0].partition(".")
    collection = root.collections.get(head)
    return head if collection is not None and rest and collection.default == rest else name


def _is_ours(name: str, root: Collection) -> bool:
    """Whether a name of the list is of envtasks: a task, or a collection of which --list-depth shows the number."""
    tasks = [root[task] for task in root.task_names if task == name or task.startswith(f"{name}.")]
    return bool(tasks) and all(map(is_built_in, tasks))


def is_built_in(task: Task[Any]) -> bool:
    """Whether envtasks itself brings a task."""
    return str(getattr(task.body, "__module__", "")).startswith(f"{__package__}.")


def _task_to_explain(words: Sequence[str], root: Collection) -> str | None:
    """The task that `--help` follows, which Invoke would take for the task's first positional argument."""
    for task, flag in pairwise(words):
        if flag in ("-h", "--help") and task in root.task_names and flag not in _flags(task, root):
            return task
    return None


def advice(word: str, task: str, root: Collection) -> tuple[str, str]:
    """What to say of an unknown word that follows a task (or none): a message and a hint."""
    call = _call(task)
    environments = _environments()
    if word.startswith("-"):
        flag = word.partition("=")[0]
        if flag in OWN_FLAGS and not task:
            return f"{flag} goes after the task.", f"inv TASK {flag}{' NAME' if flag in WITH_VALUE else ''}"
        return f"There is no flag {flag}{did_you_mean(flag, _flags(task, root))}", f"{call} --help"
    if task == "env.set":
        hint = "it is asked for, or piped: printf %s … | inv env.set NAME --env NAME; or --from-file PATH"
        return "env.set takes no value on the command line, which a shell keeps in its history.", hint
    if task and word in environments:
        flags = f"--env {word}" if "--env" in _flags(task, root) else "--help"
        return f"{word} is an environment, not a task.", f"{call} {flags}"
    if task.startswith("compose."):
        from .word_arguments import known_services

        if services := sorted(known_services()):
            return (
                f"There is no service {word!r}{did_you_mean(word, services)}",
                f"services: {', '.join(services)}",
            )
    from . import add_built_in

    add_built_in(root)  # also those that this command line did not name
    if word in root.collections:
        return f"{word} is a collection of tasks, not a task.", f"inv --list {word}"
    if f"--{word}" in _flags("", root):
        return f"There is no task {word!r}, but a flag: --{word}.", f"inv --{word}"
    names = [*root.task_names, *(alias for aliases in root.task_names.values() for alias in aliases)]
    near = did_you_mean(word, names)
    unread = near == "." and _has_unread_tasks()
    hint = "tasks.py is for inv: its tasks run with inv NAME" if unread else "inv --list shows all tasks"
    return f"There is no task {word!r}{near}", hint


def _flags(task: str, root: Collection) -> list[str]:
    if not task:
        return list(Program().initial_context.flag_names())
    names = [name for argument in root[task].get_arguments() for name in argument.names]
    return [f"--{name}" if len(name) > 1 else f"-{name}" for name in names]


def _has_unread_tasks() -> bool:
    """Whether the project has a tasks.py and this is the `envtasks` command, which does not read it."""
    program = _loading_program()
    with suppress(EnvtasksError):
        return (
            program is not None
            and program.name == "envtasks"
            and (Project.load().root / "tasks.py").is_file()
        )
    return False


def _environments() -> Sequence[str]:
    try:
        return list(Project.load().environments)
    except EnvtasksError:
        return ()


def _loading_program() -> Program | None:
    frame = sys._getframe()
    while frame.f_back:
        frame = frame.f_back
        program = frame.f_locals.get("self")
        if isinstance(program, Program) and hasattr(program, "core"):
            return program
    return None
