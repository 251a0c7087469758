"""`deploy/env.allowlist`: which variables may reach the cluster, each as a secret or as config."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigInvalid, LeakFound, SettingsInvalid, VariableMissing

if TYPE_CHECKING:
    from ..hydration.result import Hydrated

WORDS: Final = ("secret", "config", "optional")
OWN_ENVIRONMENT: Final = "APP_ENV"
KEYS_OF_FILES: Final = ("DOTENV_PRIVATE_KEY", "DOTENV_PUBLIC_KEY")
# kubernetes: IsConfigMapKey and IsEnvVarName; names outside are refused, or skipped when a pod starts
NAME: Final = re.compile(r"[-._A-Za-z][-._A-Za-z0-9]{0,252}")
OBJECT_BYTES: Final = 1024 * 1024  # the values of one Secret or ConfigMap in sum (validation.MaxSecretSize)
STRING_BYTES: Final = 128 * 1024  # Linux's MAX_ARG_STRLEN for one NAME=value with its closing NUL


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a name or a pattern, the kind it asks for ("": as the value is), whether it may be absent."""

    name: str
    kind: str
    optional: bool
    line: int

    @property
    def is_pattern(self) -> bool:
        """Whether this is no name but a pattern such as `DB_*`."""
        return any(character in self.name for character in "*?[")


@dataclass(frozen=True, slots=True)
class Selection:
    """The values that may reach the cluster, by kind, in order of name."""

    secret: Mapping[str, str] = field(repr=False)
    config: Mapping[str, str] = field(repr=False)
    from_process: tuple[str, ...] = ()  # names whose value the process environment gave, not the env files

    def kind_of(self, name: str) -> str | None:
        """`secret`, `config`, or None for a name that is not selected."""
        return "secret" if name in self.secret else "config" if name in self.config else None


def read(path: Path, label: str) -> tuple[Entry, ...]:
    """The lines of an allowlist. Raises ConfigInvalid with file and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigInvalid(
            f"There is no {label}, so nothing may reach the cluster.",
            hint=f"write one name per line into {label}, such as DB_HOST, DB_PASSWORD or CACHE_*",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{label} cannot be read: {error}.") from None
    entries = tuple(_entries(text, label))
    seen: dict[str, int] = {}
    for entry in entries:
        if entry.name in seen:
            raise ConfigInvalid(
                f"{label}:{entry.line}: {entry.name} is listed in line {seen[entry.name]} already."
            )
        seen[entry.name] = entry.line
    return entries


def _entries(text: str, label: str) -> Iterator[Entry]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        name, *said = words
        if "=" in name or not re.fullmatch(r"[\w.*?\[\]!-]+", name):
            raise ConfigInvalid(
                f"{label}:{number}: a line is a name or a pattern and then, if wanted, its kind.",
                hint="for example: DB_PASSWORD secret. Values stay in the env files",
            )
        for word in said:
            if word not in WORDS:
                near = difflib.get_close_matches(word, WORDS, n=1)
                raise ConfigInvalid(
                    f"{label}:{number}: {word!r} is none of {', '.join(WORDS)}"
                    + (f": did you mean {near[0]}?" if near else ".")
                )
        kinds = [word for word in said if word != "optional"]
        if len(kinds) > 1:
            raise ConfigInvalid(f"{label}:{number}: {name} cannot be both {kinds[0]} and {kinds[1]}.")
        yield Entry(name, kinds[0] if kinds else "", "optional" in said, number)


def select(
    entries: Sequence[Entry], hydrated: Hydrated, *, secret_names: Collection[str] = (), label: str
) -> Selection:
    """The values that the allowlist lets through, each as a secret or as config.

    A name that is listed itself goes by its own line, any other by the last pattern that matches it. Without
    a kind, a value is secret if it is encrypted, holds a secret, or is secret in the settings class.

    Raises VariableMissing, LeakFound and SettingsInvalid, each with all names at once.
    """
    values = {**hydrated, OWN_ENVIRONMENT: hydrated.get(OWN_ENVIRONMENT, hydrated.environment)}
    chosen = _chosen(entries, values)
    _refuse_missing(entries, chosen, hydrated.environment, label)
    secrets = {
        name for name in chosen if name in secret_names or (name in hydrated and hydrated.origin(name).secret)
    }
    _refuse_leaks(chosen, secrets, label)
    as_secret = {name for name, entry in chosen.items() if entry.kind == "secret" or name in secrets}
    selection = Selection(
        secret={name: values[name] for name in sorted(as_secret)},
        config={name: values[name] for name in sorted(chosen.keys() - as_secret)},
        from_process=tuple(
            name for name in sorted(chosen) if name in hydrated and hydrated.origin(name).process
        ),
    )
    _refuse_unfit(selection, hydrated.environment)
    return selection


def _chosen(entries: Sequence[Entry], values: Mapping[str, str]) -> dict[str, Entry]:
    chosen: dict[str, Entry] = {}
    for entry in entries:
        if entry.is_pattern:
            chosen |= {
                name: entry
                for name in values
                if fnmatchcase(name, entry.name) and not name.startswith(KEYS_OF_FILES)
            }
    return chosen | {entry.name: entry for entry in entries if not entry.is_pattern and entry.name in values}


def _refuse_missing(
    entries: Sequence[Entry], chosen: Mapping[str, Entry], environment: str, label: str
) -> None:
    missing = [
        f"{entry.name} ({label}:{entry.line})"
        for entry in entries
        if not entry.optional
        and not (
            any(fnmatchcase(name, entry.name) for name in chosen)
            if entry.is_pattern
            else entry.name in chosen
        )
    ]
    if missing:
        raise VariableMissing(
            f"{environment} lacks what the allowlist names: {', '.join(missing)}.",
            hint=f"add it to an env file of {environment}, or mark the line optional",
        )


def _refuse_leaks(chosen: Mapping[str, Entry], secrets: Collection[str], label: str) -> None:
    keys = [name for name in chosen if name.startswith("DOTENV_PRIVATE_KEY")]
    if keys:
        raise LeakFound(
            f"{label} lets a private key into the cluster: {', '.join(keys)}.", hint="take the line out"
        )
    leaks = [
        f"{name} ({label}:{entry.line})"
        for name, entry in chosen.items()
        if entry.kind == "config" and name in secrets
    ]
    if leaks:
        raise LeakFound(
            f"The allowlist declares as config what is secret: {', '.join(sorted(leaks))}.",
            hint="write secret in place of config, or no kind at all",
        )


def _refuse_unfit(selection: Selection, environment: str) -> None:
    """What the API server would refuse, or what would keep a pod from starting."""
    wrong = [problem for values in (selection.secret, selection.config) for problem in _unfit(values)]
    for what, values in (("Secret", selection.secret), ("ConfigMap", selection.config)):
        size = sum(len(value.encode("utf-8", "surrogateescape")) for value in values.values())
        if size > OBJECT_BYTES:
            wrong.append(f"the {what} is {size:,} bytes of values, and Kubernetes takes {OBJECT_BYTES:,}")
    if wrong:
        raise SettingsInvalid(
            f"The cluster cannot take these values of {environment}:\n  " + "\n  ".join(wrong),
            hint="large values belong into a file or a volume, not into an environment variable",
        )


def _unfit(values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if not NAME.fullmatch(name) or name == "." or name.startswith(".."):
            yield f"{name[:80]}: a name has letters, digits, '-', '_' and '.', no digit first, 253 at most"
        try:
            size = len(name) + 1 + len(value.encode("utf-8"))
        except UnicodeEncodeError:
            yield f"{name}: the value is no UTF-8 text"
            continue
        if size >= STRING_BYTES:
            yield f"{name}: {size:,} bytes with its name; no process starts with {STRING_BYTES:,}"
        if "\0" in value:
            yield f"{name}: the value holds a NUL byte, which no environment variable can"
