"""What the project reads in its plain env files today, kept where envtasks would read something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from ..check import values_by_dotenv
from ..compose import values_of as values_by_compose
from ..config import OVERRIDES
from ..envfiles import Entry, EnvFile, find_commands, parse_env_file, replace_values, spell
from ..errors import EnvtasksError
from ..hydration import values_of
from .compose_readers import files_of_services
from .plan import Draft
from .python_readers import python_readers
from .sources import Source, baseline_name

_REFERENCE: Final = re.compile(r"\$\{(\w+)")


def as_read_today(draft: Draft, source: Source) -> Source:
    """A plain file whose values are spelled so that envtasks reads what the project's own reader makes of them.

    `$word`, `#` without a blank before it and `$(…)` are text for python-dotenv; the lines are named.
    """
    if source.environment is None:
        return source
    path = draft.survey.root / source.file
    reader, values = _read_today(draft, source, path)
    environment = draft.survey.project.future_environment(source.environment)
    native = values_of(environment, source.env_file._replace(path=path), {})
    last = {entry.name: entry for entry in source.entries}
    spelled: dict[Entry, str] = {}
    for name, entry in last.items():
        value = values.get(name)
        outside = {
            *_REFERENCE.findall(entry.value)
        } - last.keys()  # what each machine has a value of its own for
        if value is None or outside or (value == native.get(name) and not find_commands(entry.value)):
            continue
        with suppress(EnvtasksError):  # what cannot be written so stays as it is
            spelled[entry] = spell(name, value) if value else "''"
    if not spelled:
        return source
    with suppress(EnvtasksError):
        changed = replace(source, env_file=_respelled(source.env_file, spelled))
        _leave(draft, source, spelled, reader)
        return changed
    return source


def _respelled(file: EnvFile, spelled: Mapping[Entry, str]) -> EnvFile:
    """The file with these values. The `#cd` of `NAME=ab#cd`, a comment for envtasks, is in the new value and goes.

    Raises EnvFileInvalid.
    """
    after = replace_values(file, spelled)
    text = after.text
    for old, new in reversed([*zip(file.entries, after.entries, strict=True)]):
        if old in spelled and not old.quote and file.text.startswith("#", old.value_end):
            text = text[: new.value_end] + text[new.end :]
    return parse_env_file(text, path=file.path, encoding=file.encoding)


def _read_today(draft: Draft, source: Source, path: Path) -> tuple[str, Mapping[str, str | None]]:
    """Who reads a plain file today, and its values: python-dotenv, else docker compose, else nobody that is known."""
    if any(python_readers(draft.survey, {source.file})):
        return "python-dotenv", values_by_dotenv(path)
    if source.file in files_of_services(draft.survey):
        with suppress(EnvtasksError):
            return "docker compose", values_by_compose([path], {})
    return "", {}


def _leave(draft: Draft, source: Source, spelled: Mapping[Entry, str], reader: str) -> None:
    """Name the values that the two read in different ways; the overrides, which win, keep their spelling."""
    label = baseline_name(source.environment or "")
    for entry in sorted(spelled, key=lambda each: each.line):
        place = f"{source.file}:{entry.line}: {entry.name}"
        if source.file == OVERRIDES:
            sentence = f"{reader} reads another value of {entry.name} here than envtasks; {label} has that of {reader}"
            draft.leave(
                source.file, entry.line, sentence, "remove this line, or put its value in single quotes"
            )
        else:
            draft.notes.append(f"{place} is in {label} as {reader} reads it, in single quotes")
