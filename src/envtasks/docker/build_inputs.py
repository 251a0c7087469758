"""What goes into a build: build args, secret mounts and labels; which are credentials, and their redaction."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from .. import git
from ..errors import Refused, VariableMissing
from ..redaction import Redactor

if TYPE_CHECKING:
    from ..hydration import Hydrated
    from .dockerfile import Dockerfile
    from .settings import ImageSettings

# UV_INDEX_<NAME>_USERNAME and _PASSWORD, UV_INDEX, UV_DEFAULT_INDEX, UV_INDEX_URL, UV_EXTRA_INDEX_URL; pip's two URLs
_INDEX_VARIABLE: Final = re.compile(r"UV_\w*INDEX\w*|PIP_(?:EXTRA_)?INDEX_URL")
_INDEX_OPTIONS: Final = frozenset({"UV_INDEX_STRATEGY", "UV_NO_INDEX"})
_PRIVATE_KEY: Final = "DOTENV_PRIVATE_KEY"
_LABELS: Final = "org.opencontainers.image"  # github.com/opencontainers/image-spec, annotations.md


def is_index_credential(name: str) -> bool:
    """Whether uv or pip takes a package index's credentials from a variable of this name."""
    return bool(_INDEX_VARIABLE.fullmatch(name)) and name not in _INDEX_OPTIONS


def is_credential(name: str, hydrated: Hydrated) -> bool:
    """Whether the variable is a credential: a secret of the environment, a private key, or an index's by its name."""
    secret = name in hydrated and hydrated.origin(name).secret
    return secret or is_index_credential(name) or name.startswith(_PRIVATE_KEY)


def credential_values(hydrated: Hydrated, process_env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The credentials of an environment and their values.

    With `process_env`, also an index's that only the process environment has, as in a CI that keeps them itself.
    """
    found = {name: value for name, value in (process_env or {}).items() if is_index_credential(name)}
    return found | {name: value for name, value in hydrated.items() if is_credential(name, hydrated)}


def redactor_for_build(
    hydrated: Hydrated, child_env: Mapping[str, str], inputs: Iterable[str] = ()
) -> Redactor:
    """Redacts the secrets of an environment and the credentials of its package indexes.

    Of a public environment, whose values are fake, only those named in `inputs`, which go into the build. A user
    name is redacted if it is declared secret; of a URL also the user information by itself.
    """
    from ..audit import is_user_name

    found = credential_values(hydrated, child_env)
    if hydrated.public:
        found = {name: found.get(name, child_env[name]) for name in inputs if name in child_env}
    else:
        found |= hydrated.secrets
    values = [value for name, value in found.items() if name in hydrated.secrets or not is_user_name(name)]
    return Redactor([form for value in values for form in _redacted_forms(value)])


def _redacted_forms(value: str) -> Iterator[str]:
    """A value; of a URL nothing if it has no user information, else also that and the password, by themselves."""
    try:
        parts = urlsplit(value)
        user_info, at, _ = parts.netloc.rpartition("@")
        password = parts.password or ""
    except ValueError:
        yield value
        return
    if not parts.scheme or not parts.netloc:
        yield value
    elif at:
        yield from filter(None, (value, user_info, password, unquote(password)))


@dataclass(frozen=True, slots=True)
class BuildInputs:
    """The names that go into a build, as build args and as secret mounts; which build args are credentials."""

    build_args: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    credentials: tuple[str, ...] = ()

    def options(self) -> list[str]:
        """docker's options: names alone; docker takes the values from its own environment."""
        args = [f"--build-arg={name}" for name in self.build_args]
        return args + [f"--secret=id={name},env={name}" for name in self.secrets]


def build_inputs(
    dockerfile: Dockerfile, hydrated: Hydrated, child_env: Mapping[str, str], *, settings: ImageSettings
) -> BuildInputs:
    """What goes into a build of this Dockerfile in this environment, and nothing else.

    An ARG takes what the environment declares; a credential and a secret mount may also come from the process
    environment, as in a CI that keeps them there. Raises VariableMissing naming all that are lacking.
    """
    present = [argument.name for argument in dockerfile.arguments if argument.name in child_env]
    credentials = [name for name in present if is_credential(name, hydrated)]
    missing = [
        f"{argument.name} ({settings.label}:{argument.line})"
        for argument in dockerfile.arguments
        if argument.name not in child_env
        and argument.default is None
        and is_credential(argument.name, hydrated)
    ]
    missing += [
        f"{mount.id} ({settings.label}:{mount.line}, a secret mount)"
        for mount in dockerfile.secret_mounts
        if mount.required and mount.id not in child_env
    ]
    if missing:
        raise VariableMissing(
            f"{settings.label} needs what {hydrated.environment} does not have: {', '.join(missing)}.",
            hint=f"add it to an env file of {hydrated.environment}; the id of a secret mount is its variable",
        )
    declared = {"APP_ENV", *hydrated, *credentials}
    return BuildInputs(
        build_args=tuple(name for name in present if name in declared),
        secrets=tuple(mount.id for mount in dockerfile.secret_mounts if mount.id in child_env),
        credentials=tuple(credentials),
    )


def check_history(
    dockerfile: Dockerfile, inputs: BuildInputs, hydrated: Hydrated, *, settings: ImageSettings
) -> None:
    """Raise Refused if the history of a protected environment's image would hold a credential."""
    held = [
        f"{name} (stage {stage.name}, {settings.label}:{stage.line})"
        for stage in dockerfile.history_stages()
        for name in inputs.credentials
        if stage.declares(name)
    ]
    if held and hydrated.protected:
        raise Refused(
            f"{hydrated.environment} is protected, and its image's history would hold {', '.join(held)}.",
            hint="declare the ARG in a stage that is only copied from, or use a secret mount",
        )


def build_arg_note(dockerfile: Dockerfile, credentials: Sequence[str], *, settings: ImageSettings) -> str:
    """A note that the builder keeps build args, and the lines to change for secret mounts; empty if none is needed."""
    if not credentials:
        return ""
    go = "goes in as a build arg" if len(credentials) == 1 else "go in as build args"
    lines = [
        f"{' and '.join(credentials)} {go}, which the builder keeps in its records; not so secret mounts.",
        f"To change that, in {settings.label}:",
    ]
    options: dict[int, list[str]] = {}
    for name in credentials:
        lines += [f"  line {line}, take out:  ARG {name}" for line in dockerfile.argument_lines(name)]
        for line in dockerfile.run_lines(name):
            options.setdefault(line, []).append(f"--mount=type=secret,id={name},env={name},required=true")
    lines += [f"  line {line}, after RUN:  {' '.join(options[line])}" for line in sorted(options)]
    return "\n".join(lines)


def image_labels(root: Path, child_env: Mapping[str, str]) -> dict[str, str]:
    """The Open Container Initiative's labels `revision`, `version`, `source` and `created`, those that are known.

    `created` is the commit's time, not now, so that a build that changes nothing gives the same image again.
    A revision ends with `-dirty` where tracked files differ from it.
    """
    revision = git.output(root, child_env, "rev-parse", "HEAD")
    if revision and git.output(root, child_env, "status", "--porcelain", "--untracked-files=no"):
        revision += "-dirty"
    version = _project_version(root) or git.output(root, child_env, "describe", "--tags", "--always")
    labels = {
        "revision": revision,
        "created": git.output(root, child_env, "show", "--no-patch", "--format=%cI", "HEAD"),
        "source": public_address(git.output(root, child_env, "config", "--get", "remote.origin.url") or ""),
        "version": version,
    }
    return {f"{_LABELS}.{name}": value for name, value in labels.items() if value}


def public_address(remote: str) -> str:
    """The address of a git remote without user, password and query; empty for a path on this machine."""
    # git@host:team/project.git; not C:\folder
    if scp := re.fullmatch(r"(?:[^@/]+@)?([\w.-]{2,}):(?!//)(.+)", remote):
        return f"ssh://{scp[1]}/{scp[2].lstrip('/')}"
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https", "ssh", "git") or not host:
        return ""
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


def _project_version(root: Path) -> str:
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return ""
    return str(project.get("version", "")) if isinstance(project, dict) else ""
