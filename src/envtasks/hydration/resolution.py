"""Resolve layers to one value for each variable: decrypt what counts, then expand in file order.

All ciphertexts are decrypted first, so that no command runs if one cannot be. Nothing here raises for a bad value:
problems are collected, and `checks` turns them into errors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..envfiles import ENCRYPTED, PRIVATE_KEY
from .layers import Layer, Layers, Location

if TYPE_CHECKING:
    from ..envfiles import Budget, Variable

Decrypt = Callable[[Sequence[str], Sequence[str]], Sequence[str | None]]
Run = Callable[[str, Mapping[str, str]], str | None]


def decrypt_layers(layers: Layers, decrypt: Decrypt) -> tuple[dict[str, str], list[Location]]:
    """The plaintext of each ciphertext that counts, and the assignments whose ciphertext could not be decrypted.

    What the process environment or an earlier layer shadows does not count. `decrypt` takes the ciphertexts of a layer
    and the private keys in the layers above it; it is called only for a layer with ciphertexts.
    """
    plaintexts: dict[str, str] = {}
    failed = []
    private_keys: list[str] = []
    for layer in layers.files:
        found = list(_ciphertexts(layers, layer))
        results = decrypt([ciphertext for _, ciphertext in found], private_keys) if found else ()
        for (location, ciphertext), plaintext in zip(found, results, strict=True):
            if plaintext is None or plaintext.startswith(ENCRYPTED):  # a ciphertext inside a ciphertext
                failed.append(location)
            else:
                plaintexts[ciphertext] = plaintext
        private_keys += [entry.value for entry in layer.file.entries if entry.name.startswith(PRIVATE_KEY)]
    return plaintexts, failed


def _ciphertexts(layers: Layers, layer: Layer) -> Iterator[tuple[Location, str]]:
    """The ciphertexts that count in a layer: its own, and those of the process environment for its variables."""
    for location in layer.locations:
        if layers.decides(location):
            if location.entry.encrypted:
                yield location, location.entry.value
        elif (value := layers.process.get(location.name, "")).startswith(ENCRYPTED):
            yield location, value


def resolve(
    layers: Layers,
    plaintexts: Mapping[str, str],
    *,
    secret: Collection[str] = (),
    run: Run | None = None,
) -> Resolution:
    """The value of every variable that a file defines. Without `run` commands are collected instead of run."""
    resolution = Resolution(layers, plaintexts, secret=secret, run=run)
    for layer in layers.files:
        resolution.add(layer)
    return resolution


class Resolution:
    """The values of layers, and what has to be known about them."""

    def __init__(
        self, layers: Layers, plaintexts: Mapping[str, str], *, secret: Collection[str], run: Run | None
    ) -> None:
        self.values: dict[str, str] = {}
        self.secret = frozenset(secret)
        self.tainted = set(secret)  # variables that are secret, or made from a secret
        self.unknown: set[str] = set()  # not decrypted or a command not run, or made from such a value
        self.changed: list[Location] = []  # decrypted values that the expansion changed
        self.broken: list[tuple[Location, str]] = []  # made with a secret (its name) whose `$` was expanded
        self.unset: list[tuple[Location, str]] = []  # with a reference to what nothing above sets
        self.required: list[tuple[Location, str]] = []  # with `${NAME:?}` whose NAME is not set
        self.commands: list[Location] = []  # with a command that was not run
        self.endless: list[Location] = []  # whose expansion does not end
        self._layers = layers
        self._plaintexts = plaintexts
        self._run = run
        self.beneath = set(layers.beneath)  # variables over which files win, and those made from them
        self._env = {**layers.process, **layers.beneath}  # what a reference sees: all that is set above it
        self._literals: set[str] = set()
        self._budget: Budget | None = None

    def add(self, layer: Layer) -> None:
        """Resolve the next layer."""
        self._literals.clear()
        for location in layer.locations:
            name = location.name
            if self._layers.decides(location):
                self._env[name] = self._value(location)
            if location.entry.literal:
                (self._literals.add if _has_reference(self._env[name]) else self._literals.discard)(name)
        for location in layer.locations:
            name = location.name
            # as in dotenvx, a ciphertext in the process environment is decrypted after the layer that defines it
            plaintext = self._plaintexts.get(self._layers.process.get(name, ""))
            if plaintext is not None:
                self._env[name] = plaintext
            self.values[name] = self._env[name]

    def _value(self, location: Location) -> str:
        """The value that an assignment gives."""
        entry, name = location.entry, location.name
        value = entry.value
        plaintext = self._plaintexts.get(value) if entry.encrypted else None
        self.unknown.discard(name)
        if name not in self.secret:  # an earlier line of this variable does not matter any more
            self.tainted.discard(name)
        if plaintext is not None:
            value = plaintext
        elif value.startswith(ENCRYPTED):
            self.unknown.add(name)
        if entry.literal or "$" not in value:
            return value
        from ..envfiles import EndlessExpansion

        try:
            return self._expanded(value, location, decrypted=plaintext is not None)
        except EndlessExpansion:
            self.endless.append(location)
            self.unknown.add(name)
            return value

    def _expanded(self, value: str, location: Location, *, decrypted: bool) -> str:
        """The value with its commands run, or else with its references expanded."""
        if "$(" in value and (output := self._evaluated(value, location)) is not None:
            return output
        from ..envfiles import Budget, expand

        if self._budget is None:  # one for all values
            self._budget = Budget(sum(len(layer.file.text) for layer in self._layers.files))
        expanded, inserted, missing = expand(value, self._lookup, budget=self._budget)
        for expression in missing:
            name, operator, _ = expression.partition(":?")
            required = operator and self._lookup(name) is None
            (self.required if required else self.unset).append((location, name if required else expression))
        if decrypted and expanded != value and (missing or not inserted):
            self.changed.append(location)
        if inserted.keys() & self.tainted:
            self.tainted.add(location.name)
        if inserted.keys() & self.unknown:
            self.unknown.add(location.name)
        if inserted.keys() & self.beneath:
            self.beneath.add(location.name)
        self.broken += [
            (location, name) for name in sorted(inserted) if self._breaks(inserted[name], expanded)
        ]
        return expanded

    def _breaks(self, secret: Variable, expanded: str) -> bool:
        """Whether a secret was changed where it was inserted, or keeps what follows it from being expanded."""
        name, value, literal = secret
        if "$" not in value or name not in self.tainted or expanded == value:
            return False
        return value not in expanded or (literal and "$" in expanded.replace(value, ""))

    def _evaluated(self, value: str, location: Location) -> str | None:
        """The value with its commands' output; None if it has no command, or one was not run or failed."""
        from ..envfiles import evaluate, find_commands, variables_in

        if not find_commands(value):
            return None
        run = self._run
        if run is None:
            self.commands.append(location)
            self.unknown.add(location.name)
            return None
        output = evaluate(value, lambda command: run(command, self._env))
        if output is None or output == value:
            return None
        if not self.tainted.isdisjoint(map(self._layers.fold, variables_in(value))):
            self.tainted.add(location.name)
        return output

    def _lookup(self, name: str) -> Variable | None:
        from ..envfiles import Variable

        name = self._layers.fold(name)
        value = self._env.get(name)
        return None if value is None else Variable(name, value, name in self._literals)


def _has_reference(value: str) -> bool:
    """Whether a value contains a reference; the module that expands is imported where a value has a `$`."""
    if "$" not in value:
        return False
    from ..envfiles import contains_reference

    return contains_reference(value)
