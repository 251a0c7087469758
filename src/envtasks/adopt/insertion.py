"""Lines inserted into a project's own files: Python after its imports and at its end, TOML tables at the end."""

from __future__ import annotations

import ast
import io
import tokenize
import tomllib
from collections.abc import Mapping
from typing import Any, Final

from ..envfiles import appended, newline_of
from ..errors import ConfigInvalid

_MARK: Final = "\ufeff"  # with which editors of Windows begin a file; Python reads over it


def encoding_of(name: str, data: bytes) -> str:
    """The encoding of a file: for Python that of its coding line, else UTF-8."""
    if not name.endswith(".py"):
        return "utf-8"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        b"#".decode(encoding)
    except (SyntaxError, LookupError):  # there is no such encoding of text, or the bytes are not of it
        return "utf-8"
    return "utf-8" if encoding == "utf-8-sig" else encoding


def encoded(text: str, encoding: str, label: str) -> bytes:
    """The text as bytes; those that were read as no characters are as they were. Raises ConfigInvalid."""
    try:
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError as error:
        raise ConfigInvalid(
            f"{label} is in {encoding}, which has no {error.object[error.start]!r}; nothing was written.",
            hint=f"save {label} as UTF-8, without its coding line",
        ) from None


def with_python(text: str, label: str, *, imports: str, body: str) -> str:
    """A Python module with imports after its own ones, and further lines at its end; what is there stays as it is.

    Raises ConfigInvalid where the module cannot be parsed, before or after.
    """
    tree = parse_python(text, label)
    newline = newline_of(text)
    lines = text.splitlines(keepends=True)
    after = appended(with_imports(lines, tree, imports.replace("\n", newline)), body, gap=2)
    require_kept(tree, after, label)
    return after


def parse_python(text: str, label: str) -> ast.Module:
    """The module that is to be extended. Raises ConfigInvalid."""
    try:
        return ast.parse(text.removeprefix(_MARK))
    except UnicodeEncodeError as error:  # bytes that were read as no characters
        line = error.object.count("\n", 0, error.start) + 1
        raise ConfigInvalid(
            f"{label}:{line}: its bytes are not UTF-8, so it is not extended.",
            hint=f"save {label} as UTF-8, or name its encoding in its first line: # coding: latin-1",
        ) from None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ConfigInvalid(f"{label}:{line}: this is not valid Python, so it is not extended.") from None


def require_kept(before: ast.Module, after: str, label: str) -> None:
    """Raise ConfigInvalid where a module with lines inserted lacks anything that it had before, or has it elsewhere."""
    own = [ast.dump(node) for node in before.body]
    try:
        kept = iter([ast.dump(node) for node in ast.parse(after.removeprefix(_MARK)).body])
    except SyntaxError:
        kept = iter(())
    if not all(node in kept for node in own):  # each in turn, so that their order is proven too
        raise ConfigInvalid(f"{label}: it would not be what it is with lines inserted; nothing was written.")


def with_imports(lines: list[str], tree: ast.Module, imports: str) -> str:
    """The lines with imports after the last one at the top of the module, else after its docstring."""
    at = 0
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not isinstance(node, (ast.Import, ast.ImportFrom)) and not docstring:
            break
        at = node.end_lineno or 0
    before = "".join(lines[:at])
    if before and not before.endswith("\n"):
        before += newline_of(before)
    return before + imports + "".join(lines[at:])


def with_table(text: str, lines: str, label: str, expected: Mapping[str, Any]) -> str:
    """A TOML text with tables at its end; parsed to prove that they arrive. Raises ConfigInvalid."""
    after = appended(text, lines, gap=1)
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(
            f"{label}: [tool.envtasks] cannot be added at its end: {error}.", hint="add it by hand"
        ) from None
    if found.get("tool", {}).get("envtasks") != expected:
        raise ConfigInvalid(f"{label}: [tool.envtasks] would not arrive as it is meant; nothing was written.")
    return after


def top_level_names(text: str) -> frozenset[str]:
    """The names that a module defines or imports at its top level; none where it cannot be parsed.

    A function counts as `unit` too where `@session(name="unit")` or `@task(name="unit")` stands above it.
    """
    try:
        tree = ast.parse(text.removeprefix(_MARK))
    except (SyntaxError, ValueError):
        return frozenset()
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names |= {node.name, *_declared_names(node)}
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {
                each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)
            }
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return frozenset(names)


def _declared_names(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    keywords = [each for call in node.decorator_list if isinstance(call, ast.Call) for each in call.keywords]
    values = [each.value for each in keywords if each.arg == "name"]
    return {str(value.value) for value in values if isinstance(value, ast.Constant)}
