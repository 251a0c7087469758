"""Values of the form `encrypted:<base64>`: made and opened.

Two cores open them: python-dotenvx's compiled one where it can be imported (extra `fast`), else the library
`cryptography`. Whatever the first cannot open, the second judges, so that both give the same answers.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final, Literal, Protocol

from ..errors import EnvFileInvalid
from .parser import ENCRYPTED

PRIVATE_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
PUBLIC_KEY: Final = re.compile(r"0[23][0-9a-fA-F]{64}")
_CIPHERTEXT: Final = re.compile(r"encrypted:[A-Za-z0-9+/]+={0,2}")
_OVERHEAD: Final = 97

Core = Literal["auto", "fast", "cryptography"]


class _Parse(Protocol):
    def __call__(
        self,
        source: str,
        env: Mapping[str, str],
        override: bool,
        key_files: Sequence[str],
        interpolate: bool,
        /,
    ) -> tuple[Mapping[str, str], Mapping[str, str]]: ...


def decrypt(
    ciphertexts: Sequence[str], private_keys: Sequence[str], *, core: Core = "auto"
) -> list[str | None]:
    """The plaintext of each ciphertext, None where no key opens it or it holds no UTF-8 text.

    Keys are 64 hexadecimal digits; others are passed over. `core` is for tests: `auto` takes the fast one if
    it is there and proves sound.
    """
    keys = list(dict.fromkeys(key.lower() for key in private_keys if PRIVATE_KEY.fullmatch(key)))
    plain: list[str | None] = [None] * len(ciphertexts)
    messages = {
        index: message for index, text in enumerate(ciphertexts) if (message := _message(text)) is not None
    }
    if not keys or not messages:
        return plain
    fast = _fast_core() if core != "cryptography" else None
    if fast is None and core == "fast":
        raise ModuleNotFoundError("python-dotenvx's compiled core is not here, or fails its test")
    if fast is not None:
        _open_fast(fast, ciphertexts, messages, keys, plain)
    remaining = [index for index in messages if plain[index] is None]
    if remaining and core != "fast":
        _open(remaining, messages, keys, plain)
    return plain


def encrypt(plaintext: str, public_key: str) -> str:
    """`encrypted:…` for the owner of the private key. Raises EnvFileInvalid if `public_key` is none."""
    import binascii

    from . import ecies

    if not PUBLIC_KEY.fullmatch(public_key):
        raise EnvFileInvalid(
            "This is not a public key: expected 66 hexadecimal digits that begin with 02 or 03."
        )
    try:
        message = ecies.seal(plaintext.encode("utf-8"), public_key)
    except ValueError:
        raise EnvFileInvalid("This is not a public key: no point of the curve secp256k1.") from None
    return ENCRYPTED + binascii.b2a_base64(message, newline=False).decode("ascii")


def generate() -> tuple[str, str]:
    """A new private key (64 hexadecimal digits) and its public key (66, compressed)."""
    from . import ecies

    return ecies.generate()


def public_key(private_key: str) -> str:
    """The public key (66 hexadecimal digits, compressed) of a private one. Raises ValueError."""
    from . import ecies

    if not PRIVATE_KEY.fullmatch(private_key):
        raise ValueError("not a private key: expected 64 hexadecimal digits")
    return ecies.public_key(private_key)


def _message(ciphertext: str) -> bytes | None:
    """The bytes behind the prefix; None for whatever is not exactly standard base64 of a whole message."""
    import binascii

    if not _CIPHERTEXT.fullmatch(ciphertext):
        return None
    try:
        message = binascii.a2b_base64(ciphertext[len(ENCRYPTED) :], strict_mode=True)
    except binascii.Error:
        return None
    return message if len(message) >= _OVERHEAD else None


def _open(
    indexes: Sequence[int], messages: Mapping[int, bytes], keys: Sequence[str], plain: list[str | None]
) -> None:
    from . import ecies

    openers = []
    for key in keys:
        try:
            openers.append(ecies.opener(key))
        except ValueError:  # zero, or beyond the curve's order
            continue
    for index in indexes:
        for opener in openers:
            opened = opener(messages[index])
            if opened is not None:
                plain[index] = _text(opened)
                break


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _open_fast(
    parse: _Parse,
    ciphertexts: Sequence[str],
    messages: Mapping[int, bytes],
    keys: Sequence[str],
    plain: list[str | None],
) -> None:
    for index, value in _parse_all(parse, {index: ciphertexts[index] for index in messages}, keys).items():
        # the core opens a ciphertext inside a ciphertext too; the length tells
        if len(value.encode("utf-8", "surrogatepass")) == len(messages[index]) - _OVERHEAD:
            plain[index] = value


def _parse_all(parse: _Parse, ciphertexts: Mapping[int, str], keys: Sequence[str]) -> dict[int, str]:
    """What the compiled core opens of these. If it cannot open one, it fails for all, and names those."""
    env = {f"DOTENV_PRIVATE_KEY_{number}": key for number, key in enumerate(keys)}
    wanted = dict(ciphertexts)
    while wanted:
        # single quotes: it expands nothing and runs no $(command) in them, not even of a decrypted value
        source = "".join(f"V{index}='{text}'\n" for index, text in wanted.items())
        try:
            parsed = parse(source, env, True, [], False)[0]
        except RuntimeError as error:
            failed = {int(number) for number in re.findall(r"\bV(\d+)\b", str(error))} & wanted.keys()
            if not failed:
                return {}
            wanted = {index: text for index, text in wanted.items() if index not in failed}
            continue
        return {index: parsed[f"V{index}"] for index in wanted if f"V{index}" in parsed}
    return {}


_TEST_KEY: Final = "1f" * 32
_TEST_PLAINTEXT: Final = "a$b ${c} $$ \\n 'd' $(exit 1)"
_TEST_CIPHERTEXT: Final = (
    "encrypted:BHG3348JisYS/aWdh4YgyUddd3/vz/9qEJRpaIk9fp4mmkPIRIszj5MzVfnuMFHFLKAEROB1XVVwmA2XnqCh2RdW5K"
    "Ooe2kExmF2+TOGbLntsP7u5orwmIw88vFLUoFMThzLxF83/eIDSX8W7b5DWg8n7KnnhbHI7hf+Rm4="
)


@functools.cache
def _fast_core() -> _Parse | None:
    """python-dotenvx's inner parser, no promised interface: used only if a known value comes out right."""
    try:
        parse: _Parse = import_module("dotenvx._native").parse_dotenv
        opened = _parse_all(parse, {0: _TEST_CIPHERTEXT}, [_TEST_KEY])
    except Exception:  # whatever it is, the other core does the work
        return None
    return parse if opened == {0: _TEST_PLAINTEXT} else None
