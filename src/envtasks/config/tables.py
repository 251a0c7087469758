"""Typed reads of the tables of pyproject.toml; each error names the table, the key and what was expected."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ..errors import ConfigInvalid, did_you_mean


def read_toml(path: Path) -> Mapping[str, Any]:
    """A TOML file. Raises ConfigInvalid."""
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(f"{path} is not valid TOML: {error}.") from None
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path}: byte {error.start} is not UTF-8.", hint="save it as UTF-8") from None
    except RecursionError:
        raise ConfigInvalid(f"{path} is nested too deeply.") from None
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}.") from None


class Table(NamedTuple):
    """Typed reads of one table of pyproject.toml; each error names the table, the key and what was expected.

    A key that is absent gives the default. `origins` names the table of a key that comes from another one, where
    two tables were merged. All methods raise ConfigInvalid.
    """

    root: Path
    values: Mapping[str, Any]
    name: str  # dotted, as its header has it: tool.envtasks.docker
    origins: Mapping[str, str] = MappingProxyType({})

    def allow_only(self, *known: str) -> None:
        """Refuse keys that are not among these."""
        for key in self.values:
            if key not in known:
                raise ConfigInvalid(
                    f"pyproject.toml: [{self.name}] has no key {key!r}{did_you_mean(key, known)}",
                    hint=f"expected: {', '.join(sorted(known))}",
                )

    def invalid(self, key: str, expected: str) -> ConfigInvalid:
        """The error for a key whose value is not what was expected."""
        return ConfigInvalid(
            f"pyproject.toml: [{self.origins.get(key, self.name)}] {key} must be {expected}."
        )

    def string(self, key: str, expected: str = "a string", *, pattern: str | None = None) -> str | None:
        """A string that is not empty, and matches `pattern` as a whole; None where the key is absent."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value or (pattern and not re.fullmatch(pattern, value)):
            raise self.invalid(key, expected)
        return value

    def boolean(self, key: str) -> bool | None:
        """true or false; None where the key is absent."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.invalid(key, "true or false")
        return value

    def one_of(self, key: str, allowed: Sequence[str]) -> str:
        """One of the allowed words; the first where the key is absent."""
        value = self.values.get(key, allowed[0])
        if value not in allowed:
            raise self.invalid(key, f"one of {', '.join(allowed)}")
        return str(value)

    def strings(
        self, key: str, expected: str = "a list of strings", *, single: bool = False, pattern: str = ".+"
    ) -> tuple[str, ...]:
        """A list of strings, none empty, which match `pattern`; with `single` one string stands for a list of one."""
        value = self.values.get(key, [])
        if single and isinstance(value, str):
            value = [value]
        words = value if isinstance(value, list) else [None]
        if not all(isinstance(word, str) and re.fullmatch(pattern, word, re.DOTALL) for word in words):
            raise self.invalid(key, expected)
        return tuple(value)

    def seconds(self, key: str, default: int) -> int:
        """A whole number of seconds above zero."""
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self.invalid(key, f"a number of seconds, for example {default}")
        return value

    def string_map(self, key: str, expected: str) -> Mapping[str, str]:
        """A table of strings, none empty."""
        value = self.values.get(key, {})
        if isinstance(value, Mapping) and all(isinstance(item, str) and item for item in value.values()):
            return value
        raise self.invalid(key, expected)

    def table(self, key: str) -> Table:
        """The table under this key; an empty one where it is absent."""
        name = f"{self.name}.{key}" if self.name else key
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise ConfigInvalid(f"pyproject.toml: {name} must be a table.")
        return Table(self.root, value, name)

    def paths_in_project(self, key: str, expected: str, *, single: bool = False) -> tuple[Path, ...]:
        """Paths below the project's folder, absolute; checked by their text, so that a link may lead elsewhere."""
        paths = []
        for text in self.strings(key, expected, single=single):
            path = Path(os.path.normpath(self.root / text))
            if not path.is_relative_to(self.root):
                raise ConfigInvalid(
                    f"pyproject.toml: [{self.name}] {key} names {text!r}, which is outside the project."
                )
            paths.append(path)
        return tuple(paths)
