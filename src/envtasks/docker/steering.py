"""Variables of env files that would steer docker's own programs: they reach builds and containers, docker itself not.

`DEBUG=false` of an application makes docker print Go stack traces, and `OTEL_…` send them away. Docker takes build args
and a container's variables from its own environment, so these are handed over by other means.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ..redaction import Redactor

if TYPE_CHECKING:
    from ..hydration import Hydrated

_NAMES: Final = re.compile(r"DEBUG|(?:DOCKER|BUILDKIT|BUILDX|COMPOSE|OTEL)_\w+")
_ALIAS: Final = "ENVTASKS_"


@dataclass(frozen=True, slots=True)
class Steering:
    """The variables of an environment's files that docker itself does not get."""

    values: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = frozenset()  # those that may not be on a command line

    @classmethod
    def of(cls, hydrated: Hydrated, allowed: Collection[str] = ()) -> Steering:
        """Those of an environment; what the process environment sets, and what is `allowed`, is for docker."""
        names = [
            name
            for name in hydrated
            if _NAMES.fullmatch(name) and name not in allowed and not hydrated.from_process(name)
        ]
        # of a file that is encrypted as a whole DEBUG=1 is a secret by form only: no redactor looks for it
        secrets = [name for name in names if name in hydrated.secrets and Redactor([hydrated[name]])]
        return cls({name: hydrated[name] for name in names}, frozenset(secrets))

    def docker_env(
        self, child_env: Mapping[str, str], *, arguments: Collection[str] = (), mounts: Collection[str] = ()
    ) -> dict[str, str]:
        """The environment of a docker program that gets `arguments` by `argument`, and `mounts` by `source`."""
        by_name = self.secrets.intersection(arguments)
        found = {n: value for n, value in child_env.items() if n not in self.values or n in by_name}
        return found | {self.source(name): self.values[name] for name in mounts if name in self.values}

    def argument(self, name: str) -> str:
        """A variable as the value of `--build-arg` or `--env`: its name, here `NAME=value` if it is no secret."""
        plain = name in self.values and name not in self.secrets
        return f"{name}={self.values[name]}" if plain else name

    def source(self, name: str) -> str:
        """The variable of docker's environment from which it takes a secret mount."""
        return f"{_ALIAS}{name}" if name in self.values else name


NO_STEERING: Final = Steering({})
