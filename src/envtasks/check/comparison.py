"""What differs between two environments, or between an environment and its past, by name; no value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .. import git, settings_class
from ..config import Environment, Project
from ..envfiles import (
    EnvFile,
    Keys,
    by_precedence,
    decode_env_file,
    public_keys_in,
    read_env_file,
)
from ..errors import ConfigInvalid, EnvFileMissing, EnvtasksError
from ..hydration import without_outer
from ..inventory import example_path
from .credentials import is_comparable, is_left

_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """How one variable differs. `left` and `right` are its places, empty where it is not there."""

    name: str
    change: str
    left: str = ""
    right: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences between two sides, and the encrypted variables that no key at hand lets compare."""

    left: str
    right: str
    differences: tuple[Difference, ...]
    not_compared: tuple[str, ...]
    equal: int


@dataclass(frozen=True, slots=True)
class _Assignment:
    """The assignment of a variable that counts: its place, its text, and its value where that is known."""

    place: str
    text: str = field(repr=False)
    value: str | None = field(repr=False)
    encrypted: bool


@dataclass(frozen=True, slots=True)
class _Side:
    """One environment as its baselines have it."""

    environment: Environment
    label: str
    assignments: Mapping[str, _Assignment]
    public_keys: frozenset[str]


def compare_environments(
    project: Project, left: str, right: str, process_env: Mapping[str, str]
) -> Comparison:
    """How two environments differ; a developer's own overrides do not count.

    Raises UnknownEnvironment, EnvFileMissing, EnvFileInvalid.
    """
    one, other = (_present(project.environment(name), process_env) for name in (left, right))
    example = _example(project)
    secret = _secret_names(project)

    def change(name: str, a: _Assignment, b: _Assignment) -> str:
        secrets = [name.upper() in secret or each.encrypted for each in (a, b)]
        if project.is_not_secret(name):
            secrets = [False, False]
        for side, each, is_secret in zip((one, other), (a, b), secrets, strict=True):
            value = each.value or ""
            if not value or value != example.get(name) or project.is_not_secret(name):
                continue
            left = is_left(name, value, secret=is_secret, elsewhere=any(secrets))
            if left and side.environment.protected:
                return f"{side.label} still has the placeholder of .env.example"
        equal = a.text == b.text or (None if None in (a.value, b.value) else a.value == b.value)
        if a.encrypted != b.encrypted:
            return f"encrypted in {one.label if a.encrypted else other.label} only"
        if equal is None:
            return _UNKNOWN
        if not equal:
            return "different"
        return "same secret" if any(secrets) and _counts(one, other, a.value) else ""

    return _compared(one, other, change, ("only in " + one.label, "only in " + other.label))


def compare_with_revision(
    project: Project, name: str, revision: str, process_env: Mapping[str, str]
) -> Comparison:
    """How an environment differs from what it was in a commit. Raises ConfigInvalid where there is no such commit."""
    environment = project.environment(name)
    commit = git.commit(project.root, revision, process_env)
    if commit is None:
        raise ConfigInvalid(f"git knows no commit {revision!r} here.", hint="git log --oneline")
    files = []
    for path in environment.baselines:
        data = git.content_at(project.root, commit, path, process_env)
        if data is not None:
            files.append(
                (environment.label(path), decode_env_file(data, path, label=environment.label(path)))
            )
    old = _side(environment, f"{name} at {revision}", files, process_env)
    new = _present(environment, process_env)

    def change(_: str, a: _Assignment, b: _Assignment) -> str:
        if a.text == b.text:
            return ""
        same = None not in (a.value, b.value) and a.value == b.value
        if a.encrypted != b.encrypted:
            now = "now encrypted" if b.encrypted else "now plain"
            return f"{now}, same value" if same else now
        if None in (a.value, b.value):
            return _UNKNOWN
        if not same:
            return "changed"
        return "same value, new key" if old.public_keys != new.public_keys else "same value, encrypted again"

    return _compared(old, new, change, ("removed", "added"))


def _counts(one: _Side, other: _Side, value: str | None) -> bool:
    """Whether it matters that two environments have the same secret: it is no placeholder, and not fake in both."""
    if one.environment.public and other.environment.public:
        return False
    return value is None or is_comparable(value)


def _compared(
    left: _Side, right: _Side, change: Callable[[str, _Assignment, _Assignment], str], alone: tuple[str, str]
) -> Comparison:
    """Each variable of both sides; `alone` is what to say of one that the right or the left side lacks."""
    differences, unknown, equal = [], [], 0
    names = dict.fromkeys((*left.assignments, *right.assignments))
    for name in names:
        a, b = left.assignments.get(name), right.assignments.get(name)
        what = change(name, a, b) if a and b else alone[0] if a else alone[1]
        if what == _UNKNOWN:
            unknown.append(name)
        elif what:
            differences.append(Difference(name, what, a.place if a else "", b.place if b else ""))
        else:
            equal += 1
    return Comparison(left.label, right.label, tuple(differences), tuple(unknown), equal)


def _present(environment: Environment, process_env: Mapping[str, str]) -> _Side:
    """An environment as it is now. Raises EnvFileMissing, EnvFileInvalid."""
    files = []
    for path in environment.baselines:
        environment.refuse_outside_link(path)
        label = environment.label(path)
        try:
            files.append((label, read_env_file(path, label=label)))
        except EnvFileMissing:
            raise EnvFileMissing(f"{label} is not there.", hint=f"inv env.new {environment.name}") from None
    return _side(environment, environment.name, files, process_env)


def _side(
    environment: Environment,
    label: str,
    files: Sequence[tuple[str, EnvFile]],
    process_env: Mapping[str, str],
) -> _Side:
    found = by_precedence(
        ([(name, entry) for entry in file.entries] for name, file in files), lambda pair: pair[1].name
    )
    winners = {name: each[0] for name, each in found.items() if not each[0][1].is_key}
    ciphertexts = [entry.value for _, entry in winners.values() if entry.encrypted]
    keys = Keys(environment, without_outer(process_env), [file for _, file in files])
    plaintexts = dict(zip(ciphertexts, keys.decrypt(ciphertexts), strict=True)) if ciphertexts else {}
    return _Side(
        environment,
        label,
        {
            name: _Assignment(
                f"{place}:{entry.line}",
                entry.value,
                plaintexts.get(entry.value, entry.value),
                entry.encrypted,
            )
            for name, (place, entry) in winners.items()
        },
        frozenset(key for _, file in files for key in public_keys_in(file)),
    )


def _secret_names(project: Project) -> frozenset[str]:
    try:
        return settings_class.secret_names(project)
    except ConfigInvalid:
        return frozenset()


def _example(project: Project) -> Mapping[str, str]:
    """The values of .env.example; none where there is none."""
    try:
        return {entry.name: entry.value for entry in read_env_file(example_path(project.root)).entries}
    except EnvtasksError:
        return {}
