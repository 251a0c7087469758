"""Make an environment: a key pair, an env file with the variables of another one, .gitignore and pyproject.toml."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import PLACEHOLDER, Environment, Project
from ..envfiles import (
    Entry,
    EnvFile,
    check_value,
    locked,
    parse_env_file,
    quote_ciphertext,
    read_env_file,
    remove_variable,
    replace_values,
    spell,
    write_atomic,
)
from ..errors import ConfigInvalid, EnvFileMissing, Refused
from ..inventory import example_path
from .draft import Draft, TargetFile
from .file_key import FileKey, key_file_for
from .ignored_files import DOCKERIGNORE, ignore, missing_docker_patterns, missing_patterns
from .pyproject import with_environment

Answer = Callable[[str, bool, str], str]
"""What a person types for a variable: its name, whether it is hidden, what Enter alone means; empty: later."""


@dataclass(frozen=True, slots=True)
class Creation:
    """An environment that was made, or would be in a dry run. `open`: the variables that have a placeholder."""

    name: str
    file: str
    variables: tuple[str, ...]
    open: tuple[str, ...]
    dry: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Value:
    """What the new env file has for a variable: a value, encrypted or not, or text that is taken over as it is."""

    value: str | None = None
    secret: bool = False
    text: str = ""
    open: bool = False


def new_environment(
    project: Project,
    target: TargetFile,
    *,
    source: Environment | None,
    answer: Answer | None,
    secret_names: Collection[str] = (),
) -> Creation:
    """Make the env file of `target`, with the variables of `source`, else of .env.example, else with none.

    `answer` gives their values; without it each has a placeholder: that of .env.example, else `changeme`. Raises
    Refused where the file is there already, EnvFileMissing, EnvFileInvalid, ConfigInvalid, LeakFound.
    """
    _refuse_existing(target, project.environments.values())
    template = _template(project.root, source)
    chooser = _Chooser(target.environment, template, _example(project.root), answer, secret_names)
    variables = {entry.name: entry for entry in template.entries if not entry.is_key}
    values = {name: chooser.value(entry) for name, entry in variables.items()}
    pyproject = _pyproject(target.environment)
    with locked(target.path, key_file_for(target.environment, target.path)):
        _refuse_existing(target, project.environments.values())
        draft = Draft(target, parse_env_file("", path=target.path))
        after = _with_key(_filled(draft, template, values), draft.key, target.path)
        notes = _prepare(target, pyproject)
        expected = {name: each.value for name, each in values.items() if each.value is not None}
        draft.save(after, expected=expected)
    return Creation(
        name=target.environment.name,
        file=target.label,
        variables=tuple(values),
        open=tuple(name for name, each in values.items() if each.open),
        dry=target.dry,
        notes=(*draft.notes, *notes),
    )


@dataclass(frozen=True, slots=True)
class _Chooser:
    """Decides what the new env file has for each variable of the template."""

    environment: Environment
    template: EnvFile
    example: EnvFile
    answer: Answer | None
    secret_names: Collection[str]

    def value(self, entry: Entry) -> _Value:
        """What the new env file has for the variable of this entry."""
        if entry.name == self.environment.variable:
            return _Value(self.environment.name)
        secret = entry.encrypted or entry.name.upper() in self.secret_names
        old = "" if secret else entry.value
        given = self.answer(entry.name, secret, old) if self.answer else ""
        if not given:
            return self._placeholder(entry)
        if given == old:
            return _Value(text=_text(self.template, entry))  # references stay references
        return _Value(given, secret)

    def _placeholder(self, entry: Entry) -> _Value:
        if self.template.path == self.example.path:
            return _Value(text=_text(self.template, entry), open=True)
        same = [each for each in self.example.entries if each.name == entry.name]
        return _Value(text=(same and _text(self.example, same[-1])) or PLACEHOLDER, open=True)


def _filled(draft: Draft, template: EnvFile, values: Mapping[str, _Value]) -> EnvFile:
    """The template with these values."""
    spelled = {}
    for entry in template.entries:
        if entry.is_key:
            continue
        each = values[entry.name]
        if each.value is None:
            spelled[entry] = each.text
        elif each.secret:
            check_value(entry.name, each.value)
            spelled[entry] = quote_ciphertext(draft.encrypted(each.value))
        else:
            spelled[entry] = spell(entry.name, each.value)
    return replace_values(template, spelled)


def _with_key(file: EnvFile, key: FileKey, path: Path) -> EnvFile:
    """The file with this public key where the template has its own, and without any other key."""
    header = next(iter(file.headers), None)
    text = file.text
    if header is not None:
        text = f'{text[: header.start]}{key.header}="{key.public}"{text[header.end :]}'
        # a comment with the file's name, as dotenvx writes it
        named = re.compile(rf"^# {re.escape(file.path.name)}(?=\r?$)", re.MULTILINE)
        text = named.sub(f"# {path.name}", text, count=1)
    found = parse_env_file(text, path=path, encoding=file.encoding)
    for name in {entry.name for entry in found.entries if entry.is_key} - {key.header}:
        found = remove_variable(found, name)
    return found


def _text(file: EnvFile, entry: Entry) -> str:
    return file.text[entry.value_start : entry.value_end]


def _template(root: Path, source: Environment | None) -> EnvFile:
    """The env file whose variables the new one has."""
    if source is None:
        return _example(root)
    path = source.main_file
    source.refuse_outside_link(path)
    return read_env_file(path, label=source.label(path))


def _example(root: Path) -> EnvFile:
    path = example_path(root)
    try:
        return read_env_file(path)
    except EnvFileMissing:
        return parse_env_file("", path=path)


def _refuse_existing(target: TargetFile, others: Iterable[Environment]) -> None:
    name = target.environment.name
    for other in (each.name for each in others if each.name != name):
        if other.lower() == name.lower():
            raise Refused(
                f"{name} differs from {other} in its case only: both would have one key, and on Windows one file.",
                hint="choose another name",
            )
    if target.path.exists():
        raise Refused(
            f"{target.label} is there already; env.new makes new ones only.",
            hint=f"change it with inv env.set, env.edit --env {name}",
        )


def _pyproject(environment: Environment) -> tuple[Path, str, str]:
    """pyproject.toml, its text, and its text with this environment declared; the same where none is declared."""
    path = environment.root / "pyproject.toml"
    if not path.exists():
        return path, "", ""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ConfigInvalid(f"pyproject.toml cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ConfigInvalid(
            f"pyproject.toml: byte {error.start} is not UTF-8.", hint="save it as UTF-8"
        ) from None
    value: dict[str, Any] = {"files": [environment.label(each) for each in environment.files]}
    if environment.protected:
        value["protected"] = True
    return path, text, with_environment(text, environment.name, value)


def _prepare(target: TargetFile, pyproject: tuple[Path, str, str]) -> list[str]:
    """Bring the files beside the env file up to date; notes about what was done, or would be in a dry run."""
    environment = target.environment
    path, before, after = pyproject
    notes, now = [], "" if target.dry else " from now on"
    keys = key_file_for(environment, target.path)
    patterns = missing_patterns(environment, target.path, keys, target.process_env)
    for file, lines in ((".gitignore", patterns), (DOCKERIGNORE, missing_docker_patterns(environment.root))):
        if lines:
            notes.append(f"{file} {'would get' if target.dry else 'has'} {', '.join(lines)}{now}")
            if not target.dry:
                ignore(environment.root, lines, file=file)
    if after != before:
        notes.append(
            f"pyproject.toml {'would declare' if target.dry else 'declares'} {environment.name}{now}"
        )
        if not target.dry:
            write_atomic(path, after)
    return notes
