"""What a shell offers after TAB: scripts for bash, zsh, fish and PowerShell, and the program that they ask.

The answer comes from a cache of names, so that neither Invoke nor tasks.py is loaded while nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .cache import Cache, Names
from .candidates import Candidate, candidates, core_words, split_bash_words
from .scripts import ANSWER, SHELLS, installed_in, script, setup_command

__all__ = ["ANSWER", "SHELLS", "Names", "answer", "installed_in", "script", "setup_command"]

Collect = Callable[[str, Sequence[str]], Names]


def answer(argv: Sequence[str], process_env: Mapping[str, str], *, here: Path, collect: Collect) -> list[str]:
    """The lines that a shell's script asks for with `envtasks complete-words SHELL =PARTIAL WORD…`.

    `collect` gives the names of a program and its core flags where the cache has none that are fresh.
    """
    if len(argv) < 3:
        return []
    shell, partial, words = argv[0], argv[1][1:], list(argv[2:])
    removed = ""  # what the shell keeps before the word that it replaces
    if shell == "bash":
        words, current = split_bash_words(words)
        current = current if current.endswith(partial) else partial
        removed = current[: len(current) - len(partial)]
    else:
        current = partial
    program = _program(words[0])
    core = core_words(words[1:])
    names = Cache.at(process_env, program, core, here=here).names(lambda: collect(program, core))
    found = candidates(names, words[1:], current) if names else []
    return [_line(shell, each, removed) for each in found]


def _program(word: str) -> str:
    """`inv` or `envtasks`, also for a path or with `.exe`."""
    stem = word.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
    return "envtasks" if stem == "envtasks" else "inv"


def _line(shell: str, each: Candidate, removed: str) -> str:
    value = each.value.removeprefix(removed)
    if shell == "bash" or not each.text:
        return value.replace(":", "\\:") if shell == "zsh" else value
    if shell == "zsh":  # `_describe` takes value:text
        return value.replace(":", "\\:") + ":" + each.text
    return f"{value}\t{each.text}"
