"""Change env files: values set, unset, encrypted, decrypted; keys shared and rotated; versions merged.

Every change is made under the file's lock, proven to read back, and written at once or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asking import ask_hidden, read_value
    from .creation import Creation, new_environment
    from .draft import TargetFile, find_target
    from .editing import Dialogue, Edit, edit_file
    from .editor import Editor, find_editor
    from .git_commands import run_git_command
    from .git_setup import attribute_lines, set_up_git
    from .ignored_files import missing_patterns
    from .keys import FileKeys, Import, describe_keys, import_keys, keys_to_hand_over, write_keys
    from .private_folders import private_folder
    from .pyproject import with_environment
    from .rotation import Rotation, finish_rotation, prepare_rotation, rotate
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
    "Change", "Creation", "Dialogue", "Edit", "Editor", "FileKeys", "Import", "Rotation", "TargetFile", "ask_hidden",
    "attribute_lines", "decrypt_value", "describe_keys", "edit_file", "encrypt_values", "find_editor",
    "find_target", "finish_rotation", "import_keys", "is_encrypted", "keys_to_hand_over", "missing_patterns",
    "new_environment", "prepare_rotation", "private_folder", "read_value", "rekey_values", "repair_values",
    "rotate", "run_git_command", "set_up_git", "set_value", "unset_value", "with_environment", "write_keys",
]  # fmt: skip
_MODULES = {
    "asking": ("ask_hidden", "read_value"),
    "creation": ("Creation", "new_environment"),
    "draft": ("TargetFile", "find_target"),
    "editing": ("Dialogue", "Edit", "edit_file"),
    "editor": ("Editor", "find_editor"),
    "git_commands": ("run_git_command",),
    "git_setup": ("attribute_lines", "set_up_git"),
    "ignored_files": ("missing_patterns",),
    "keys": ("FileKeys", "Import", "describe_keys", "import_keys", "keys_to_hand_over", "write_keys"),
    "private_folders": ("private_folder",),
    "pyproject": ("with_environment",),
    "rotation": ("Rotation", "finish_rotation", "prepare_rotation", "rotate"),
    "values": (
        "Change", "decrypt_value", "encrypt_values", "is_encrypted", "rekey_values", "repair_values", "set_value",
        "unset_value",
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # git starts this package for each env file that it shows, so a module is imported when its first name is used
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
