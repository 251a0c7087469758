"""Encrypt and decrypt values of the form `encrypted:<base64>`.

Two implementations decrypt: the compiled one of python-dotenvx where it can be imported (extra `fast`), else the
library `cryptography`. What the first cannot decrypt is tried with the second, so that both give the same results.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Final, Protocol

from ..errors import EnvFileInvalid
from .parser import ENCRYPTED

PRIVATE_KEY_DIGITS: Final = re.compile(r"[0-9a-fA-F]{64}")
PUBLIC_KEY_DIGITS: Final = re.compile(r"0[23][0-9a-fA-F]{64}")
_CIPHERTEXT: Final = re.compile(r"encrypted:[A-Za-z0-9+/]+={0,2}")
_OVERHEAD: Final = 97  # as in ecies, which is not imported before it is needed

# a known ciphertext with its key, to test the compiled implementation before it is used
_TEST_KEY: Final = "1f" * 32
_TEST_PLAINTEXT: Final = "a$b ${c} $$ \\n 'd' $(exit 1)"
_TEST_CIPHERTEXT: Final = (
    "encrypted:BHG3348JisYS/aWdh4YgyUddd3/vz/9qEJRpaIk9fp4mmkPIRIszj5MzVfnuMFHFLKAEROB1XVVwmA2XnqCh2RdW5K"
    "Ooe2kExmF2+TOGbLntsP7u5orwmIw88vFLUoFMThzLxF83/eIDSX8W7b5DWg8n7KnnhbHI7hf+Rm4="
)


class _Parse(Protocol):
    """python-dotenvx's parser of env files, which decrypts on the way."""

    def __call__(
        self,
        source: str,
        env: Mapping[str, str],
        override: bool,
        key_files: Sequence[str],
        interpolate: bool,
        /,
    ) -> tuple[Mapping[str, str], Mapping[str, str]]: ...


def decrypt(ciphertexts: Sequence[str], private_keys: Sequence[str]) -> list[str | None]:
    """The plaintext of each ciphertext, None where no key decrypts it or the result is not UTF-8.

    A key has 64 hexadecimal digits; anything else among them is ignored.
    """
    keys = list(dict.fromkeys(key.lower() for key in private_keys if PRIVATE_KEY_DIGITS.fullmatch(key)))
    messages = {
        text: message for text in dict.fromkeys(ciphertexts) if (message := _message(text)) is not None
    }
    plaintexts: dict[str, str] = {}
    if keys and messages:
        if compiled := _compiled():
            plaintexts = _decrypt_compiled(compiled, messages, keys)
        rest = {text: message for text, message in messages.items() if text not in plaintexts}
        if rest:
            plaintexts |= _decrypt_with_cryptography(rest, keys)
    return [plaintexts.get(text) for text in ciphertexts]


def encrypt(plaintext: str, public_key: str) -> str:
    """`encrypted:…` for the owner of the private key. Raises EnvFileInvalid if `public_key` is not a public key."""
    import binascii

    from . import ecies

    if not PUBLIC_KEY_DIGITS.fullmatch(public_key):
        raise EnvFileInvalid(
            "This is not a public key: expected 66 hexadecimal digits that begin with 02 or 03."
        )
    try:
        message = ecies.encrypt(plaintext.encode("utf-8"), public_key)
    except ValueError:
        raise EnvFileInvalid("This is not a public key: not a point of the curve secp256k1.") from None
    return ENCRYPTED + binascii.b2a_base64(message, newline=False).decode("ascii")


def generate_keys() -> tuple[str, str]:
    """A new private key (64 hexadecimal digits) and its public key (66, compressed)."""
    from . import ecies

    return ecies.generate_keys()


def public_key(private_key: str) -> str:
    """The public key (66 hexadecimal digits, compressed) of a private one. Raises ValueError."""
    from . import ecies

    if not PRIVATE_KEY_DIGITS.fullmatch(private_key):
        raise ValueError("not a private key: expected 64 hexadecimal digits")
    return ecies.public_key(private_key)


def by_public_key(private_keys: Iterable[str]) -> dict[str, str]:
    """Private keys, each by its public key; what is no private key of the curve is left out."""
    found = {}
    for key in private_keys:
        with suppress(ValueError):
            found[public_key(key)] = key.lower()
    return found


def is_ciphertext(text: str) -> bool:
    """Whether a text is one whole ciphertext, as far as that shows without a key."""
    return _message(text) is not None


def _message(ciphertext: str) -> bytes | None:
    """The bytes after the prefix; None for anything but the standard base64 of a whole message."""
    import binascii

    if not _CIPHERTEXT.fullmatch(ciphertext):
        return None
    try:
        message = binascii.a2b_base64(ciphertext[len(ENCRYPTED) :], strict_mode=True)
    except binascii.Error:
        return None
    return message if len(message) >= _OVERHEAD else None


def _decrypt_with_cryptography(messages: Mapping[str, bytes], keys: Sequence[str]) -> dict[str, str]:
    """The plaintexts of the messages that a key decrypts to UTF-8, by ciphertext."""
    from . import ecies

    decryptors = []
    for key in keys:
        try:
            decryptors.append(ecies.decryptor(key))
        except ValueError:  # zero, or beyond the curve's order
            continue
    plaintexts = {}
    for text, message in messages.items():
        found = (decrypted for each in decryptors if (decrypted := each(message)) is not None)
        try:
            plaintexts[text] = next(found).decode("utf-8")
        except (StopIteration, UnicodeDecodeError):
            continue
    return plaintexts


def _decrypt_compiled(parse: _Parse, messages: Mapping[str, bytes], keys: Sequence[str]) -> dict[str, str]:
    """The plaintexts that the compiled implementation gives, by ciphertext."""
    return {
        text: value
        for text, value in _parse_all(parse, list(messages), keys).items()
        # it decrypts a ciphertext inside a ciphertext too, which the length shows
        if len(value.encode("utf-8", "surrogatepass")) == len(messages[text]) - _OVERHEAD
    }


def _parse_all(parse: _Parse, ciphertexts: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """The values as the compiled parser reads them. It fails for all if it fails for one, and names those."""
    env = {f"DOTENV_PRIVATE_KEY_{number}": key for number, key in enumerate(keys)}
    wanted = dict(enumerate(ciphertexts))
    while wanted:
        # in single quotes it neither expands anything nor runs $(command), not even of a decrypted value
        source = "".join(f"V{number}='{text}'\n" for number, text in wanted.items())
        try:
            parsed = parse(source, env, True, [], False)[0]
        except RuntimeError as error:
            failed = {int(number) for number in re.findall(r"\bV(\d+)\b", str(error))} & wanted.keys()
            if not failed:
                return {}
            wanted = {number: text for number, text in wanted.items() if number not in failed}
            continue
        return {text: parsed[f"V{number}"] for number, text in wanted.items() if f"V{number}" in parsed}
    return {}


@functools.cache
def _compiled() -> _Parse | None:
    """The compiled parser; None if it is not installed or gives a wrong result, as its interface is not public."""
    try:
        parse: _Parse = import_module("dotenvx._native").parse_dotenv
        found = _parse_all(parse, [_TEST_CIPHERTEXT], [_TEST_KEY])
    except Exception:  # whatever it is, the other implementation takes over
        return None
    return parse if found == {_TEST_CIPHERTEXT: _TEST_PLAINTEXT} else None
