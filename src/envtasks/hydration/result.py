"""The result of hydration: the value and the origin of each variable, and the environment of a child process."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn

from ..config import Environment
from ..console import counted
from ..envfiles import PRIVATE_KEY
from ..errors import VariableMissing, did_you_mean
from .layers import fold
from .nesting import marker

# keep other loaders from reading an env file by themselves
SWITCHES: Final = {"COMPOSE_DISABLE_ENV_FILE": "1", "PYTHON_DOTENV_DISABLED": "1", "UV_NO_ENV_FILE": "1"}


class Origin(NamedTuple):
    """Where a variable comes from.

    `file` and `line` are of the winning assignment in the env files, `shadows` are the locations (file:line) of the
    others, `process` is true where the process environment wins over them all. `secret`: encrypted in one of the
    files, secret in the settings class, or made from such a value.
    """

    file: str
    line: int
    encrypted: bool
    secret: bool
    shadows: tuple[str, ...] = ()
    process: bool = False


class Hydrated(Mapping[str, str]):
    """The variables that the env files of one environment define, in file order, with their effective values.

    The process environment wins over the files. `warnings` and `notes` are for the user, one line each, without a
    value. `secrets` are the values to redact, by name; where the process environment replaces one, the file's is
    there too, and so are the private keys. `variable` is the one that holds the environment's name (APP_ENV).
    Neither the repr nor an error shows a value, and it cannot be pickled.
    """

    __slots__ = ("_effective", "_origins", "_outer", "_process", "_reported", "_windows", "environment", "files",
                 "notes", "protected", "public", "secrets", "variable", "warnings")  # fmt: skip

    environment: str
    files: tuple[str, ...]
    protected: bool
    public: bool
    notes: tuple[str, ...]
    secrets: Mapping[str, str]
    variable: str
    warnings: tuple[str, ...]
    _effective: dict[str, str]
    _origins: dict[str, Origin]
    _process: dict[str, str]
    _reported: tuple[str, ...]
    _outer: frozenset[str]
    _windows: bool

    def __init__(
        self,
        environment: Environment,
        values: Mapping[str, str],
        *,
        origins: Mapping[str, Origin],
        process: Mapping[str, str],
        files: Sequence[str] = (),
        hidden: Mapping[str, str] | None = None,
        warnings: Sequence[str] = (),
        notes: Sequence[str] = (),
        reported: Sequence[str] = (),
        outer: Collection[str] = (),
        windows: bool = False,
    ) -> None:
        secrets = {name: value for name, value in values.items() if origins[name].secret and value}
        for name, value in {
            "environment": environment.name,
            "public": environment.public,
            "protected": environment.protected,
            "files": tuple(files),
            "warnings": tuple(warnings),
            "notes": tuple(notes),
            "secrets": MappingProxyType({**secrets, **(hidden or {})}),
            "_effective": dict(values),
            "_origins": dict(origins),
            "_process": dict(process),
            "_reported": tuple(reported),
            "_outer": frozenset(outer),
            "variable": environment.variable,
            "_windows": windows,
        }.items():
            object.__setattr__(self, name, value)

    def __getitem__(self, name: str) -> str:
        spelled = self._spelled(name)
        if spelled not in self._effective:
            raise self._unknown(name)
        return self._effective[spelled]

    def __contains__(self, name: object) -> bool:
        # Mapping's own asks for the value, and for a name that is not there looks through all for a near one
        return isinstance(name, str) and self._spelled(name) in self._effective

    def __iter__(self) -> Iterator[str]:
        return iter(self._effective)

    def __len__(self) -> int:
        return len(self._effective)

    def origin(self, name: str) -> Origin:
        """Where a variable comes from. Raises VariableMissing for one that no file defines."""
        spelled = self._spelled(name)
        if spelled not in self._origins:
            raise self._unknown(name)
        return self._origins[spelled]

    def child_env(self, needs: Sequence[str] | None = None) -> dict[str, str]:
        """The whole environment of a child process.

        With `needs` it has only these variables of the env files: exact names, which must be set, and patterns such as
        `DB_*`, which must match one that is set (here or in the process environment). Raises VariableMissing with
        every name that is not set and every pattern that matches none.
        """
        defined = {self._fold(name) for name in self._effective}
        child = {
            name: value
            for name, value in self._process.items()
            if name not in defined and not name.startswith(PRIVATE_KEY)
        }
        given = list(self._effective) if needs is None else self._needed(needs)
        child.update((name, self._effective[name]) for name in given)
        self._check(needs or (), {self._fold(name) for name in child} | {self.variable})
        child[self.variable] = self.get(self.variable, self.environment)
        child.update(SWITCHES)
        # without a PATH an inner call would find no programs: one that a file adds to belongs to the process
        ours = {n: child[n] for n in given if not self.from_process(n) and self._fold(n) != "PATH"}
        ours[self.variable] = child[self.variable]
        child.update(marker(self.environment, ours, self._reported))
        return child

    def from_process(self, name: str) -> bool:
        """Whether the process environment gives the value, and no outer hydration put it there."""
        return self._origins[name].process and self._fold(name) not in self._outer

    def _needed(self, needs: Sequence[str]) -> list[str]:
        """The needed variables of the env files, in file order."""
        folded = [self._fold(need) for need in needs]
        return [name for name in self._effective if any(_matches(self._fold(name), need) for need in folded)]

    def _check(self, needs: Sequence[str], names: set[str]) -> None:
        missing = [
            need
            for need in dict.fromkeys(needs)
            if not any(_matches(name, self._fold(need)) for name in names)
        ]
        if missing:
            are = "is needed but not set" if len(missing) == 1 else "are needed but not set"
            near = did_you_mean(missing[0], self._effective) if len(missing) == 1 else "."
            name = "NAME" if "*" in missing[0] or "?" in missing[0] else missing[0]
            raise VariableMissing(
                f"{', '.join(missing)} {are} in {self.environment} ({', '.join(self.files)}){near}",
                hint=f"inv env.set {name} --env {self.environment}",
            )

    def _unknown(self, name: str) -> VariableMissing:
        return VariableMissing(
            f"{name} is not in {self.environment}" + did_you_mean(name, self._effective),
            hint=f"inv env.show --env {self.environment} lists what is there",
        )

    def _fold(self, name: str) -> str:
        return fold(name, windows=self._windows)

    def _spelled(self, name: str) -> str:
        """The name as the files spell it; it differs from the given one on Windows only."""
        if not self._windows or name in self._effective:
            return name
        return next((known for known in self._effective if self._fold(known) == self._fold(name)), name)

    def __repr__(self) -> str:
        secret = sum(origin.secret for origin in self._origins.values())
        return f"<Hydrated {self.environment}: {counted(len(self), 'variable')}, {secret} of them secret>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Hydrated values do not change: {name} cannot be set.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Hydrated values do not change: {name} cannot be removed.")

    def __copy__(self) -> Hydrated:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Hydrated:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("Hydrated values cannot be pickled: secrets would leave the process.")


def _matches(name: str, need: str) -> bool:
    """Whether a name is the one that is needed, or matches the pattern."""
    from fnmatch import fnmatchcase

    return name == need or fnmatchcase(name, need)
