"""What hydrating gives: the value of each variable, its origin, and the environment that a process gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NoReturn

from ..config import Environment
from ..errors import VariableMissing
from .layers import PRIVATE_KEY
from .nesting import APP_ENV, marker

# other loaders must not read an env file behind our back
SWITCHES: Final = {"COMPOSE_DISABLE_ENV_FILE": "1", "PYTHON_DOTENV_DISABLED": "1", "UV_NO_ENV_FILE": "1"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a variable came from.

    `file` and `line` are of the entry that wins among the files, `shadows` the places (file:line) it wins over,
    and `process` says that the process environment wins over them all. `secret`: encrypted in one of the files,
    secret in the settings class, or made from such a value.
    """

    file: str
    line: int
    encrypted: bool
    secret: bool
    shadows: tuple[str, ...] = ()
    process: bool = False


class Hydrated(Mapping[str, str]):
    """The variables that the env files of one environment define, in file order, with their effective values.

    The process environment wins over the files. `warnings` and `notes` are for the person at the terminal, one
    line each, without a value. `secrets` are the values to hide, by name; where the process environment replaces
    one, the file's is there too. Neither the repr nor anything else shows a value that was not asked for, and it
    cannot be pickled.
    """

    __slots__ = ("_effective", "_fold", "_origins", "_process", "_reported", "environment", "files", "notes",
                 "protected", "public", "secrets", "warnings")  # fmt: skip

    environment: str
    files: tuple[str, ...]
    protected: bool
    public: bool
    notes: tuple[str, ...]
    secrets: Mapping[str, str]
    warnings: tuple[str, ...]
    _effective: dict[str, str]
    _fold: Callable[[str], str] | None
    _origins: dict[str, Origin]
    _process: dict[str, str]
    _reported: tuple[str, ...]

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
        fold: Callable[[str], str] | None = None,
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
            "_fold": fold,
        }.items():
            object.__setattr__(self, name, value)

    def __getitem__(self, name: str) -> str:
        return self._effective[self._spelled(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._effective)

    def __len__(self) -> int:
        return len(self._effective)

    def origin(self, name: str) -> Origin:
        """Where a variable came from. Raises KeyError for one that no file defines."""
        return self._origins[self._spelled(name)]

    def child_env(self, needs: Sequence[str] | None = None) -> dict[str, str]:
        """The whole environment of a process of this environment.

        `needs` leaves only these names of the env files in it: exact ones, which must then be set (here or in
        the process environment), and patterns such as `DB_*`. Raises VariableMissing with every one missing.
        """
        fold = self._fold or _same
        defined = {fold(name) for name in self._effective}
        child = {
            name: value
            for name, value in self._process.items()
            if name not in defined and not name.startswith(PRIVATE_KEY)
        }
        given = list(self) if needs is None else self._needed(needs, fold)
        child.update((name, self._effective[name]) for name in given)
        self._check(needs or (), {fold(name) for name in child} | {APP_ENV})
        child[APP_ENV] = self.get(APP_ENV, self.environment)
        child.update(SWITCHES)
        child.update(marker(self.environment, given, self._reported))
        return child

    def _needed(self, needs: Sequence[str], fold: Callable[[str], str]) -> list[str]:
        """The names of the env files that are needed, in file order."""
        from fnmatch import fnmatchcase

        exact = {fold(need) for need in needs}
        patterns = [need for need in exact if _is_pattern(need)]
        return [
            name
            for name in self._effective
            if fold(name) in exact or any(fnmatchcase(fold(name), pattern) for pattern in patterns)
        ]

    def _check(self, needs: Sequence[str], there: set[str]) -> None:
        fold = self._fold or _same
        missing = [need for need in needs if not _is_pattern(need) and fold(need) not in there]
        if missing:
            are = "is needed but not set" if len(missing) == 1 else "are needed but not set"
            raise VariableMissing(
                f"{', '.join(dict.fromkeys(missing))} {are} in {self.environment} ({', '.join(self.files)}).",
                hint=f"add {'it' if len(missing) == 1 else 'them'} to {self.files[-1]}",
            )

    def _spelled(self, name: str) -> str:
        """The spelling of a name in the files: the one that is asked for, except on Windows."""
        if self._fold is None or name in self._effective:
            return name
        return next((known for known in self._effective if self._fold(known) == self._fold(name)), name)

    def __repr__(self) -> str:
        secret = sum(origin.secret for origin in self._origins.values())
        return f"<Hydrated {self.environment}: {len(self)} variables, {secret} of them secret>"

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


def _same(name: str) -> str:
    return name


def _is_pattern(need: str) -> bool:
    return any(character in need for character in "*?[")
