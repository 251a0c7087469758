"""The names that completion offers, kept in the user's cache folder while what they came from is unchanged."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict

FORMAT: Final = 1  # of the file: another one is read by nobody
MOST_AGE: Final = 24 * 60 * 60  # seconds: tasks may come from elsewhere than the files that are looked at
_MOST_FILES: Final = 64

Stamp = tuple[int, int] | None


class Flag(TypedDict):
    """A flag: its spellings, whether a value follows, of which kind that is, and whether it can be repeated."""

    names: list[str]
    value: bool
    kind: str  # "environment", "variable", "services", "task", "collection", "one of a b"; "": files
    help: str
    many: bool


class TaskNames(TypedDict):
    """A task: its help in one line, flags, kinds of positional arguments, default environment, allowed ones."""

    help: str
    flags: list[Flag]
    positionals: list[str]
    environment: str
    only: list[str] | None


class Names(TypedDict):
    """Everything that can be completed, and the files that it depends on."""

    core: list[Flag]
    tasks: dict[str, TaskNames]
    environments: dict[str, list[str]]  # and their variables
    services: list[str]
    files: list[str]  # what this came from; one that is not there counts too
    folders: list[str]  # whose env files count


@dataclass(frozen=True, slots=True)
class Cache:
    """The file for one program and its core flags in one folder. It holds names, no value."""

    path: Path
    key: str

    @classmethod
    def at(cls, process_env: Mapping[str, str], program: str, core: Sequence[str], *, here: Path) -> Cache:
        """The cache of a program in a folder."""
        import hashlib

        key = json.dumps([program, *core, str(here)])
        name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return cls(_folder(process_env) / f"{name}.json", key)

    def names(self, collect: Callable[[], Names]) -> Names | None:
        """The cached names where they are fresh, else new ones; the old ones where there are no new ones."""
        content = self._read()
        if content is not None and self._is_fresh(content):
            return content["names"]  # type: ignore[no-any-return]
        old: Names | None = content["names"] if content else None
        try:
            names = collect()
        except (Exception, SystemExit):  # tasks.py is being edited, for example
            return old
        with suppress(OSError):
            self._write(names)
        return names

    def _read(self) -> dict[str, Any] | None:
        try:
            content = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return None
        same = isinstance(content, dict) and (content.get("format"), content.get("key")) == (FORMAT, self.key)
        return content if same else None

    def _is_fresh(self, content: Mapping[str, Any]) -> bool:
        age = time.time() - content["made"]
        return 0 <= age < MOST_AGE and bool(content["stamps"] == _as_json(stamps(content["names"])))

    def _write(self, names: Names) -> None:
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = {
            "format": FORMAT, "key": self.key, "made": time.time(), "stamps": stamps(names), "names": names,
        }  # fmt: skip
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
        temporary.replace(self.path)
        others = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in others[:-_MOST_FILES]:
            path.unlink(missing_ok=True)


def stamps(names: Names) -> dict[str, Any]:
    """What changes when the files that the names came from do: size and time of each, and which env files there are."""
    found: dict[str, Any] = {path: _stamp(path) for path in names["files"]}
    for folder in names["folders"]:
        found[f"{folder}{os.sep}.env*"] = {
            name: _stamp(f"{folder}{os.sep}{name}") for name in _env_files(folder)
        }
    return found


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116 - hundreds of them, on every TAB
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def _env_files(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.startswith(".env"))  # noqa: PTH208
    except OSError:
        return []


def _as_json(value: object) -> Any:
    return json.loads(json.dumps(value))


def _folder(process_env: Mapping[str, str]) -> Path:
    if sys.platform == "win32":
        base = process_env.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = process_env.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "envtasks" / "completion"
