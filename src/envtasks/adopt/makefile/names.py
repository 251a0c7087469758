"""Python names for targets and variables."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection
from typing import Final

# names that a tasks.py uses itself
_TAKEN: Final = frozenset(("task", "namespace", "ns", "c", "os", "shlex", "Path", "Context"))
_BUILT_IN: Final = frozenset(dir(builtins)) | _TAKEN
_FLAGS: Final = {"env": "env_name", "e": "e_", "y": "y_", "yes": "yes_", "help": "help_text", "c": "c_value"}


def task_name(target: str) -> str:
    """The name that `inv` knows a target by: a dot would mean a collection, and `_` is `-` to Invoke."""
    return re.sub(r"[\W_]+", "-", target).strip("-") or "task"


def function_name(target: str, taken: Collection[str]) -> str:
    """The function for a target: a name of its own, which hides none that a tasks.py needs."""
    name = task_name(target).replace("-", "_")
    if name[0].isdigit():
        name = f"run_{name}"
    if keyword.iskeyword(name) or name in _BUILT_IN:
        name += "_"
    while name in taken:
        name += "_"
    return name


def parameter_name(variable: str) -> str:
    """The parameter for a variable; those that every task has are taken."""
    name = re.sub(r"\W+", "_", variable).strip("_").lower() or "value"
    if name[0].isdigit():
        name = f"value_{name}"
    if name in ("no_mask", "no_check"):
        name += "_"
    name = _FLAGS.get(name, name)
    hides = name in _BUILT_IN - {"task", "namespace", "ns"}
    return f"{name}_" if keyword.iskeyword(name) or hides else name


def flag(parameter: str) -> str:
    """The flag that Invoke gives a parameter."""
    return "--" + parameter.strip("_").replace("_", "-")


def constant_name(variable: str) -> str:
    """The module's constant for a variable."""
    name = re.sub(r"\W+", "_", variable).strip("_").upper() or "VALUE"
    return f"VALUE_{name}" if name[0].isdigit() else name


def sentence(text: str) -> str:
    """A docstring: one sentence with a capital letter and a full stop, safe between triple quotes."""
    text = re.sub(r"\s+", " ", text).replace("\\", "/").replace('"', "'").strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
