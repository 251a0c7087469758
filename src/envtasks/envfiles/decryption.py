"""Decrypt the values of env files with the keys of an environment, looked for when the first one is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ..config import Environment
    from .document import EnvFile
    from .keys import KeyRing, PrivateKey


class Keys:
    """The private keys for env files, looked for when the first ciphertext is to be decrypted; each of those once.

    Where none of them opens one, the environment's `key-command` is asked for the keys that the files name. The process
    environment must not hold values of env files.
    """

    def __init__(
        self, environment: Environment, process_env: Mapping[str, str], files: Iterable[EnvFile]
    ) -> None:
        self._environment = environment
        self.process_env = process_env
        self._encrypted = [file for file in files if file.ciphertexts]
        self._ring: KeyRing | None = None
        self._asked = False
        self._plaintexts: dict[str, str] = {}
        self._own: dict[Path, list[str | None]] = {}

    @property
    def ring(self) -> KeyRing:
        """The keys for the files that have encrypted values."""
        from .keys import find_keys

        if self._ring is None:
            paths = [file.path for file in self._encrypted]
            self._ring = find_keys(self._environment, self.process_env, needed_for=paths)
        return self._ring

    @property
    def used(self) -> tuple[str, ...]:
        """The keys themselves if anything is encrypted, else none."""
        return self.ring.hexes if self._ring or self._encrypted else ()

    @property
    def found(self) -> tuple[PrivateKey, ...]:
        """The keys, if they were looked for."""
        return self._ring.keys if self._ring else ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings about key files, if keys were looked for."""
        return self._ring.warnings if self._ring else ()

    def decrypt(self, ciphertexts: Sequence[str], further: Sequence[str] = ()) -> list[str | None]:
        """The plaintext of each ciphertext, or None, with the keys found and `further` ones."""
        found = self.decrypt_at_hand(ciphertexts, further)
        if None in found and not self._asked:
            self._asked = True
            self._ring = self._ask_command(self.ring)
            found = self.decrypt_at_hand(ciphertexts, further)
        return found

    def decrypt_at_hand(self, ciphertexts: Sequence[str], further: Sequence[str] = ()) -> list[str | None]:
        """As `decrypt`, but `key-command` is not asked."""
        from .encryption import decrypt

        new = [ciphertext for ciphertext in dict.fromkeys(ciphertexts) if ciphertext not in self._plaintexts]
        found = decrypt(new, [*self.ring.hexes, *further])
        self._plaintexts.update((c, plain) for c, plain in zip(new, found, strict=True) if plain is not None)
        return [self._plaintexts.get(ciphertext) for ciphertext in ciphertexts]

    def decrypt_with_own(self, file: EnvFile) -> list[str | None]:
        """The plaintext of each ciphertext of a file, or None, with the keys found of the public keys that it names."""
        from .encryption import by_public_key, decrypt
        from .keys import public_keys_in

        if file.path not in self._own:
            ciphertexts = [entry.value for entry in file.ciphertexts]
            named = public_keys_in(file)
            own = [key for public, key in by_public_key(self.ring.hexes).items() if public in named]
            found = self._own[file.path] = decrypt(ciphertexts, own)
            self._plaintexts |= {
                text: plain for text, plain in zip(ciphertexts, found, strict=True) if plain is not None
            }
        return self._own[file.path]

    def _ask_command(self, ring: KeyRing) -> KeyRing:
        """The keys, and those that `key-command` gives for the public keys which none of them belongs to."""
        argv = self._environment.key_command
        if not argv:
            return ring
        from .encryption import by_public_key
        from .key_command import ask_key_command
        from .keys import PrivateKey, public_keys_in

        source = f"key-command ({argv[0]})"
        named = {key for file in self._encrypted for key in public_keys_in(file)}
        if not named:
            return ring._replace(
                searched=(*ring.searched, f"{source}: not run, as no file names its public key")
            )
        keys, states = list(ring.keys), list(ring.searched)
        for public in sorted(named - by_public_key(ring.hexes).keys()):
            private, state = ask_key_command(argv, public, self.process_env, self._environment.root)
            keys += [PrivateKey(private, "key-command", source)] if private else []
            states.append(f"{source}: {state}")
        return ring._replace(keys=tuple(keys), searched=tuple(states))
