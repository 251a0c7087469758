"""Findings of `env.check`: their kinds, each with a stable id and an exit code, and what could not be checked."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..config import Environment, label
from ..errors import (
    ConfigInvalid,
    DecryptionFailed,
    EnvFileInvalid,
    EnvtasksError,
    LeakFound,
    VariableMissing,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding: an id that never changes, the part that finds it, the exit code, and what it means.

    `needs_key`: whether it can be found only, or more often, with private keys.
    """

    id: str
    part: str
    code: int
    title: str
    needs_key: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: its kind, its place, a sentence about it, and the command that mends it. Never a value.

    `environment` and `name` are empty where it is not about one environment or one variable.
    """

    kind: Kind
    file: str
    line: int
    sentence: str
    hint: str
    environment: str = ""
    name: str = ""

    @property
    def id(self) -> str:
        """The id of its kind: `ET020`."""
        return self.kind.id

    @property
    def code(self) -> int:
        """The exit code."""
        return self.kind.code

    @property
    def key(self) -> str:
        """What accepts it in `ignore`: `ET020:staging:DB_PASSWORD`; the file where it is about no environment."""
        return ":".join(filter(None, (self.id, self.environment or self.file, self.name)))


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that a part did not check, and why."""

    part: str
    what: str


Result = Finding | NotChecked

_LEAK, _FILE, _CONFIG = LeakFound.code, EnvFileInvalid.code, ConfigInvalid.code
_KEY, _MISSING = DecryptionFailed.code, VariableMissing.code

UNUSED_IGNORE: Final = Kind("ET001", "configuration", _CONFIG, "an entry of `ignore` matches no finding")
CONFIGURATION: Final = Kind("ET002", "configuration", _CONFIG, "a table of pyproject.toml is wrong")

UNUSABLE_FILE: Final = Kind(
    "ET010", "env files", _FILE, "a baseline is missing, or an env file cannot be read"
)
CONFLICT: Final = Kind("ET011", "env files", _FILE, "an env file has the conflict markers of a merge")
DAMAGED_LINE: Final = Kind("ET012", "env files", _FILE, "a line does not mean what it looks like")
DUPLICATE: Final = Kind("ET013", "env files", _FILE, "a variable is set twice in one file")
STEERING: Final = Kind("ET014", "env files", _FILE, "a variable that no env file may set")
EXPANSION: Final = Kind(
    "ET015", "env files", _FILE, "a value loses text to the expansion of `$`", needs_key=True
)
OTHER_READER: Final = Kind("ET016", "env files", _FILE, "another reader of the file would see another value")
ENVIRONMENT_NAME: Final = Kind("ET017", "env files", _CONFIG, "APP_ENV is not the environment's name")

PLAIN_SECRET: Final = Kind(
    "ET020", "secrets", _LEAK, "a secret of the settings class is plain in a tracked file"
)
CREDENTIAL: Final = Kind("ET021", "secrets", _LEAK, "a plain value in a tracked file looks like a credential")
OTHER_KEY: Final = Kind(
    "ET022", "secrets", _KEY, "a value is not encrypted for the file's own key", needs_key=True
)
PASSWORD_MANAGER: Final = Kind(
    "ET023", "secrets", _FILE, "a value refers to a password manager", needs_key=True
)
CIPHERTEXT: Final = Kind("ET024", "secrets", _KEY, "an encrypted value is damaged, or has text around it")
SHARED_SECRET: Final = Kind(
    "ET025", "secrets", _LEAK, "two environments have the same secret", needs_key=True
)

NOT_IGNORED: Final = Kind("ET030", "git", _CONFIG, "git does not ignore a personal file or a key file")
TRACKED: Final = Kind("ET031", "git", _LEAK, "git has a personal file or a private key")
NOT_TRACKED: Final = Kind("ET032", "git", _CONFIG, "git ignores a baseline, or does not have it")

NOT_IMPORTED: Final = Kind("ET040", "settings class", _CONFIG, "the settings class cannot be imported")
REQUIRED: Final = Kind("ET041", "settings class", _MISSING, "an environment lacks a required variable")
WRONG_TYPE: Final = Kind(
    "ET042", "settings class", _MISSING, "a value does not fit its field", needs_key=True
)
UNREAD: Final = Kind("ET043", "settings class", _CONFIG, "nothing reads a variable")
READS_FILE: Final = Kind("ET044", "settings class", _CONFIG, "code reads an env file by itself")

NOT_IN_EXAMPLE: Final = Kind("ET050", "example", _CONFIG, "a variable is missing in .env.example")
REAL_VALUE: Final = Kind("ET051", "example", _LEAK, ".env.example has a real secret", needs_key=True)
PLACEHOLDER: Final = Kind("ET052", "example", _MISSING, "a variable is still a placeholder", needs_key=True)

COMPOSE_MISSING: Final = Kind("ET060", "compose", _MISSING, "the stack needs a variable that is not set")
COMPOSE_LITERAL: Final = Kind(
    "ET061", "compose", _LEAK, "a compose file has the value of a secret", needs_key=True
)
COMPOSE_FILE: Final = Kind("ET062", "compose", _CONFIG, "a container gets an env file or a key file")

DOCKER_MISSING: Final = Kind("ET070", "Dockerfile", _MISSING, "a secret mount that no environment feeds")
DOCKER_SECRET: Final = Kind("ET071", "Dockerfile", _LEAK, "the image keeps a secret", needs_key=True)
DOCKER_COPY: Final = Kind("ET072", "Dockerfile", _LEAK, "an env file or a key file is copied into the image")
BUILD_CONTEXT: Final = Kind(
    "ET073", "Dockerfile", _LEAK, ".dockerignore lets env files or key files into the image"
)

ALLOWLIST_MISSING: Final = Kind(
    "ET080", "deployment", _MISSING, "the allowlist names a variable that is not set"
)
ALLOWLIST_SECRET: Final = Kind("ET081", "deployment", _LEAK, "the allowlist makes a secret public")
MANIFEST: Final = Kind("ET082", "deployment", _MISSING, "a manifest and what is rendered do not agree")
MANIFEST_LITERAL: Final = Kind("ET083", "deployment", _LEAK, "a manifest has the value of a secret")

CI_SECRET: Final = Kind("ET090", "pipelines", _LEAK, "a pipeline has the value of a key or a secret")
CI_KEYS: Final = Kind(
    "ET091", "pipelines", _CONFIG, "a job has several keys, or that of a protected environment"
)
CI_UNKNOWN: Final = Kind(
    "ET092", "pipelines", _CONFIG, "a job names an environment or a session that is not there"
)
CI_STALE: Final = Kind("ET093", "pipelines", _CONFIG, "rendered jobs are out of date, or cannot run")
CI_FILE: Final = Kind("ET094", "pipelines", _CONFIG, "a pipeline's file cannot be read")

KINDS: Final = tuple(each for each in tuple(globals().values()) if isinstance(each, Kind))


def located(error: EnvtasksError, file: str) -> tuple[str, int, str]:
    """File, line and sentence of an error whose message begins with its place; `file` and 1 where it has none."""
    found = re.match(r"(?P<file>[^\s:]+):(?:(?P<line>\d+):)? ", error.message)
    if found is None:
        return file, 1, error.message
    return found["file"], int(found["line"] or 1), error.message[found.end() :]


def command(task: str, environment: Environment, *, name: str = "", file: str = "") -> str:
    """The command of a task for an environment: `inv env.set NAME --env staging`; with `--file` where that decides."""
    words = task.split(" ", 1)
    return " ".join(["inv", words[0], *filter(None, [name]), environment.flags(file), *words[1:]])


def append_command(root: Path, path: Path, line: str) -> str:
    """The command that adds a line to a file of the project, also where the last one there has no end."""
    windows = sys.platform == "win32"
    file, text = label(root, path), path.read_bytes() if path.is_file() else b""
    if not windows:  # the shell would take `*` and `!` for its own
        line, file = shlex.quote(line), shlex.quote(file)
    has_end = not text or text.endswith((b"\n", b"\r"))
    end = "" if has_end else f"echo.>> {file} & " if windows else f"echo >> {file}; "
    return f"{end}echo {line}>> {file}"
