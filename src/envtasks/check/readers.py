"""What else reads env files: python-dotenv in the project's code, and docker compose by itself."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from .. import git
from ..compose import read_compose_files, values_of
from . import findings
from .findings import Finding, Result, command
from .inputs import Inputs

_FUNCTIONS: Final = ("load_dotenv", "dotenv_values")


def find(inputs: Inputs) -> Iterator[Result]:
    """The findings about other readers of the project's env files."""
    read_by_dotenv: dict[Path, str] = {}
    for file, line, name in _calls(inputs):
        path = inputs.env_file_read_by(name, file)
        if path is None or not path.is_file():
            continue
        if _has_ciphertexts(inputs, path):
            sentence = f"This reads {inputs.label(path)} by itself, and gets the ciphertexts as they are."
            hint = f"git grep -n {inputs.label(path)}"
            yield Finding(findings.READS_FILE, file, line, sentence, hint, name=inputs.label(path))
        else:
            read_by_dotenv[path] = f"python-dotenv ({file}:{line})"
    for path, reader in read_by_dotenv.items():
        yield from _different(inputs, path, values_by_dotenv(path), reader)
    if beside := _beside_compose_file(inputs):
        yield from _different(inputs, beside, values_of([beside], {}), "docker compose")


def _calls(inputs: Inputs) -> Iterator[tuple[str, int, str]]:
    """File and line of each call of python-dotenv in the project's code, and the file that it reads."""
    root = inputs.project.root
    for label in git.files_with(root, _FUNCTIONS, inputs.process_env, names="*.py"):
        try:
            tree = ast.parse((root / label).read_bytes())
        except (OSError, ValueError, SyntaxError, RecursionError):
            continue
        for node in ast.walk(tree):
            called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and called in _FUNCTIONS:
                words = [each for argument in (*node.args, *node.keywords) for each in ast.walk(argument)]
                texts = [
                    each.value
                    for each in words
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                yield label, node.lineno, texts[-1] if texts else ".env"


def _has_ciphertexts(inputs: Inputs, path: Path) -> bool:
    layers = (layer for each in inputs.examinations.values() for layer in each.files)
    return any(layer.encrypted for layer in layers if layer.file.path == path)


def _beside_compose_file(inputs: Inputs) -> Path | None:
    """The env file of the project that `docker compose` reads although nobody names it."""
    files = read_compose_files(inputs.project, {})
    path = files.model.directory / ".env" if files else None
    return path if path in inputs.env_files and path is not None and path.is_file() else None


def values_by_dotenv(path: Path) -> Mapping[str, str | None]:
    """What python-dotenv reads in an env file; nothing where it fails, because the file is not UTF-8."""
    from dotenv import dotenv_values

    logger = logging.getLogger("dotenv.main")
    before, logger.disabled = logger.disabled, True  # it says of each line that it cannot read
    try:
        return dotenv_values(path)
    except UnicodeDecodeError:
        return {}
    finally:
        logger.disabled = before


def _different(
    inputs: Inputs, path: Path, values: Mapping[str, str | None], reader: str
) -> Iterator[Finding]:
    """The plain values of a file that another reader takes for something else."""
    for environment, found in inputs.judged:
        for name, definition in found.definitions.items():
            winner = definition.winner
            if (
                found.files[winner.layer].file.path != path
                or winner.entry.encrypted
                or name not in found.values
            ):
                continue
            if values.get(name) != found.values[name]:
                sentence = f"{name} has another value for {reader}."
                hint = command("env.set", environment, name=name, file=winner.label)
                place = (winner.label, winner.entry.line)
                yield Finding(findings.OTHER_READER, *place, sentence, hint, environment.name, name)
