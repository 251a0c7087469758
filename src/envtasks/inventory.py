"""What the env files of an environment declare, read without any key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .config import Environment, Project
from .envfiles import KEY_FILE, by_precedence, key_variables, read_env_file

_EXAMPLES: Final = (
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "env.example",
    "env.sample",
    "env.template",
    "example.env",
    "sample.env",
    ".env.local.example",
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One assignment in an env file. `value` is the plain text as written, None where it is encrypted."""

    name: str
    file: str  # the file as messages show it, relative to the project
    line: int
    value: str | None

    @property
    def encrypted(self) -> bool:
        """Whether the value is a ciphertext."""
        return self.value is None

    @property
    def location(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class FileInventory:
    """What one env file declares, in file order, keys' own variables apart."""

    path: Path
    label: str
    declarations: tuple[Declaration, ...]
    public_keys: Mapping[str, str]  # DOTENV_PUBLIC_KEY… and its value
    key_variable: str  # the variable that holds the file's private key
    sample: str | None  # one ciphertext of the file, to try a key on

    @property
    def encrypted(self) -> bool:
        """Whether anything in the file is encrypted."""
        return self.sample is not None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the env files of one environment declare; an earlier file wins over a later one."""

    environment: Environment
    files: tuple[FileInventory, ...]
    missing: tuple[str, ...]  # baselines that are not there

    @property
    def variables(self) -> dict[str, Declaration]:
        """The winning declaration of each name: of the first file that has it, the last one there."""
        found = by_precedence((file.declarations for file in self.files), lambda each: each.name)
        return {name: declarations[0] for name, declarations in found.items()}

    @property
    def public_keys(self) -> dict[str, str]:
        """The public keys that the files name."""
        return {name: key for file in reversed(self.files) for name, key in file.public_keys.items()}

    @property
    def key_variables(self) -> dict[str, str]:
        """The variables that hold the private keys of the files with ciphertexts, each with its file's label."""
        return {file.key_variable: file.label for file in reversed(self.files) if file.encrypted}


def read(environment: Environment) -> Inventory:
    """The inventory of an environment; files that are not there are left out. Raises EnvFileInvalid."""
    files = []
    missing = []
    for path in environment.files:
        environment.refuse_outside_link(path)
        if path.exists():
            files.append(_read_file(path, environment.label(path)))
        elif not environment.optional(path):
            missing.append(environment.label(path))
    return Inventory(environment, tuple(files), tuple(missing))


def example_path(root: Path) -> Path:
    """The example of env files that the project has, or would have."""
    return next((root / name for name in _EXAMPLES if (root / name).is_file()), root / _EXAMPLES[0])


def project_files(project: Project) -> tuple[Path, ...]:
    """The env files and key files of all environments, whether they are there or not: no container gets one."""
    own = [path for each in project.environments.values() for path in (*each.files, *each.keys)]
    folders = dict.fromkeys(path.parent for path in own)
    keys = [path for folder in folders for path in (folder / KEY_FILE, *sorted(folder.glob(".env*.keys")))]
    return tuple(dict.fromkeys([*own, *keys]))


def _read_file(path: Path, label: str) -> FileInventory:
    file = read_env_file(path, label=label)
    own = [entry for entry in file.entries if not entry.is_key]
    return FileInventory(
        path=path,
        label=label,
        declarations=tuple(
            Declaration(entry.name, label, entry.line, None if entry.encrypted else entry.value)
            for entry in own
        ),
        public_keys={entry.name: entry.raw for entry in file.headers},
        key_variable=key_variables(path, file.text).private,
        sample=next((entry.raw for entry in own if entry.encrypted), None),
    )
