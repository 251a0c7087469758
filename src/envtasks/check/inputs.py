"""What the checks look at, each read once: the env files of every environment, the settings class, git."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .. import git, hydration, settings_class
from ..config import Environment, Project
from ..errors import ConfigInvalid, EnvtasksError
from .credentials import is_secret_name

if TYPE_CHECKING:
    from ..hydration import Examination


@dataclass(frozen=True)
class Inputs:
    """A project and the environments to judge. `process_env` has the keys and what programs need to run."""

    project: Project
    environments: tuple[Environment, ...]  # to judge: all, or the one that was asked for
    process_env: Mapping[str, str] = field(repr=False)

    @cached_property
    def _examined(self) -> dict[str, Examination | EnvtasksError]:
        found: dict[str, Examination | EnvtasksError] = {}
        for environment in self.project.environments.values():
            try:
                found[environment.name] = hydration.examine(environment, self.process_env)
            except EnvtasksError as error:
                found[environment.name] = error
        return found

    @property
    def examinations(self) -> dict[str, Examination]:
        """Every environment whose env files can be read, whether it is judged or not."""
        return {name: each for name, each in self._examined.items() if not isinstance(each, EnvtasksError)}

    @property
    def errors(self) -> dict[str, EnvtasksError]:
        """Why the env files of other environments cannot be read."""
        return {name: each for name, each in self._examined.items() if isinstance(each, EnvtasksError)}

    @property
    def judged(self) -> Iterator[tuple[Environment, Examination]]:
        """The environments to judge, as far as their files can be read."""
        examinations = self.examinations
        for environment in self.environments:
            if environment.name in examinations:
                yield environment, examinations[environment.name]

    @cached_property
    def settings_secrets(self) -> frozenset[str]:
        """The secret variables of the settings class, upper-cased; none where it cannot be read."""
        try:
            return settings_class.secret_names(self.project)
        except ConfigInvalid:
            return frozenset()

    @cached_property
    def encrypted(self) -> frozenset[str]:
        """The names that are encrypted in some environment, or made from such a value."""
        return frozenset(name for each in self.examinations.values() for name in each.secret)

    def is_secret(self, name: str) -> bool:
        """Whether a variable is secret: encrypted somewhere, or in the settings class; not one of `not-secret`."""
        if self.project.is_not_secret(name):
            return False
        return name in self.encrypted or name.upper() in self.settings_secrets

    def is_secret_in(self, found: Examination, name: str) -> bool:
        """Whether a variable is secret in one environment: encrypted there, or in the settings class."""
        if self.project.is_not_secret(name):
            return False
        return name in found.secret or name.upper() in self.settings_secrets

    @cached_property
    def plain(self) -> frozenset[tuple[str, str]]:
        """The names with their values that stand in plain text in a file that other people get."""
        return frozenset(
            (name, found.values[name])
            for found in self.examinations.values()
            for name, each in found.definitions.items()
            if name in found.values
            and name not in found.secret
            and self.is_shared(found.environment, found.files[each.winner.layer].file.path)
        )

    def is_known_secret(self, name: str, text: str) -> bool:
        """Whether a text that stands elsewhere is a secret's value.

        It is, where the settings class or the name itself says so. Of what is only encrypted somewhere another value
        may be meant: a host for the local stack.
        """
        if self.project.is_not_secret(name):
            return False
        if name.upper() in self.settings_secrets or is_secret_name(name):
            return True
        return any(
            name in each.secret and each.values.get(name) == text for each in self.examinations.values()
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """Every variable that some environment has."""
        return frozenset(name for each in self.examinations.values() for name in each.definitions)

    @cached_property
    def referenced(self) -> frozenset[str]:
        """The words after a `$` in any plain value: what other values are made from."""
        words: set[str] = set()
        for each in self.examinations.values():
            for layer in each.files:
                for entry in layer.file.entries:
                    if "$" in entry.raw:
                        words.update(re.findall(r"\$\{?(\w+)", entry.raw))
        return frozenset(words)

    @cached_property
    def env_files(self) -> tuple[Path, ...]:
        """The env files of all environments, whether they are there or not."""
        return tuple(
            dict.fromkeys(path for each in self.project.environments.values() for path in each.files)
        )

    @cached_property
    def tracked_files(self) -> frozenset[Path] | None:
        """The env files that git has; None where there is no repository."""
        return git.tracked(self.project.root, self.env_files, self.process_env)

    @cached_property
    def ignored_files(self) -> frozenset[Path]:
        """The env files that git ignores; none where there is no repository."""
        return git.ignored(self.project.root, self.env_files, self.process_env)

    def is_shared(self, environment: Environment, path: Path) -> bool:
        """Whether other people get an env file: git has it, or would, where there is no repository."""
        if self.tracked_files is None:
            return not environment.optional(path)
        return path in self.tracked_files

    def will_be_shared(self, environment: Environment, path: Path) -> bool:
        """Whether other people get an env file, or will: git has it, or does not ignore it and it is no overrides."""
        new = not environment.optional(path) and path not in self.ignored_files
        return new or self.is_shared(environment, path)

    def env_file_read_by(self, name: str, source: str) -> Path | None:
        """The project's env file that code in a source file reads by this name; None where it is another file.

        A relative name depends on the working directory: the project's folder, or one above the source.
        """
        root = self.project.root
        folders = (root, *(root / source).parents)
        paths = [Path(os.path.normpath(folder / name)) for folder in folders if folder.is_relative_to(root)]
        there = next((path for path in paths if path.is_relative_to(root) and path.is_file()), None)
        if there is not None:
            return there if there in self.env_files else None
        return next((path for path in paths if path in self.env_files), None)

    def label(self, path: Path) -> str:
        """The path as findings show it: relative to the project, with forward slashes."""
        return self.project.label(path)
