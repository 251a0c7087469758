"""One more environment in pyproject.toml: a line is inserted, and the result is parsed to prove it."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..envfiles import newline_of
from ..errors import ConfigInvalid

_TABLE: Final = "tool.envtasks.environments"
_HEADER: Final = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")


def with_environment(text: str, name: str, value: dict[str, Any]) -> str:
    """The text of a pyproject.toml that declares its environments, with one more; unchanged where none is declared.

    Raises ConfigInvalid, with the line to add by hand, where the table is not written in one of the usual ways; and
    where the text is no TOML.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(f"pyproject.toml is not valid TOML: {error}.") from None
    declared = document.get("tool", {}).get("envtasks", {}).get("environments", {})
    if not declared or name in declared:
        return text
    expected = copy.deepcopy(document)
    expected["tool"]["envtasks"]["environments"][name] = value
    for candidate in _candidates(text, name, value):
        try:
            if tomllib.loads(candidate) == expected:
                return candidate
        except tomllib.TOMLDecodeError:
            continue
    raise ConfigInvalid(
        f"pyproject.toml: [{_TABLE}] is written in a way that is not extended here; nothing was written.",
        hint=f"add to it: {name} = {_inline(value)}",
    )


def _candidates(text: str, name: str, value: dict[str, Any]) -> Iterator[str]:
    newline = newline_of(text)
    lines = text.splitlines(keepends=True)
    tables = [found[1].replace(" ", "") if (found := _HEADER.match(line)) else "" for line in lines]
    if _TABLE in tables:
        header = tables.index(_TABLE)
        at = _end_of_table(lines, tables, header)
        yield _inserted(lines, at, f"{_aligned(name, lines[header:at])}= {_inline(value)}{newline}")
    parts = [number for number, table in enumerate(tables) if table.startswith(f"{_TABLE}.")]
    if parts:
        at = _end_of_table(lines, tables, parts[-1])
        body = "".join(f"{key} = {_literal(each)}{newline}" for key, each in value.items())
        yield _inserted(lines, at, f"{newline}[{_TABLE}.{name}]{newline}{body}")
    dotted = [number for number, line in enumerate(lines) if line.startswith("environments.")]
    if dotted:
        yield _inserted(lines, dotted[-1] + 1, f"environments.{name} = {_inline(value)}{newline}")


def _end_of_table(lines: Sequence[str], tables: Sequence[str], header: int) -> int:
    """The number of the line after the last one of a table that is neither empty nor a comment."""
    end = next((number for number in range(header + 1, len(lines)) if tables[number]), len(lines))
    while end > header + 1 and lines[end - 1].strip()[:1] in ("", "#"):
        end -= 1
    return end


def _inserted(lines: Sequence[str], at: int, line: str) -> str:
    before = "".join(lines[:at])
    gap = "" if before.endswith("\n") else "\n"
    return f"{before}{gap}{line}{''.join(lines[at:])}"


def _aligned(name: str, lines: Sequence[str]) -> str:
    """The name and a blank; with more blanks where those above have their `=` in one column."""
    columns = [len(found[0]) for line in lines if (found := re.match(r"[\w-]+ +(?==)", line))]
    in_column = len(columns) > 1 and len(set(columns)) == 1
    return name.ljust(columns[0] - 1 if in_column else 0) + " "


def _inline(value: dict[str, Any]) -> str:
    return "{ " + ", ".join(f"{key} = {_literal(each)}" for key, each in value.items()) + " }"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(f'"{each}"' for each in value) + "]"
