"""Change env files: values set, unset, encrypted, decrypted.

Every change is made under the file's lock, proven to read back, and written at once or not at all.
"""

from __future__ import annotations

from .asking import ask_whether, read_value
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
    "Target",
    "ask_whether",
    "decrypt_value",
    "encrypt_values",
    "find_target",
    "is_encrypted",
    "read_value",
    "rekey_values",
    "repair_values",
    "set_value",
    "unset_value",
]
