"""`inv env.set`, `unset`, `encrypt`, `decrypt`: change the values of an env file."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .. import console
from ..activation import ask_whether, can_ask
from ..context import Context
from ..declare import task
from ..errors import ConfigInvalid
from ..invocation import current_invocation

if TYPE_CHECKING:
    from ..authoring import Change, TargetFile
    from ..config import Project

FILE = "One of the environment's env files (default: its first baseline)"
JSON = "Print JSON"


@task(
    name="set",
    hydrate=False,
    requires_environment=True,
    positional=["name"],
    help={
        "name": "The variable; its value is asked for, or piped in",
        "plain": "Store it in plain text",
        "from_file": "Take the value from a file, as it is",
        "file": FILE,
        "json": JSON,
    },
)
def set_(
    c: Context, name: str, plain: bool = False, from_file: str = "", file: str = "", json: bool = False
) -> None:
    """Set a variable: its value comes from a hidden prompt, a pipe or a file, and is encrypted."""
    from ..authoring import read_value, set_value

    target = target_of(c, file)
    pipe = f"pipe it: … | inv env.set {name} {target.flags}; or --from-file PATH"
    encrypted = is_to_be_encrypted(current_invocation(c).project, target, name, plain=plain)
    value = read_value(
        name, target.process_env, file=Path(from_file) if from_file else None, how_to_pipe=pipe
    )
    _report(set_value(target, name, value, encrypted=encrypted), json=json)


@task(
    hydrate=False,
    requires_environment=True,
    positional=["name"],
    help={"name": "The variable, or a pattern such as 'DB_*'", "file": FILE, "json": JSON},
)
def unset(c: Context, name: str, file: str = "", json: bool = False) -> None:
    """Remove variables from an env file."""
    from ..authoring import unset_value

    _report(unset_value(target_of(c, file), name), json=json)


@task(
    hydrate=False,
    requires_environment=True,
    iterable=["only"],
    help={
        "only": "A name or pattern, such as 'DB_*'; may be repeated",
        "repair": "Put ciphertexts into single quotes where a `$` in the value is lost",
        "rekey": "A name or pattern: encrypt values under another key at hand for the file's own key",
        "file": FILE,
        "json": JSON,
    },
)
def encrypt(
    c: Context,
    only: list[str],
    repair: bool = False,
    rekey: str = "",
    file: str = "",
    json: bool = False,
) -> None:
    """Encrypt every plain value of an env file, but for those in `not-secret`."""
    from .. import authoring

    target = target_of(c, file)
    if rekey and (repair or only):
        raise ConfigInvalid("env.encrypt takes --rekey alone, without --repair and --only.")
    if rekey:
        _report(authoring.rekey_values(target, [rekey]), json=json)
    elif repair:
        _report(authoring.repair_values(target, only), json=json)
    else:
        _report(authoring.encrypt_values(target, only), json=json)


@task(
    hydrate=False,
    requires_environment=True,
    positional=["name"],
    help={"name": "The variable, or a pattern such as 'DB_*'", "file": FILE, "json": JSON},
)
def decrypt(c: Context, name: str, file: str = "", json: bool = False) -> None:
    """Store the values of variables in plain text."""
    from ..authoring import decrypt_value

    target = target_of(c, file)
    _warn_if_secret(current_invocation(c).project, name)
    _report(decrypt_value(target, name), json=json)


def target_of(c: Context, file: str) -> TargetFile:
    """The env file that a command changes. Raises ConfigInvalid."""
    from ..authoring import find_target
    from ..hydration import without_outer

    environment = c.call_options.environment
    if environment is None:  # requires_environment has refused that
        raise ConfigInvalid("An environment is needed.")
    return find_target(environment, without_outer(os.environ), file=file or None, dry=bool(c.config.run.dry))


def is_to_be_encrypted(project: Project, target: TargetFile, name: str, *, plain: bool = False) -> bool:
    """Whether a value is stored encrypted; asks on a terminal where nothing tells."""
    from ..authoring import is_encrypted
    from ..settings_class import secret_names

    already = is_encrypted(target, name)
    if plain:
        _warn_if_secret(project, name)
        return False
    if already or name.upper() in secret_names(project):
        return True
    if project.is_not_secret(name):
        return False
    if not can_ask(target.process_env):
        return True
    from ..check import is_secret_name

    # whoever sets a password expects the prompt for it, and would type it into another one, where it is shown
    return is_secret_name(name) or ask_whether(f"Encrypt {name}?")


def _warn_if_secret(project: Project, name: str) -> None:
    from fnmatch import filter as matching

    from ..settings_class import secret_names

    for each in matching(sorted(secret_names(project)), name.upper()):
        console.say("warning", f"{each} is secret in {project.settings}, and this stores it in plain text.")


def _report(change: Change, *, json: bool) -> None:
    """Print what was done: one line, or JSON; notes on stderr."""
    for note in change.notes:
        console.say("note", note)
    if json:
        variables = [{"name": name, "line": line} for name, line in change.places]
        answer = {name: value for name, value in asdict(change).items() if name != "places"}
        console.print_json({**answer, "variables": variables})
    else:
        print(sentence(change))


def sentence(change: Change) -> str:
    """One line about a change: `set DB_PASSWORD (encrypted) in .env.staging:14`."""
    if not change.places:
        return f"nothing to change in {change.file}"
    names = ", ".join(change.names)
    if change.action in ("set", "unchanged"):
        names += " (encrypted)" if change.encrypted else " (plain)"
    lines = ", ".join(str(line) for _, line in change.places) if len(change.names) == 1 else ""
    where = f"{change.file}:{lines}" if lines else change.file
    verb = {"encrypted": "encrypt", "decrypted": "decrypt", "repaired": "repair", "rekeyed": "rekey"}
    action = f"would {verb.get(change.action, change.action)}" if change.dry else change.action
    return f"{action} {names} in {where}"
