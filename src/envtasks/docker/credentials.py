"""Which variables are credentials: what goes into builds and stacks, is redacted, and is searched for in images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from ..redaction import Redactor, secret_parts

if TYPE_CHECKING:
    from ..config import Project
    from ..hydration import Hydrated

# from which package managers and git's helpers take the credentials of an index, a registry or a host
_NAMES: Final = re.compile(
    r"UV_(?!INDEX_STRATEGY$|NO_INDEX$)\w*INDEX\w*|UV_PUBLISH_(?:USERNAME|PASSWORD|TOKEN)|UV_GITHUB_TOKEN"
    r"|PIP_(?:EXTRA_)?INDEX_URL"
    r"|POETRY_HTTP_BASIC_\w+_(?:USERNAME|PASSWORD)|POETRY_PYPI_TOKEN_\w+"
    r"|PDM_\w*(?:USERNAME|PASSWORD|TOKEN)|PDM_PYPI_URL"
    r"|TWINE_(?:USERNAME|PASSWORD)|HATCH_INDEX_(?:USER|AUTH)"
    r"|(?:NPM|NODE)_(?:AUTH_)?TOKEN|(?i:NPM_CONFIG_\w*AUTH\w*)|YARN_NPM_AUTH_(?:TOKEN|IDENT)"
    r"|CARGO_REGISTRY_TOKEN|CARGO_REGISTRIES_\w+_TOKEN"
    r"|(?:GIT|GH|GITHUB|GITLAB|BITBUCKET)_(?:\w+_)?(?:TOKEN|PASSWORD|PAT)|GIT_AUTH_HEADER|GIT_CREDENTIALS|CI_JOB_TOKEN"
)
_PRIVATE_KEY: Final = "DOTENV_PRIVATE_KEY"


def is_credential_name(name: str) -> bool:
    """Whether a package manager or git's helpers take credentials from a variable of this name."""
    return bool(_NAMES.fullmatch(name))


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials among the variables of a hydrated environment and of the process environment.

    They are the environment's secrets, private keys, and what has the name of a credential: a package manager's, or
    one that `credentials` in `[tool.envtasks]` lists, which may also come from the process environment alone, as in a
    CI that keeps them itself.
    """

    hydrated: Hydrated
    child_env: Mapping[str, str] = field(repr=False)
    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, project: Project, hydrated: Hydrated) -> Credentials:
        """The credentials of a project's environment."""
        return cls(hydrated, hydrated.child_env(), project.credentials)

    def __contains__(self, name: str) -> bool:
        secret = name in self.hydrated and self.hydrated.origin(name).secret
        return secret or self.named(name) or name.startswith(_PRIVATE_KEY)

    def named(self, name: str) -> bool:
        """Whether the variable is a credential by its name."""
        return is_credential_name(name) or any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def values(self, inputs: Iterable[str] = ()) -> dict[str, str]:
        """All credentials by name, and those of `inputs` that are set: what goes in by a mount is one too."""
        found = {name: value for name, value in self.child_env.items() if self.named(name)}
        found |= {name: value for name, value in self.hydrated.items() if name in self}
        return found | {name: self.child_env[name] for name in inputs if name in self.child_env}

    def process_env(self) -> dict[str, str]:
        """The child environment without what only the env files have."""
        return {
            n: v for n, v in self.child_env.items() if n not in self.hydrated or self.hydrated.from_process(n)
        }

    def to_redact(self, inputs: Iterable[str] = ()) -> dict[str, str]:
        """The values to redact, by name: the credentials, and what goes in by `inputs`.

        What the env files of a public environment have is fake, and redacted only where it is among `inputs`; a user
        name where it is declared secret.
        """
        from ..audit import is_user_name

        inputs = tuple(inputs)
        found = {**self.hydrated.secrets, **self.values(inputs)}
        return {
            name: value
            for name, value in found.items()
            if name in inputs or self._is_real(name)
            if name in self.hydrated.secrets or not is_user_name(name)
        }

    def texts_to_redact(self, inputs: Iterable[str] = ()) -> list[str]:
        """These values. A URL without anything secret may be public: it is redacted where it is declared secret."""
        whole = {*inputs, *self.hydrated.secrets}
        found = self.to_redact(inputs).items()
        return [value for name, value in found if name in whole or any(secret_parts(value))]

    def redactor(self, inputs: Iterable[str] = ()) -> Redactor:
        """Redacts these texts."""
        return Redactor(self.texts_to_redact(tuple(inputs)))

    def _is_real(self, name: str) -> bool:
        """Whether a value is none of the files of a public environment."""
        return not self.hydrated.public or name not in self.hydrated or self.hydrated.from_process(name)
