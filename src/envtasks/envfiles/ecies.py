"""The encryption of dotenvx's format, with the library `cryptography`: ECIES over secp256k1.

An encrypted message is `ephemeral public key (65 bytes, uncompressed) + nonce (16) + tag (16) + data`. The key of
AES-256-GCM is HKDF-SHA256 of `ephemeral public key + shared point`, both uncompressed, without salt or info.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

OVERHEAD: Final = 97
_POINT: Final = 65
_NONCE: Final = 16
_TAG: Final = 16
_PRIME: Final = 2**256 - 2**32 - 977
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def generate_keys() -> tuple[str, str]:
    """A new private key (64 hexadecimal digits) and its public key (66, compressed)."""
    private = f"{secrets.randbelow(_ORDER - 1) + 1:064x}"
    return private, public_key(private)


def public_key(private: str) -> str:
    """The public key (66 hexadecimal digits, compressed) of a private one. Raises ValueError."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return _given_key(private).public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()


def encrypt(plaintext: bytes, public: str) -> bytes:
    """The message that the private key of `public` decrypts. Raises ValueError if `public` is not a public key."""
    recipient = _public_key(bytes.fromhex(public))
    number = secrets.randbelow(_ORDER - 2) + 1
    key = _private_key(number)
    ephemeral = _uncompressed(key.public_key())
    nonce = secrets.token_bytes(_NONCE)
    encrypted = _cipher(ephemeral, _shared_point(key, number, recipient)).encrypt(nonce, plaintext, None)
    return ephemeral + nonce + encrypted[-_TAG:] + encrypted[:-_TAG]


def decryptor(private: str) -> Callable[[bytes], bytes | None]:
    """A function that decrypts messages for this key and returns None for others. Raises ValueError."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ec import ECDH

    key = _given_key(private)

    def decrypt(message: bytes) -> bytes | None:
        ephemeral, nonce = message[:_POINT], message[_POINT : _POINT + _NONCE]
        tag, data = message[_POINT + _NONCE : OVERHEAD], message[OVERHEAD:]
        if len(message) < OVERHEAD or ephemeral[0] != 4:
            return None
        try:
            x = key.exchange(ECDH(), _public_key(ephemeral))
        except ValueError:  # not a point of the curve
            return None
        for shared in _points(x):  # the exchange gives only x; the tag shows which of the two points is right
            try:
                return _cipher(ephemeral, shared).decrypt(nonce, data + tag, None)
            except InvalidTag:
                continue
        return None

    return decrypt


def _shared_point(key: EllipticCurvePrivateKey, number: int, recipient: EllipticCurvePublicKey) -> bytes:
    """`number * recipient`, uncompressed, `key` being that of the number.

    The library's exchange gives only x. A second exchange, with `number + 1`, shows which y is right: its x must be
    that of the sum of the shared point and the recipient's.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import ECDH

    x = key.exchange(ECDH(), recipient)
    following = int.from_bytes(_private_key(number + 1).exchange(ECDH(), recipient), "big")
    other = recipient.public_numbers()
    for shared in _points(x):
        left, top = int.from_bytes(shared[1:33], "big"), int.from_bytes(shared[33:], "big")
        slope = (top - other.y) * pow(left - other.x, -1, _PRIME)
        if (slope * slope - left - other.x) % _PRIME == following:
            return shared
    raise AssertionError("one of the two points is the shared one")


def _points(x: bytes) -> Iterator[bytes]:
    """The two points of the curve y² = x³ + 7 at this x, uncompressed."""
    y = pow(pow(int.from_bytes(x, "big"), 3, _PRIME) + 7, (_PRIME + 1) // 4, _PRIME)
    for candidate in (y, _PRIME - y):
        yield b"\x04" + x + candidate.to_bytes(32, "big")


def _cipher(ephemeral: bytes, shared: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return AESGCM(HKDF(SHA256(), 32, None, None).derive(ephemeral + shared))


@functools.lru_cache(maxsize=64)
def _given_key(private: str) -> EllipticCurvePrivateKey:
    """The key of these hexadecimal digits, made once: that takes as long as to decrypt a value."""
    return _private_key(int(private, 16))


def _private_key(number: int) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, derive_private_key

    if not 0 < number < _ORDER:
        raise ValueError("not a private key of this curve")
    return derive_private_key(number, SECP256K1())


def _public_key(point: bytes) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey

    return EllipticCurvePublicKey.from_encoded_point(SECP256K1(), point)


def _uncompressed(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
