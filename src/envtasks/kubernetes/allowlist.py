"""`deploy/env.allowlist`: which variables may reach the cluster, each as a secret or as config."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigInvalid, LeakFound, SettingsInvalid, VariableMissing, did_you_mean

if TYPE_CHECKING:
    from ..hydration import Hydrated

WORDS: Final = ("secret", "config", "optional")
KEY_PREFIXES: Final = ("DOTENV_PRIVATE_KEY", "DOTENV_PUBLIC_KEY")
# kubernetes: IsConfigMapKey and IsEnvVarName; other names are refused, or skipped when a pod starts
NAME: Final = re.compile(r"[-._A-Za-z][-._A-Za-z0-9]{0,252}")
OBJECT_BYTES: Final = 1024 * 1024  # the values of one Secret or ConfigMap in sum (validation.MaxSecretSize)
# findings for which a name that may have been meant is looked for, as that takes time
SUGGESTIONS: Final = 5
STRING_BYTES: Final = 128 * 1024  # Linux's MAX_ARG_STRLEN for one NAME=value with its closing NUL


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: a name or a pattern, the kind it asks for ("": as the value is), whether it may be absent."""

    name: str
    kind: str
    optional: bool
    line: int

    @property
    def is_pattern(self) -> bool:
        """Whether this is a pattern such as `DB_*`."""
        return any(character in self.name for character in "*?[")

    def matches(self, name: str) -> bool:
        """Whether the rule is for this variable; no pattern is for a key of an env file."""
        if self.is_pattern:
            return fnmatchcase(name, self.name) and not name.startswith(KEY_PREFIXES)
        return name == self.name


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that would keep a pod from starting, or put a secret where it may not be; found without a cluster."""

    id: str
    file: str
    line: int
    sentence: str
    hint: str = ""
    name: str = ""  # of the variable


@dataclass(frozen=True, slots=True)
class Selection:
    """The values that may reach the cluster, by kind, in order of name."""

    secret: Mapping[str, str] = field(repr=False)
    config: Mapping[str, str] = field(repr=False)
    from_process: tuple[str, ...] = ()  # names whose value the process environment gave, not the env files

    def kind_of(self, name: str) -> str | None:
        """`secret`, `config`, or None for a name that is not selected."""
        return "secret" if name in self.secret else "config" if name in self.config else None


def read_rules(path: Path, label: str) -> tuple[Rule, ...]:
    """The rules of an allowlist. Raises ConfigInvalid with file and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigInvalid(
            f"There is no {label}, so nothing may reach the cluster.",
            hint=f"write one name per line into {label}, such as DB_HOST, DB_PASSWORD or CACHE_*",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{label} cannot be read: {error}.") from None
    seen: dict[str, Rule] = {}
    for rule in _parse(text, label):
        if rule.name in seen:
            raise ConfigInvalid(
                f"{label}:{rule.line}: {rule.name} is listed in line {seen[rule.name].line} already."
            )
        seen[rule.name] = rule
    return tuple(seen.values())


def _parse(text: str, label: str) -> Iterator[Rule]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        name, *options = words
        if "=" in name or not re.fullmatch(r"[\w.*?\[\]!-]+", name):
            raise ConfigInvalid(
                f"{label}:{number}: a line is a name or a pattern and then, if wanted, its kind.",
                hint="for example: DB_PASSWORD secret. Values stay in the env files",
            )
        for word in options:
            if word not in WORDS:
                raise ConfigInvalid(
                    f"{label}:{number}: {word!r} is none of {', '.join(WORDS)}{did_you_mean(word, WORDS)}"
                )
        kinds = [word for word in options if word != "optional"]
        if len(kinds) > 1:
            raise ConfigInvalid(f"{label}:{number}: {name} cannot be both {kinds[0]} and {kinds[1]}.")
        yield Rule(name, kinds[0] if kinds else "", "optional" in options, number)


def allowed_names(rules: Sequence[Rule], names: Iterable[str]) -> dict[str, Rule]:
    """Those of the names that the allowlist lets through, each with the rule that decides.

    A rule for the name itself wins over patterns, and the last pattern that matches over earlier ones.
    """
    named = {rule.name: rule for rule in rules if not rule.is_pattern}
    patterns = [rule for rule in reversed(rules) if rule.is_pattern]
    found = {
        name: named.get(name) or next((rule for rule in patterns if rule.matches(name)), None)
        for name in names
    }
    return {name: rule for name, rule in found.items() if rule}


def select(
    rules: Sequence[Rule], hydrated: Hydrated, *, secret_names: Collection[str] = (), label: str
) -> Selection:
    """The values that the allowlist lets through, each as a secret or as config.

    Where a rule gives no kind, a value is secret if it is encrypted, holds a secret, or is secret in the settings
    class. Raises VariableMissing, LeakFound and SettingsInvalid, each with all names at once.
    """
    variable = hydrated.variable
    values = {**hydrated, variable: hydrated.get(variable, hydrated.environment)}
    chosen = allowed_names(rules, values)
    _refuse_missing(rules, chosen, hydrated.environment, label)
    secrets = {
        name for name in chosen if name in secret_names or (name in hydrated and hydrated.origin(name).secret)
    }
    _refuse_leaks(chosen, secrets, label)
    as_secret = {name for name, rule in chosen.items() if rule.kind == "secret" or name in secrets}
    selection = Selection(
        secret={name: values[name] for name in sorted(as_secret)},
        config={name: values[name] for name in sorted(chosen.keys() - as_secret)},
        from_process=tuple(
            name for name in sorted(chosen) if name in hydrated and hydrated.origin(name).process
        ),
    )
    _refuse_unusable(selection, hydrated.environment, label)
    return selection


def select_names(
    rules: Sequence[Rule], secrets: Mapping[str, bool], *, label: str
) -> tuple[tuple[Finding, ...], Selection]:
    """What `select` would refuse, as findings, and what it would select: names, their values left empty.

    `secrets` says of each name whether its value is one.
    """
    chosen = allowed_names(rules, secrets)
    found: list[Finding] = []
    for rule in rules:
        if not rule.optional and not _has_match(rule, chosen):
            suggest = not rule.is_pattern and len(found) < SUGGESTIONS
            near = did_you_mean(rule.name, secrets) if suggest else "."
            found.append(
                Finding("missing-name", label, rule.line, f"{rule.name} is not set{near}", name=rule.name)
            )
    for name, rule in chosen.items():
        if name.startswith("DOTENV_PRIVATE_KEY"):
            sentence = f"{rule.name} lets the private key {name} into the cluster."
            found.append(Finding("secret-as-config", label, rule.line, sentence, name=name))
        elif rule.kind == "config" and secrets[name]:
            sentence = f"{name} is a secret, and this line declares it as config."
            found.append(Finding("secret-as-config", label, rule.line, sentence, name=name))
    as_secret = {name for name, rule in chosen.items() if rule.kind == "secret" or secrets[name]}
    return tuple(found), Selection(
        secret=dict.fromkeys(sorted(as_secret), ""),
        config=dict.fromkeys(sorted(chosen.keys() - as_secret), ""),
    )


def _refuse_missing(rules: Sequence[Rule], chosen: Collection[str], environment: str, label: str) -> None:
    missing = [
        f"{rule.name} ({label}:{rule.line})"
        for rule in rules
        if not rule.optional and not _has_match(rule, chosen)
    ]
    if missing:
        raise VariableMissing(
            f"{environment} lacks what the allowlist names: {', '.join(missing)}.",
            hint=f"add it to an env file of {environment}, or mark the line optional",
        )


def _has_match(rule: Rule, names: Collection[str]) -> bool:
    return any(rule.matches(name) for name in names) if rule.is_pattern else rule.name in names


def _refuse_leaks(chosen: Mapping[str, Rule], secrets: Collection[str], label: str) -> None:
    keys = [name for name in chosen if name.startswith("DOTENV_PRIVATE_KEY")]
    if keys:
        raise LeakFound(
            f"{label} lets a private key into the cluster: {', '.join(keys)}.", hint="take the line out"
        )
    leaks = [
        f"{name} ({label}:{rule.line})"
        for name, rule in chosen.items()
        if rule.kind == "config" and name in secrets
    ]
    if leaks:
        raise LeakFound(
            f"The allowlist declares as config what is secret: {', '.join(sorted(leaks))}.",
            hint="write secret in place of config, or no kind at all",
        )


def _refuse_unusable(selection: Selection, environment: str, label: str) -> None:
    """Refuse what the API server would reject, or what would keep a pod from starting."""
    large = "large values belong into a file or a volume, not into an environment variable"
    problems: list[tuple[str, str]] = []
    for what, values in (("Secret", selection.secret), ("ConfigMap", selection.config)):
        for name, value in values.items():
            problems += _unusable(name, value, label, large)
        size = sum(len(value.encode("utf-8", "surrogateescape")) for value in values.values())
        if size > OBJECT_BYTES:
            line = f"the {what} is {size:,} bytes of values, and Kubernetes accepts {OBJECT_BYTES:,}"
            problems.append((line, large))
    if problems:
        raise SettingsInvalid(
            f"Kubernetes cannot hold these values of {environment}:\n  "
            + "\n  ".join(line for line, _ in problems),
            hint="; ".join(dict.fromkeys(hint for _, hint in problems)),
        )


def _unusable(name: str, value: str, label: str, large: str) -> Iterator[tuple[str, str]]:
    """What is wrong with one variable, each with what mends it."""
    if not NAME.fullmatch(name) or name == "." or name.startswith(".."):
        line = f"{name[:80]}: a name has letters, digits, '-', '_' and '.', no digit first, 253 at most"
        yield line, f"rename it in the env files, or keep it out of {label}"
    try:
        size = len(name) + 1 + len(value.encode("utf-8"))
    except UnicodeEncodeError:
        yield f"{name}: the value is not UTF-8 text", "save the env file as UTF-8, binary values as base64"
        return
    if size >= STRING_BYTES:
        yield f"{name}: {size:,} bytes with its name; no process starts with {STRING_BYTES:,}", large
    if "\0" in value:
        yield f"{name}: the value holds a NUL byte, which no environment variable can", "encode it as base64"
