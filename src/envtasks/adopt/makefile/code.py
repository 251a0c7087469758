"""Python source for texts with values in them, laid out as formatters do."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .values import Value

WIDTH: Final = 88
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
