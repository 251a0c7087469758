"""`inv env.*`: which environments there are, which variables they have, and one value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from invoke.parser.argument import Argument

from .. import console
from ..config import Environment
from ..context import Context
from ..declare import Task, task
from ..errors import EnvtasksError
from ..invocation import current_invocation
from .env_check import check, diff, example, explain
from .env_files import edit, new
from .env_keys import git_setup, keys, rotate
from .env_values import decrypt, encrypt, set_, unset

if TYPE_CHECKING:
    from ..hydration.result import Hydrated

__all__ = [
    "check",
    "decrypt",
    "diff",
    "edit",
    "encrypt",
    "example",
    "explain",
    "get",
    "git_setup",
    "keys",
    "list_",
    "new",
    "rotate",
    "set_",
    "show",
    "unset",
]  # fmt: skip

REDACTED: Final = "***"
PUBLIC_KEY: Final = "DOTENV_PUBLIC_KEY"
MAX_WIDTH: Final = 120  # characters of a value in a table; --json and env.get give all of it


@dataclass(frozen=True, slots=True)
class Summary:
    """What `env.list` says of one environment. `key`: where the key comes from that opens it, or what is wrong.

    Of `files`, `missing` are those that it needs and that are not there, `absent` those that may be absent and are.
    """

    name: str
    files: tuple[str, ...]
    protected: bool
    public: bool
    missing: tuple[str, ...] = ()
    plain: int = 0
    encrypted: int = 0
    key: str = ""
    absent: tuple[str, ...] = ()

    @property
    def row(self) -> list[str]:
        """The cells of its row in the table."""
        protection = "protected" if self.protected else "public" if self.public else ""
        notes = dict.fromkeys(self.absent, " (not there)") | dict.fromkeys(self.missing, " (missing)")
        files = ", ".join(f"{file}{notes.get(file, '')}" for file in self.files)
        return [self.name, files, str(self.plain), str(self.encrypted), protection, self.key]


class Reading(Task):
    """A task that prints what the caller's own key opens: it never asks, so it offers no `--yes`."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Without the flag that confirms."""
        return [each for each in super().get_arguments(ignore_unknown_help) if "yes" not in each.names]


@task(name="list", klass=Reading, confirm=False, help={"json": "Print JSON"})
def list_(c: Context, json: bool = False) -> None:
    """List the environments: files, variables, protection, and whether a key is at hand."""
    project = current_invocation(c).project
    environments = project.environments
    wanted = [environments[c.environment]] if c.environment else environments.values()
    summaries = [_summary_or_error(environment) for environment in wanted]
    if json:
        console.print_json([asdict(summary) for summary in summaries])
        return
    if not environments:
        from .first_screen import what_is_here

        console.say("note", what_is_here(project))
        return
    columns = ["environment", "files", "plain", "encrypted", "protection", "key"]
    console.table(columns, [summary.row for summary in summaries])
    from ..activation import exposed_key_files

    for environment in wanted:
        exposed: Sequence[str] = ()
        with suppress(EnvtasksError):  # its row says what is wrong with it
            exposed = exposed_key_files(environment, os.environ)
        for path in exposed:
            console.say(
                "warning", f"{path} is in git, and {environment.name} is not public: git rm --cached {path}"
            )


@task(
    klass=Reading,
    confirm=False,
    requires_environment=True,
    help={"reveal": "Show secret values", "json": "Print JSON"},
)
def show(c: Context, reveal: bool = False, json: bool = False) -> None:
    """Show the variables of an environment and where each comes from, secrets redacted."""
    # a public key is longer than all else, and no variable of the service: env.keys shows it
    names = [name for name in c.hydrated if not name.startswith(PUBLIC_KEY)]
    rows = [_variable(c.hydrated, name, reveal=reveal) for name in names]
    if json:
        console.print_json(rows)
        return
    console.table(
        ["name", "value", "from", "kind"],
        [
            [row["name"], _one_line(row["value"]), _origin(row), _kind(row, public=c.hydrated.public)]
            for row in rows
        ],
    )


@task(
    klass=Reading,
    confirm=False,
    requires_environment=True,
    positional=["name"],
    help={"name": "The variable", "json": "Print JSON: the value and where it comes from"},
)
def get(c: Context, name: str, json: bool = False) -> None:
    """Print the raw value of one variable and nothing else."""
    value = c.hydrated[name]
    if json:
        console.print_json(_variable(c.hydrated, name, reveal=True))
    else:
        console.write_utf8(value, newline_on_terminal=True)


def _variable(hydrated: Hydrated, name: str, *, reveal: bool) -> dict[str, Any]:
    from ..redaction import is_worth_redacting

    origin = hydrated.origin(name)
    hidden = origin.secret and not reveal
    redacted = origin.secret and not hydrated.public and is_worth_redacting(hydrated[name])
    value = REDACTED if hidden else hydrated[name]
    return {"name": name, "value": value, "hidden": hidden, "redacted": redacted, **origin._asdict()}


def _origin(row: Mapping[str, Any]) -> str:
    if row["process"]:
        return f"process environment, not {row['file']}:{row['line']}"
    over = f" (over {', '.join(row['shadows'])})" if row["shadows"] else ""
    return f"{row['file']}:{row['line']}{over}"


def _kind(row: Mapping[str, Any], *, public: bool) -> str:
    words = ["encrypted" if row["encrypted"] else "plain"]
    if row["secret"]:
        words += [] if row["encrypted"] else ["secret"]
        words += [] if row["redacted"] or public else ["not redacted"]
    return ", ".join(words)


def _one_line(value: str) -> str:
    text = console.one_line(value)
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 1]}…"


def _summary_or_error(environment: Environment) -> Summary:
    """The summary of an environment; where its files cannot be read, with the reason in place of its key."""
    try:
        return _summary(environment)
    except EnvtasksError as error:
        files = tuple(environment.label(path) for path in environment.files)
        return Summary(environment.name, files, environment.protected, environment.public, key=error.message)


def _summary(environment: Environment) -> Summary:
    from .. import inventory

    found = inventory.read(environment)
    encrypted = sum(declaration.encrypted for declaration in found.variables.values())
    return Summary(
        name=environment.name,
        files=tuple(environment.label(path) for path in environment.files),
        protected=environment.protected,
        public=environment.public,
        missing=found.missing,
        absent=tuple(
            environment.label(path)
            for path in environment.files
            if environment.optional(path) and not path.exists()
        ),
        plain=len(found.variables) - encrypted,
        encrypted=encrypted,
        key=_key_at_hand(environment, next((file.sample for file in found.files if file.sample), None)),
    )


def _key_at_hand(environment: Environment, ciphertext: str | None) -> str:
    """Where the key comes from that decrypts one ciphertext of an environment; or what is wrong."""
    if ciphertext is None:
        return "none needed"
    from ..envfiles import find_keys

    try:
        ring = find_keys(environment, os.environ)
    except EnvtasksError as error:
        return error.message
    if key := ring.opening(ciphertext):
        return f"yes, from {key.source}"
    if environment.key_command:  # which may ask for a fingerprint, once for each environment
        return f"not run: key-command ({environment.key_command[0]})"
    return "no: none of the keys at hand opens it" if ring.keys else "no"
