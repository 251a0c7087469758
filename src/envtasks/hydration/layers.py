"""The env files of one environment as layers, and which entry of which layer stands for each variable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ..config import Environment
from ..envfiles.document import EnvFile, read
from ..envfiles.parser import Entry
from ..errors import EnvFileMissing

PRIVATE_KEY: Final = "DOTENV_PRIVATE_KEY"

Fold = Callable[[str], str]


def exact(name: str) -> str:
    """The spelling under which names are the same, everywhere but on Windows: the one they have."""
    return name


class Layer(NamedTuple):
    """One env file of an environment, with the name that messages give it."""

    label: str
    file: EnvFile
    overrides: bool = False


class Place(NamedTuple):
    """Where a variable is set."""

    label: str
    entry: Entry

    @property
    def at(self) -> str:
        """The place as messages show it: file:line."""
        return f"{self.label}:{self.entry.line}"


class Standing(NamedTuple):
    """How a variable stands among the files: its spelling, the entry that wins, and those it shadows."""

    name: str
    winner: Place
    shadowed: tuple[Place, ...]
    baseline: bool  # some baseline sets it
    encrypted: bool  # some file has it encrypted


def read_layers(environment: Environment) -> list[Layer]:
    """The env files that are there, the first wins. Raises EnvFileMissing for a baseline, EnvFileInvalid."""
    layers = []
    for path in environment.files:
        label = environment.label(path)
        try:
            file = read(path, label=label)
        except EnvFileMissing:
            if environment.optional(path):
                continue
            raise EnvFileMissing(
                f"{label} is missing, and {environment.name} cannot do without it.",
                hint=f"restore it from git, or make it; [tool.envtasks.environments.{environment.name}] names it",
            ) from None
        layers.append(Layer(label, file, environment.optional(path)))
    return layers


def standings(layers: Sequence[Layer], *, fold: Fold | None = None) -> dict[str, Standing]:
    """How every variable stands, in file order, by its folded name."""
    fold = fold or exact
    found: dict[str, list[tuple[Layer, Entry]]] = {}
    for layer in layers:
        for name, entry in {fold(entry.name): entry for entry in layer.file.entries}.items():
            found.setdefault(name, []).append((layer, entry))
    result = {}
    for name, entries in found.items():
        places = [Place(layer.label, entry) for layer, entry in entries]
        result[name] = Standing(
            name=places[0].entry.name,
            winner=places[0],
            shadowed=tuple(places[1:]),
            baseline=not all(layer.overrides for layer, _ in entries),
            encrypted=any(entry.encrypted for _, entry in entries),
        )
    return result


def clashes(layers: Sequence[Layer], fold: Fold) -> list[str]:
    """A line for each variable that is spelled in two ways which are the same under `fold`."""
    spelled: dict[str, Place] = {}
    lines = []
    for layer in layers:
        for entry in layer.file.entries:
            known = spelled.setdefault(fold(entry.name), Place(layer.label, entry))
            if known.entry.name != entry.name:
                lines.append(
                    f"{layer.label}:{entry.line}: {entry.name} is {known.entry.name} ({known.at}) on Windows"
                )
    return lines
