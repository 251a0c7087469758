"""The layers of an environment, under the process environment, resolved to one value for each variable.

First every ciphertext that counts is opened, so that nothing runs if one cannot be; then values are expanded in
file order. Nothing here raises for bad input: slips are collected, and `hydration` says what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..envfiles.expansion import Endless, Patience, expand, refers
from ..envfiles.parser import ENCRYPTED, Entry
from .layers import PRIVATE_KEY, Fold, Layer, Place, exact

Decrypt = Callable[[Sequence[str], Sequence[str]], Sequence[str | None]]
Run = Callable[[str, Mapping[str, str]], str | None]


class Opened(NamedTuple):
    """The plaintexts of the ciphertexts that count: entries by layer and index, process values by name."""

    entries: dict[tuple[int, int], str]
    process: dict[str, str]
    failed: list[Place]
    failed_process: list[Place]  # the entry that the process value stands for


def open_layers(
    layers: Sequence[Layer],
    process: Mapping[str, str],
    decrypt: Decrypt,
    *,
    fold: Fold = exact,
) -> Opened:
    """Every ciphertext decrypted that is not shadowed by the process environment or an earlier layer.

    `decrypt` takes the ciphertexts of a layer and the private keys that earlier layers hold; it is called only for
    a layer that has ciphertexts.
    """
    opened = Opened({}, {}, [], [])
    taken = set(process)
    private_keys: list[str] = []
    for number, layer in enumerate(layers):
        names = [fold(entry.name) for entry in layer.file.entries]
        found = list(_ciphertexts(layer, names, process, taken))
        plaintexts = decrypt([ciphertext for ciphertext, _ in found], private_keys) if found else ()
        for (_, index), plain in zip(found, plaintexts, strict=True):
            place = Place(layer.label, layer.file.entries[index])
            from_process = names[index] in taken
            if plain is None or plain.startswith(ENCRYPTED):  # opened, it may not be a ciphertext again
                (opened.failed_process if from_process else opened.failed).append(place)
            elif from_process:
                opened.process[names[index]] = plain
            else:
                opened.entries[number, index] = plain
        taken.update(names)
        private_keys += [entry.value for entry in layer.file.entries if entry.name.startswith(PRIVATE_KEY)]
    return opened


def _ciphertexts(
    layer: Layer, names: Sequence[str], process: Mapping[str, str], taken: Collection[str]
) -> Iterator[tuple[str, int]]:
    """The ciphertexts that count in a layer, each with the index of its entry."""
    for index, (name, entry) in enumerate(zip(names, layer.file.entries, strict=True)):
        if name in taken:
            value = process.get(name, "")
            if value.startswith(ENCRYPTED):
                yield value, index
        elif entry.encrypted:
            yield entry.value, index


class Resolution:
    """What the layers and the process environment make of every variable that a file defines."""

    __slots__ = (
        *("_fold", "_literals", "_outer", "_patience", "_run", "_running", "_secret"),
        *("broken", "changed", "commands", "endless", "tainted", "unknown", "values"),
    )

    def __init__(
        self,
        process: Mapping[str, str],
        *,
        secret: Collection[str] = (),
        run: Run | None = None,
        fold: Fold = exact,
        size: int = 0,
    ) -> None:
        self.values: dict[str, str] = {}
        self._secret = frozenset(secret)
        self.tainted = set(secret)  # secret, or made from a secret
        self.unknown: set[str] = set()  # not opened or not run, or made from such a value
        self.changed: list[Place] = []  # decrypted, then changed by the expansion
        self.broken: list[
            tuple[Place, str]
        ] = []  # made with a secret whose `$` the expansion takes for its own
        self.commands: list[Place] = []  # holding a command while none may run
        self.endless: list[Place] = []
        self._outer = dict(process)
        self._running: dict[str, str] = {}
        self._literals: set[str] = set()
        self._run = run
        self._fold = fold
        self._patience = Patience(size)

    def add(self, number: int, layer: Layer, opened: Opened) -> None:
        """Take in the next layer; `number` is its place among the layers, from 0."""
        outer, running, literals = self._outer, self._running, self._literals
        running.clear()
        literals.clear()
        for index, entry in enumerate(layer.file.entries):
            name = self._fold(entry.name)
            literal = entry.literal
            if name in outer:
                value = outer[name]
            else:
                value = self._own(entry, opened.entries.get((number, index)), literal, layer.label)
            running[name] = value
            if literal:
                (literals.add if refers(value) else literals.discard)(name)
        outer.update(running)
        outer.update((name, plain) for name, plain in opened.process.items() if name in running)
        for name in running:
            self.values[name] = outer[name]

    def _own(self, entry: Entry, plain: str | None, literal: bool, label: str) -> str:
        """The value that an entry itself gives."""
        name = self._fold(entry.name)
        value = entry.value if plain is None else plain
        self.unknown.discard(name)
        if name not in self._secret:  # what an earlier line of this name was made of does not matter
            self.tainted.discard(name)
        if plain is None and value.startswith(ENCRYPTED):
            self.unknown.add(name)
        if literal or "$" not in value:
            return value
        place = Place(label, entry)
        try:
            expanded = self._expanded(value, place)
        except Endless:
            self.endless.append(place)
            self.unknown.add(name)
            return value
        if plain is not None and expanded != plain:
            self.changed.append(place)
        return expanded

    def _expanded(self, value: str, place: Place) -> str:
        name = self._fold(place.entry.name)
        if "$(" in value:
            output = self._evaluated(value, place)
            if output is not None:
                return output
        expanded, used = expand(
            value, self._lookup, literals=self._literals, patience=self._patience, fold=self._fold
        )
        if used:
            if not used.isdisjoint(self.tainted):
                self.tainted.add(name)
            if not used.isdisjoint(self.unknown):
                self.unknown.add(name)
            self.broken += [(place, put) for put in sorted(used) if self._breaks(put, expanded)]
        return expanded

    def _breaks(self, name: str, expanded: str) -> bool:
        """Whether a secret that was put in is not there as it is, or keeps what follows from being expanded."""
        value = self._lookup(name) or ""
        if "$" not in value or name not in self.tainted or expanded == value:
            return False
        return value not in expanded or (name in self._literals and "$" in expanded.replace(value, ""))

    def _evaluated(self, value: str, place: Place) -> str | None:
        """The value with its commands' output; None where it has no command, or none that worked."""
        from ..envfiles import commands as substitution

        spans = substitution.commands(value)
        if not spans:
            return None
        run = self._run
        if run is None:
            self.commands.append(place)
            self.unknown.add(self._fold(place.entry.name))
            return None
        env = {**self._outer, **self._running}
        output = substitution.evaluate(value, lambda command: run(command, env))
        if output is None or output == value:
            return None
        if not self.tainted.isdisjoint(substitution.mentioned(value)):
            self.tainted.add(self._fold(place.entry.name))
        return output

    def _lookup(self, name: str) -> str | None:
        name = self._fold(name)
        value = self._outer.get(name)
        return self._running.get(name) if value is None else value


def resolve(
    layers: Sequence[Layer],
    process: Mapping[str, str],
    opened: Opened,
    *,
    secret: Collection[str] = (),
    run: Run | None = None,
    fold: Fold = exact,
) -> Resolution:
    """All layers resolved: the process environment wins over the files, an earlier file over a later one.

    `secret` names are tainted from the start. Without `run` a command
    is not run but noted. `fold` gives the spelling under which names are the same.
    """
    size = sum(len(layer.file.text) for layer in layers)
    resolution = Resolution(process, secret=secret, run=run, fold=fold, size=size)
    for number, layer in enumerate(layers):
        resolution.add(number, layer, opened)
    return resolution
