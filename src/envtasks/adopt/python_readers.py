"""Python code that reads env files by itself: python-dotenv, pydantic-settings, django-environ, environs, dynaconf."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from ..check import is_placeholder, is_secret_name
from .code import dotted, imports_old_settings
from .places import Place
from .survey import Survey

_LOADERS: Final = ("load_dotenv", "read_env", "read_envfile")
_PATHS: Final = ("dotenv_path", "env_file", "path")
_ENVIRON: Final = ".".join(("os", "environ"))  # what the project is to read, and this module does not
_UNKNOWN: Final = "remove it where that is an env file of the project"
_GIVEN: Final = "`inv` and nox give the values"


def python_readers(survey: Survey, files: Collection[str]) -> Iterator[Place]:
    """The places in Python code that read one of these env files, or `.env`."""
    known = {"", ".env", *files}
    for file, tree in survey.modules.items():
        lines = survey.text(file).splitlines()
        for block in _blocks(tree):
            for statement in block:
                found = _loader(statement, known, tree)
                if found == "":
                    last = statement.end_lineno or statement.lineno
                    sentence = f"reads an env file by itself; {_GIVEN}"
                    yield Place(file, statement.lineno, last, sentence, None, _UNKNOWN)
                elif found is not None:
                    yield _place(file, statement, found, _without_statement(statement, block, lines))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield from _of_call(file, node, lines, known)
            elif isinstance(node, ast.ClassDef) and node.name == "Config":
                yield from _of_config(file, node, known)


def written_out(survey: Survey) -> Iterator[Place]:
    """The secrets that settings of Django have written out."""
    for file, tree in survey.modules.items():
        if "settings" not in file:
            continue
        for node in tree.body:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                continue
            name, value = node.targets[0].id, node.value
            text = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
            if is_secret_name(name) and text and not is_placeholder(text):
                advice = f'{name} = {_ENVIRON}["{name}"], then: inv env.set {name} --env local'
                yield Place(file, node.lineno, node.lineno, f"{name} is written out here", None, advice)


def old_settings(survey: Survey) -> Iterator[Place]:
    """The imports of pydantic 1's settings class."""
    for file, tree in survey.modules.items():
        if line := imports_old_settings(tree):
            sentence = "the settings class is pydantic 1's, and envtasks needs pydantic 2"
            yield Place(file, line, line, sentence, None, "from pydantic_settings import BaseSettings")


def _blocks(tree: ast.Module) -> Iterator[Sequence[ast.stmt]]:
    """Every list of statements of a module."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def _loader(statement: ast.stmt, known: Collection[str], tree: ast.Module) -> str | None:
    """The env file that a statement loads, `.env` where it names none, empty where nobody can tell; else None."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    call = statement.value
    if dotted(call.func).rpartition(".")[2] not in _LOADERS:
        return None
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg in _PATHS)]
    variable = given[0] if given and isinstance(given[0], (ast.Name, ast.Attribute)) else None
    if variable is not None:
        given = [value for value in _assigned(tree, dotted(variable)) if _texts(value)]
    texts = [text for each in given[:1] for text in _texts(each)]
    name = (texts[-1] if texts else ".env").removeprefix("./")
    ours = name in known or name.removeprefix("../").startswith(".env")
    if variable is not None and not (texts and ours):
        return ""
    return name if ours else None


def _assigned(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    """The values that a module gives a variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) == name:
            yield node.value


def _texts(value: ast.expr) -> list[str]:
    return [
        each.value
        for each in ast.walk(value)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]


def _place(file: str, node: ast.stmt, name: str, instead: tuple[str, ...]) -> Place:
    gets = ", and gets the ciphertexts of a baseline" if name.startswith(".env.") else ""
    sentence = f"reads {name} by itself{gets}; {_GIVEN}"
    return Place(file, node.lineno, node.end_lineno or node.lineno, sentence, instead)


def _without_statement(
    statement: ast.stmt, block: Sequence[ast.stmt], lines: Sequence[str]
) -> tuple[str, ...]:
    """What stands in the lines of a statement without it: nothing, or `pass` where something has to."""
    before = lines[statement.lineno - 1].encode()[: statement.col_offset].decode()
    last = lines[(statement.end_lineno or statement.lineno) - 1]
    after = last.encode()[statement.end_col_offset or 0 :].decode()
    shares = bool(before.strip()) or after.lstrip().startswith(";")
    return (f"{before}pass{after if shares else ''}",) if shares or len(block) == 1 else ()


def _of_call(file: str, node: ast.Call, lines: Sequence[str], known: Collection[str]) -> Iterator[Place]:
    """`env_file=` of pydantic-settings, `load_dotenv=True` of dynaconf, `dotenv_values()`."""
    called = dotted(node.func).rpartition(".")[2]
    if called == "dotenv_values":
        sentence = f"reads an env file by itself; {_GIVEN}"
        yield Place(file, node.lineno, node.end_lineno or node.lineno, sentence, None, f"dict({_ENVIRON})")
    for word in node.keywords:
        given = word.arg == "env_file" and "Config" in called and _names(word.value) & set(known)
        dynaconf = (
            called == "Dynaconf" and word.arg == "load_dotenv" and getattr(word.value, "value", None) is True
        )
        if given or dynaconf:
            sentence = f"{word.arg} makes it read an env file by itself, in every environment; {_GIVEN}"
            replaced = _without(word, lines)
            yield Place(file, replaced[0], replaced[1], sentence, replaced[2])


def _of_config(file: str, node: ast.ClassDef, known: Collection[str]) -> Iterator[Place]:
    """`env_file` in a pydantic `class Config`."""
    for statement in node.body:
        if isinstance(statement, ast.Assign) and dotted(statement.targets[0]) == "env_file":
            if not _names(statement.value) & set(known):
                continue
            indent = " " * statement.col_offset
            instead = () if len(node.body) > 1 else (f"{indent}pass",)
            sentence = f"env_file makes it read an env file by itself, in every environment; {_GIVEN}"
            yield Place(file, statement.lineno, statement.end_lineno or statement.lineno, sentence, instead)


def _names(value: ast.expr) -> set[str]:
    """The texts in an expression, as names of files below the project's folder."""
    return {re.sub(r"^(?:\.\.?/)+|^/", "", each) for each in _texts(value)}


def _without(word: ast.keyword, lines: Sequence[str]) -> tuple[int, int, tuple[str, ...]]:
    """The lines of a call's keyword, and what stands there without it."""
    first, last = word.lineno, word.end_lineno or word.lineno
    before = lines[first - 1].encode()[: word.col_offset].decode()
    after = lines[last - 1].encode()[word.end_col_offset or 0 :].decode()
    if not before.strip() and after.strip() in (",", ""):
        return first, last, ()
    if after.lstrip().startswith(","):
        after = after.lstrip()[1:].lstrip()
    else:  # the last one of its line: the comma before it goes
        before = before.rstrip().removesuffix(",")
    return first, last, (before + after,)
