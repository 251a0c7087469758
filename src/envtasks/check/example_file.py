"""Write `.env.example`: every variable of the env files and of the settings class, with harmless placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..config import PLACEHOLDER
from ..envfiles import (
    ENCRYPTED,
    Entry,
    EnvFile,
    appended,
    newline_of,
    parse_env_file,
    read_env_file,
    replace_values,
    write_atomic,
)
from ..errors import ConfigInvalid, EnvFileInvalid
from ..inventory import example_path
from .credentials import is_placeholder, is_secret_name, looks_like_credential
from .example import expected_names, real_values
from .inputs import Inputs
from .settings import ask


@dataclass(frozen=True, slots=True)
class ExampleChange:
    """What was done with the example, or would be: the names that were added, and those whose value was replaced."""

    file: str
    added: tuple[str, ...]
    replaced: tuple[str, ...]
    created: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """An assignment and its file."""

    file: EnvFile
    entry: Entry


def write_example(inputs: Inputs, *, dry: bool = False) -> ExampleChange:
    """Bring the example up to date, or make it; what it has already stays as it is. Raises EnvFileInvalid.

    A new one has the comments and the order of the first environment's baseline.
    """
    path = example_path(inputs.project.root)
    created = not path.exists()
    places = _places(inputs)
    file = _skeleton(inputs, path) if created else read_env_file(path, label=inputs.label(path))
    real = list(dict.fromkeys(entry for entry, _ in real_values(inputs, file)))
    after = replace_values(file, dict.fromkeys(real, PLACEHOLDER))
    given = {entry.name for entry in after.entries}
    missing = [name for name in expected_names(inputs) if name not in given]
    blocks = [_block(inputs, name, places.get(name), known=file.text) for name in missing]
    after = _with(after, blocks, len(missing))
    after = _with(after, list(_optional(inputs, after)), 0)
    added = [entry.name for entry in after.entries] if created else missing
    if not dry and (created or after.text != file.text):
        write_atomic(path, after.encode(after.text), mode=None if path.exists() else 0o644)
    replaced = () if created else tuple(entry.name for entry in real)
    return ExampleChange(inputs.label(path), tuple(dict.fromkeys(added)), replaced, created)


def _places(inputs: Inputs) -> dict[str, _Place]:
    """Where each variable is assigned: in the first file that others get, plain rather than encrypted."""
    found: dict[str, _Place] = {}
    for environment, examined in inputs.judged:
        for layer in examined.files:
            for entry in layer.file.entries if inputs.will_be_shared(environment, layer.file.path) else ():
                known = found.get(entry.name)
                if known is None or (known.entry.encrypted and not entry.encrypted):
                    found[entry.name] = _Place(layer.file, entry)
    return found


def _skeleton(inputs: Inputs, path: Path) -> EnvFile:
    """The first baseline with placeholders and without keys; a heading alone where there is none."""
    heading = f"# Every variable of {inputs.project.name}, with placeholders. For readers: no tool loads this file.\n\n"
    for environment, examined in inputs.judged:
        for layer in examined.files:
            if inputs.will_be_shared(environment, layer.file.path):
                file = replace_values(
                    layer.file,
                    {
                        entry: _placeholder(inputs, _Place(layer.file, entry))
                        for entry in layer.file.entries
                        if not entry.is_key
                    },
                )
                heading = heading.replace("\n", newline_of(file.text))
                return parse_env_file(heading + _without_keys(file).lstrip("\r\n\ufeff"), path=path)
    return parse_env_file(heading, path=path)


def _without_keys(file: EnvFile) -> str:
    """The text without the lines of keys and the comments directly above them."""
    text = file.text
    for entry in reversed([each for each in file.entries if each.is_key]):
        above = re.search(r"(?:^[ \t]*#[^\n]*\n)+\Z", text[: entry.start], re.MULTILINE)
        start = above.start() if above else entry.start
        text = text[:start] + text[entry.end :].removeprefix("\r").removeprefix("\n")
    return text


def _placeholder(inputs: Inputs, place: _Place) -> str:
    """The value of a variable in the example, as it is written: the plain text of its file, unless that is a secret."""
    entry, name = place.entry, place.entry.name
    if ENCRYPTED in entry.value or looks_like_credential(name, entry.value):
        return PLACEHOLDER
    made = not entry.literal and "$" in entry.value
    secret = inputs.is_secret(name) or is_secret_name(name)
    if secret and not made and not is_placeholder(entry.value):
        return PLACEHOLDER
    return place.file.text[entry.value_start : entry.value_end]


def _block(inputs: Inputs, name: str, place: _Place | None, *, known: str) -> str:
    """The lines of one variable: the comments above it in its file, the assignment, the comment behind it.

    Comments that the example has already, as where it was the beginning of that file, are not written again.
    """
    if place is None:
        secret = name.upper() in inputs.settings_secrets or is_secret_name(name)
        return f"{name}={PLACEHOLDER if secret else ''}\n"
    text, entry = place.file.text, place.entry
    above = re.search(r"(?:^[ \t]*#[^\n]*\n)*\Z", text[: entry.start], re.MULTILINE)
    behind = re.match(r"[ \t]+#[^\r\n]*", text[entry.value_end : entry.end])
    comments = above[0].replace("\r", "") if above else ""
    comments = "" if comments in known.replace("\r", "") else comments
    return f"{comments}{name}={_placeholder(inputs, place)}{behind[0] if behind else ''}\n"


def _with(file: EnvFile, blocks: list[str], count: int) -> EnvFile:
    """The file with these lines, which assign `count` variables, at its end. Raises EnvFileInvalid otherwise."""
    if not blocks:
        return file
    text = appended(file.text, "".join(blocks))
    after = parse_env_file(text, path=file.path, encoding=file.encoding)
    before, found = ([(entry.name, entry.raw) for entry in each.entries] for each in (file, after))
    if found[: len(before)] != before or len(found) != len(before) + count:
        raise EnvFileInvalid(
            f"{file.path.name}: a quote that is not closed would take in what is added; nothing was written.",
            hint="mend that line first",
        )
    return after


def _optional(inputs: Inputs, file: EnvFile) -> Iterator[str]:
    """A comment for each variable of the settings class that nothing sets, with its default, unless it is there."""
    if inputs.project.settings is None:
        return
    try:
        fields = ask(inputs).fields
    except ConfigInvalid:  # which `env.check` reports
        return
    known = {name.upper() for name in inputs.names}
    for field in fields:
        name = field.variables[0]
        if field.required or field.nested or not known.isdisjoint(field.variables):
            continue
        if not re.search(
            rf"^[#\s]*(?:export\s+)?{re.escape(name)}\s*=", file.text, re.MULTILINE | re.IGNORECASE
        ):
            default = "" if field.secret or field.default is None else field.default
            description = f"# {' '.join(field.description.split())}\n" if field.description else ""
            yield f"{description}# {name}={default}\n"
