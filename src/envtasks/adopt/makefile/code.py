"""Python source: texts with values in them, laid out as formatters do, and names for targets and variables."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .values import Value

WIDTH: Final = 88
# names that a tasks.py uses itself
_TAKEN: Final = frozenset(("task", "namespace", "ns", "c", "os", "shlex", "Path", "Context"))
_BUILT_IN: Final = frozenset(dir(builtins)) | _TAKEN
_FLAGS: Final = {"env": "env_name", "e": "e_", "y": "y_", "yes": "yes_", "help": "help_text", "c": "c_value"}
Find = Callable[[str], "Value | None"]


def quoted(text: str, find: Find) -> str:
    """The expression for a text: a literal, the name of the one value that it is, or an f-string."""
    found = [find(sign) for sign in text]
    if not any(found):
        return literal(text)
    if len(found) == 1 and found[0]:
        return f"str({found[0].code})" if found[0].kind == "path" else found[0].code
    codes = [value.code for value in found if value]
    fewer = '"' in text and "'" not in text and not any("'" in code for code in codes)
    quote = "'" if fewer else '"'
    pieces = [
        "{" + (value.code if fewer else value.code.replace('"', "'")) + "}"
        if value
        else _escaped(sign, quote).replace("{", "{{").replace("}", "}}")
        for sign, value in zip(text, found, strict=True)
    ]
    return f"f{quote}{''.join(pieces)}{quote}"


def literal(text: str) -> str:
    """A string literal, in the quotes that need the fewest escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{''.join(_escaped(sign, quote) for sign in text)}{quote}"


def _escaped(sign: str, quote: str) -> str:
    if sign in (quote, "\\"):
        return f"\\{sign}"
    if sign.isprintable():
        return sign
    return {"\n": "\\n", "\t": "\\t"}.get(sign) or sign.encode("unicode_escape").decode()


def call(head: str, arguments: Sequence[str], *, indent: int, tail: str = "") -> list[str]:
    """The lines of a call: on one line where it fits, else its arguments on one, else each on its own."""
    space = " " * indent
    whole = f"{space}{head}({', '.join(arguments)}){tail}"
    if (len(whole) <= WIDTH and "\n" not in whole) or not arguments:
        return [whole]
    inner = f"{space}    {', '.join(arguments)}"
    if (len(inner) <= WIDTH and "\n" not in inner) or len(arguments) == 1:
        return [f"{space}{head}(", inner, f"{space}){tail}"]
    inside = [line for each in arguments for line in _argument(each, indent + 4)]
    return [f"{space}{head}(", *inside, f"{space}){tail}"]


def _argument(text: str, indent: int) -> list[str]:
    """The lines of an argument; a mapping has a line for each entry where it is long."""
    space = " " * indent
    if len(space) + len(text) < WIDTH or not text.endswith("}") or not text.startswith("env={"):
        return [f"{space}{text},"]
    entries = re.split(r", (?=\"\w+\": )", text.removeprefix("env={")[:-1])
    return [f"{space}env={{", *(f"{space}    {entry}," for entry in entries), f"{space}}},"]


def comment(text: str, *, indent: int) -> list[str]:
    """A comment, wrapped at words."""
    import textwrap

    space = " " * indent
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=f"{space}# ",
        subsequent_indent=f"{space}#   ",
        break_long_words=False,
    )


def task_name(target: str) -> str:
    """The name that `inv` knows a target by: a dot would mean a collection, and `_` is `-` to Invoke."""
    return re.sub(r"[\W_]+", "-", target).strip("-") or "task"


def function_name(target: str, taken: Collection[str]) -> str:
    """The function for a target: a name of its own, which hides none that a tasks.py needs."""
    name = task_name(target).replace("-", "_")
    if name[0].isdigit():
        name = f"run_{name}"
    if keyword.iskeyword(name) or name in _BUILT_IN:
        name += "_"
    while name in taken:
        name += "_"
    return name


def parameter_name(variable: str) -> str:
    """The parameter for a variable; those that every task has are taken."""
    name = re.sub(r"\W+", "_", variable).strip("_").lower() or "value"
    if name[0].isdigit():
        name = f"value_{name}"
    if name in ("no_mask", "no_check"):
        name += "_"
    name = _FLAGS.get(name, name)
    hides = name in _BUILT_IN - {"task", "namespace", "ns"}
    return f"{name}_" if keyword.iskeyword(name) or hides else name


def flag(parameter: str) -> str:
    """The flag that Invoke gives a parameter."""
    return "--" + parameter.strip("_").replace("_", "-")


def constant_name(variable: str) -> str:
    """The module's constant for a variable."""
    name = re.sub(r"\W+", "_", variable).strip("_").upper() or "VALUE"
    return f"VALUE_{name}" if name[0].isdigit() else name


def sentence(text: str) -> str:
    """A docstring: one sentence with a capital letter and a full stop, safe between triple quotes."""
    text = re.sub(r"\s+", " ", text).replace("\\", "/").replace('"', "'").strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
