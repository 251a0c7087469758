"""The layers of an environment: the process environment above the env files, and the precedence among them.

Precedence is decided here alone. Names are folded where they are read, in `read_layers` and `nesting.enter`; every
`name` in this package is a folded one, and `Definition.name` is the spelling in the env file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..config import Environment
from ..envfiles import PRIVATE_KEY, Entry, EnvFile, by_precedence, read_env_file
from ..errors import EnvFileInvalid, EnvFileMissing


def fold(name: str, *, windows: bool) -> str:
    """The name as the system compares it: on Windows upper and lower case are the same."""
    return name.upper() if windows else name


class Location(NamedTuple):
    """One assignment in an env file; its text is `file:line`."""

    name: str
    layer: int  # the number of its layer, from 0
    label: str
    entry: Entry

    def __str__(self) -> str:
        return f"{self.label}:{self.entry.line}"


class Layer(NamedTuple):
    """One env file of an environment, with the name that messages give it."""

    label: str
    file: EnvFile
    locations: tuple[Location, ...]
    overrides: bool

    @property
    def encrypted(self) -> bool:
        """Whether it has an encrypted value."""
        return bool(self.file.ciphertexts)


class Definition(NamedTuple):
    """The assignment that gives a variable its value in the env files, and those that it shadows."""

    winner: Location
    shadowed: tuple[Location, ...]
    baseline: bool  # whether a baseline defines it
    encrypted: bool  # whether it is encrypted in some file

    @property
    def name(self) -> str:
        """The name as the winning file spells it."""
        return self.winner.entry.name


class Layers(NamedTuple):
    """The process environment, the env files below it, and the definition of each variable, in file order.

    `beneath` are the variables of the process environment over which the files win (`file-wins`): a reference sees one
    until a file sets it, so that `PATH=/opt/bin:$PATH` adds to it.
    """

    environment: Environment
    process: Mapping[str, str]
    files: tuple[Layer, ...]
    definitions: Mapping[str, Definition]
    windows: bool
    beneath: Mapping[str, str] = MappingProxyType({})

    def fold(self, name: str) -> str:
        """The name as the system compares it."""
        return fold(name, windows=self.windows)

    @property
    def variables(self) -> dict[str, Definition]:
        """The definitions without private keys, which no process gets."""
        return {name: it for name, it in self.definitions.items() if not name.startswith(PRIVATE_KEY)}

    def decides(self, location: Location) -> bool:
        """Whether a variable gets its value in this file: neither in the process environment nor in an earlier one."""
        name = location.name
        return name not in self.process and self.definitions[name].winner.layer == location.layer

    @property
    def from_process(self) -> set[str]:
        """The variables of the env files whose value the process environment gives."""
        return self.definitions.keys() & self.process.keys()

    def without_process(self) -> Layers:
        """The same layers where the process environment sets none of the files' variables."""
        return self._replace(
            process={name: value for name, value in self.process.items() if name not in self.definitions}
        )


def read_layers(environment: Environment, process: Mapping[str, str], *, windows: bool) -> Layers:
    """The layers of an environment under a process environment whose names are folded.

    Variables of `file-wins` are taken out of the process environment. `$APP_ENV` is what a file defines, else the
    environment's name. Raises EnvFileMissing for a missing baseline, and EnvFileInvalid.
    """
    files = []
    for path in environment.files:
        environment.refuse_outside_link(path)
        label = environment.label(path)
        try:
            file = read_env_file(path, label=label)
        except EnvFileMissing:
            if environment.optional(path):
                continue
            raise EnvFileMissing(
                f"{label} is missing, and {environment.name} requires it.",
                # env.new makes an environment, and so no further file of one that is there
                hint=f"restore it from git, or make it: inv env.new {environment.name}"
                if path == environment.baselines[0]
                else f"restore it from git, or name it under `optional` of {environment.name} in pyproject.toml",
            ) from None
        if not file.entries and not environment.optional(path):
            why = "".join(f" (line {line}: {sentence})" for line, sentence in file.warnings[:1])
            raise EnvFileInvalid(
                f"{label} sets no variable, and {environment.name} requires it{why}.",
                hint="restore it from git, or "
                + (
                    "save it anew"
                    if file.unreadable
                    else f"set one: inv env.set NAME --env {environment.name}"
                ),
            )
        files.append((label, file, environment.optional(path)))
    layers = arrange(environment, files, process, windows=windows)
    wins = {fold(name, windows=windows) for name in environment.file_wins} & layers.definitions.keys()
    above = {name: value for name, value in process.items() if name not in wins}
    variable = fold(environment.variable, windows=windows)
    if variable not in layers.definitions:
        above[variable] = environment.name
    return layers._replace(process=above, beneath={name: process[name] for name in wins & process.keys()})


def arrange(
    environment: Environment,
    files: Iterable[tuple[str, EnvFile, bool]],
    process: Mapping[str, str],
    *,
    windows: bool = False,
) -> Layers:
    """Layers of env files, each with its label and whether it holds overrides; the first one wins."""
    layers = []
    for number, (label, file, overrides) in enumerate(files):
        locations = [
            Location(fold(entry.name, windows=windows), number, label, entry) for entry in file.entries
        ]
        layers.append(Layer(label, file, tuple(locations), overrides))
    found = by_precedence((layer.locations for layer in layers), lambda location: location.name)
    definitions = {
        name: Definition(
            winner=locations[0],
            shadowed=tuple(locations[1:]),
            baseline=not all(layers[location.layer].overrides for location in locations),
            encrypted=any(location.entry.encrypted for location in locations),
        )
        for name, locations in found.items()
    }
    return Layers(environment, process, tuple(layers), definitions, windows)


def spelling_conflicts(layers: Layers) -> list[str]:
    """On Windows, a warning for each assignment that spells its variable otherwise than an earlier one."""
    if not layers.windows:
        return []
    first: dict[str, Location] = {}
    warnings = []
    for layer in layers.files:
        for location in layer.locations:
            known = first.setdefault(location.name, location)
            if known.entry.name != location.entry.name:
                warnings.append(
                    f"{location}: {location.entry.name} is {known.entry.name} ({known}) on Windows"
                )
    return warnings
