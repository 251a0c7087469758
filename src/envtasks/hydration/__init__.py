"""The one way from env files to values: read, decrypt, expand and layer an environment, or say what is wrong.

Whichever engine gives the values, everything around them (what is refused, origins, secrets, warnings) is made
here, so that both engines agree.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..config import Environment
from . import checks
from .layers import PRIVATE_KEY, Fold, Layer, Standing, clashes, exact, read_layers, standings
from .nesting import APP_ENV, enter
from .resolution import Opened, Resolution, open_layers, resolve
from .result import Hydrated, Origin
from .shadowing import overridden, refuse_shadowed, reported_line, shadowed, without_process

if TYPE_CHECKING:
    from ..envfiles.keys import KeyRing

__all__ = ["Hydrated", "Origin", "hydrate"]

CHANGED = "this secret is changed by dotenvx's `$` expansion: `inv env.encrypt --repair`"

BROKEN = "the `$` in {} breaks dotenvx's expansion here, so this is not the value it looks like"


def hydrate(
    environment: Environment,
    process_env: Mapping[str, str],
    *,
    engine: str = "native",
    commands: bool = False,
    secret_names: Collection[str] = (),
    reported: Collection[str] = (),
    windows: bool = sys.platform == "win32",
) -> Hydrated:
    """The values of an environment, with `process_env` (never changed) winning over its files.

    `commands` lets `$(command)` run, where neither the environment is protected nor CI is set. `secret_names`
    are secret although plain; `reported` names have been reported as shadowed already. On `windows` names that
    differ in case only are the same. Raises EnvFileMissing, EnvFileInvalid, KeyMissing, DecryptionFailed,
    ConfigInvalid, Refused, and ToolMissing where the engine `dotenvx` lacks its command.
    """
    hydration = Hydration(environment, process_env, secret_names=secret_names, windows=windows)
    hydration.open()
    hydration.resolve(engine=engine, commands=commands)
    return hydration.result(reported)


class Hydration:
    """One hydration, in three steps: `open`, `resolve`, `result`."""

    def __init__(
        self,
        environment: Environment,
        process_env: Mapping[str, str],
        *,
        secret_names: Collection[str] = (),
        windows: bool = False,
    ) -> None:
        self.environment = environment
        self.process_env = process_env
        self.fold: Fold = str.upper if windows else exact
        self.process, self.outer = enter(process_env, environment.name, fold=self.fold)
        self.layers = read_layers(environment)
        self.standings = standings(self.layers, fold=self.fold)
        self.keys = Keys(environment, process_env, self.layers)
        self.from_process = self.standings.keys() & self.process.keys()
        self.secret = {self.fold(name) for name in secret_names}
        upper = {name.upper() for name in secret_names}  # pydantic-settings reads names in any case
        self.secret |= {name for name in self.standings if name.upper() in upper}
        self.secret.update(name for name, standing in self.standings.items() if standing.encrypted)
        # ${APP_ENV} in a file is what a file says, else the environment's name, never what the shell says
        self.visible = self.process
        if APP_ENV not in self.standings:
            self.visible = {**self.process, APP_ENV: environment.name}
        self.opened = Opened({}, {}, [], [])
        self.resolution = Resolution({})

    def open(self) -> None:
        """Decrypt whatever counts. Raises EnvFileInvalid, KeyMissing, DecryptionFailed."""
        checks.refuse_switches(self.standings.values())
        self.opened = open_layers(self.layers, self.visible, self.keys.decrypt, fold=self.fold)
        if self.opened.failed or self.opened.failed_process:
            variables = self.keys.variables({place.label for place in self.opened.failed})
            checks.refuse_unopened(self.environment, self.opened, self.keys.ring(), variables)

    def resolve(self, *, engine: str = "native", commands: bool = False) -> None:
        """Expand and layer. Raises ConfigInvalid, EnvFileInvalid, DecryptionFailed, ToolMissing."""
        forbidden = checks.commands_are_off(self.environment, self.process_env, allowed=commands)
        native = engine == "native"
        self.resolution = self._resolved(run=native and not forbidden)
        if not native and not forbidden and self.resolution.commands:
            # dotenvx would hand its private keys to the commands; they run here, where none gets a key
            native, self.resolution = True, self._resolved(run=True)
        if forbidden:
            checks.refuse_commands(self.resolution.commands, forbidden)
        checks.refuse_endless(self.resolution.endless)
        if not native:
            references = (name for name, value in self.values.items() if value.startswith(checks.REFERENCES))
            self.resolution.tainted.update(references)
            self.resolution.values.update(self._from_dotenvx(commands=not forbidden))
        own = {name: value for name, value in self.values.items() if name not in self.from_process}
        checks.refuse_values(own, self.standings)

    def _resolved(self, *, run: bool) -> Resolution:
        return resolve(
            self.layers,
            self.visible,
            self.opened,
            secret=self.secret,
            run=self._run if run else None,
            fold=self.fold,
        )

    @property
    def values(self) -> Mapping[str, str]:
        """The effective values by folded name."""
        return self.resolution.values

    def result(self, reported: Collection[str] = ()) -> Hydrated:
        """The hydrated values with their origins and warnings. Raises Refused."""
        fold = self.fold
        names, hidden = self._shadowed()
        known = {*map(fold, reported), *map(fold, self.outer.reported)}
        fresh = [name for name in names if name not in known]
        shown = {
            name: standing for name, standing in self.standings.items() if not name.startswith(PRIVATE_KEY)
        }
        return Hydrated(
            self.environment,
            {standing.name: self.values[name] for name, standing in shown.items()},
            origins={standing.name: self._origin(name, standing) for name, standing in shown.items()},
            process=self.process,
            files=[layer.label for layer in self.layers],
            hidden=hidden,
            warnings=self._warnings(fresh),
            notes=()
            if self.outer.environment
            else overridden(self.layers, self.standings, self.from_process),
            reported=sorted(known.union(names)),
            fold=None if fold is exact else fold,
        )

    def _origin(self, name: str, standing: Standing) -> Origin:
        return Origin(
            file=standing.winner.label,
            line=standing.winner.entry.line,
            encrypted=standing.winner.entry.encrypted,
            secret=name in self.resolution.tainted or name.startswith(PRIVATE_KEY),
            shadows=tuple(place.at for place in standing.shadowed),
            process=name in self.from_process,
        )

    def _shadowed(self) -> tuple[list[str], dict[str, str]]:
        """The names whose baseline value the process environment replaces, and the secrets it replaces."""
        if not self.from_process:
            return [], {}
        files = without_process(
            self.layers,
            self.visible,
            self.from_process,
            self.keys.decrypt,
            secret=self.secret,
            fold=self.fold,
        )
        self.resolution.tainted |= files.tainted
        names = shadowed(self.standings, self.values, files, self.from_process, self.outer)
        refuse_shadowed(self.environment, names, self.standings, self.fold)
        hidden = {
            f"{standing.name} in {standing.winner.at}": files.values[name]
            for name, standing in self.standings.items()
            if name in self.from_process & files.tainted - files.unknown
            and files.values[name] != self.values[name]
        }
        return names, hidden

    def _warnings(self, shadowed_names: Sequence[str]) -> list[str]:
        lines = []
        if not self.outer.environment:  # an outer hydration of this environment has said it all
            for layer in self.layers:
                lines += [f"{layer.label}:{line}: {sentence}" for line, sentence in layer.file.warnings]
            lines += [f"{place.at}: {place.entry.name}: {CHANGED}" for place in self.resolution.changed]
            lines += [
                f"{place.at}: {place.entry.name}: {BROKEN.format(name)}"
                for place, name in self.resolution.broken
            ]
            lines += clashes(self.layers, self.fold) if self.fold is not exact else []
            lines += self.keys.warnings
        return lines + reported_line(shadowed_names, self.standings)

    def _run(self, command: str, env: Mapping[str, str]) -> str | None:
        from ..envfiles.commands import shell

        rest = {name: value for name, value in env.items() if not name.startswith(PRIVATE_KEY)}
        return shell(command, rest, self.environment.root)

    def _from_dotenvx(self, *, commands: bool) -> dict[str, str]:
        """The values as the dotenvx command gives them; those of the process environment stay as they are."""
        from . import dotenvx

        if any(it.shadowed and "$(" in self.values[name] for name, it in self.standings.items()):
            return {}  # dotenvx would run what an earlier file has in single quotes; ours are the same but for that
        given = dotenvx.values(
            self.environment,
            self.visible,
            names=[standing.name for standing in self.standings.values()],
            private_keys=self.keys.needed(),
            commands=commands,
        )
        return {
            self.fold(name): value
            for name, value in given.items()
            if self.fold(name) not in self.from_process
        }


class Keys:
    """The private keys of an environment, looked for when the first is wanted."""

    def __init__(
        self, environment: Environment, process_env: Mapping[str, str], layers: Sequence[Layer]
    ) -> None:
        self._environment = environment
        self._process_env = process_env
        self._layers = layers
        self._ring: KeyRing | None = None
        self._plain: dict[str, str] = {}

    def ring(self) -> KeyRing:
        """The keys at hand for those files that hold ciphertexts."""
        from ..envfiles import keys

        if self._ring is None:
            files = [
                layer.file.path
                for layer in self._layers
                if any(entry.encrypted for entry in layer.file.entries)
            ]
            self._ring = keys.find(self._environment, self._process_env, needed_for=files)
        return self._ring

    def needed(self) -> tuple[str, ...]:
        """The keys themselves, where something is encrypted; else none."""
        encrypted = any(entry.encrypted for layer in self._layers for entry in layer.file.entries)
        return self.ring().hexes if encrypted or self._ring else ()

    @property
    def warnings(self) -> list[str]:
        """What the look-up has to say, if there was one."""
        return list(self._ring.warnings) if self._ring else []

    def decrypt(self, ciphertexts: Sequence[str], further: Sequence[str] = ()) -> list[str | None]:
        """The plaintext of each ciphertext, opened with the keys at hand and `further` ones, each once."""
        from ..envfiles import keys

        wanted = [ciphertext for ciphertext in dict.fromkeys(ciphertexts) if ciphertext not in self._plain]
        if wanted:
            found = keys.decrypt(wanted, [*self.ring().hexes, *further])
            self._plain.update(
                (c, plain) for c, plain in zip(wanted, found, strict=True) if plain is not None
            )
        return [self._plain.get(ciphertext) for ciphertext in ciphertexts]

    def variables(self, labels: Collection[str]) -> list[str]:
        """The names of the variables that would hold the keys of these files."""
        from ..envfiles import keys

        return [
            keys.variable_names(layer.file.path, layer.file.text)[0]
            for layer in self._layers
            if layer.label in labels or not labels
        ]
