"""Expressions of Python code: names and constants as text, and what runs only where the environment says so."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import Final

_CAUGHT: Final = (
    "KeyError",
    "LookupError",
    "Exception",
    "ImproperlyConfigured",
    "EnvError",
    "UndefinedValueError",
)


def conditional_nodes(tree: ast.Module, readers: Collection[str]) -> frozenset[ast.AST]:
    """The nodes that only run where the environment says so, or whose KeyError is caught.

    `readers`: the names of `os.environ` and of libraries' functions in this module.
    """
    switches = {
        dotted(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _asks(node.value, readers)
        for target in node.targets
    }
    asked = {*readers, *filter(None, switches)}
    return frozenset(
        each for node in ast.walk(tree) for part in _branches(node, asked) for each in ast.walk(part)
    )


def optional_names(tree: ast.Module, environs: Collection[str]) -> Iterator[str]:
    """The variables that a module gives a default by `setdefault`, or tests with `in` and does not end without."""
    setters = {f"{each}.setdefault" for each in environs}
    ending = {node.test for node in ast.walk(tree) if isinstance(node, ast.If) and _ends(node.body)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and dotted(node.comparators[-1]) in environs:
            refuses = isinstance(node.ops[-1], ast.NotIn) and node in ending
            if isinstance(node.ops[-1], (ast.In, ast.NotIn)) and not refuses and (name := text_of(node.left)):
                yield name
        elif isinstance(node, ast.Call) and node.args and dotted(node.func) in setters:
            yield text_of(node.args[0]) or ""


def _branches(node: ast.AST, asked: Collection[str]) -> Sequence[ast.AST]:
    """What of a statement or an expression runs only after the environment was asked."""
    if isinstance(node, ast.If) and _asks(node.test, asked):
        return [*node.body, *node.orelse]
    if isinstance(node, ast.IfExp) and _asks(node.test, asked):
        return [node.body, node.orelse]
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) and _asks(node.values[0], asked):
        return node.values[1:]
    if isinstance(node, ast.Try):
        going_on = [handler for handler in node.handlers if not _ends(handler.body)]
        caught = [each for handler in going_on for each in _classes(handler)]
        return node.body if not set(caught).isdisjoint(_CAUGHT) else []
    return []


def _asks(value: ast.expr, readers: Collection[str]) -> bool:
    """Whether an expression depends on the environment."""
    names = (dotted(each) for each in ast.walk(value) if isinstance(each, (ast.Name, ast.Attribute)))
    return any(name in readers or name.rpartition(".")[2] == "getenv" for name in names)


def _classes(handler: ast.ExceptHandler) -> list[str]:
    """The names of the exceptions that a handler catches; `Exception` for a bare one."""
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return ["Exception" if each is None else dotted(each).rpartition(".")[2] for each in types]


def _ends(body: Sequence[ast.stmt]) -> bool:
    """Whether a block ends the program: it raises, or calls exit."""
    last = body[-1]
    call = last.value if isinstance(last, ast.Expr) else None
    return isinstance(last, ast.Raise) or (
        isinstance(call, ast.Call) and dotted(call.func).rpartition(".")[2] in ("exit", "_exit", "abort")
    )


def text_of(node: ast.expr | None) -> str | None:
    """A constant as an environment variable would hold it; None for anything else."""
    if not isinstance(node, ast.Constant) or node.value is None or isinstance(node.value, bytes):
        return None
    return str(node.value).lower() if isinstance(node.value, bool) else str(node.value)


def dotted(node: ast.expr) -> str:
    """A name with its attributes, `os.path.join`; empty for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else f".{node.attr}"
    return ""
