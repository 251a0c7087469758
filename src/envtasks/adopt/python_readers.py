"""Python code that reads env files by itself: python-dotenv, pydantic-settings, environs, decouple and others."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from ..check import is_placeholder, is_secret_name
from .code import imports_old_settings
from .expressions import dotted
from .places import Place
from .survey import Survey

_LOADERS: Final = ("load_dotenv", "read_env", "read_envfile")
_PATHS: Final = ("dotenv_path", "env_file", "path")
_ENVIRON: Final = ".".join(("os", "environ"))  # what the project is to read, and this module does not
# what reads the env file that its first argument names, and what stands there without
_FIRST_ARGUMENT: Final = {"Config": "Config()", "RepositoryEnv": "from decouple import config"}
_UNKNOWN: Final = "remove it where that is an env file of the project"
_GIVEN: Final = "`inv` and nox give the values"


def python_readers(
    survey: Survey, files: Collection[str], kept: frozenset[str] = frozenset()
) -> Iterator[Place]:
    """The places in Python code that read one of these env files, or `.env`.

    `kept` are env files whose values are in no environment, so that what reads one of them is never changed.
    """
    known = {"", ".env", *files, *kept}
    for file, tree in survey.modules.items():
        for place, names in _readers(file, tree, survey.text(file).splitlines(), known):
            found = kept.intersection(_resolved(name, file, kept) for name in names)
            advice = f"when an environment has the values of {', '.join(sorted(found))}: remove it"
            yield replace(place, lines=None, advice=advice) if found else place


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


def _readers(
    file: str, tree: ast.Module, lines: Sequence[str], known: Collection[str]
) -> Iterator[tuple[Place, Collection[str]]]:
    """The places in a module that read env files, each with the files' names as far as they are known."""
    for block in _blocks(tree):
        for statement in block:
            name = _loader(statement, known, tree)
            if name is not None:
                yield _place(file, statement, name, _without_statement(statement, block, lines)), {name}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(file, node, lines, known, tree)
        elif isinstance(node, ast.ClassDef):
            yield from _of_class(file, node, lines, known, tree)


def _resolved(name: str, file: str, kept: Collection[str]) -> str:
    """The env file that a module means by a name: without a folder the nearest one, as python-dotenv looks for it."""
    folders = [each.as_posix() for each in PurePosixPath(file).parents] if "/" not in name else []
    return next((path for path in (f"{each}/{name}" for each in folders) if path in kept), name)


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
    if given and isinstance(given[0], ast.Constant) and str(given[0].value).startswith("/"):
        return None
    name = re.sub(r"^(?:\./|/)+", "", "/".join(text for each in given[:1] for text in _texts(each))) or ".env"
    ours = name in known or re.sub(r"^(?:\.\./)+", "", name).startswith(".env")
    if variable is not None and not (given and ours):
        return ""
    unknown = "" if PurePosixPath(name).name.startswith(".env") else None
    return name if ours else unknown


def _assigned(tree: ast.Module, name: str) -> Iterator[ast.expr]:
    """The values that a module gives a variable."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) == name:
            yield node.value


def _texts(value: ast.expr) -> list[str]:
    """The texts in an expression, in the order of the source."""
    found = [each for each in ast.walk(value) if isinstance(each, ast.Constant)]
    ordered = sorted(found, key=lambda each: (each.lineno, each.col_offset))
    return [each.value for each in ordered if isinstance(each.value, str)]


def _place(file: str, node: ast.stmt, name: str, instead: tuple[str, ...]) -> Place:
    """The place of a statement that reads an env file; which one is not known where the name is empty."""
    gets = ", and gets the ciphertexts of a baseline" if name.startswith(".env.") else ""
    sentence = f"reads {name or 'an env file'} by itself{gets}; {_GIVEN}"
    last = node.end_lineno or node.lineno
    return Place(file, node.lineno, last, sentence, instead if name else None, "" if name else _UNKNOWN)


def _without_statement(
    statement: ast.stmt, block: Sequence[ast.stmt], lines: Sequence[str]
) -> tuple[str, ...]:
    """What stands in the lines of a statement without it: nothing, or `pass` where something has to."""
    before = lines[statement.lineno - 1].encode()[: statement.col_offset].decode()
    last = lines[(statement.end_lineno or statement.lineno) - 1]
    after = last.encode()[statement.end_col_offset or 0 :].decode()
    shares = bool(before.strip()) or after.lstrip().startswith(";")
    return (f"{before}pass{after if shares else ''}",) if shares or len(block) == 1 else ()


def _of_call(
    file: str, node: ast.Call, lines: Sequence[str], known: Collection[str], tree: ast.Module
) -> Iterator[tuple[Place, Collection[str]]]:
    """`env_file=` of pydantic-settings, `load_dotenv=True` of dynaconf, `dotenv_values()`, `Config(".env")`."""
    called = dotted(node.func).rpartition(".")[2]
    last = node.end_lineno or node.lineno
    if called == "dotenv_values":
        sentence = f"reads an env file by itself; {_GIVEN}"
        yield Place(file, node.lineno, last, sentence, None, f"dict({_ENVIRON})"), ()
    names = (
        _meant(node.args[0], tree).intersection(known) if node.args and called in _FIRST_ARGUMENT else set()
    )
    if names:
        sentence = _reads(called, names)
        yield Place(file, node.lineno, last, sentence, None, _FIRST_ARGUMENT[called]), names
    for word in node.keywords:
        given = word.arg == "_env_file" or (word.arg == "env_file" and "Config" in called)
        names = _meant(word.value, tree).intersection(known) if given else set()
        dynaconf = (
            called == "Dynaconf" and word.arg == "load_dotenv" and getattr(word.value, "value", None) is True
        )
        if names or dynaconf:
            yield _of_keyword(file, word, lines, names), names


def _of_class(
    file: str, node: ast.ClassDef, lines: Sequence[str], known: Collection[str], tree: ast.Module
) -> Iterator[tuple[Place, Collection[str]]]:
    """`env_file` in a pydantic `class Config`, or among the keywords of a class."""
    for word in node.keywords:
        if word.arg == "env_file" and (names := _meant(word.value, tree).intersection(known)):
            yield _of_keyword(file, word, lines, names), names
    for statement in node.body if node.name == "Config" else ():
        if isinstance(statement, ast.Assign) and dotted(statement.targets[0]) == "env_file":
            names = _meant(statement.value, tree).intersection(known)
            if not names:
                continue
            indent = " " * statement.col_offset
            instead = () if len(node.body) > 1 else (f"{indent}pass",)
            last = statement.end_lineno or statement.lineno
            yield Place(file, statement.lineno, last, _reads("env_file", names), instead), names


def _of_keyword(file: str, word: ast.keyword, lines: Sequence[str], names: Collection[str]) -> Place:
    """The place of a keyword that names an env file, or switches on that one is read."""
    first, last, instead = _without(word, lines)
    return Place(file, first, last, _reads(str(word.arg), names), instead)


def _reads(what: str, names: Collection[str]) -> str:
    """The sentence about what makes code read these env files."""
    of_baseline = any(name.startswith(".env.") for name in names)
    gets = ", and get the ciphertexts of a baseline" if of_baseline else ""
    return f"{what} makes it read an env file by itself, in every environment{gets}; {_GIVEN}"


def _meant(value: ast.expr, tree: ast.Module) -> set[str]:
    """The names in an expression, or in what the module assigns to the variable that it is."""
    values = [value]
    if isinstance(value, (ast.Name, ast.Attribute)):
        values += _assigned(tree, dotted(value))
    return {name for each in values for name in _names(each)}


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
