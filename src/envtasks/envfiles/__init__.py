"""Env files in dotenvx's format: read and written byte by byte, expanded, encrypted and decrypted with their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .commands import evaluate, find_commands, run_in_shell, variables_in
    from .decryption import Keys
    from .document import (
        EnvFile,
        by_occurrence,
        by_precedence,
        decode_env_file,
        parse_env_file,
        read_env_file,
        refuse_conflict,
    )
    from .editing import (
        append_variable,
        appended,
        check_name,
        check_value,
        insert_header,
        newline_of,
        quote_ciphertext,
        remove_variable,
        replace_values,
        set_spelled,
        spell,
    )
    from .encryption import (
        PRIVATE_KEY_DIGITS,
        PUBLIC_KEY_DIGITS,
        by_public_key,
        decrypt,
        encrypt,
        generate_keys,
        is_ciphertext,
        public_key,
    )
    from .expansion import OBJECT_NAMES, Budget, EndlessExpansion, Variable, contains_reference, expand
    from .keys import (
        KEY_FILE,
        KeyRing,
        PrivateKey,
        find_keys,
        how_to_get_key,
        key_files,
        key_variables,
        public_keys_in,
        settable_name,
    )
    from .parser import ENCRYPTED, PRIVATE_KEY, PUBLIC_KEY, REFERENCES, Entry, duplicates
    from .storage import (
        TEMPORARY_SUFFIX,
        beside,
        is_locked,
        locked,
        put_in_place,
        replace_file,
        write_atomic,
        write_beside,
        writing,
    )

__all__ = [
    "ENCRYPTED", "KEY_FILE", "OBJECT_NAMES", "PRIVATE_KEY", "PRIVATE_KEY_DIGITS", "PUBLIC_KEY", "PUBLIC_KEY_DIGITS",
    "REFERENCES", "TEMPORARY_SUFFIX", "Budget", "EndlessExpansion", "Entry", "EnvFile", "KeyRing", "Keys",
    "PrivateKey", "Variable", "append_variable", "appended", "beside", "by_occurrence", "by_precedence",
    "by_public_key", "check_name", "check_value", "contains_reference", "decode_env_file", "decrypt", "duplicates",
    "encrypt", "evaluate", "expand", "find_commands", "find_keys", "generate_keys", "how_to_get_key", "insert_header",
    "is_ciphertext", "is_locked", "key_files", "key_variables", "locked", "newline_of", "parse_env_file",
    "public_key", "public_keys_in", "put_in_place", "quote_ciphertext", "read_env_file", "refuse_conflict",
    "remove_variable", "replace_file", "replace_values", "run_in_shell", "set_spelled", "settable_name", "spell",
    "variables_in", "write_atomic", "write_beside", "writing",
]  # fmt: skip
_MODULES = {
    "commands": ("evaluate", "find_commands", "run_in_shell", "variables_in"),
    "decryption": ("Keys",),
    "document": (
        "EnvFile", "by_occurrence", "by_precedence", "decode_env_file", "parse_env_file", "read_env_file",
        "refuse_conflict",
    ),
    "editing": (
        "append_variable", "appended", "check_name", "check_value", "insert_header", "newline_of", "quote_ciphertext",
        "remove_variable", "replace_values", "set_spelled", "spell",
    ),
    "encryption": (
        "PRIVATE_KEY_DIGITS", "PUBLIC_KEY_DIGITS", "by_public_key", "decrypt", "encrypt", "generate_keys",
        "is_ciphertext", "public_key",
    ),
    "expansion": ("OBJECT_NAMES", "Budget", "EndlessExpansion", "Variable", "contains_reference", "expand"),
    "keys": (
        "KEY_FILE", "KeyRing", "PrivateKey", "find_keys", "how_to_get_key", "key_files", "key_variables",
        "public_keys_in", "settable_name",
    ),
    "parser": ("ENCRYPTED", "PRIVATE_KEY", "PUBLIC_KEY", "REFERENCES", "Entry", "duplicates"),
    "storage": (
        "TEMPORARY_SUFFIX", "beside", "is_locked", "locked", "put_in_place", "replace_file", "write_atomic",
        "write_beside", "writing",
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # a plain env file needs neither keys nor encryption, so a module is imported when its first name is used
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
