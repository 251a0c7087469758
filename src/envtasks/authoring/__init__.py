"""Change env files: values set, unset, encrypted, decrypted.

Every change is made under the file's lock, proven to read back, and written at once or not at all.
"""

from __future__ import annotations

from .asking import ask_hidden, ask_whether, read_value
from .creation import Creation, new_environment
from .draft import Target, find_target
from .values import (
    Change,
    decrypt_value,
    encrypt_values,
    is_encrypted,
    rekey_values,
    repair_values,
    set_value,
    unset_value,
)

__all__ = [
    "Change",
    "Creation",
    "Target",
    "ask_hidden",
    "ask_whether",
    "decrypt_value",
    "encrypt_values",
    "find_target",
    "is_encrypted",
    "new_environment",
    "read_value",
    "rekey_values",
    "repair_values",
    "set_value",
    "unset_value",
]
