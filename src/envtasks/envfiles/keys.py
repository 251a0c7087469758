"""The keys of env files: found and named here; `ciphertext` encrypts and decrypts with them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ..config import Environment
from .encryption import PRIVATE_KEY, decrypt, encrypt, generate, public_key
from .parser import ENCRYPTED

__all__ = ["KeyRing", "PrivateKey", "decrypt", "encrypt", "find", "generate", "public_key", "variable_names"]

PRIVATE: Final = "DOTENV_PRIVATE_KEY"
PUBLIC: Final = "DOTENV_PUBLIC_KEY"
KEY_FILE: Final = ".env.keys"
PROCESS: Final = "the process environment"

_KEY_LINE: Final = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(DOTENV_PRIVATE_KEY[\w.-]*)[ \t]*[=:][ \t]*"
    r"""(?:(["'`])([\w\s,]*)\2|([^\n#]*))""",
    re.MULTILINE,
)
_PUBLIC_LINE: Final = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(DOTENV_PUBLIC_KEY[\w.-]*)[ \t]*[=:]", re.MULTILINE
)


class PrivateKey(NamedTuple):
    """One private key, the variable that named it and the place it came from. Its repr does not show it."""

    hex: str
    variable: str
    source: str

    def __repr__(self) -> str:
        return f"PrivateKey(variable={self.variable!r}, source={self.source!r})"

    def __reduce__(self) -> str:
        raise TypeError("A private key cannot be pickled: it would leave the process.")


class KeyRing(NamedTuple):
    """The private keys at hand, and what a message about a missing one needs.

    `looked_at` says of each place what was found there; `warnings` are sentences about key files; `advice`
    is how to mend a key file that lies in the wrong folder, else empty. None of them shows a key.
    """

    keys: tuple[PrivateKey, ...] = ()
    looked_at: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    advice: str = ""

    @property
    def hexes(self) -> tuple[str, ...]:
        """The keys alone, as `decrypt` takes them."""
        return tuple(key.hex for key in self.keys)


class _Place(NamedTuple):
    keys: tuple[PrivateKey, ...]
    looked_at: str
    warning: str = ""


def find(
    environment: Environment,
    process_env: Mapping[str, str],
    *,
    needed_for: Sequence[Path] = (),
) -> KeyRing:
    """The private keys for an environment: of the process environment, then of its key files.

    Key files are the declared ones, else `.env.<name>.keys` and `.env.keys` beside each env file in
    `needed_for` (default: all its env files). A key opens what it opens, whatever its name; fitting names are
    tried first.
    """
    files = tuple(needed_for) or environment.files
    fitting = list(dict.fromkeys(variable_names(path)[0] for path in files))
    variables = dict.fromkeys([*fitting, *(name for name in process_env if name.startswith(PRIVATE))])
    paths = environment.keys or _default_key_files(environment, files)
    places = [
        *(_in_process(name, process_env.get(name)) for name in variables),
        *(_in_file(path, environment) for path in paths),
    ]
    ordered = sorted(
        (key for place in places for key in place.keys), key=lambda key: key.variable not in fitting
    )
    return KeyRing(
        keys=tuple({key.hex: key for key in reversed(ordered)}.values())[::-1],
        looked_at=tuple(place.looked_at for place in places),
        warnings=tuple(place.warning for place in places if place.warning),
        advice="" if environment.keys else _misplaced(environment, files),
    )


def variable_names(path: Path, text: str | None = None) -> tuple[str, str]:
    """The names (private, public) of an env file's keys.

    A public key that stands in the file names both, else the file's name does, as the dotenvx command has it.
    `text` is the file's content where the caller has it at hand; else the file is read, if it is there.
    """
    content = _read(path)[0] if text is None else text
    line = _PUBLIC_LINE.search(content) if PUBLIC in content else None
    suffix = line[1].removeprefix(PUBLIC) if line else _suffix(path.name)
    return PRIVATE + suffix, PUBLIC + suffix


def _suffix(name: str) -> str:
    name = name.lower()
    if name.startswith(".env"):
        name = name.removesuffix(".txt")
    if name == ".env":
        return ""
    environment = "_".join(name.split(".")[2:4]) or name.replace(".env", "development", 1)
    return "_" + environment.upper()


def _default_key_files(environment: Environment, files: Iterable[Path]) -> Iterator[Path]:
    for folder in dict.fromkeys(path.parent for path in files):
        yield folder / f".env.{environment.name}.keys"
        yield folder / KEY_FILE


def _in_process(variable: str, text: str | None) -> _Place:
    if text is None:
        return _Place((), f"{variable} in {PROCESS}: not set")
    keys, state = _keys_of(text, variable, PROCESS)
    return _Place(keys, f"{variable} in {PROCESS}: {state}")


def _in_file(path: Path, environment: Environment) -> _Place:
    label = environment.label(path)
    text, problem, mode = _read(path)
    if problem:
        return _Place((), f"{label}: {problem}")
    found: list[PrivateKey] = []
    states = []
    for variable, _, quoted, bare in _KEY_LINE.findall(text):
        keys, state = _keys_of(quoted or bare, variable, label)
        found += keys
        states.append(f"{variable} {state}")
    warning = ""
    if found and not environment.public and os.name == "posix" and mode & 0o077:
        warning = f"{label} can be read by other users of this machine (mode {mode:04o}): chmod 600 {label}"
    return _Place(tuple(found), f"{label}: {', '.join(states) or 'holds no private key'}", warning)


def _keys_of(text: str, variable: str, source: str) -> tuple[tuple[PrivateKey, ...], str]:
    """The keys in one value, a list with commas or white space, and what to say about it."""
    words = [word.strip("\"'`") for word in text.replace(",", " ").split()]
    keys = tuple(PrivateKey(word.lower(), variable, source) for word in words if PRIVATE_KEY.fullmatch(word))
    wrong = [word for word in words if not PRIVATE_KEY.fullmatch(word)]
    if wrong:
        return keys, f"not a private key ({_what_is_wrong(wrong[0])})"
    return keys, {0: "empty", 1: "a key"}.get(len(keys), f"{len(keys)} keys")


def _what_is_wrong(word: str) -> str:
    if word.startswith(ENCRYPTED):
        return "it is itself encrypted"
    if word[:2] in ("0x", "0X"):
        return "it begins with 0x; remove that"
    if len(word) != 64:
        return f"expected 64 hexadecimal digits, found {len(word)} characters"
    return "expected 64 hexadecimal digits, found other characters"


def _read(path: Path) -> tuple[str, str, int]:
    """Text, problem and mode of a file; line ends are newlines, a byte-order mark is dropped."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "", "not a file", 0
        data = path.read_bytes()
    except FileNotFoundError:
        return "", "not there", 0
    except OSError as error:
        return "", f"cannot be read ({error.strerror})", 0
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = data.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
    return text, "", stat.S_IMODE(status.st_mode)


def _misplaced(environment: Environment, files: Iterable[Path]) -> str:
    """What to do about a key file above an env file, where `dotenvx encrypt -f sub/.env` puts it."""
    for path in files:
        if not path.is_relative_to(environment.root) or any(
            key_file.is_file() for key_file in _default_key_files(environment, [path])
        ):
            continue
        for folder in path.parents[1:]:
            if not folder.is_relative_to(environment.root):
                break
            if (folder / KEY_FILE).is_file():
                lies, wanted = environment.label(folder / KEY_FILE), environment.label(path.parent / KEY_FILE)
                return (
                    f"{lies} is not looked at, because keys lie beside their env file: "
                    f"move its line to {wanted}, or declare keys = [{lies!r}] for {environment.name}"
                )
    return ""
