"""The private keys of env files: where they are looked for, and the variables that hold them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ..config import Environment
from ..console import counted
from .encryption import PRIVATE_KEY_DIGITS, PUBLIC_KEY_DIGITS
from .parser import ENCRYPTED, PRIVATE_KEY, PUBLIC_KEY

if TYPE_CHECKING:
    from .document import EnvFile

KEY_FILE: Final = ".env.keys"
_PROCESS: Final = "the process environment"
_KEY_LINE: Final = re.compile(
    rf"^[ \t]*(?:export[ \t]+)?({PRIVATE_KEY}[\w.-]*)[ \t]*[=:][ \t]*"
    r"""(?:(["'`])([\w\s,]*)\2|([^\n#]*))""",
    re.MULTILINE,
)
_PUBLIC_LINE: Final = re.compile(rf"^[ \t]*(?:export[ \t]+)?({PUBLIC_KEY}[\w.-]*)[ \t]*[=:]", re.MULTILINE)


class PrivateKey(NamedTuple):
    """One private key, the variable that holds it and where that was found. Its repr does not show the key."""

    hex: str
    variable: str
    source: str

    def __repr__(self) -> str:
        return f"PrivateKey(variable={self.variable!r}, source={self.source!r})"

    def __reduce__(self) -> str:
        raise TypeError("A private key cannot be pickled: it would leave the process.")


class KeyRing(NamedTuple):
    """The private keys that were found, and what a message about a missing one needs; none of it shows a key.

    `searched` says of each place what was found there, `warnings` are about key files, and `advice`, if not empty,
    says what to do about a key file in the wrong folder.
    """

    keys: tuple[PrivateKey, ...] = ()
    searched: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    advice: str = ""

    @property
    def hexes(self) -> tuple[str, ...]:
        """The keys alone, as `decrypt` takes them."""
        return tuple(key.hex for key in self.keys)

    @property
    def search_report(self) -> str:
        """Where keys were looked for and what was found there, as the end of a hint."""
        return ". ".join(filter(None, [f"searched: {'; '.join(self.searched)}", self.advice]))

    def opening(self, ciphertext: str) -> PrivateKey | None:
        """The first key that decrypts a ciphertext."""
        from .encryption import decrypt

        return next((key for key in self.keys if decrypt([ciphertext], [key.hex])[0] is not None), None)


class _Place(NamedTuple):
    """The keys in one variable or key file, and what to say about it."""

    keys: tuple[PrivateKey, ...]
    description: str
    warning: str = ""


def find_keys(
    environment: Environment,
    process_env: Mapping[str, str],
    *,
    needed_for: Sequence[Path] = (),
) -> KeyRing:
    """The private keys for an environment: those in the process environment, then those in its key files.

    Key files are those of the env files in `needed_for` (default: all its env files). Keys of every name are taken, as
    any may decrypt a value; those whose name belongs to an env file come first.
    """
    files = tuple(needed_for) or environment.files
    expected = [key_variables(path).private for path in files]
    settable = [settable_name(name) for name in expected]
    variables = dict.fromkeys([*settable, *(name for name in process_env if name.startswith(PRIVATE_KEY))])
    paths = key_files(environment, files)
    places = [
        *(_in_process(name, process_env.get(name)) for name in variables),
        *(_in_file(path, environment) for path in paths),
    ]
    ordered = sorted(
        (key for place in places for key in place.keys),
        key=lambda key: key.variable not in (*expected, *settable),
    )
    return KeyRing(
        keys=tuple({key.hex: key for key in reversed(ordered)}.values())[::-1],
        searched=tuple(place.description for place in places),
        warnings=tuple(place.warning for place in places if place.warning),
        advice="" if environment.keys else _misplaced(environment, files),
    )


def key_files(environment: Environment, files: Iterable[Path]) -> tuple[Path, ...]:
    """The key files of an environment, whether they are there or not.

    They are the declared ones, else `.env.<name>.keys` and `.env.keys` beside each of these env files.
    """
    folders = dict.fromkeys(path.parent for path in files)
    names = (f".env.{environment.name}.keys", KEY_FILE)
    return environment.keys or tuple(folder / name for folder in folders for name in names)


def public_keys_in(file: EnvFile) -> tuple[str, ...]:
    """The public keys that an env file names, in lower case; the first is the one to encrypt for."""
    named = [entry.value.lower() for entry in file.headers]
    return tuple(dict.fromkeys(key for key in named if PUBLIC_KEY_DIGITS.fullmatch(key)))


class KeyVariables(NamedTuple):
    """The names of the variables that hold the keys of an env file."""

    private: str
    public: str


def key_variables(path: Path, text: str | None = None) -> KeyVariables:
    """The names of the variables that hold the keys of an env file.

    They follow from the name of the public key in the file, else from the file's name, as in dotenvx. `text` is the
    file's content if the caller has it; else the file is read, if it exists.
    """
    content = _read_key_file(path)[0] if text is None else text
    line = _PUBLIC_LINE.search(content) if PUBLIC_KEY in content else None
    suffix = line[1].removeprefix(PUBLIC_KEY) if line else _suffix(path.name)
    return KeyVariables(PRIVATE_KEY + suffix, PUBLIC_KEY + suffix)


def settable_name(variable: str) -> str:
    """The name of a private key's variable where a shell or a CI holds it: dotenvx names the key of `.env.my-env` after
    the file, and no shell, GitHub or GitLab takes a `-`. As any name opens a file, dotenvx finds it under this one too.
    """
    return re.sub(r"[^A-Za-z0-9_]", "_", variable)


def how_to_get_key(
    variable: str, environment: Environment, process_env: Mapping[str, str], *, file: str
) -> str:
    """What to do where the private key of an env file is missing: a job of a CI gets it as a secret, a person from a
    colleague."""
    name, variable = environment.name, settable_name(variable)
    if process_env.get("GITHUB_ACTIONS"):
        steps = f"gh secret set {variable} --env {name}, with `environment: {name}` in this job"
    elif process_env.get("GITLAB_CI"):
        steps = f"Settings, CI/CD, Variables: {variable}, masked, for the environment {name}"
    elif process_env.get("CI"):
        steps = f"give this job {variable} as a secret"
    else:
        steps = ""
    if steps:
        return f"{steps}; jobs of a fork get none"
    command = f"inv env.keys {environment.flags(file)}"
    return f"ask somebody who has it for the output of `{command} --export`, and store that with `{command} --import`"


def _suffix(name: str) -> str:
    """The end of the key variables' names for an env file of this name."""
    name = name.lower()
    if name.startswith(".env"):
        name = name.removesuffix(".txt")
    if name == ".env":
        return ""
    environment = "_".join(name.split(".")[2:4]) or name.replace(".env", "development", 1)
    return "_" + environment.upper()


def _in_process(variable: str, text: str | None) -> _Place:
    if text is None:
        return _Place((), f"{variable} in {_PROCESS}: not set")
    keys, state = _parse_keys(text, variable, _PROCESS)
    return _Place(keys, f"{variable} in {_PROCESS}: {state}")


def _in_file(path: Path, environment: Environment) -> _Place:
    label = environment.label(path)
    text, problem, mode = _read_key_file(path)
    if problem:
        return _Place((), f"{label}: {problem}")
    found: list[PrivateKey] = []
    states = []
    for variable, _, quoted, bare in _KEY_LINE.findall(text):
        keys, state = _parse_keys(quoted or bare, variable, label)
        found += keys
        states.append(f"{variable} is {state}")
    warning = ""
    if found and not environment.public and os.name == "posix" and mode & 0o077:
        warning = f"{label} can be read by other users of this machine (mode {mode:04o}): chmod 600 {label}"
    return _Place(tuple(found), f"{label}: {', '.join(states) or 'holds no private key'}", warning)


def _parse_keys(text: str, variable: str, source: str) -> tuple[tuple[PrivateKey, ...], str]:
    """The keys in a value, separated by commas or white space, and a description of it."""
    words = [word.strip("\"'`") for word in text.replace(",", " ").split()]
    valid = [word for word in words if PRIVATE_KEY_DIGITS.fullmatch(word)]
    keys = tuple(PrivateKey(word.lower(), variable, source) for word in valid)
    if len(valid) < len(words):
        invalid = next(word for word in words if word not in valid)
        return keys, f"not a private key ({_what_is_wrong(invalid)})"
    return keys, {0: "empty", 1: "a key"}.get(len(keys), f"{len(keys)} keys")


def _what_is_wrong(word: str) -> str:
    if word.startswith(ENCRYPTED):
        return "it is itself encrypted"
    if word[:2] in ("0x", "0X"):
        return "it begins with 0x; remove that"
    if len(word) != 64:
        return f"expected 64 hexadecimal digits, found {counted(len(word), 'character')}"
    return "expected 64 hexadecimal digits, found other characters"


def _read_key_file(path: Path) -> tuple[str, str, int]:
    """The text, the problem and the mode of a file; line ends are newlines, a byte-order mark is removed."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "", "not a file", 0
        data = path.read_bytes()
    except FileNotFoundError:
        return "", "not there", 0
    except OSError as error:
        return "", f"cannot be read ({error.strerror})", 0
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = data.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, "", stat.S_IMODE(status.st_mode)


def _misplaced(environment: Environment, files: Iterable[Path]) -> str:
    """Advice about a key file in a folder above its env file, where `dotenvx encrypt -f sub/.env` puts it."""
    for path in files:
        if not path.is_relative_to(environment.root) or any(
            key_file.is_file() for key_file in key_files(environment, [path])
        ):
            continue
        for folder in path.parents[1:]:
            if not folder.is_relative_to(environment.root):
                break
            if (folder / KEY_FILE).is_file():
                found, wanted = (
                    environment.label(folder / KEY_FILE),
                    environment.label(path.parent / KEY_FILE),
                )
                return (
                    f"{found} is not read, because a key file belongs beside its env file: "
                    f"move its line to {wanted}, or declare keys = [{found!r}] for {environment.name}"
                )
    return ""
